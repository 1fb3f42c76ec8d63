/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Real TCP connections on loopback for tests. They are made by plain blocking calls in one thread:
 * the kernel finishes a connection to a listening socket before anybody accepts it.
 */
#include "tests/rig/tcp-pair.h"

#include <CUnit/CUnit.h>

GSocket *
tcp_listen(const char *address)
{
	g_autoptr(GSocketAddress) where = g_inet_socket_address_new_from_string(address, 0);
	g_autoptr(GSocket) socket = g_socket_new(g_socket_address_get_family(where),
						 G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);

	if (socket == NULL || !g_socket_bind(socket, where, TRUE, NULL) ||
	    !g_socket_listen(socket, NULL))
		return NULL;
	return g_steal_pointer(&socket);
}

GSocket *
tcp_dial(GSocket *listener)
{
	g_autoptr(GSocketAddress) where = g_socket_get_local_address(listener, NULL);
	GSocket *socket = g_socket_new(g_socket_address_get_family(where), G_SOCKET_TYPE_STREAM,
				       G_SOCKET_PROTOCOL_TCP, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(socket);
	CU_ASSERT_TRUE_FATAL(g_socket_connect(socket, where, NULL, NULL));
	return socket;
}

void
tcp_pair(GSocket **ret_dialled, GSocket **ret_accepted)
{
	g_autoptr(GSocket) listener = tcp_listen("127.0.0.1");

	CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
	*ret_dialled = tcp_dial(listener);
	*ret_accepted = g_socket_accept(listener, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(*ret_accepted);
}

void
tcp_send(GSocket *socket, const void *data, gsize len)
{
	const char *bytes = data;

	while (len > 0) {
		gssize n = g_socket_send_with_blocking(socket, bytes, len, TRUE, NULL, NULL);
		CU_ASSERT_TRUE_FATAL(n > 0);
		bytes += n;
		len -= (gsize)n;
	}
}
