/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Helpers of the typed calls in qmp-migration.c, qmp-machine.c and the like. They build small
 * argument objects, run a command only for its success, and turn a getter's error about an answer
 * into %QMP_ERROR_PROTOCOL that begins with the command's name.
 */
#include "qmp/qmp-call.h"

#include "qmp/json-get.h"

JsonNode *
qmp_call_strings(const char *name, ...)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	va_list values;

	json_builder_begin_object(builder);
	va_start(values, name);
	for (; name != NULL; name = va_arg(values, const char *)) {
		json_builder_set_member_name(builder, name);
		json_builder_add_string_value(builder, va_arg(values, const char *));
	}
	va_end(values);
	json_builder_end_object(builder);
	return json_builder_get_root(builder);
}

gboolean
qmp_call(QmpClient *client, const char *command, JsonNode *arguments, const QmpExecOptions *options,
	 GError **error)
{
	g_autoptr(JsonNode) reply = qmp_client_execute(client, command, arguments, options, error);

	return reply != NULL;
}

gboolean
qmp_call_bad_answer(const char *command, GError *cause, GError **error)
{
	g_set_error(error, QMP_ERROR, QMP_ERROR_PROTOCOL, "%s: %s", command, cause->message);
	g_error_free(cause);
	return FALSE;
}

JsonObject *
qmp_call_for_object(QmpClient *client, const char *command, JsonNode *arguments,
		    JsonNode **ret_reply, GError **error)
{
	JsonObject *object = NULL;
	GError *cause = NULL;

	*ret_reply = qmp_client_execute(client, command, arguments, NULL, error);
	if (*ret_reply == NULL)
		return NULL;
	if (!json_get_root_object(*ret_reply, "the answer", &object, &cause))
		qmp_call_bad_answer(command, cause, error);
	return object;
}

JsonArray *
qmp_call_for_array(QmpClient *client, const char *command, JsonNode *arguments,
		   JsonNode **ret_reply, GError **error)
{
	JsonArray *array = NULL;
	GError *cause = NULL;

	*ret_reply = qmp_client_execute(client, command, arguments, NULL, error);
	if (*ret_reply == NULL)
		return NULL;
	if (!json_get_root_array(*ret_reply, "the answer", &array, &cause))
		qmp_call_bad_answer(command, cause, error);
	return array;
}
