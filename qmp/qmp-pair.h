/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

/* A name and its value as text, as QEMU spells both. */
typedef struct {
	char *name;
	char *value;
} QmpPair;

/* (transfer full): a list of QmpPair that frees them. */
GPtrArray *qmp_pairs_new(void);
/* @value: (transfer full) (nullable): NULL adds nothing */
void qmp_pairs_take(GPtrArray *pairs, const char *name, char *value);
/* (transfer none): NULL when @name is not there. @pairs: (nullable) */
const char *qmp_pairs_get(const GPtrArray *pairs, const char *name);

/* (transfer full): a number, a string, or a boolean as "on" or "off"; an object or an array as its
 * JSON; NULL for null. @node: (nullable) */
char *qmp_value_to_text(JsonNode *node);
