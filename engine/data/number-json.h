/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/util/json-fields.h"
#include "engine/gw-number.h"

/* Numbers as JSON: {"value", "source", "confidence"}; an unknown number is absent. */
void number_add_member(JsonObject *object, const char *name, GwNumber number);
/* An absent number is unknown; anything except a whole number is an error of @fields. */
GwNumber number_read_member(Fields *fields, const char *name);

/* The word of a #GwConfidence; required. */
GwConfidence number_read_confidence(Fields *fields, const char *name);

/* For a value that is a separate member: adds only {"source", "confidence"}. */
void number_add_origin(JsonObject *object, const char *name, GwNumber number);
/* Returns @value with the origin under @name; without one it is estimated by a model. */
GwNumber number_read_origin(Fields *fields, const char *name, gint64 value);
