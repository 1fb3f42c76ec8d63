/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/gw-prediction.h"

/* The private side of GwPrediction: how it is filled, and its JSON. */

/* (transfer full): all numbers are unknown. */
GwPrediction *prediction_new(void);
/* @id: (nullable) */
void prediction_add_part(GwPrediction *self, const char *name, const char *id, GwRange us);

JsonNode *prediction_to_node(const GwPrediction *self);
/* The node is not trusted. The error text begins with @path. */
GwPrediction *prediction_from_node(JsonNode *node, const char *path, GError **error);
