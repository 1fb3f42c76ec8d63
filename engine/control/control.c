/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The control protocol. JSON objects, a line each, over one TCP connection that the source opens. A
 * request carries "type" and a positive "id"; each side answers with that id, in the order of the
 * requests. Notices have no id.
 *
 *   source                                       agent
 *   hello {versions, timeout_ms}            ->   (lost after that silence)    reply {version, agent, host}
 *   survey {session, vm, check, vgpus}      ->   (finds or starts its QEMU)   reply {survey}
 *   look {marks}                            ->   (files beside its images)    reply {found}
 *   prepare {plan}                          ->   (checks it again)            reply {token}
 *   data connection: preamble               ->   (held by token)
 *   setup {}                                ->   (capabilities, incoming)     reply {}
 *                                           <-   event {name, timestamp_us, error_us?, data?}
 *                                           <-   failed {error}
 *   switchover {}                           ->   (is all well?)               reply {hook_us?}
 *   commit {run}                            ->   (journal, cont)   reply {outcome, text?, state?, hook_us?, warnings?}
 *   done {session, vm, proof}               ->   (the source will never ask)  reply {}
 *
 *   abort {reason, code}                    ->   up to the commit: undo all   reply {}
 *   outcome {session, vm, proof}            ->   right after hello: what became of it   reply {outcome, text?}
 *   ping {padding?}                         <->  either side, at any time     reply {time_us, padding?}
 *
 * "marks" are names of files by the agent's disks, "found" what is in them: see disk-mark.h.
 *
 * In the place of a reply there may be an error {error}. An "error" is an object of "code" and
 * "message"; "versions" are the oldest and the newest that the source speaks; "timestamp_us" and
 * "time_us" are the sender's monotonic clock, and "error_us" says by how much that may be wrong. A
 * "?" marks what may be absent: "text" says why an outcome is not "running", "state" is QEMU's word
 * for the guest there, "hook_us" is how long the stopped guest has waited for the agent's hook, and
 * "warnings" are texts: what went wrong after "cont" and changes nothing for the guest. "run" is
 * true when the guest was live as the migration stopped it, and is to be so there.
 *
 * An "outcome" is "running" (the guest is here), "gone" (it is not and never will be, by this
 * session), "dead" (it may have run here, and its QEMU is proven dead) or "unknown". "proof" is
 * control_session_proof(): only the source of a session may ask what became of it, and only it may
 * say that it will not ask again. Members that are not known are ignored, types that are not known
 * are an error.
 *
 * A data connection to the same port begins with 28 bytes: "gwdata" 0x00 0x01 (magic and version),
 * the 16 bytes of the session's token, the channel's index as 32 bits, big end first. What follows
 * is QEMU's.
 */
#include "engine/control/control.h"

#include <string.h>

#include "engine/util/json-fields.h"
#include "engine/util/json-parse.h"
#include "engine/gw-error.h"
#include "engine/util/error-host.h"

typedef struct {
	const char *name;
	GType type;
} Field;

#define MAX_FIELDS 4
#define IN(state)  (1u << CONTROL_STATE_##state)
#define ANY_STATE  (~0u)

typedef struct {
	const char *name;
	gboolean is_request;
	guint32 states; /* the states of the agent in which it is allowed */
	Field required[MAX_FIELDS];
} TypeInfo;

/* Containers have no GType; no value can have these two types. */
#define T_OBJECT ((GType)0)
#define T_ARRAY	 ((GType)1)

static const TypeInfo types[CONTROL_N_TYPES] = {
	[CONTROL_HELLO] = { "hello", TRUE, IN(NEW), { { "versions", T_ARRAY } } },
	[CONTROL_SURVEY] = { "survey",
			     TRUE,
			     IN(GREETED),
			     { { "session", G_TYPE_STRING },
			       { "vm", G_TYPE_STRING },
			       { "check", G_TYPE_BOOLEAN },
			       { "vgpus", T_ARRAY } } },
	[CONTROL_LOOK] = { "look", TRUE, IN(SURVEYED), { { "marks", T_OBJECT } } },
	[CONTROL_PREPARE] = { "prepare", TRUE, IN(SURVEYED), { { "plan", T_OBJECT } } },
	[CONTROL_SETUP] = { "setup", TRUE, IN(PREPARED) },
	[CONTROL_SWITCHOVER] = { "switchover", TRUE, IN(LOADING) },
	[CONTROL_COMMIT] = { "commit", TRUE, IN(LOADING), { { "run", G_TYPE_BOOLEAN } } },
	[CONTROL_DONE] = { "done",
			   TRUE,
			   IN(COMMITTED) | IN(GREETED),
			   { { "session", G_TYPE_STRING },
			     { "vm", G_TYPE_STRING },
			     { "proof", G_TYPE_STRING } } },
	[CONTROL_ABORT] = { "abort",
			    TRUE,
			    IN(GREETED) | IN(SURVEYED) | IN(PREPARED) | IN(LOADING) | IN(REFUSED) |
				    IN(ENDED),
			    { { "reason", G_TYPE_STRING } } },
	[CONTROL_OUTCOME] = { "outcome",
			      TRUE,
			      IN(GREETED),
			      { { "session", G_TYPE_STRING },
				{ "vm", G_TYPE_STRING },
				{ "proof", G_TYPE_STRING } } },
	[CONTROL_PING] = { "ping", TRUE, ANY_STATE },
	[CONTROL_REPLY] = { "reply", TRUE, ANY_STATE },
	[CONTROL_ERROR] = { "error", TRUE, ANY_STATE, { { "error", T_OBJECT } } },
	[CONTROL_EVENT] = { "event",
			    FALSE,
			    0,
			    { { "name", G_TYPE_STRING }, { "timestamp_us", G_TYPE_INT64 } } },
	[CONTROL_FAILED] = { "failed", FALSE, 0, { { "error", T_OBJECT } } },
};

const JsonLimits control_limits = {
	.bytes = CONTROL_MAX_BYTES,
	.string_bytes = CONTROL_MAX_BYTES,
	.heap_bytes = 32 * 1024 * 1024,
	.depth = 32,
};

const JsonLimits control_hello_limits = {
	.bytes = 4096,
	.string_bytes = 256,
	.heap_bytes = 64 * 1024,
	.depth = 8,
};

const JsonLimits control_early_limits = {
	.bytes = 256 * 1024,
	.string_bytes = 64 * 1024,
	.heap_bytes = 2 * 1024 * 1024,
	.depth = 16,
};

static const char *const state_names[CONTROL_N_STATES] = {
	"new",	     "greeted", "surveyed", "prepared", "loading",
	"committed", "done",	"refused",  "ended",
};

const char *
control_type_to_string(ControlType type)
{
	return types[type].name;
}

const char *
control_state_to_string(ControlState state)
{
	return state_names[state];
}

gboolean
control_is_allowed(ControlState state, ControlType type)
{
	return (types[type].states & (1u << state)) != 0;
}

int
control_choose_version(gint64 min, gint64 max)
{
	gint64 best = MIN(max, CONTROL_VERSION_MAX);
	return best >= min && best >= CONTROL_VERSION_MIN ? (int)best : 0;
}

void
control_message_clear(ControlMessage *self)
{
	g_clear_pointer(&self->body, json_object_unref);
}

void
control_message_free(ControlMessage *self)
{
	if (self == NULL)
		return;
	control_message_clear(self);
	g_free(self);
}

static gboolean
node_has_type(JsonNode *node, GType type)
{
	if (type == T_OBJECT)
		return JSON_NODE_HOLDS_OBJECT(node);
	if (type == T_ARRAY)
		return JSON_NODE_HOLDS_ARRAY(node);
	return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type &&
	       (type != G_TYPE_STRING || g_utf8_validate(json_node_get_string(node), -1, NULL));
}

static gboolean
check_fields(const TypeInfo *info, JsonObject *body, GError **error)
{
	for (guint i = 0; i < MAX_FIELDS && info->required[i].name != NULL; i++) {
		const char *name = info->required[i].name;
		JsonNode *node = json_object_get_member(body, name);
		if (node != NULL && node_has_type(node, info->required[i].type))
			continue;
		g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL,
			    "control message '%s': field '%s' %s", info->name, name,
			    node == NULL ? "is missing" : "has the wrong type");
		return FALSE;
	}
	return TRUE;
}

static gboolean
find_type(const char *name, ControlType *ret_type, GError **error)
{
	for (guint i = 0; name != NULL && i < CONTROL_N_TYPES; i++) {
		if (strcmp(types[i].name, name) != 0)
			continue;
		*ret_type = i;
		return TRUE;
	}
	if (name == NULL) {
		g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL, "control message without a type");
		return FALSE;
	}
	/* The name goes back to the peer as JSON: do not cut a UTF-8 sequence. */
	g_autofree char *quoted = g_utf8_make_valid(name, (gssize)MIN(strlen(name), 32));
	g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL, "control message of unknown type '%s'",
		    quoted);
	return FALSE;
}

ControlMessage *
control_parse(const char *text, gsize len, GError **error)
{
	g_autoptr(GError) local_error = NULL;
	g_autoptr(JsonNode) root = parse_object(text, len, &control_limits, &local_error);
	if (root == NULL) {
		g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL, "control message: %s",
			    local_error->message);
		return NULL;
	}
	g_autoptr(ControlMessage) message = g_new0(ControlMessage, 1);
	message->body = json_object_ref(json_node_get_object(root));
	if (!find_type(fields_peek_string(message->body, "type", NULL), &message->type, error))
		return NULL;
	const TypeInfo *info = &types[message->type];
	gint64 id = fields_peek_int(message->body, "id", 0);
	if (info->is_request && id <= 0) {
		g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL,
			    "control message '%s' without a positive id", info->name);
		return NULL;
	}
	message->id = info->is_request ? (guint64)id : 0;
	return check_fields(info, message->body, error) ? g_steal_pointer(&message) : NULL;
}

char *
control_format(ControlType type, guint64 id, JsonObject *fields)
{
	g_autoptr(JsonObject) body = fields != NULL ? fields : json_object_new();
	json_object_set_string_member(body, "type", types[type].name);
	if (types[type].is_request)
		json_object_set_int_member(body, "id", (gint64)id);

	g_autoptr(JsonNode) node = json_node_alloc();
	json_node_init_object(node, body);
	g_autofree char *text = json_to_string(node, FALSE);
	return g_strconcat(text, "\n", NULL);
}

JsonObject *
control_error_to_object(const GError *error)
{
	JsonObject *object = json_object_new();
	json_object_set_string_member(object, "code",
				      gw_error_code_to_string(gw_error_code(error)));
	/* The reader knows which host it is from. QEMU's stderr may contain any bytes. */
	g_autofree char *text = g_utf8_make_valid(error_peek_text(error), -1);
	json_object_set_string_member(object, "message", text);
	return object;
}

GError *
control_error_from_object(JsonObject *object)
{
	const char *code = fields_peek_string(object, "code", "failed");
	const char *message = fields_peek_string(object, "message", "the peer gives no reason");
	return g_error_new_literal(GW_ERROR, (gint)gw_error_code_from_string(code), message);
}

static const guint8 preamble_magic[8] = { 'g', 'w', 'd', 'a', 't', 'a', 0, 1 };

void
control_preamble_format(const ControlPreamble *self, guint8 out[CONTROL_PREAMBLE_BYTES])
{
	guint32 index = GUINT32_TO_BE(self->index);
	memcpy(out, preamble_magic, sizeof preamble_magic);
	memcpy(out + sizeof preamble_magic, self->token, CONTROL_TOKEN_BYTES);
	memcpy(out + sizeof preamble_magic + CONTROL_TOKEN_BYTES, &index, sizeof index);
}

gboolean
control_preamble_parse(const guint8 *data, gsize len, ControlPreamble *ret_preamble, GError **error)
{
	if (len != CONTROL_PREAMBLE_BYTES ||
	    memcmp(data, preamble_magic, sizeof preamble_magic) != 0) {
		g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL,
			    "neither a control connection nor a data channel of ours");
		return FALSE;
	}
	guint32 index;
	memcpy(ret_preamble->token, data + sizeof preamble_magic, CONTROL_TOKEN_BYTES);
	memcpy(&index, data + sizeof preamble_magic + CONTROL_TOKEN_BYTES, sizeof index);
	ret_preamble->index = GUINT32_FROM_BE(index);
	return TRUE;
}

char *
control_token_proof(const guint8 token[CONTROL_TOKEN_BYTES])
{
	g_autofree char *digest =
		g_compute_hmac_for_string(G_CHECKSUM_SHA256, token, CONTROL_TOKEN_BYTES,
					  "godwit data channel", -1);
	return g_strndup(digest, 32);
}

char *
control_session_proof(const char *token, ControlType type, const char *session, const char *vm_name)
{
	g_autofree char *text =
		g_strdup_printf("godwit %s\n%s\n%s", types[type].name, session, vm_name);
	return g_compute_hmac_for_string(G_CHECKSUM_SHA256, (const guint8 *)token, strlen(token),
					 text, -1);
}

char *
control_token_to_string(const guint8 token[CONTROL_TOKEN_BYTES])
{
	GString *text = g_string_sized_new(2 * CONTROL_TOKEN_BYTES);
	for (guint i = 0; i < CONTROL_TOKEN_BYTES; i++)
		g_string_append_printf(text, "%02x", token[i]);
	return g_string_free(text, FALSE);
}

gboolean
control_token_from_string(const char *text, guint8 ret_token[CONTROL_TOKEN_BYTES])
{
	if (strlen(text) != 2 * CONTROL_TOKEN_BYTES ||
	    strspn(text, "0123456789abcdef") != 2 * CONTROL_TOKEN_BYTES)
		return FALSE;
	for (guint i = 0; i < CONTROL_TOKEN_BYTES; i++)
		ret_token[i] = (guint8)(g_ascii_xdigit_value(text[2 * i]) * 16 +
					g_ascii_xdigit_value(text[2 * i + 1]));
	return TRUE;
}
