/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trace-event-get-state and -set-state, and the human monitor's "logfile", for which QMP has no
 * command. "logfile" reports an error as text, and prints nothing on success.
 */
#include "qmp/qmp-trace.h"

#include <string.h>

#include "qmp/json-get.h"
#include "qmp/qmp-call.h"

gboolean
qmp_trace_query(QmpClient *client, const char *pattern, QmpTraceState *ret_state, GError **error)
{
	g_autoptr(JsonNode) reply = NULL;
	JsonArray *events =
		qmp_call_for_array(client, "trace-event-get-state",
				   qmp_call_strings("name", pattern, NULL), &reply, error);
	if (events == NULL)
		return FALSE;
	*ret_state = QMP_TRACE_ABSENT;
	for (guint i = 0; i < json_array_get_length(events); i++) {
		JsonObject *event = json_get_element_object(events, i);
		const char *state = NULL;
		if (event == NULL || !json_get_string(event, "state", &state, NULL))
			continue;
		if (strcmp(state, "enabled") == 0)
			*ret_state = QMP_TRACE_ON;
		else if (strcmp(state, "disabled") == 0 && *ret_state == QMP_TRACE_ABSENT)
			*ret_state = QMP_TRACE_OFF;
	}
	return TRUE;
}

static JsonNode *
state_arguments(const char *pattern, gboolean on)
{
	JsonNode *node = qmp_call_strings("name", pattern, NULL);
	json_object_set_boolean_member(json_node_get_object(node), "enable", on);
	return node;
}

gboolean
qmp_trace_set(QmpClient *client, const char *pattern, gboolean on, GError **error)
{
	return qmp_call(client, "trace-event-set-state", state_arguments(pattern, on), NULL, error);
}

static void
forget(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonNode) reply = qmp_client_execute_finish(QMP_CLIENT(source), result, &error);
	if (reply == NULL)
		g_debug("trace-event-set-state: %s", error->message);
}

void
qmp_trace_set_async(QmpClient *client, const char *pattern, gboolean on)
{
	qmp_client_execute_async(client, "trace-event-set-state", state_arguments(pattern, on),
				 NULL, NULL, forget, NULL);
}

/* Quotes a word for the human monitor. */
static char *
quote(const char *text)
{
	GString *out = g_string_new("\"");
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *c);
	}
	g_string_append_c(out, '"');
	return g_string_free(out, FALSE);
}

gboolean
qmp_set_log_file(QmpClient *client, const char *path, GError **error)
{
	g_autofree char *quoted = quote(path);
	g_autofree char *line = g_strconcat("logfile ", quoted, NULL);
	g_autoptr(JsonNode) reply =
		qmp_client_execute(client, "human-monitor-command",
				   qmp_call_strings("command-line", line, NULL), NULL, error);
	if (reply == NULL)
		return FALSE;
	gboolean is_text =
		JSON_NODE_HOLDS_VALUE(reply) && json_node_get_value_type(reply) == G_TYPE_STRING;
	g_autofree char *said = is_text ? json_node_dup_string(reply) : g_strdup("no text");
	if (*g_strstrip(said) == '\0')
		return TRUE;
	g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "logfile: %s", said);
	return FALSE;
}
