/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Addresses as users write them, and who counts as being on this very host: with real sockets.
 */
#include <CUnit/CUnit.h>
#include <linux/pkt_sched.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>

#include "engine/gw-error.h"
#include "engine/control/net.h"
#include "tests/rig/tcp-pair.h"
#include "tests/rig/test-util.h"

static void
addresses_are_read(void)
{
	static const struct {
		const char *text;
		const char *host;
		guint16 port;
	} rows[] = {
		{ "127.0.0.1", "127.0.0.1", 49160 },
		{ "127.0.0.1:7", "127.0.0.1", 7 },
		{ "[::1]:7", "::1", 7 },
		{ "[::1]", "::1", 49160 },
		{ "::1", "::1", 49160 },
		{ "fe80::1%lo", "fe80::1%lo", 49160 },
		{ "db2.example", "db2.example", 49160 },
		{ "db2.example:65535", "db2.example", 65535 },
		{ "0.0.0.0:1", "0.0.0.0", 1 },
		{ "localhost:0", "localhost", 0 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *host = NULL;
		g_autoptr(GError) error = NULL;
		guint16 port = 1;
		CU_ASSERT_TRUE(net_parse_address(rows[i].text, 49160, &host, &port, &error));
		TEST_NO_ERROR(error);
		TEST_STRING(host, rows[i].host);
		CU_ASSERT_EQUAL(port, rows[i].port);
	}
}

static void
other_texts_are_refused(void)
{
	static const char *const texts[] = {
		"",	":7",	  "host:",  "host:65536", "host:-1", "host:7x",
		"[::1", "[::1]7", "[::1]:", "[::1]:x",	  "host: 7", "host:no-such-service"
	};
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autofree char *host = NULL;
		g_autoptr(GError) error = NULL;
		g_autofree char *message =
			g_strdup_printf("'%s' is not an address of the form HOST[:PORT]", texts[i]);
		guint16 port = 0;
		CU_ASSERT_FALSE(net_parse_address(texts[i], 49160, &host, &port, &error));
		TEST_ERROR(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, message);
		CU_ASSERT_PTR_NULL(host);
	}
}

/* Both ends of a connection to @dial, accepted by a listener on @listen, are on loopback. */
static gboolean
check_loopback(const char *listen, const char *dial)
{
	g_autoptr(GSocket) listener = tcp_listen(listen);
	if (listener == NULL)
		return FALSE;
	g_autoptr(GSocketAddress) bound = g_socket_get_local_address(listener, NULL);
	g_autoptr(GError) error = NULL;
	guint16 port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound));
	g_autoptr(GSocket) dialled =
		net_connect(dial, port, NET_CONTROL, FALSE, NULL, NULL, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(dialled);
	g_autoptr(GSocket) accepted = g_socket_accept(listener, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(accepted);
	CU_ASSERT_TRUE(net_is_loopback(dialled));
	CU_ASSERT_TRUE(net_is_loopback(accepted));
	return TRUE;
}

static void
loopback_is_known(void)
{
	CU_ASSERT_TRUE(check_loopback("127.0.0.1", "127.0.0.1"));
	CU_ASSERT_TRUE(check_loopback("127.0.0.1", "localhost"));
	CU_ASSERT_TRUE(check_loopback("0.0.0.0", "127.8.9.10"));
}

/* An IPv4 peer of a socket for both shows as ::ffff:127.0.0.1. */
static void
loopback_is_known_by_ipv6(void)
{
	if (!check_loopback("::1", "::1")) {
		test_skip("this host has no ::1");
		return;
	}
	CU_ASSERT_TRUE(check_loopback("::", "127.0.0.1"));
}

static void
what_has_no_peer_is_not_loopback(void)
{
	g_autoptr(GSocket) listener = tcp_listen("127.0.0.1");
	g_autoptr(GSocket) local =
		g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, NULL);

	CU_ASSERT_FALSE(net_is_loopback(listener));
	CU_ASSERT_FALSE(net_is_loopback(local));
	g_autofree char *text = net_peer_to_string(listener);
	TEST_STRING(text, "an unknown address");
}

static void
peers_are_named_with_their_port(void)
{
	g_autoptr(GSocket) listener = tcp_listen("127.0.0.1");
	g_autoptr(GSocket) dialled = tcp_dial(listener);
	g_autoptr(GSocketAddress) where = g_socket_get_local_address(listener, NULL);
	g_autofree char *expected =
		g_strdup_printf("127.0.0.1:%u",
				g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(where)));
	g_autofree char *text = net_peer_to_string(dialled);

	TEST_STRING(text, expected);
}

static gint
option_of(GSocket *socket, int level, int option)
{
	gint value = -1;

	CU_ASSERT_TRUE(g_socket_get_option(socket, level, option, &value, NULL));
	return value;
}

/* A stream must not be cut because QEMU reads nothing for a while; questions go ahead of it. */
static void
sockets_are_made_for_their_use(void)
{
	g_autoptr(GSocket) control = NULL;
	g_autoptr(GSocket) data = NULL;

	tcp_pair(&control, &data);
	net_set_options(control, NET_CONTROL);
	net_set_options(data, NET_DATA);
	CU_ASSERT_EQUAL(option_of(control, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
	CU_ASSERT_EQUAL(option_of(data, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
	CU_ASSERT_TRUE(option_of(control, IPPROTO_TCP, TCP_NODELAY) != 0);
	CU_ASSERT_TRUE(option_of(data, IPPROTO_TCP, TCP_NODELAY) != 0);
	CU_ASSERT_TRUE(option_of(control, SOL_SOCKET, SO_KEEPALIVE) != 0);
	CU_ASSERT_TRUE(option_of(data, SOL_SOCKET, SO_KEEPALIVE) != 0);
	CU_ASSERT_EQUAL(option_of(data, IPPROTO_TCP, TCP_KEEPIDLE), 5);
	CU_ASSERT_EQUAL(option_of(control, SOL_SOCKET, SO_PRIORITY), TC_PRIO_INTERACTIVE);
	CU_ASSERT_EQUAL(option_of(control, IPPROTO_IP, IP_TOS), IPTOS_DSCP_AF21);
	CU_ASSERT_EQUAL(option_of(data, SOL_SOCKET, SO_PRIORITY), 0);
	CU_ASSERT_EQUAL(option_of(data, IPPROTO_IP, IP_TOS), 0);
}

static guint16
port_of(GSocket *listener)
{
	g_autoptr(GSocketAddress) bound = g_socket_get_local_address(listener, NULL);
	return g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound));
}

static void
a_channel_is_tuned(void)
{
	static const NetTuning tuning = { .host = "127.0.0.1",
					  .local = "127.0.0.2",
					  .congestion = "reno",
					  .unsent_bytes = 16384 };
	g_autoptr(GSocket) listener = tcp_listen("127.0.0.1");
	g_autoptr(GError) error = NULL;
	char congestion[16] = "";
	socklen_t len = sizeof congestion - 1;
	/* Nobody listens at the host that it is told of beside the tuning. */
	g_autoptr(GSocket) dialled =
		net_connect("127.0.0.9", port_of(listener), NET_DATA, FALSE, &tuning, NULL, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(dialled);
	g_autoptr(GSocket) accepted = g_socket_accept(listener, NULL, NULL);
	g_autofree char *peer = net_peer_to_string(accepted);
	CU_ASSERT_TRUE(g_str_has_prefix(peer, "127.0.0.2:"));
	CU_ASSERT_EQUAL(option_of(dialled, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 16384);
	CU_ASSERT_EQUAL(getsockopt(g_socket_get_fd(dialled), IPPROTO_TCP, TCP_CONGESTION,
				   congestion, &len),
			0);
	TEST_STRING(congestion, "reno");
}

static void
an_address_that_is_not_ours_is_told(void)
{
	static const NetTuning tunings[] = { { .local = "192.0.2.1" }, { .local = "::1" } };
	g_autoptr(GSocket) listener = tcp_listen("127.0.0.1");
	for (gsize i = 0; i < G_N_ELEMENTS(tunings); i++) {
		g_autoptr(GError) error = NULL;
		CU_ASSERT_PTR_NULL(net_connect("127.0.0.1", port_of(listener), NET_DATA, FALSE,
					       &tunings[i], NULL, &error));
		TEST_ERROR(error, GW_ERROR, GW_ERROR_UNREACHABLE, tunings[i].local);
	}
}

static void
words_about_channels_are_checked(void)
{
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(net_check_congestion("reno", &error));
	TEST_NO_ERROR(error);
	CU_ASSERT_FALSE(net_check_congestion("pigeon", &error));
	TEST_ERROR(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
		   "congestion control 'pigeon' is not available: this kernel does not have it");
	g_clear_error(&error);
	CU_ASSERT_FALSE(net_check_congestion("a name that is longer than any", &error));
	g_clear_error(&error);
	CU_ASSERT_FALSE(net_check_congestion("", &error));
	g_clear_error(&error);
	CU_ASSERT_TRUE(net_check_local("192.0.2.1", &error));
	CU_ASSERT_TRUE(net_check_local("fd00::1", &error));
	CU_ASSERT_FALSE(net_check_local("eth0", &error));
	TEST_ERROR(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "'eth0' is not an IP address");
}

static void
what_paces_by_itself_is_not_chosen(void)
{
	const char *chosen = net_choose_congestion();
	CU_ASSERT_TRUE(chosen == NULL || !g_str_has_prefix(chosen, "bbr"));
	CU_ASSERT_TRUE(chosen == NULL || net_check_congestion(chosen, NULL));
}

static void
a_port_nobody_listens_on_is_named(void)
{
	g_autoptr(GSocket) listener = tcp_listen("127.0.0.1");
	g_autoptr(GSocketAddress) where = g_socket_get_local_address(listener, NULL);
	guint16 port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(where));
	g_autoptr(GError) error = NULL;

	g_socket_close(listener, NULL);
	CU_ASSERT_PTR_NULL(net_connect("127.0.0.1", port, NET_DATA, FALSE, NULL, NULL, &error));
	g_autofree char *text = g_strdup_printf("no agent at 127.0.0.1 port %u: ", port);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_UNREACHABLE, text);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_UNREACHABLE, "Connection refused");
}

static void
a_cancel_ends_the_attempt(void)
{
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	g_autoptr(GError) error = NULL;

	g_cancellable_cancel(cancellable);
	CU_ASSERT_PTR_NULL(net_connect("127.0.0.1", 9, NET_DATA, FALSE, NULL, cancellable, &error));
	CU_ASSERT_TRUE(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
}

CU_TestInfo suite_net[] = {
	{ "addresses are read", addresses_are_read },
	{ "other texts are refused", other_texts_are_refused },
	{ "loopback is known", loopback_is_known },
	{ "loopback is known by IPv6", loopback_is_known_by_ipv6 },
	{ "what has no peer is not loopback", what_has_no_peer_is_not_loopback },
	{ "peers are named with their port", peers_are_named_with_their_port },
	{ "sockets are made for their use", sockets_are_made_for_their_use },
	{ "a channel is tuned", a_channel_is_tuned },
	{ "an address that is not ours is told", an_address_that_is_not_ours_is_told },
	{ "words about channels are checked", words_about_channels_are_checked },
	{ "what paces by itself is not chosen", what_paces_by_itself_is_not_chosen },
	{ "a port nobody listens on is named", a_port_nobody_listens_on_is_named },
	{ "a cancel ends the attempt", a_cancel_ends_the_attempt },
	CU_TEST_INFO_NULL,
};
