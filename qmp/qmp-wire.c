/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text of QMP: parses one JSON object into one QmpMessage, and makes the text of a command. No
 * socket, no state. A key tells the kind of a message:
 *
 *	{"QMP": {"version": {...}, "capabilities": ["oob"]}}
 *	{"return": ..., "id": 1}
 *	{"error": {"class": "GenericError", "desc": "..."}, "id": 1}
 *	{"event": "STOP", "data": {...}, "timestamp": {"seconds": 1, "microseconds": 2}}
 *
 * An error has no id when QEMU could not parse the command. Unknown keys are skipped, and so are
 * whole objects without a known key.
 */
#include "qmp/qmp-wire.h"

#include "qmp/json-get.h"
#include "qmp/json-load.h"
#include "qmp/qmp-error.h"

/* QEMU's own limits for JSON are 64 MiB and a depth of 1024, which json-glib parses in a stack of
 * 256 KiB (measured, 1.6.6). No answer that is asked for comes near the others: the schema has 0.5
 * MiB, and 4,096 processors are 41,000 values in 1 MiB. */
const JsonLimits qmp_wire_limits = {
	.bytes = 16 * 1024 * 1024,
	.string_bytes = 16 * 1024 * 1024,
	.depth = 1024,
	.heap_bytes = 64 * 1024 * 1024,
};

void
qmp_message_clear(QmpMessage *self)
{
	g_clear_pointer(&self->body, json_node_unref);
	g_clear_pointer(&self->name, g_free);
	g_clear_error(&self->error);
	*self = (QmpMessage){ .kind = QMP_MESSAGE_UNKNOWN };
}

static gboolean
parse_greeting(JsonObject *object, QmpMessage *message, GError **error)
{
	JsonObject *greeting = NULL;
	JsonArray *capabilities = NULL;

	message->kind = QMP_MESSAGE_GREETING;
	if (!json_get_object(object, "QMP", &greeting, error))
		return FALSE;
	message->body = json_node_copy(json_object_get_member(object, "QMP"));
	if (!json_get_array_opt(greeting, "capabilities", &capabilities, error))
		return FALSE;
	for (guint i = 0; capabilities != NULL && i < json_array_get_length(capabilities); i++) {
		if (g_strcmp0(json_get_element_string(capabilities, i), "oob") == 0)
			message->has_oob = TRUE;
	}
	return TRUE;
}

static QmpError
code_from_class(const char *name)
{
	if (g_strcmp0(name, "CommandNotFound") == 0)
		return QMP_ERROR_COMMAND_NOT_FOUND;
	if (g_strcmp0(name, "DeviceNotFound") == 0)
		return QMP_ERROR_DEVICE_NOT_FOUND;
	return QMP_ERROR_GENERIC;
}

static gboolean
parse_error(JsonObject *object, QmpMessage *message, GError **error)
{
	JsonObject *body = NULL;
	const char *name = "GenericError";
	const char *desc = "no reason given";

	message->kind = QMP_MESSAGE_ERROR;
	if (!json_get_object(object, "error", &body, error) ||
	    !json_get_string_opt(body, "class", &name, error) ||
	    !json_get_string_opt(body, "desc", &desc, error))
		return FALSE;
	message->error = g_error_new(QMP_ERROR, code_from_class(name), "%s: %s", name, desc);
	return TRUE;
}

static gboolean
parse_timestamp(JsonObject *object, gint64 *timestamp_us, GError **error)
{
	JsonObject *stamp = NULL;
	gint64 s = 0;
	gint64 us = 0;

	if (!json_get_object_opt(object, "timestamp", &stamp, error))
		return FALSE;
	if (stamp == NULL)
		return TRUE;
	if (!json_get_int(stamp, "seconds", &s, error) ||
	    !json_get_int(stamp, "microseconds", &us, error))
		return FALSE;
	/* QEMU sends -1 for both when it has no clock. */
	if (s >= 0 && s < G_MAXINT64 / G_USEC_PER_SEC - 1 && us >= 0 && us < G_USEC_PER_SEC)
		*timestamp_us = s * G_USEC_PER_SEC + us;
	return TRUE;
}

static gboolean
parse_event(JsonObject *object, QmpMessage *message, GError **error)
{
	const char *name = NULL;
	JsonObject *data = NULL;

	message->kind = QMP_MESSAGE_EVENT;
	if (!json_get_string(object, "event", &name, error) ||
	    !json_get_object_opt(object, "data", &data, error) ||
	    !parse_timestamp(object, &message->timestamp_us, error))
		return FALSE;
	message->name = g_strdup(name);
	if (data != NULL)
		message->body = json_node_copy(json_object_get_member(object, "data"));
	return TRUE;
}

static guint64
parse_id(JsonObject *object)
{
	guint64 id = 0;
	g_autoptr(GError) ignored = NULL;

	/* QMP allows any JSON as an id; only a positive integer can be ours. */
	if (!json_get_size_opt(object, "id", &id, &ignored))
		return 0;
	return id;
}

static gboolean
parse_object(JsonObject *object, QmpMessage *message, GError **error)
{
	message->id = parse_id(object);
	if (json_object_has_member(object, "error"))
		return parse_error(object, message, error);
	if (json_object_has_member(object, "return")) {
		message->kind = QMP_MESSAGE_RETURN;
		message->body = json_node_copy(json_object_get_member(object, "return"));
		return TRUE;
	}
	if (json_object_has_member(object, "event"))
		return parse_event(object, message, error);
	if (json_object_has_member(object, "QMP"))
		return parse_greeting(object, message, error);
	return TRUE;
}

static gboolean
fail(GError **error, const GError *cause)
{
	g_set_error(error, QMP_ERROR, QMP_ERROR_PROTOCOL, "not QMP: %s", cause->message);
	return FALSE;
}

gboolean
qmp_wire_parse(const char *text, gsize len, QmpMessage *ret_message, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(JsonNode) root = json_load(text, len, &qmp_wire_limits, &cause);
	g_auto(QmpMessage) message = { .kind = QMP_MESSAGE_UNKNOWN };
	JsonObject *object = NULL;

	if (root == NULL || !json_get_root_object(root, "the message", &object, &cause) ||
	    !parse_object(object, &message, &cause))
		return fail(error, cause);
	*ret_message = message;
	message = (QmpMessage){ .kind = QMP_MESSAGE_UNKNOWN };
	return TRUE;
}

char *
qmp_wire_command(const char *command, JsonNode *arguments, guint64 id, gboolean oob)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();

	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, oob ? "exec-oob" : "execute");
	json_builder_add_string_value(builder, command);
	if (arguments != NULL) {
		json_builder_set_member_name(builder, "arguments");
		json_builder_add_value(builder, json_node_copy(arguments));
	}
	json_builder_set_member_name(builder, "id");
	json_builder_add_int_value(builder, (gint64)id);
	json_builder_end_object(builder);
	g_autoptr(JsonNode) root = json_builder_get_root(builder);
	g_autofree char *text = json_to_string(root, FALSE);
	return g_strconcat(text, "\n", NULL);
}
