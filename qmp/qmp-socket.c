/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The system calls of a monitor's UNIX socket. Each returns at once. No state.
 *
 * A UNIX socket connects at once or not at all: when the listener's queue is full the kernel
 * answers EAGAIN. QEMU's queue holds one connection, and QEMU accepts none while it has a client.
 * So a full queue means that one client is connected and another one waits.
 */
#include "qmp/qmp-socket.h"

#include <gio/gunixfdmessage.h>
#include <gio/gunixsocketaddress.h>
#include <sys/un.h>

#include "qmp/qmp-error.h"

static gboolean
check_path(const char *path, GError **error)
{
	const gsize max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (*path != '\0' && strlen(path) <= max)
		return TRUE;
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_FILENAME,
		    "the path of a socket must have 1 to %zu bytes", max);
	return FALSE;
}

static gboolean
connect_now(GSocket *socket, const char *path, GError **error)
{
	g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
	g_autoptr(GError) cause = NULL;

	if (g_socket_connect(socket, address, NULL, &cause))
		return TRUE;
	if (g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) {
		g_set_error_literal(error, QMP_ERROR, QMP_ERROR_BUSY,
				    "the monitor is busy: other clients already wait for it");
		return FALSE;
	}
	g_propagate_error(error, g_steal_pointer(&cause));
	return FALSE;
}

GSocket *
qmp_socket_connect(const char *path, GError **error)
{
	if (!check_path(path, error))
		return NULL;
	g_autoptr(GSocket) socket = g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM,
						 G_SOCKET_PROTOCOL_DEFAULT, error);
	if (socket == NULL)
		return NULL;
	g_socket_set_blocking(socket, FALSE);
	if (!connect_now(socket, path, error))
		return NULL;
	return g_steal_pointer(&socket);
}

pid_t
qmp_socket_get_peer_pid(GSocket *socket)
{
	g_autoptr(GCredentials) credentials = g_socket_get_credentials(socket, NULL);

	if (credentials == NULL)
		return 0;
	return MAX(g_credentials_get_unix_pid(credentials, NULL), 0);
}

gssize
qmp_socket_send(GSocket *socket, const char *text, gsize len, GSocketControlMessage *fds,
		GError **error)
{
	GOutputVector vector = { text, len };
	g_autoptr(GError) cause = NULL;

	gssize n = g_socket_send_message(socket, NULL, &vector, 1, fds != NULL ? &fds : NULL,
					 fds != NULL ? 1 : 0, G_SOCKET_MSG_NONE, NULL, &cause);
	if (n >= 0)
		return n;
	if (g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
		return 0;
	g_propagate_error(error, g_steal_pointer(&cause));
	return -1;
}
