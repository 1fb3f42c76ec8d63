/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists of names and values, in QEMU's order: parameters, properties of the machine and of devices.
 * A list is short, so a lookup walks it.
 */
#include "engine/data/property-list.h"

#include <string.h>

void
gw_property_free(GwProperty *self)
{
	if (self == NULL)
		return;
	g_free(self->name);
	g_free(self->value);
	g_free(self);
}

const char *
gw_property_list_get(const GPtrArray *list, const char *name)
{
	for (guint i = 0; list != NULL && i < list->len; i++) {
		const GwProperty *property = g_ptr_array_index(list, i);
		if (strcmp(property->name, name) == 0)
			return property->value;
	}
	return NULL;
}

GPtrArray *
property_list_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)gw_property_free);
}

void
property_list_add(GPtrArray *list, const char *name, const char *value)
{
	if (value == NULL)
		return;
	GwProperty *property = g_new(GwProperty, 1);
	property->name = g_strdup(name);
	property->value = g_strdup(value);
	g_ptr_array_add(list, property);
}

void
property_list_write(JsonObject *object, const char *name, const GPtrArray *list)
{
	if (list == NULL)
		return;
	JsonObject *values = json_object_new();
	for (guint i = 0; i < list->len; i++) {
		const GwProperty *property = g_ptr_array_index(list, i);
		fields_add_string(values, property->name, property->value);
	}
	json_object_set_object_member(object, name, values);
}

GPtrArray *
property_list_read(Fields *fields, const char *name, guint max_items)
{
	JsonNode *node = fields_object(fields, name, FIELDS_OPTIONAL);
	if (node == NULL)
		return NULL;
	JsonObject *object = json_node_get_object(node);
	if (json_object_get_size(object) > max_items) {
		fields_fail(fields, name, "has too many members");
		return NULL;
	}
	g_autoptr(GPtrArray) list = property_list_new();
	g_autoptr(GList) names = json_object_get_members(object);
	for (GList *n = names; n != NULL; n = n->next) {
		const char *value = fields_peek_string(object, n->data, NULL);
		if (value == NULL || strlen(value) > FIELDS_WORD_BYTES ||
		    strlen(n->data) > FIELDS_WORD_BYTES || !g_utf8_validate(n->data, -1, NULL)) {
			fields_fail(fields, name, "has a member that is not a short string");
			return NULL;
		}
		property_list_add(list, n->data, value);
	}
	return g_steal_pointer(&list);
}
