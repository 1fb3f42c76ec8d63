/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "engine/control/clock.h"
#include "engine/control/control.h"

/* One control connection, on either side. Lives in the thread-default main context. */
typedef struct ControlConn ControlConn;

/* Called for a request or a notice; pings and replies are handled before. (transfer none) */
typedef void (*ControlHandler)(ControlConn *conn, ControlMessage *message, gpointer data);

/* Takes over a connected socket. @handler is called from the loop and must only record what it
 * gets. */
ControlConn *control_conn_new(GSocket *socket, ControlHandler handler, gpointer data);
void control_conn_free(ControlConn *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ControlConn, control_conn_free);

/* Takes bytes that were read from the socket before, as if they arrived now. */
void control_conn_take(ControlConn *self, const void *bytes, gsize n_bytes);
/* What a message may hold, from the next one on; %control_limits without it. @limits: copied */
void control_conn_set_limits(ControlConn *self, const JsonLimits *limits);
/* Tells the peer why and ends the connection with that error. (transfer full) @error */
void control_conn_reject(ControlConn *self, GError *error);

/**
 * control_conn_set_heartbeat:
 * @interval_ms: the interval between two pings
 * @silence_ms: the silence after which the peer counts as lost
 *
 * The pings are used for the clock too.
 */
void control_conn_set_heartbeat(ControlConn *self, guint interval_ms, guint silence_ms);

/* Never blocks, never fails: a lost peer is found by control_conn_get_error(). (transfer full)
 * @fields */
void control_conn_notify(ControlConn *self, ControlType type, JsonObject *fields);
void control_conn_reply(ControlConn *self, guint64 id, JsonObject *fields);
void control_conn_reply_error(ControlConn *self, guint64 id, const GError *error);

/**
 * control_conn_call:
 * @fields: (nullable) (transfer full)
 *
 * Sends a request and runs the main loop until the answer arrives.
 *
 * Returns: (transfer full): the reply; NULL with the peer's own error, %GW_ERROR_PEER_LOST,
 *   %GW_ERROR_PROTOCOL or %G_IO_ERROR_CANCELLED
 */
JsonObject *control_conn_call(ControlConn *self, ControlType type, JsonObject *fields,
			      int timeout_ms, GCancellable *cancellable, GError **error);

/* The same in two steps, so that the caller can do something meanwhile. The second step frees the
 * call. */
typedef struct ControlCall ControlCall;
ControlCall *control_conn_begin(ControlConn *self, ControlType type, JsonObject *fields);
/* Returns whether the peer has answered by now. */
gboolean control_call_is_answered(const ControlCall *call);
JsonObject *
control_call_finish(ControlCall *call, int timeout_ms, GCancellable *cancellable, GError **error);
void control_call_free(ControlCall *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ControlCall, control_call_free);

/* The error that ended the connection, or NULL while it is good. */
const GError *control_conn_get_error(ControlConn *self);
const Clock *control_conn_get_clock(ControlConn *self);
/* Asks the peer for its clock once more, and waits for the answer, at most @timeout_ms. */
void control_conn_ask_clock(ControlConn *self, int timeout_ms);
/* Sends the queued messages, for at most @timeout_ms, and closes. */
void control_conn_close(ControlConn *self, int timeout_ms);
