/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "qmp/json-scan.h"

/* The text of the control protocol: pure. control.c describes the conversation. */

#define CONTROL_VERSION_MIN 2
#define CONTROL_VERSION_MAX 2
#define CONTROL_MAX_BYTES   (1024 * 1024) /* of one message */
/* Of a "ping" that tries the path: more than a jumbo frame has. */
#define CONTROL_PADDING_BYTES 9216

#define CONTROL_MAX_MARKS 64 /* of one "look" */

/* Of the answer to COMMIT. */
#define CONTROL_MAX_WARNINGS	  8
#define CONTROL_MAX_WARNING_BYTES 1024

/* For one message: a survey is the largest. */
extern const JsonLimits control_limits;
/* For the first message of a connection, whose sender is not known yet. */
extern const JsonLimits control_hello_limits;
/* For a request before there is a plan: the list of vGPUs in a "survey" is the largest. */
extern const JsonLimits control_early_limits;

typedef enum {
	CONTROL_HELLO,
	CONTROL_SURVEY,
	CONTROL_LOOK,
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
	guint64 id; /* of a request and its answer; 0 in notices */
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
 * Returns: (transfer full): NULL with %GW_ERROR_PROTOCOL, which names the message and the field
 */
ControlMessage *control_parse(const char *text, gsize len, GError **error);

/* (transfer full): one line with its line feed. @fields: (nullable) (transfer full): the members
 * beside "type" and "id". */
char *control_format(ControlType type, guint64 id, JsonObject *fields);

/* The state of one conversation on the agent's side. */
typedef enum {
	CONTROL_STATE_NEW, /* only a hello is allowed */
	CONTROL_STATE_GREETED,
	CONTROL_STATE_SURVEYED,	 /* the QEMU was found or started */
	CONTROL_STATE_PREPARED,	 /* the plan is accepted */
	CONTROL_STATE_LOADING,	 /* the stream is arriving */
	CONTROL_STATE_COMMITTED, /* the guest is ours */
	CONTROL_STATE_DONE,	 /* likewise, and the source knows it */
	CONTROL_STATE_REFUSED,	 /* its QEMU is proven gone, after a COMMIT */
	CONTROL_STATE_ENDED,	 /* the guest is not ours, or that is not known */
	CONTROL_N_STATES,
} ControlState;

const char *control_state_to_string(ControlState state);
/* Returns whether @type is allowed in @state of the agent. */
gboolean control_is_allowed(ControlState state, ControlType type);

/* The version to use with a peer that supports @min to @max; 0 when there is none in common. */
int control_choose_version(gint64 min, gint64 max);

/* An error as JSON, and back: its domain becomes %GW_ERROR, its text stays the same. */
JsonObject *control_error_to_object(const GError *error);
GError *control_error_from_object(JsonObject *object);

/* The first bytes of a data channel: control.c describes them. */
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

/* (transfer full): a proof of knowing @token that does not reveal it: 32 hexadecimal digits. It is
 * sent in plain text. It lets a busy agent tell an expected channel from strangers; it opens
 * nothing. */
char *control_token_proof(const guint8 token[CONTROL_TOKEN_BYTES]);

/**
 * control_session_proof:
 * @token: of the session, as control_token_to_string() writes it
 * @type: %CONTROL_DONE or %CONTROL_OUTCOME
 * @vm_name: as the survey named it
 *
 * Returns: (transfer full): proof of knowing @token that does not reveal it, and that is good for
 *   nothing but this message about this session
 */
char *control_session_proof(const char *token, ControlType type, const char *session,
			    const char *vm_name);

/* 32 hexadecimal digits and back. */
char *control_token_to_string(const guint8 token[CONTROL_TOKEN_BYTES]);
gboolean control_token_from_string(const char *text, guint8 ret_token[CONTROL_TOKEN_BYTES]);
