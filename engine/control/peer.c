/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The agent seen from the source: the greeting, and the questions that a source asks when it comes
 * back after a break. Those use a connection of their own, since the session's is lost by then.
 */
#include "engine/control/peer.h"

#include "engine/util/json-fields.h"
#include "engine/gw-error.h"

#define HELLO_TIMEOUT_MS   5000
#define OUTCOME_TIMEOUT_MS 60000 /* the agent may first have to end what still runs there */
#define DONE_TIMEOUT_MS	   5000

void
peer_free(Peer *self)
{
	if (self == NULL)
		return;
	control_call_free(self->path_try);
	control_conn_free(self->conn);
	dialer_free(self->dialer);
	g_free(self->agent_id);
	g_free(self->host_name);
	g_free(self);
}

guint
peer_timeout_ms(const PeerAddress *address)
{
	return address->timeout_ms > 0 ? address->timeout_ms : PEER_TIMEOUT_MS;
}

/* It was heard of last before the cut, and is looked for each tenth of the time. */
void
peer_watch(ControlConn *conn, guint timeout_ms)
{
	control_conn_set_heartbeat(conn, timeout_ms / 10, timeout_ms / 10 * 9);
}

static gboolean
say_hello(Peer *self, guint timeout_ms, GCancellable *cancellable, GError **error)
{
	JsonObject *hello = json_object_new();
	JsonArray *versions = json_array_new();
	json_array_add_int_element(versions, CONTROL_VERSION_MIN);
	json_array_add_int_element(versions, CONTROL_VERSION_MAX);
	json_object_set_array_member(hello, "versions", versions);
	json_object_set_int_member(hello, "timeout_ms", timeout_ms);

	g_autoptr(JsonObject) reply = control_conn_call(self->conn, CONTROL_HELLO, hello,
							HELLO_TIMEOUT_MS, cancellable, error);
	if (reply == NULL)
		return FALSE;
	self->agent_id = g_strdup(fields_peek_string(reply, "agent", NULL));
	self->host_name = g_strdup(fields_peek_string(reply, "host", NULL));
	if (self->agent_id != NULL && self->host_name != NULL)
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL,
		    "the agent's greeting does not contain its id");
	return FALSE;
}

Peer *
peer_connect(const PeerAddress *address, ControlHandler handler, gpointer data,
	     GCancellable *cancellable, GError **error)
{
	g_autoptr(Peer) self = g_new0(Peer, 1);
	self->dialer = dialer_new(address, error);
	if (self->dialer == NULL)
		return NULL;
	g_autoptr(GSocket) socket =
		dialer_connect(self->dialer, NET_CONTROL, NULL, NULL, cancellable, error);
	if (socket == NULL)
		return NULL;
	self->conn = control_conn_new(socket, handler, data);
	if (say_hello(self, peer_timeout_ms(address), cancellable, error))
		return g_steal_pointer(&self);
	g_prefix_error(error, "agent at %s port %u: ", address->host, address->port);
	return NULL;
}

void
peer_try_path(Peer *self)
{
	g_autofree char *padding = g_strnfill(CONTROL_PADDING_BYTES, 'x');
	JsonObject *fields = json_object_new();
	json_object_set_string_member(fields, "padding", padding);
	g_clear_pointer(&self->path_try, control_call_free);
	self->path_try = control_conn_begin(self->conn, CONTROL_PING, fields);
}

/* The greeting went both ways, in small packets. */
void
peer_explain_loss(Peer *self, GError **error)
{
	if (self->path_try == NULL || control_call_is_answered(self->path_try) ||
	    !g_error_matches(*error, GW_ERROR, GW_ERROR_PEER_LOST))
		return;
	g_autofree char *text = g_strdup_printf(
		"%s; small messages arrived and one of %d bytes did not: perhaps the MTU of a "
		"host's interface is larger than that of the path (try 'ping -M do -s 8972')",
		(*error)->message, CONTROL_PADDING_BYTES);
	g_free((*error)->message);
	(*error)->message = g_steal_pointer(&text);
}

static const char *const outcome_words[] = {
	[PEER_OUTCOME_UNKNOWN] = "unknown",
	[PEER_OUTCOME_RUNNING] = "running",
	[PEER_OUTCOME_GONE] = "gone",
	[PEER_OUTCOME_DEAD] = "dead",
};

const char *
peer_outcome_to_string(PeerOutcome outcome)
{
	return outcome_words[outcome];
}

PeerOutcome
peer_outcome_from_reply(JsonObject *reply)
{
	const char *word = fields_peek_string(reply, "outcome", "unknown");
	for (guint i = 0; i < G_N_ELEMENTS(outcome_words); i++)
		if (g_strcmp0(word, outcome_words[i]) == 0)
			return i;
	return PEER_OUTCOME_UNKNOWN;
}

/* Keeps the reason of an agent that turns us away. */
static void
note_refusal(ControlConn *conn, ControlMessage *message, gpointer data)
{
	GError **refusal = data;
	if (message->type == CONTROL_FAILED && *refusal == NULL)
		*refusal = control_error_from_object(
			json_object_get_object_member(message->body, "error"));
}

/* As peer_connect(), for one question; the reason of a refusal is the agent's own. */
static Peer *
connect_to_ask(const PeerAddress *address, GError **refusal, GError **error)
{
	Peer *peer = peer_connect(address, note_refusal, refusal, NULL, error);
	if (peer == NULL && *refusal != NULL) {
		g_clear_error(error);
		g_propagate_error(error, g_error_copy(*refusal));
	}
	return peer;
}

static JsonObject *
session_fields(const PeerSession *session, ControlType type)
{
	g_autofree char *proof =
		control_session_proof(session->token, type, session->session, session->vm_name);
	JsonObject *object = json_object_new();
	json_object_set_string_member(object, "session", session->session);
	json_object_set_string_member(object, "vm", session->vm_name);
	json_object_set_string_member(object, "proof", proof);
	return object;
}

/* A journal that was cut short may lack the one or the other. */
static gboolean
check_session(const PeerSession *session, GError **error)
{
	if (session->session != NULL && session->vm_name != NULL && session->token != NULL)
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN,
		    "nothing here proves to the agent that the session is ours");
	return FALSE;
}

static gboolean
check_agent(const Peer *peer, const PeerAddress *address, const PeerSession *session,
	    GError **error)
{
	if (g_strcmp0(peer->agent_id, session->agent_id) == 0)
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN,
		    "the agent at %s port %u has another state folder than the one that took "
		    "the guest: it cannot know",
		    address->host, address->port);
	return FALSE;
}

PeerOutcome
peer_ask_outcome(const PeerAddress *address, const PeerSession *session, GError **error)
{
	g_autoptr(GError) refusal = NULL;
	g_autoptr(Peer) peer =
		check_session(session, error) ? connect_to_ask(address, &refusal, error) : NULL;
	if (peer == NULL || !check_agent(peer, address, session, error))
		return PEER_OUTCOME_UNKNOWN;
	g_autoptr(JsonObject) reply = control_conn_call(peer->conn, CONTROL_OUTCOME,
							session_fields(session, CONTROL_OUTCOME),
							OUTCOME_TIMEOUT_MS, NULL, error);
	if (reply == NULL)
		return PEER_OUTCOME_UNKNOWN;
	PeerOutcome outcome = peer_outcome_from_reply(reply);
	const char *text = fields_peek_string(reply, "text", NULL);
	const char *reason = text != NULL ? text : "no reason given";
	if (outcome == PEER_OUTCOME_UNKNOWN)
		g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN, "the agent cannot tell: %s", reason);
	else if (outcome == PEER_OUTCOME_DEAD || (outcome == PEER_OUTCOME_RUNNING && text != NULL))
		g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN, "%s", reason);
	return outcome;
}

gboolean
peer_send_done(ControlConn *conn, const PeerSession *session, guint timeout_ms, GError **error)
{
	if (!check_session(session, error))
		return FALSE;
	g_autoptr(JsonObject) reply =
		control_conn_call(conn, CONTROL_DONE, session_fields(session, CONTROL_DONE),
				  timeout_ms, NULL, error);
	return reply != NULL;
}

gboolean
peer_tell_done(const PeerAddress *address, const PeerSession *session)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) refusal = NULL;
	g_autoptr(Peer) peer =
		check_session(session, &error) ? connect_to_ask(address, &refusal, &error) : NULL;
	if (peer != NULL && check_agent(peer, address, session, &error) &&
	    peer_send_done(peer->conn, session, DONE_TIMEOUT_MS, &error))
		return TRUE;
	g_debug("session %s: the agent was not told that we are done: %s", session->session,
		error->message);
	return FALSE;
}
