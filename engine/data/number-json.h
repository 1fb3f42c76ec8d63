/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/util/json-fields.h"
#include "engine/gw-number.h"

/* Numbers as JSON: {"value", "source", "confidence"}; one that is not known is absent. */
void number_add_member(JsonObject *object, const char *name, GwNumber number);
/* Not known when absent; anything but a whole number is an error of @fields. */
GwNumber number_read_member(Fields *fields, const char *name);

/* The word of a #GwConfidence; required. */
GwConfidence number_read_confidence(Fields *fields, const char *name);

/* Where the value stands by itself: only {"source", "confidence"}. */
void number_add_origin(JsonObject *object, const char *name, GwNumber number);
/* @value with the origin that is under @name; estimated by a model where there is none. */
GwNumber number_read_origin(Fields *fields, const char *name, gint64 value);
