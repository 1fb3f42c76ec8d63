/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/fields.h"
#include "engine/gw-prediction.h"

/* The private side of GwPrediction: how it is filled, and its JSON. */

/* (transfer full): nothing is known in it. */
GwPrediction *prediction_new(void);
/* @id: (nullable) */
void prediction_add_part(GwPrediction *self, const char *name, const char *id, GwRange us);

/* A range that is not known is absent. */
void prediction_add_range(JsonObject *object, const char *name, GwRange range);
/* @limits: whether each of its numbers must be there if it is. */
GwRange prediction_read_range(Fields *fields, const char *name, FieldsNeed limits);
JsonNode *prediction_to_node(const GwPrediction *self);
/* The node is not trusted; @path begins the error's text. */
GwPrediction *prediction_from_node(JsonNode *node, const char *path, GError **error);
