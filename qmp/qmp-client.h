/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#include "qmp/qmp-error.h"

/* One QMP monitor. It lives in the main context that is the thread's default when it is created;
 * every callback and signal comes there. It never blocks, and it always reads: QEMU stalls when
 * nobody reads. See qmp-client.c for the states. */
#define QMP_TYPE_CLIENT (qmp_client_get_type())
G_DECLARE_FINAL_TYPE(QmpClient, qmp_client, QMP, CLIENT, GObject)

/**
 * QmpClient::event:
 * @name: as QEMU spells it
 * @data: (nullable): the event's data object
 * @timestamp_us: QEMU's wall clock, microseconds since the epoch
 *
 * void (*)(QmpClient *self, const char *name, JsonObject *data, gint64 timestamp_us, gpointer)
 *
 * QmpClient::closed:
 * @error: why; %QMP_ERROR_CLOSED or %QMP_ERROR_PROTOCOL
 *
 * void (*)(QmpClient *self, GError *error, gpointer); emitted once, after every pending command has
 * failed. Not emitted after qmp_client_close(): its caller knows already.
 */

/**
 * qmp_client_connect_async:
 * @path: the monitor's UNIX socket
 * @timeout_ms: for the connection, the greeting and the negotiation together
 *
 * Enables out-of-band execution where QEMU offers it.
 *
 * Errors of the finish: %G_IO_ERROR (no such socket, refused, cancelled), %QMP_ERROR_BUSY when no
 * greeting came in time or other clients already wait for the monitor, %QMP_ERROR_TIMED_OUT when
 * the greeting came but the negotiation did not end, %QMP_ERROR_PROTOCOL, %QMP_ERROR_CLOSED. Events
 * that QEMU sent before are lost: ask for the state (query-status, query-migrate) before you trust
 * events.
 */
void qmp_client_connect_async(const char *path, guint timeout_ms, GCancellable *cancellable,
			      GAsyncReadyCallback callback, gpointer data);
QmpClient *qmp_client_connect_finish(GAsyncResult *result, GError **error);

/* As above, but runs the loop until it is done: for code that has its own context. */
QmpClient *
qmp_client_connect(const char *path, guint timeout_ms, GCancellable *cancellable, GError **error);

typedef struct {
	/* Sent with the command by SCM_RIGHTS; -1 for none. It is duplicated: the caller keeps its
	 * own. */
	int fd;
	gboolean oob;	  /* out of band; %QMP_ERROR_GENERIC if the monitor does not offer it */
	guint timeout_ms; /* 0: the client's own (qmp_client_set_timeout) */
} QmpExecOptions;

/**
 * qmp_client_execute_async:
 * @arguments: (nullable) (transfer full): an object node
 * @options: (nullable): NULL for no descriptor, in band, the client's own time-out
 *
 * A time-out ends the wait but not the connection: the late reply is dropped. A cancel works the
 * same way. QEMU still runs the command, unless it was still in our queue: then it is never sent.
 * (QEMU gets at most eight commands at a time, and only one with a descriptor.)
 */
void qmp_client_execute_async(QmpClient *self, const char *command, JsonNode *arguments,
			      const QmpExecOptions *options, GCancellable *cancellable,
			      GAsyncReadyCallback callback, gpointer data);
/* (transfer full): the value of "return"; NULL with %QMP_ERROR or %G_IO_ERROR_CANCELLED. */
JsonNode *qmp_client_execute_finish(QmpClient *self, GAsyncResult *result, GError **error);

/* As above, but runs the loop until it is done. */
JsonNode *qmp_client_execute(QmpClient *self, const char *command, JsonNode *arguments,
			     const QmpExecOptions *options, GError **error);

#define QMP_TIMEOUT_MS 10000 /* of a command, unless something else was set */
void qmp_client_set_timeout(QmpClient *self, guint timeout_ms);
gboolean qmp_client_has_oob(QmpClient *self);
gboolean qmp_client_is_closed(QmpClient *self);
/* The greeting's "QMP" object: {"version", "capabilities"}; (transfer none). */
JsonObject *qmp_client_get_greeting(QmpClient *self);
/* The pid of the peer as the kernel reports it (SO_PEERCRED), or 0. */
pid_t qmp_client_get_peer_pid(QmpClient *self);
/* Closes at once; pending commands end with %QMP_ERROR_CLOSED. May be called twice. */
void qmp_client_close(QmpClient *self);
