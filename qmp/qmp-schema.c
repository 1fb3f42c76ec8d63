/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The answer to query-qmp-schema, reduced to what is asked of it. QEMU's answer is 200 kB of objects that
 * name each other: a command names its argument type by a number, and another object of that name has
 * the members. Kept are three sets of words; the rest is freed.
 *
 *	commands   "migrate"       -> the name of its argument type
 *	members    "150/uri"          argument type / member, only for the types above
 *	events     "STOP"
 */
#include "qmp/qmp-schema.h"

#include "qmp/json-get.h"
#include "qmp/qmp-call.h"

struct QmpSchema {
	GHashTable *commands; /* (owned): char * -> char *, both owned */
	GHashTable *members;  /* (owned): a set of owned char * */
	GHashTable *events;   /* (owned): a set of owned char * */
};

static QmpSchema *
schema_alloc(void)
{
	QmpSchema *self = g_new0(QmpSchema, 1);

	self->commands = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	self->members = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	self->events = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return self;
}

void
qmp_schema_free(QmpSchema *self)
{
	if (self == NULL)
		return;
	g_hash_table_unref(self->commands);
	g_hash_table_unref(self->members);
	g_hash_table_unref(self->events);
	g_free(self);
}

static gboolean
add_name(QmpSchema *self, JsonObject *entity, GError **error)
{
	const char *name = NULL;
	const char *kind = NULL;
	const char *arguments = NULL;

	if (!json_get_string(entity, "name", &name, error) ||
	    !json_get_string(entity, "meta-type", &kind, error))
		return FALSE;
	if (g_str_equal(kind, "event"))
		g_hash_table_add(self->events, g_strdup(name));
	if (!g_str_equal(kind, "command"))
		return TRUE;
	if (!json_get_string(entity, "arg-type", &arguments, error))
		return FALSE;
	g_hash_table_insert(self->commands, g_strdup(name), g_strdup(arguments));
	return TRUE;
}

static gboolean
add_members(QmpSchema *self, GHashTable *types, JsonObject *entity, GError **error)
{
	const char *type = NULL;
	const char *member = NULL;
	JsonArray *members = NULL;

	if (!json_get_string(entity, "name", &type, error))
		return FALSE;
	if (!g_hash_table_contains(types, type))
		return TRUE;
	if (!json_get_array_opt(entity, "members", &members, error))
		return FALSE;
	for (guint i = 0; members != NULL && i < json_array_get_length(members); i++) {
		JsonObject *object = json_get_element_object(members, i);
		if (object == NULL || !json_get_string(object, "name", &member, NULL))
			continue;
		g_hash_table_add(self->members, g_strdup_printf("%s/%s", type, member));
	}
	return TRUE;
}

/* The set of the names of all argument types; the names stay @self's. */
static GHashTable *
argument_types(QmpSchema *self)
{
	GHashTable *types = g_hash_table_new(g_str_hash, g_str_equal);
	GHashTableIter iter;
	gpointer type = NULL;

	g_hash_table_iter_init(&iter, self->commands);
	while (g_hash_table_iter_next(&iter, NULL, &type))
		g_hash_table_add(types, type);
	return types;
}

static gboolean
add_all(QmpSchema *self, JsonNode *reply, GError **error)
{
	JsonArray *entities = NULL;

	if (!json_get_root_array(reply, "the answer", &entities, error))
		return FALSE;
	const guint n = json_array_get_length(entities);
	for (guint i = 0; i < n; i++) {
		JsonObject *entity = json_get_element_object(entities, i);
		if (entity != NULL && !add_name(self, entity, error))
			return FALSE;
	}
	g_autoptr(GHashTable) types = argument_types(self);
	for (guint i = 0; i < n; i++) {
		JsonObject *entity = json_get_element_object(entities, i);
		if (entity != NULL && !add_members(self, types, entity, error))
			return FALSE;
	}
	return TRUE;
}

QmpSchema *
qmp_schema_new(JsonNode *reply, GError **error)
{
	g_autoptr(QmpSchema) self = schema_alloc();
	GError *cause = NULL;

	if (!add_all(self, reply, &cause)) {
		qmp_call_bad_answer("query-qmp-schema", cause, error);
		return NULL;
	}
	return g_steal_pointer(&self);
}

QmpSchema *
qmp_schema_query(QmpClient *client, GError **error)
{
	g_autoptr(JsonNode) reply =
		qmp_client_execute(client, "query-qmp-schema", NULL, NULL, error);

	return reply != NULL ? qmp_schema_new(reply, error) : NULL;
}

gboolean
qmp_schema_has_command(QmpSchema *self, const char *command)
{
	return g_hash_table_contains(self->commands, command);
}

gboolean
qmp_schema_has_event(QmpSchema *self, const char *event)
{
	return g_hash_table_contains(self->events, event);
}

gboolean
qmp_schema_has_argument(QmpSchema *self, const char *command, const char *argument)
{
	const char *type = g_hash_table_lookup(self->commands, command);

	if (type == NULL)
		return FALSE;
	g_autofree char *key = g_strdup_printf("%s/%s", type, argument);
	return g_hash_table_contains(self->members, key);
}

static gboolean
find_property(JsonNode *reply, const char *property, gboolean *ret_has, GError **error)
{
	JsonArray *properties = NULL;
	const char *name = NULL;
	gboolean has = FALSE;

	if (!json_get_root_array(reply, "the answer", &properties, error))
		return FALSE;
	for (guint i = 0; i < json_array_get_length(properties) && !has; i++) {
		JsonObject *object = json_get_element_object(properties, i);
		has = object != NULL && json_get_string(object, "name", &name, NULL) &&
		      g_str_equal(name, property);
	}
	*ret_has = has;
	return TRUE;
}

gboolean
qmp_device_has_property(QmpClient *client, const char *type, const char *property,
			gboolean *ret_has, GError **error)
{
	g_autoptr(GError) refusal = NULL;
	GError *cause = NULL;
	g_autoptr(JsonNode) reply =
		qmp_client_execute(client, "device-list-properties",
				   qmp_call_strings("typename", type, NULL), NULL, &refusal);

	if (g_error_matches(refusal, QMP_ERROR, QMP_ERROR_DEVICE_NOT_FOUND)) {
		*ret_has = FALSE;
		return TRUE;
	}
	if (reply == NULL) {
		g_propagate_error(error, g_steal_pointer(&refusal));
		return FALSE;
	}
	if (!find_property(reply, property, ret_has, &cause))
		return qmp_call_bad_answer("device-list-properties", cause, error);
	return TRUE;
}
