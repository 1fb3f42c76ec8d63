/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/**
 * qmp_socket_connect:
 * @path: a UNIX socket
 *
 * Does not block.
 *
 * Returns: (transfer full): connected and non-blocking; NULL with %G_IO_ERROR, or with
 *   %QMP_ERROR_BUSY when the queue of the listener is full
 */
GSocket *qmp_socket_connect(const char *path, GError **error);

/* The pid of the peer, or 0. */
pid_t qmp_socket_get_peer_pid(GSocket *socket);

/**
 * qmp_socket_send:
 * @fds: (nullable): sent with the first byte
 *
 * Returns: how many bytes were sent, 0 when the socket is full, -1 with %G_IO_ERROR
 */
gssize qmp_socket_send(GSocket *socket, const char *text, gsize len, GSocketControlMessage *fds,
		       GError **error);
