/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Sockets and their options.
 *
 * Whether a peer lives is told by the control connection's heartbeat and by looks at the data channels
 * (tcp-look.c); keep-alive is for what neither of them watches. TCP_USER_TIMEOUT is not set: Linux counts a
 * closed receive window against it (tcp_probe_timer), and a destination QEMU that loads a large device state
 * reads nothing for as long as that takes, so the option would cut a healthy stream.
 */
#include "engine/net.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "engine/gw-error.h"

#define CONNECT_TIMEOUT_S  5
#define IPV6_NETWORK_BYTES 8

typedef struct {
	int level;
	int option;
	int value;
} SocketOption;

static const SocketOption common_options[] = {
	{ SOL_SOCKET, SO_KEEPALIVE, 1 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, 5 },  /* seconds */
	{ IPPROTO_TCP, TCP_KEEPINTVL, 2 }, /* seconds */
	{ IPPROTO_TCP, TCP_KEEPCNT, 5 },
};

static const SocketOption control_options[] = {
	{ IPPROTO_TCP, TCP_NODELAY, 1 },
};

static void
set_options(GSocket *socket, const SocketOption *options, gsize n_options)
{
	for (gsize i = 0; i < n_options; i++) {
		g_autoptr(GError) error = NULL;
		if (!g_socket_set_option(socket, options[i].level, options[i].option,
					 options[i].value, &error))
			g_debug("socket option %d: %s", options[i].option, error->message);
	}
}

void
net_set_options(GSocket *socket, NetUse use)
{
	set_options(socket, common_options, G_N_ELEMENTS(common_options));
	if (use == NET_CONTROL)
		set_options(socket, control_options, G_N_ELEMENTS(control_options));
}

static GInetSocketAddress *
get_peer(GSocket *socket)
{
	g_autoptr(GSocketAddress) address = g_socket_get_remote_address(socket, NULL);
	if (address == NULL || !G_IS_INET_SOCKET_ADDRESS(address))
		return NULL;
	return G_INET_SOCKET_ADDRESS(g_steal_pointer(&address));
}

/* An IPv4 address that comes through an IPv6 socket (::ffff:127.0.0.1) is what it stands for. */
static gboolean
is_loopback_address(GInetAddress *address)
{
	static const guint8 mapped_loopback[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127 };
	if (g_inet_address_get_is_loopback(address))
		return TRUE;
	return g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV6 &&
	       memcmp(g_inet_address_to_bytes(address), mapped_loopback, sizeof mapped_loopback) ==
		       0;
}

gboolean
net_is_loopback(GSocket *socket)
{
	g_autoptr(GInetSocketAddress) peer = get_peer(socket);
	return peer != NULL && is_loopback_address(g_inet_socket_address_get_address(peer));
}

char *
net_peer_to_string(GSocket *socket)
{
	g_autoptr(GInetSocketAddress) peer = get_peer(socket);
	if (peer == NULL)
		return g_strdup("an unknown address");
	return g_socket_connectable_to_string(G_SOCKET_CONNECTABLE(peer));
}

char *
net_peer_group(GSocket *socket)
{
	g_autoptr(GInetSocketAddress) peer = get_peer(socket);
	if (peer == NULL)
		return g_strdup("");
	GInetAddress *address = g_inet_socket_address_get_address(peer);
	g_autofree char *text = g_inet_address_to_string(address);
	if (g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV4)
		return g_steal_pointer(&text);
	if (g_str_has_prefix(text, "::ffff:"))
		return g_strdup(text + strlen("::ffff:"));
	const guint8 *bytes = g_inet_address_to_bytes(address);
	GString *group = g_string_new("v6:");
	for (guint i = 0; i < IPV6_NETWORK_BYTES; i++)
		g_string_append_printf(group, "%02x", bytes[i]);
	return g_string_free(group, FALSE);
}

GSocket *
net_connect(const char *host, guint16 port, NetUse use, gboolean insecure,
	    GCancellable *cancellable, GError **error)
{
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_socket_client_set_enable_proxy(client, FALSE);
	g_socket_client_set_timeout(client, CONNECT_TIMEOUT_S);

	g_autoptr(GSocketConnectable) target = g_network_address_new(host, port);
	g_autoptr(GError) local_error = NULL;
	g_autoptr(GSocketConnection) connection =
		g_socket_client_connect(client, target, cancellable, &local_error);
	if (connection == NULL && g_error_matches(local_error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
		g_propagate_error(error, g_steal_pointer(&local_error));
		return NULL;
	}
	if (connection == NULL) {
		g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE, "no agent at %s port %u: %s",
			    host, port, local_error->message);
		return NULL;
	}
	GSocket *socket = g_socket_connection_get_socket(connection);
	if (!insecure && !net_is_loopback(socket)) {
		g_autofree char *peer = net_peer_to_string(socket);
		g_set_error(error, GW_ERROR, GW_ERROR_INSECURE,
			    "%s is off loopback and the connection is plain text: "
			    "say --insecure on both hosts if that network is yours alone",
			    peer);
		return NULL;
	}
	g_socket_set_timeout(socket, 0);
	net_set_options(socket, use);
	/* The connection closes its socket when it goes: keep a descriptor of our own. */
	return g_socket_new_from_fd(fcntl(g_socket_get_fd(socket), F_DUPFD_CLOEXEC, 3), error);
}

gboolean
net_parse_address(const char *text, guint16 default_port, char **ret_host, guint16 *ret_port,
		  GError **error)
{
	g_autoptr(GError) local_error = NULL;
	gboolean has_host = *text != '\0' && (*text != ':' || text[1] == ':'); /* "::1" is one */
	g_autoptr(GSocketConnectable) parsed =
		has_host ? g_network_address_parse(text, default_port, &local_error) : NULL;
	if (parsed == NULL) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
			    "'%s' is not an address of the form HOST[:PORT]", text);
		return FALSE;
	}
	GNetworkAddress *address = G_NETWORK_ADDRESS(parsed);
	*ret_host = g_strdup(g_network_address_get_hostname(address));
	*ret_port = g_network_address_get_port(address);
	return TRUE;
}
