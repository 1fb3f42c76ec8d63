/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads and writes members of JSON objects.
 *
 * What is read came from a peer or a file and may be anything. Each reader checks the type and the
 * size. The first error is kept, with the name of its field; after it every read behaves as if the
 * member were absent. So the code that reads an object is a plain list of reads and one
 * fields_end(). Unknown members are skipped, because a newer peer may send more.
 *
 * Nothing here parses text, so nothing here limits the depth: json-parse.c does.
 */
#include "engine/util/json-fields.h"

#include <string.h>

#include "engine/gw-error.h"

void
fields_init_object(Fields *self, JsonObject *object, const char *path)
{
	*self = (Fields){ .object = object, .path = path };
}

void
fields_init(Fields *self, JsonNode *node, const char *path)
{
	gboolean is_object = node != NULL && JSON_NODE_HOLDS_OBJECT(node);
	fields_init_object(self, is_object ? json_node_get_object(node) : NULL, path);
	if (!is_object)
		g_set_error(&self->error, GW_ERROR, GW_ERROR_PROTOCOL, "%s: not an object", path);
}

gboolean
fields_end(Fields *self, GError **error)
{
	self->object = NULL;
	if (self->error == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&self->error));
	return FALSE;
}

gboolean
fields_end_inner(Fields *inner, Fields *self)
{
	g_autoptr(GError) error = NULL;
	if (fields_end(inner, &error))
		return TRUE;
	if (self->error == NULL)
		self->error = g_steal_pointer(&error);
	self->object = NULL;
	return FALSE;
}

void
fields_fail(Fields *self, const char *name, const char *what)
{
	if (self->error == NULL)
		g_set_error(&self->error, GW_ERROR, GW_ERROR_PROTOCOL, "%s: '%s' %s", self->path,
			    name, what);
	self->object = NULL;
}

void
fields_fail_with(Fields *self, GError *error)
{
	if (self->error == NULL)
		self->error = error;
	else
		g_error_free(error);
	self->object = NULL;
}

/* (transfer none): the member, or NULL. */
static JsonNode *
member(Fields *self, const char *name, FieldsNeed need)
{
	if (self->object == NULL)
		return NULL;
	JsonNode *node = json_object_get_member(self->object, name);
	if (node == NULL && need == FIELDS_REQUIRED)
		fields_fail(self, name, "is missing");
	return node;
}

/* json-glib turns half a surrogate pair ("\ud83d") into bytes that are not UTF-8: written again
 * they would not be JSON. */
static gboolean
is_text(JsonNode *node)
{
	return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING &&
	       g_utf8_validate(json_node_get_string(node), -1, NULL);
}

char *
fields_string(Fields *self, const char *name, FieldsNeed need, gsize max_bytes)
{
	JsonNode *node = member(self, name, need);
	if (node == NULL)
		return NULL;
	if (!is_text(node)) {
		fields_fail(self, name, "is not a string");
		return NULL;
	}
	const char *text = json_node_get_string(node);
	if (strlen(text) > max_bytes) {
		fields_fail(self, name, "is too long");
		return NULL;
	}
	return g_strdup(text);
}

static gboolean
read_integer(Fields *self, const char *name, FieldsNeed need, gint64 *ret_value)
{
	JsonNode *node = member(self, name, need);
	if (node == NULL)
		return FALSE;
	if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_INT64) {
		fields_fail(self, name, "is not an integer");
		return FALSE;
	}
	*ret_value = json_node_get_int(node);
	return TRUE;
}

gint64
fields_count(Fields *self, const char *name, FieldsNeed need)
{
	gint64 value;
	if (!read_integer(self, name, need, &value))
		return -1;
	if (value >= 0)
		return value;
	fields_fail(self, name, "is negative or too large");
	return -1;
}

gint64
fields_moment(Fields *self, const char *name)
{
	gint64 value;
	return read_integer(self, name, FIELDS_REQUIRED, &value) ? value : 0;
}

gboolean
fields_boolean(Fields *self, const char *name, FieldsNeed need)
{
	JsonNode *node = member(self, name, need);
	if (node == NULL)
		return FALSE;
	if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_BOOLEAN)
		return json_node_get_boolean(node);
	fields_fail(self, name, "is not true or false");
	return FALSE;
}

JsonArray *
fields_array(Fields *self, const char *name, FieldsNeed need, guint max_items)
{
	JsonNode *node = member(self, name, need);
	if (node == NULL)
		return NULL;
	if (!JSON_NODE_HOLDS_ARRAY(node)) {
		fields_fail(self, name, "is not an array");
		return NULL;
	}
	JsonArray *array = json_node_get_array(node);
	if (json_array_get_length(array) > max_items) {
		fields_fail(self, name, "has too many items");
		return NULL;
	}
	return array;
}

GStrv
fields_strv(Fields *self, const char *name, FieldsNeed need, guint max_items, gsize max_bytes)
{
	JsonArray *array = fields_array(self, name, need, max_items);
	if (array == NULL)
		return NULL;
	guint n = json_array_get_length(array);
	g_auto(GStrv) list = g_new0(char *, n + 1);
	for (guint i = 0; i < n; i++) {
		JsonNode *item = json_array_get_element(array, i);
		if (!is_text(item) || strlen(json_node_get_string(item)) > max_bytes) {
			fields_fail(self, name, "has an item that is not a short string");
			return NULL;
		}
		list[i] = g_strdup(json_node_get_string(item));
	}
	return g_steal_pointer(&list);
}

JsonNode *
fields_object(Fields *self, const char *name, FieldsNeed need)
{
	JsonNode *node = member(self, name, need);
	if (node == NULL || JSON_NODE_HOLDS_OBJECT(node))
		return node;
	fields_fail(self, name, "is not an object");
	return NULL;
}

/* QEMU's messages may have any bytes; JSON may not. */
/* (transfer none): the member if it is a value of @type, else NULL. */
static JsonNode *
peek(JsonObject *object, const char *name, GType type)
{
	JsonNode *node = object != NULL ? json_object_get_member(object, name) : NULL;
	if (node == NULL || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != type)
		return NULL;
	return node;
}

const char *
fields_peek_string(JsonObject *object, const char *name, const char *fallback)
{
	JsonNode *node = peek(object, name, G_TYPE_STRING);
	return node != NULL && is_text(node) ? json_node_get_string(node) : fallback;
}

gint64
fields_peek_int(JsonObject *object, const char *name, gint64 fallback)
{
	JsonNode *node = peek(object, name, G_TYPE_INT64);
	return node != NULL ? json_node_get_int(node) : fallback;
}

gboolean
fields_peek_boolean(JsonObject *object, const char *name, gboolean fallback)
{
	JsonNode *node = peek(object, name, G_TYPE_BOOLEAN);
	return node != NULL ? json_node_get_boolean(node) : fallback;
}

void
fields_add_string(JsonObject *object, const char *name, const char *value)
{
	if (value == NULL)
		return;
	g_autofree char *valid = g_utf8_make_valid(value, -1);
	json_object_set_string_member(object, name, valid);
}

void
fields_add_known(JsonObject *object, const char *name, gint64 value)
{
	if (value >= 0)
		json_object_set_int_member(object, name, value);
}

void
fields_add_strv(JsonObject *object, const char *name, char *const *value)
{
	if (value == NULL)
		return;
	JsonArray *array = json_array_new();
	for (; *value != NULL; value++) {
		g_autofree char *valid = g_utf8_make_valid(*value, -1);
		json_array_add_string_element(array, valid);
	}
	json_object_set_array_member(object, name, array);
}

JsonNode *
fields_node(JsonObject *object)
{
	JsonNode *node = json_node_new(JSON_NODE_OBJECT);
	json_node_take_object(node, object);
	return node;
}

char *
fields_take_text(JsonNode *node, gboolean pretty)
{
	char *text = json_to_string(node, pretty);
	json_node_unref(node);
	return text;
}
