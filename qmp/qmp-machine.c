/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls about the machine: its name, type, size and whether it runs. Each sends one command and
 * reads the answer with checks. These calls never decide what a run state allows; the caller does.
 */
#include "qmp/qmp-machine.h"

#include <string.h>

#include "qmp/json-get.h"
#include "qmp/qmp-call.h"

static const struct {
	const char *word;
	QmpRunState state;
} run_state_words[] = {
	{ "running", QMP_RUN_RUNNING },
	{ "paused", QMP_RUN_PAUSED },
	{ "prelaunch", QMP_RUN_PRELAUNCH },
	{ "inmigrate", QMP_RUN_INMIGRATE },
	{ "finish-migrate", QMP_RUN_FINISH_MIGRATE },
	{ "postmigrate", QMP_RUN_POSTMIGRATE },
	{ "suspended", QMP_RUN_SUSPENDED },
	{ "shutdown", QMP_RUN_SHUTDOWN },
	{ "guest-panicked", QMP_RUN_GUEST_PANICKED },
	{ "io-error", QMP_RUN_IO_ERROR },
	{ "watchdog", QMP_RUN_WATCHDOG },
	{ "debug", QMP_RUN_DEBUG },
	{ "internal-error", QMP_RUN_INTERNAL_ERROR },
	{ "other", QMP_RUN_OTHER },
};

QmpRunState
qmp_run_state_from_string(const char *word)
{
	for (gsize i = 0; i < G_N_ELEMENTS(run_state_words); i++) {
		if (g_strcmp0(word, run_state_words[i].word) == 0)
			return run_state_words[i].state;
	}
	return QMP_RUN_OTHER;
}

const char *
qmp_run_state_to_string(QmpRunState state)
{
	for (gsize i = 0; i < G_N_ELEMENTS(run_state_words); i++) {
		if (run_state_words[i].state == state)
			return run_state_words[i].word;
	}
	return "other";
}

static gboolean
parse_status(JsonObject *object, QmpStatus *ret_status, GError **error)
{
	const char *word = NULL;
	gboolean running = FALSE;
	GError *cause = NULL;

	if (!json_get_string(object, "status", &word, &cause) ||
	    !json_get_bool(object, "running", &running, &cause))
		return qmp_call_bad_answer("query-status", cause, error);
	ret_status->run_state = qmp_run_state_from_string(word);
	ret_status->running = running;
	return TRUE;
}

gboolean
qmp_query_status(QmpClient *client, QmpStatus *ret_status, GError **error)
{
	g_autoptr(JsonNode) reply = NULL;
	JsonObject *object = qmp_call_for_object(client, "query-status", NULL, &reply, error);

	return object != NULL && parse_status(object, ret_status, error);
}

void
qmp_query_status_async(QmpClient *client, guint timeout_ms, GAsyncReadyCallback callback,
		       gpointer data)
{
	const QmpExecOptions options = { .fd = -1, .timeout_ms = timeout_ms };

	qmp_client_execute_async(client, "query-status", NULL, &options, NULL, callback, data);
}

gboolean
qmp_query_status_finish(QmpClient *client, GAsyncResult *result, QmpStatus *ret_status,
			GError **error)
{
	g_autoptr(JsonNode) reply = qmp_client_execute_finish(client, result, error);
	JsonObject *object = NULL;
	GError *cause = NULL;

	if (reply == NULL)
		return FALSE;
	if (!json_get_root_object(reply, "the answer", &object, &cause))
		return qmp_call_bad_answer("query-status", cause, error);
	return parse_status(object, ret_status, error);
}

gboolean
qmp_cont(QmpClient *client, GError **error)
{
	return qmp_call(client, "cont", NULL, NULL, error);
}

gboolean
qmp_stop(QmpClient *client, GError **error)
{
	return qmp_call(client, "stop", NULL, NULL, error);
}

gboolean
qmp_quit(QmpClient *client, GError **error)
{
	g_autoptr(GError) cause = NULL;

	if (qmp_call(client, "quit", NULL, NULL, &cause) || qmp_error_is_closed(cause))
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&cause));
	return FALSE;
}

gboolean
qmp_add_secret(QmpClient *client, const char *id, GError **error)
{
	return qmp_call(client, "object-add",
			qmp_call_strings("qom-type", "secret", "id", id, "data", "none", NULL),
			NULL, error);
}

gboolean
qmp_remove_object(QmpClient *client, const char *id, GError **error)
{
	return qmp_call(client, "object-del", qmp_call_strings("id", id, NULL), NULL, error);
}

GStrv
qmp_list_objects(QmpClient *client, GError **error)
{
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();
	g_autoptr(JsonNode) reply = NULL;
	JsonArray *entries =
		qmp_call_for_array(client, "qom-list", qmp_call_strings("path", "/objects", NULL),
				   &reply, error);
	if (entries == NULL)
		return NULL;
	for (guint i = 0; i < json_array_get_length(entries); i++) {
		JsonObject *entry = json_get_element_object(entries, i);
		const char *name = NULL;
		if (entry != NULL && json_get_string(entry, "name", &name, NULL))
			g_strv_builder_add(names, name);
	}
	return g_strv_builder_end(names);
}

char *
qmp_version_string(QmpClient *client)
{
	JsonObject *version = NULL;
	JsonObject *qemu = NULL;
	gint64 major = 0;
	gint64 minor = 0;
	gint64 micro = 0;
	const char *package = "";

	if (!json_get_object(qmp_client_get_greeting(client), "version", &version, NULL) ||
	    !json_get_object(version, "qemu", &qemu, NULL) ||
	    !json_get_int(qemu, "major", &major, NULL) ||
	    !json_get_int(qemu, "minor", &minor, NULL) ||
	    !json_get_int(qemu, "micro", &micro, NULL) ||
	    !json_get_string_opt(version, "package", &package, NULL))
		return g_strdup("unknown");
	const char *brackets[] = { *package != '\0' ? " (" : "", *package != '\0' ? ")" : "" };
	return g_strdup_printf("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT
			       "%s%s%s",
			       major, minor, micro, brackets[0], package, brackets[1]);
}

char *
qmp_query_name(QmpClient *client, GError **error)
{
	g_autoptr(JsonNode) reply = NULL;
	JsonObject *object = qmp_call_for_object(client, "query-name", NULL, &reply, error);
	const char *name = NULL;
	GError *cause = NULL;

	if (object == NULL)
		return NULL;
	if (!json_get_string_opt(object, "name", &name, &cause))
		qmp_call_bad_answer("query-name", cause, error);
	return g_strdup(name);
}
