/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "qmp/json-scan.h"

/* The text of QMP and nothing else: pure. */

extern const JsonLimits qmp_wire_limits; /* of one message */

typedef enum {
	QMP_MESSAGE_GREETING,
	QMP_MESSAGE_RETURN,
	QMP_MESSAGE_ERROR,
	QMP_MESSAGE_EVENT,
	QMP_MESSAGE_UNKNOWN, /* an object with none of the known keys: skipped */
} QmpMessageKind;

typedef struct {
	QmpMessageKind kind;
	guint64 id;	/* 0 when there is none or it is not ours */
	JsonNode *body; /* (owned): greeting: "QMP"; return: "return"; event: "data"; or NULL */
	char *name;	/* (owned): event: its name */
	gint64 timestamp_us; /* event: QEMU's wall clock in microseconds since the epoch, or 0 */
	GError *error;	     /* (owned): error: %QMP_ERROR with QEMU's words */
	gboolean has_oob;    /* greeting: out-of-band execution is offered */
} QmpMessage;

void qmp_message_clear(QmpMessage *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(QmpMessage, qmp_message_clear);

/**
 * qmp_wire_parse:
 * @text: one JSON object
 *
 * Returns: %FALSE with %QMP_ERROR_PROTOCOL when it is not a JSON object or a known key has a wrong
 *   type
 */
gboolean qmp_wire_parse(const char *text, gsize len, QmpMessage *ret_message,
			GError **error) G_GNUC_WARN_UNUSED_RESULT;

/**
 * qmp_wire_command:
 * @arguments: (nullable) (transfer none): an object
 * @oob: run out of band ("exec-oob")
 *
 * Returns: (transfer full): the text of a command, one line with its line feed
 */
char *qmp_wire_command(const char *command, JsonNode *arguments, guint64 id, gboolean oob);
