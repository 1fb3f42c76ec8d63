/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Sockets and their options.
 *
 * The heartbeat of the control connection and the watch on the data channels (tcp-info.c) notice a
 * lost peer; keep-alive is for connections that neither of them watches. TCP_USER_TIMEOUT is not
 * set: Linux counts a closed receive window against it (tcp_probe_timer). A destination QEMU that
 * loads a large device state reads nothing meanwhile, so the option would cut a healthy stream.
 */
#include "engine/control/net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pkt_sched.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib-unix.h>

#include "engine/gw-error.h"

#define CONNECT_TIMEOUT_S  5
#define IPV6_NETWORK_BYTES 8

typedef struct {
	int level;
	int option;
	int value;
} SocketOption;

/* No delay for data either: QEMU's last bytes do not fill a segment, and would wait for a round
 * trip. */
static const SocketOption common_options[] = {
	{ IPPROTO_TCP, TCP_NODELAY, 1 },   { SOL_SOCKET, SO_KEEPALIVE, 1 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, 5 },  /* seconds */
	{ IPPROTO_TCP, TCP_KEEPINTVL, 2 }, /* seconds */
	{ IPPROTO_TCP, TCP_KEEPCNT, 5 },
};

/*
 * Control messages go before the stream in every queue that has priorities: the guest is stopped
 * while a request and its answer are under way. Through a full queue of 200 Mbit/s (tbf over
 * pfifo_fast, Linux's default) a round trip takes 0.1 ms in place of 11 to 16. The priority is set
 * last, because the field in the packets sets another one.
 */
static const SocketOption control_options[] = {
	{ IPPROTO_IP, IP_TOS, IPTOS_DSCP_AF21 },
	{ IPPROTO_IPV6, IPV6_TCLASS, IPTOS_DSCP_AF21 },
	{ SOL_SOCKET, SO_PRIORITY, TC_PRIO_INTERACTIVE },
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

/* An IPv4 address of an IPv6 socket (::ffff:127.0.0.1) counts as this IPv4 address. */
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

gboolean
net_check_local(const char *text, GError **error)
{
	g_autoptr(GInetAddress) address = g_inet_address_new_from_string(text);
	if (address != NULL)
		return TRUE;
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "'%s' is not an IP address",
		    text);
	return FALSE;
}

static gboolean
set_congestion(int fd, const char *name, GError **error)
{
	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) == 0)
		return TRUE;
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
		    "congestion control '%s' is not available: %s", name,
		    errno == ENOENT ? "this kernel does not have it" : g_strerror(errno));
	return FALSE;
}

gboolean
net_check_congestion(const char *name, GError **error)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	gboolean can_be_had = set_congestion(fd, name, error);
	if (fd >= 0)
		close(fd);
	return can_be_had;
}

/*
 * An algorithm that paces by itself, as bbr does without the qdisc fq, needs a timer for every few
 * segments: over loopback 1.0 CPU seconds a GiB with bbr, 0.4 with cubic and reno (medians of 5), a
 * quarter of the throughput; at 200 Mbit/s and 1 Gbit/s they send as much. So bbr is for users who
 * ask for it, on long links with loss.
 */
const char *
net_choose_congestion(void)
{
	static const char *const better[] = { "cubic", "reno" };
	char system[32] = "";
	socklen_t len = sizeof system - 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *chosen = NULL;
	if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, system, &len) == 0 &&
	    g_str_has_prefix(system, "bbr"))
		for (guint i = 0; chosen == NULL && i < G_N_ELEMENTS(better); i++)
			if (set_congestion(fd, better[i], NULL))
				chosen = better[i];
	if (fd >= 0)
		close(fd);
	return chosen;
}

static gboolean
tune(GSocket *socket, const NetTuning *tuning, GError **error)
{
	int fd = g_socket_get_fd(socket);
	if (tuning->unsent_bytes > 0 &&
	    !g_socket_set_option(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
				 (gint)MIN(tuning->unsent_bytes, G_MAXINT), error))
		return FALSE;
	return tuning->congestion == NULL || set_congestion(fd, tuning->congestion, error);
}

/* A name that this host cannot resolve says nothing about an agent. */
static void
set_dial_error(GError **error, const char *host, guint16 port, const char *local, GError *cause)
{
	if (g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		g_propagate_error(error, g_error_copy(cause));
	else if (cause->domain == G_RESOLVER_ERROR)
		g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN_HOST,
			    "the name '%s' does not resolve to an address: %s", host,
			    cause->message);
	else
		g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE, "no agent at %s port %u%s%s: %s",
			    host, port, local != NULL ? " from " : "", local != NULL ? local : "",
			    cause->message);
}

static GSocketConnection *
dial(const char *host, guint16 port, const char *local, GCancellable *cancellable, GError **error)
{
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_socket_client_set_enable_proxy(client, FALSE);
	g_socket_client_set_timeout(client, CONNECT_TIMEOUT_S);
	g_autoptr(GSocketAddress) from =
		local != NULL ? g_inet_socket_address_new_from_string(local, 0) : NULL;
	g_socket_client_set_local_address(client, from);

	g_autoptr(GSocketConnectable) target = g_network_address_new(host, port);
	g_autoptr(GError) cause = NULL;
	GSocketConnection *connection =
		g_socket_client_connect(client, target, cancellable, &cause);
	if (connection == NULL)
		set_dial_error(error, host, port, local, cause);
	return connection;
}

int
net_dup(GSocket *socket, GError **error)
{
	int fd = fcntl(g_socket_get_fd(socket), F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		g_set_error(error, GW_ERROR, GW_ERROR_FAILED,
			    "there is no free descriptor for a connection: %s", g_strerror(errno));
	return fd;
}

int
net_dup_blocking(GSocket *socket, GError **error)
{
	int fd = net_dup(socket, error);
	if (fd >= 0)
		g_unix_set_fd_nonblocking(fd, FALSE, NULL);
	return fd;
}

GSocket *
net_connect(const char *host, guint16 port, NetUse use, gboolean insecure, const NetTuning *tuning,
	    GCancellable *cancellable, GError **error)
{
	static const NetTuning none = { 0 };
	const NetTuning *wanted = tuning != NULL ? tuning : &none;
	g_autoptr(GSocketConnection) connection = dial(wanted->host != NULL ? wanted->host : host,
						       port, wanted->local, cancellable, error);
	if (connection == NULL)
		return NULL;
	GSocket *socket = g_socket_connection_get_socket(connection);
	if (!insecure && !net_is_loopback(socket)) {
		g_autofree char *peer = net_peer_to_string(socket);
		g_set_error(error, GW_ERROR, GW_ERROR_INSECURE,
			    "%s is off loopback and the connection is plain text: "
			    "give --insecure on both hosts if you trust every host of that network",
			    peer);
		return NULL;
	}
	g_socket_set_timeout(socket, 0);
	net_set_options(socket, use);
	if (!tune(socket, wanted, error))
		return NULL;
	/* The connection closes its socket when it is freed: keep our own descriptor. */
	int fd = net_dup(socket, error);
	return fd >= 0 ? g_socket_new_from_fd(fd, error) : NULL;
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
