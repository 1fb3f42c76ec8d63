/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/control/control-conn.h"
#include "engine/control/dialer.h"

/* The agent as the source speaks with it. */

typedef struct {
	Dialer *dialer; /* for its data channels too */
	ControlConn *conn;
	char *agent_id;	       /* who it is, for as long as its state folder lives */
	char *host_name;       /* for messages */
	ControlCall *path_try; /* (nullable) */
} Peer;

void peer_free(Peer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Peer, peer_free);

guint peer_timeout_ms(const PeerAddress *address);
/* From now on a peer that is cut off is lost @timeout_ms later; for both sides. */
void peer_watch(ControlConn *conn, guint timeout_ms);

/* Sends a message that is larger than a jumbo frame. It is only looked at when the peer is lost:
 * see peer_explain_loss(). The call ends with the peer. */
void peer_try_path(Peer *self);
/* Adds to %GW_ERROR_PEER_LOST that large messages vanish on the way, if that seems to be the
 * reason. */
void peer_explain_loss(Peer *self, GError **error);

/**
 * peer_connect:
 * @handler: for the agent's notices
 *
 * Connects and agrees on a version.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_UNKNOWN_HOST, %GW_ERROR_UNREACHABLE,
 *   %GW_ERROR_INSECURE, %GW_ERROR_PROTOCOL, %GW_ERROR_PEER_LOST or %G_IO_ERROR_CANCELLED
 */
Peer *peer_connect(const PeerAddress *address, ControlHandler handler, gpointer data,
		   GCancellable *cancellable, GError **error);

typedef enum {
	PEER_OUTCOME_UNKNOWN,
	PEER_OUTCOME_RUNNING, /* the guest was taken over there */
	PEER_OUTCOME_GONE,    /* it is not, and by this session never will be */
	PEER_OUTCOME_DEAD,    /* it may have run there, and its QEMU is proven dead */
	N_PEER_OUTCOMES,
} PeerOutcome;

PeerOutcome peer_outcome_from_reply(JsonObject *reply);
const char *peer_outcome_to_string(PeerOutcome outcome);

/* A session, and what its source proves itself with; all members are borrowed. */
typedef struct {
	const char *session;
	const char *vm_name; /* as the survey named it */
	const char *token;   /* as the agent gave it */
	const char *
		agent_id; /* of the agent that gave it: another at the same address knows nothing */
} PeerSession;

/**
 * peer_ask_outcome:
 *
 * Asks on a connection of its own what became of @session. After PEER_OUTCOME_GONE the agent will
 * never run it.
 *
 * Returns: PEER_OUTCOME_UNKNOWN with @error set when it could not be asked, does not know itself or
 *   rejects the proof; PEER_OUTCOME_DEAD with @error set to what the agent says of it;
 *   PEER_OUTCOME_RUNNING with @error set where the guest was taken over and its QEMU is proven to
 *   have died since
 */
PeerOutcome
peer_ask_outcome(const PeerAddress *address, const PeerSession *session, GError **error);

/* Tells the agent, on the session's own connection, that the source will never ask again. %FALSE
 * when that is not certain: the source's journal has to stay. */
gboolean peer_send_done(ControlConn *conn, const PeerSession *session, guint timeout_ms,
			GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same on a connection of its own. */
gboolean peer_tell_done(const PeerAddress *address, const PeerSession *session);
