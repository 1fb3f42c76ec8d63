/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "qmp/json-scan.h"

/* The control protocol's text: pure. control.c describes the conversation. */

#define CONTROL_VERSION_MIN 1
#define CONTROL_VERSION_MAX 1
#define CONTROL_MAX_BYTES   (1024 * 1024) /* of one message */

/* Of one message: a survey is the largest. */
extern const JsonLimits control_limits;
/* Of the first message of a connection, whose sender is not known yet. */
extern const JsonLimits control_hello_limits;
/* Of a request before a plan is there: the list of vGPUs in a "survey" is the largest. */
extern const JsonLimits control_early_limits;

typedef enum {
	CONTROL_HELLO,
	CONTROL_SURVEY,
	CONTROL_PREPARE,
	CONTROL_SETUP,
	CONTROL_SWITCHOVER,
	CONTROL_COMMIT,
	CONTROL_DONE,
	CONTROL_ABORT,
	CONTROL_OUTCOME,
	CONTROL_PING,
	CONTROL_REPLY,
	CONTROL_ERROR,
	CONTROL_EVENT,
	CONTROL_FAILED,
	CONTROL_N_TYPES,
} ControlType;

const char *control_type_to_string(ControlType type);

typedef struct {
	ControlType type;
	guint64 id; /* of a request and of what answers it; 0 in notices */
	/* (owned): the whole message; members that the table requires are there and typed */
	JsonObject *body;
	gsize heap_bytes; /* what @body holds, estimated; 0 where it was not counted */
} ControlMessage;

void control_message_clear(ControlMessage *self);
void control_message_free(ControlMessage *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ControlMessage, control_message_clear);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ControlMessage, control_message_free);

/**
 * control_parse:
 * @text: one JSON object within %control_limits
 *
 * Returns: (transfer full): NULL with %GW_ERROR_PROTOCOL, naming the message and the field
 */
ControlMessage *control_parse(const char *text, gsize len, GError **error);

/* (transfer full): one line with its line feed. @fields: (nullable) (transfer full): the members beside
 * "type" and "id". */
char *control_format(ControlType type, guint64 id, JsonObject *fields);

/* Where one conversation stands on the agent's side. */
typedef enum {
	CONTROL_STATE_NEW, /* nothing but a hello is heard */
	CONTROL_STATE_GREETED,
	CONTROL_STATE_SURVEYED,	 /* the QEMU is there */
	CONTROL_STATE_PREPARED,	 /* the plan is accepted */
	CONTROL_STATE_LOADING,	 /* the stream comes in */
	CONTROL_STATE_COMMITTED, /* the guest is ours */
	CONTROL_STATE_DONE,	 /* likewise, and the source knows it */
	CONTROL_STATE_REFUSED,	 /* its QEMU is proven gone, after a COMMIT */
	CONTROL_STATE_ENDED,	 /* the guest is not ours, or that is not known */
	CONTROL_N_STATES,
} ControlState;

const char *control_state_to_string(ControlState state);
/* May @type come while the agent is in @state? */
gboolean control_is_allowed(ControlState state, ControlType type);

/* The version to speak with a peer that knows @min to @max; 0 when there is none. */
int control_choose_version(gint64 min, gint64 max);

/* An error as it crosses the wire, and back: its domain becomes %GW_ERROR, its words stay. */
JsonObject *control_error_to_object(const GError *error);
GError *control_error_from_object(JsonObject *object);

/* The first bytes of a data channel: what they are is in control.c. */
#define CONTROL_TOKEN_BYTES    16
#define CONTROL_PREAMBLE_BYTES 28

typedef struct {
	guint8 token[CONTROL_TOKEN_BYTES];
	guint32 index;
} ControlPreamble;

void control_preamble_format(const ControlPreamble *self, guint8 out[CONTROL_PREAMBLE_BYTES]);
/* %GW_ERROR_PROTOCOL for another magic or version. */
gboolean control_preamble_parse(const guint8 *data, gsize len, ControlPreamble *ret_preamble,
				GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* (transfer full): what shows, to whoever knows @token, that one knows it, and tells it to nobody else: 32
 * hexadecimal digits. Said in the clear, it lets an agent under load tell a channel that it waits for from
 * strangers; it opens nothing. */
char *control_token_proof(const guint8 token[CONTROL_TOKEN_BYTES]);

/**
 * control_session_proof:
 * @token: of the session, as control_token_to_string() writes it
 * @type: %CONTROL_DONE or %CONTROL_OUTCOME
 * @vm_name: as the survey named it
 *
 * Returns: (transfer full): proof of knowing @token that does not reveal it, and that is good for nothing but this
 *   message about this session
 */
char *control_session_proof(const char *token, ControlType type, const char *session,
			    const char *vm_name);

/* 32 hexadecimal digits and back. */
char *control_token_to_string(const guint8 token[CONTROL_TOKEN_BYTES]);
gboolean control_token_from_string(const char *text, guint8 ret_token[CONTROL_TOKEN_BYTES]);
