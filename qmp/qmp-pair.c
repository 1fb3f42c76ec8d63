/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names and values as text: the properties of devices and boards. There are too many kinds for a
 * type each. They are compared and printed, never used in arithmetic.
 */
#include "qmp/qmp-pair.h"

#include <string.h>

static void
pair_free(gpointer data)
{
	QmpPair *self = data;

	g_free(self->name);
	g_free(self->value);
	g_free(self);
}

GPtrArray *
qmp_pairs_new(void)
{
	return g_ptr_array_new_with_free_func(pair_free);
}

void
qmp_pairs_take(GPtrArray *pairs, const char *name, char *value)
{
	if (value == NULL)
		return;
	QmpPair *pair = g_new(QmpPair, 1);
	pair->name = g_strdup(name);
	pair->value = value;
	g_ptr_array_add(pairs, pair);
}

const char *
qmp_pairs_get(const GPtrArray *pairs, const char *name)
{
	for (guint i = 0; pairs != NULL && i < pairs->len; i++) {
		const QmpPair *pair = g_ptr_array_index(pairs, i);
		if (strcmp(pair->name, name) == 0)
			return pair->value;
	}
	return NULL;
}

char *
qmp_value_to_text(JsonNode *node)
{
	if (node == NULL || JSON_NODE_HOLDS_NULL(node))
		return NULL;
	if (!JSON_NODE_HOLDS_VALUE(node))
		return json_to_string(node, FALSE);
	GType type = json_node_get_value_type(node);
	if (type == G_TYPE_STRING)
		return json_node_dup_string(node);
	if (type == G_TYPE_BOOLEAN)
		return g_strdup(json_node_get_boolean(node) ? "on" : "off");
	if (type == G_TYPE_INT64)
		return g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(node));
	return json_to_string(node, FALSE);
}
