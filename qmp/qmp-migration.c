/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The migration commands as typed calls. They send what the caller says and read the answers back.
 * The code above decides which capability is wise and what a state means.
 *
 * Names are QEMU's: "migrate_cancel" and "closefd", but "migrate-continue" and "migrate-incoming".
 * QEMU 7.2 and 10.0 have all these parameters under the same name, except
 * avail-switchover-bandwidth: it came with 8.2 and older QEMUs reject it, so it is sent only when
 * the caller sets it. A max-bandwidth of 0 means no limit. Measured on QEMU 7.2.22 and 10.0.13: 256
 * MiB of random RAM over a socketpair went several times faster than with the default of 128 MiB/s,
 * and as fast as with 2^63 - 1.
 */
#include "qmp/qmp-migration.h"

#include <string.h>

#include "qmp/json-get.h"
#include "qmp/qmp-call.h"
#include "qmp/qmp-parameters.h"

/* ---- query-migrate ---- */

gboolean
qmp_query_migrate(QmpClient *client, QmpMigrateInfo *ret_info, GError **error)
{
	g_autoptr(JsonNode) reply = qmp_client_execute(client, "query-migrate", NULL, NULL, error);

	return reply != NULL && qmp_migrate_info_parse(reply, ret_info, error);
}

void
qmp_query_migrate_async(QmpClient *client, guint timeout_ms, GAsyncReadyCallback callback,
			gpointer data)
{
	const QmpExecOptions options = { .fd = -1, .timeout_ms = timeout_ms };

	qmp_client_execute_async(client, "query-migrate", NULL, &options, NULL, callback, data);
}

gboolean
qmp_query_migrate_finish(QmpClient *client, GAsyncResult *result, QmpMigrateInfo *ret_info,
			 GError **error)
{
	g_autoptr(JsonNode) reply = qmp_client_execute_finish(client, result, error);

	return reply != NULL && qmp_migrate_info_parse(reply, ret_info, error);
}

/* ---- capabilities ---- */

static gboolean
parse_capability(JsonArray *array, guint index, GHashTable *table, GError **error)
{
	JsonObject *object = json_get_element_object(array, index);
	const char *name = NULL;
	gboolean state = FALSE;

	if (object == NULL)
		return TRUE;
	if (!json_get_string(object, "capability", &name, error) ||
	    !json_get_bool(object, "state", &state, error))
		return FALSE;
	g_hash_table_insert(table, g_strdup(name), GINT_TO_POINTER(state));
	return TRUE;
}

GHashTable *
qmp_migrate_capabilities_parse(JsonNode *reply, GError **error)
{
	g_autoptr(GHashTable) table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	JsonArray *array = NULL;

	if (!json_get_root_array(reply, "the answer", &array, error))
		return NULL;
	for (guint i = 0; i < json_array_get_length(array); i++) {
		if (!parse_capability(array, i, table, error))
			return NULL;
	}
	return g_steal_pointer(&table);
}

GHashTable *
qmp_query_migrate_capabilities(QmpClient *client, GError **error)
{
	g_autoptr(JsonNode) reply =
		qmp_client_execute(client, "query-migrate-capabilities", NULL, NULL, error);
	GError *cause = NULL;

	if (reply == NULL)
		return NULL;
	GHashTable *table = qmp_migrate_capabilities_parse(reply, &cause);
	if (table == NULL)
		qmp_call_bad_answer("query-migrate-capabilities", cause, error);
	return table;
}

static void
build_capability(JsonBuilder *builder, const char *name, gboolean state)
{
	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "capability");
	json_builder_add_string_value(builder, name);
	json_builder_set_member_name(builder, "state");
	json_builder_add_boolean_value(builder, state);
	json_builder_end_object(builder);
}

static JsonNode *
build_capabilities(GHashTable *capabilities)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	GHashTableIter iter;
	gpointer name = NULL;
	gpointer state = NULL;

	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "capabilities");
	json_builder_begin_array(builder);
	g_hash_table_iter_init(&iter, capabilities);
	while (g_hash_table_iter_next(&iter, &name, &state))
		build_capability(builder, name, state != NULL);
	json_builder_end_array(builder);
	json_builder_end_object(builder);
	return json_builder_get_root(builder);
}

gboolean
qmp_migrate_set_capabilities(QmpClient *client, GHashTable *capabilities, GError **error)
{
	return qmp_call(client, "migrate-set-capabilities", build_capabilities(capabilities), NULL,
			error);
}

gboolean
qmp_migrate_switch_capabilities(QmpClient *client, const char *const *on, GHashTable *former,
				GError **error)
{
	g_autoptr(GHashTable) wanted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GHashTableIter iter;
	gpointer name;
	g_hash_table_iter_init(&iter, former);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		g_hash_table_insert(wanted, g_strdup(name),
				    GINT_TO_POINTER(g_strv_contains(on, name)));
	return qmp_migrate_set_capabilities(client, wanted, error);
}

/* ---- running one ---- */

gboolean
qmp_migrate(QmpClient *client, const char *uri, GError **error)
{
	return qmp_call(client, "migrate", qmp_call_strings("uri", uri, NULL), NULL, error);
}

/* A QEMU before 9.1 rejects the argument before it does anything. Such a QEMU exits when the load
 * fails. */
gboolean
qmp_migrate_incoming(QmpClient *client, const char *uri, GError **error)
{
	g_autoptr(GError) refusal = NULL;
	JsonNode *arguments = qmp_call_strings("uri", uri, NULL);

	json_object_set_boolean_member(json_node_get_object(arguments), "exit-on-error", FALSE);
	if (qmp_call(client, "migrate-incoming", arguments, NULL, &refusal))
		return TRUE;
	if (qmp_error_is_refusal(refusal) && strstr(refusal->message, "'exit-on-error'") != NULL)
		return qmp_call(client, "migrate-incoming", qmp_call_strings("uri", uri, NULL),
				NULL, error);
	g_propagate_error(error, g_steal_pointer(&refusal));
	return FALSE;
}

gboolean
qmp_migrate_continue(QmpClient *client, GError **error)
{
	return qmp_call(client, "migrate-continue",
			qmp_call_strings("state", "pre-switchover", NULL), NULL, error);
}

gboolean
qmp_migrate_wake_failed(QmpClient *client, GError **error)
{
	return qmp_call(client, "migrate-continue", qmp_call_strings("state", "failed", NULL), NULL,
			error);
}

gboolean
qmp_migrate_cancel(QmpClient *client, GError **error)
{
	return qmp_call(client, "migrate_cancel", NULL, NULL, error);
}

gboolean
qmp_yank_migration(QmpClient *client, GError **error)
{
	/* In band is the fallback: it works as long as QEMU's main loop does. */
	const QmpExecOptions options = { .fd = -1, .oob = qmp_client_has_oob(client) };
	JsonNode *arguments =
		json_from_string("{\"instances\": [{\"type\": \"migration\"}]}", NULL);

	return qmp_call(client, "yank", arguments, &options, error);
}

static gboolean
is_yank_of_migration(JsonObject *instance)
{
	const char *type = NULL;

	return instance != NULL && json_get_string(instance, "type", &type, NULL) &&
	       g_str_equal(type, "migration");
}

gboolean
qmp_migration_has_yank(QmpClient *client, gboolean *ret_has, GError **error)
{
	g_autoptr(GError) local_error = NULL;
	g_autoptr(JsonNode) reply =
		qmp_client_execute(client, "query-yank", NULL, NULL, &local_error);
	JsonArray *array = NULL;

	*ret_has = FALSE;
	if (g_error_matches(local_error, QMP_ERROR, QMP_ERROR_COMMAND_NOT_FOUND))
		return TRUE;
	if (reply == NULL) {
		g_propagate_error(error, g_steal_pointer(&local_error));
		return FALSE;
	}
	if (!json_get_root_array(reply, "the reply", &array, &local_error))
		return qmp_call_bad_answer("query-yank", g_steal_pointer(&local_error), error);
	for (guint i = 0; i < json_array_get_length(array) && !*ret_has; i++)
		*ret_has = is_yank_of_migration(json_get_element_object(array, i));
	return TRUE;
}

/* ---- descriptors ---- */

gboolean
qmp_getfd(QmpClient *client, const char *name, int fd, GError **error)
{
	const QmpExecOptions options = { .fd = fd };

	return qmp_call(client, "getfd", qmp_call_strings("fdname", name, NULL), &options, error);
}

gboolean
qmp_closefd(QmpClient *client, const char *name, GError **error)
{
	return qmp_call(client, "closefd", qmp_call_strings("fdname", name, NULL), NULL, error);
}
