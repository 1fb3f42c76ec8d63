/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checked getters over json-glib. Each member goes through find(), which checks that it is present
 * and of the right kind; the public functions only take the value out. No call here can make
 * json-glib warn about its input: json_object_get_int_member() on a string is a critical warning,
 * which ends a program where these are fatal.
 */
#include "qmp/json-get.h"

#include <math.h>

typedef enum {
	KIND_OBJECT,
	KIND_ARRAY,
	KIND_STRING,
	KIND_INT,
	KIND_SIZE,
	KIND_DOUBLE,
	KIND_BOOL,
} Kind;

static const char *const kind_names[] = {
	[KIND_OBJECT] = "an object",
	[KIND_ARRAY] = "an array",
	[KIND_STRING] = "a string",
	[KIND_INT] = "an integer",
	[KIND_SIZE] = "an integer of zero or more",
	[KIND_DOUBLE] = "a number",
	[KIND_BOOL] = "true or false",
};

static gboolean
has_value_type(JsonNode *node, GType type)
{
	return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type;
}

static gboolean
is_number(JsonNode *node)
{
	if (has_value_type(node, G_TYPE_INT64))
		return TRUE;
	return has_value_type(node, G_TYPE_DOUBLE) && isfinite(json_node_get_double(node));
}

static gboolean
is_kind(JsonNode *node, Kind kind)
{
	switch (kind) {
	case KIND_OBJECT:
		return JSON_NODE_HOLDS_OBJECT(node) && json_node_get_object(node) != NULL;
	case KIND_ARRAY:
		return JSON_NODE_HOLDS_ARRAY(node) && json_node_get_array(node) != NULL;
	case KIND_STRING:
		return has_value_type(node, G_TYPE_STRING) && json_node_get_string(node) != NULL;
	case KIND_INT:
		return has_value_type(node, G_TYPE_INT64);
	case KIND_SIZE:
		return has_value_type(node, G_TYPE_INT64) && json_node_get_int(node) >= 0;
	case KIND_DOUBLE:
		return is_number(node);
	case KIND_BOOL:
		return has_value_type(node, G_TYPE_BOOLEAN);
	}
	return FALSE;
}

/* Returns %TRUE with *ret_node NULL when an optional member is absent. */
static gboolean
find(JsonObject *object, const char *name, Kind kind, gboolean required, JsonNode **ret_node,
     GError **error)
{
	JsonNode *node = json_object_get_member(object, name);

	if (node == NULL || JSON_NODE_HOLDS_NULL(node)) {
		*ret_node = NULL;
		if (required)
			g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "no '%s'", name);
		return !required;
	}
	if (!is_kind(node, kind)) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "'%s' is not %s", name,
			    kind_names[kind]);
		return FALSE;
	}
	*ret_node = node;
	return TRUE;
}

/* Defines the two functions of one type; @take reads the value of a node of the right kind. */
#define DEFINE_GETTER(word, type, kind, take)                                                 \
	gboolean json_get_##word(JsonObject *object, const char *name, type *ret_value,       \
				 GError **error)                                              \
	{                                                                                     \
		JsonNode *node = NULL;                                                        \
                                                                                              \
		if (!find(object, name, kind, TRUE, &node, error))                            \
			return FALSE;                                                         \
		*ret_value = take(node);                                                      \
		return TRUE;                                                                  \
	}                                                                                     \
                                                                                              \
	gboolean json_get_##word##_opt(JsonObject *object, const char *name, type *ret_value, \
				       GError **error)                                        \
	{                                                                                     \
		JsonNode *node = NULL;                                                        \
                                                                                              \
		if (!find(object, name, kind, FALSE, &node, error))                           \
			return FALSE;                                                         \
		if (node != NULL)                                                             \
			*ret_value = take(node);                                              \
		return TRUE;                                                                  \
	}

DEFINE_GETTER(object, JsonObject *, KIND_OBJECT, json_node_get_object)
DEFINE_GETTER(array, JsonArray *, KIND_ARRAY, json_node_get_array)
DEFINE_GETTER(string, const char *, KIND_STRING, json_node_get_string)
DEFINE_GETTER(int, gint64, KIND_INT, json_node_get_int)
DEFINE_GETTER(size, guint64, KIND_SIZE, json_node_get_int)
DEFINE_GETTER(double, double, KIND_DOUBLE, json_node_get_double)
DEFINE_GETTER(bool, gboolean, KIND_BOOL, json_node_get_boolean)

gboolean
json_get_root_object(JsonNode *node, const char *what, JsonObject **ret_value, GError **error)
{
	if (node == NULL || !is_kind(node, KIND_OBJECT)) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s is not an object",
			    what);
		return FALSE;
	}
	*ret_value = json_node_get_object(node);
	return TRUE;
}

gboolean
json_get_root_array(JsonNode *node, const char *what, JsonArray **ret_value, GError **error)
{
	if (node == NULL || !is_kind(node, KIND_ARRAY)) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s is not an array", what);
		return FALSE;
	}
	*ret_value = json_node_get_array(node);
	return TRUE;
}

const char *
json_get_element_string(JsonArray *array, guint index)
{
	JsonNode *node = json_array_get_element(array, index);

	return is_kind(node, KIND_STRING) ? json_node_get_string(node) : NULL;
}

JsonObject *
json_get_element_object(JsonArray *array, guint index)
{
	JsonNode *node = json_array_get_element(array, index);

	return is_kind(node, KIND_OBJECT) ? json_node_get_object(node) : NULL;
}
