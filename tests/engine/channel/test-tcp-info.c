/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A connection as the kernel tells of it, by real sockets, and the judgement on the peer's silence,
 * by tables of looks.
 */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/channel/tcp-info.h"
#include "tests/rig/tcp-pair.h"
#include "tests/rig/test-util.h"

#define S G_USEC_PER_SEC

/* A look each second from second 1 on; the row's last word is what tcp_watch() says then, in
 * seconds. */
typedef struct {
	gboolean is_waiting;
	gint64 silent_s;
	gint64 owed_s;
} Step;

static void
watch(const Step *steps, gsize n_steps)
{
	TcpWatch self = { 0 };
	for (gsize i = 0; i < n_steps; i++) {
		TcpInfo look = { .is_waiting = steps[i].is_waiting,
				 .silent_us = steps[i].silent_s * S };
		gint64 now_us = (1000 + (gint64)i) * S;
		CU_ASSERT_EQUAL(tcp_watch(&self, &look, now_us), steps[i].owed_s * S);
	}
}

static void
a_stream_that_is_acknowledged_owes_nothing(void)
{
	static const Step steps[] = { { TRUE, 0, 0 }, { TRUE, 0, 0 }, { TRUE, 0, 0 } };
	watch(steps, G_N_ELEMENTS(steps));
}

static void
silence_counts_from_the_last_answer(void)
{
	static const Step steps[] = {
		{ TRUE, 0, 0 },
		{ TRUE, 1, 1 },
		{ TRUE, 2, 2 },
		{ TRUE, 3, 3 },
		/* It was only slow. */
		{ TRUE, 0, 0 },
		{ TRUE, 1, 1 },
	};
	watch(steps, G_N_ELEMENTS(steps));
}

/* What begins after a pause has not been owed since before the pause. */
static void
an_idle_time_is_no_silence(void)
{
	static const Step steps[] = {
		{ FALSE, 100, 0 }, { FALSE, 101, 0 }, { TRUE, 102, 0 }, { TRUE, 103, 1 },
		{ FALSE, 0, 0 },   { TRUE, 50, 0 },   { TRUE, 51, 1 },
	};
	watch(steps, G_N_ELEMENTS(steps));
}

/* The peer reads nothing: probes go out ever more rarely, and each is answered before the next look
 * or two. */
static void
a_closed_window_is_no_silence(void)
{
	static const Step steps[] = {
		{ TRUE, 0, 0 },	 { FALSE, 1, 0 }, { FALSE, 2, 0 }, { TRUE, 3, 0 },  { FALSE, 0, 0 },
		{ FALSE, 9, 0 }, { TRUE, 10, 0 }, { FALSE, 0, 0 }, { TRUE, 40, 0 }, { TRUE, 0, 0 },
	};
	watch(steps, G_N_ELEMENTS(steps));
}

static void
a_connection_is_told_of(void)
{
	g_autoptr(GSocket) dialled = NULL;
	g_autoptr(GSocket) accepted = NULL;
	g_autofree char *bytes = g_malloc0(200000);
	TcpInfo look;
	tcp_pair(&dialled, &accepted);
	tcp_send(dialled, bytes, 200000);
	for (guint i = 0; i < 1000; i++) {
		CU_ASSERT_TRUE_FATAL(tcp_info_read(g_socket_get_fd(dialled), &look));
		if (look.acked_bytes >= 200000)
			break;
		g_socket_receive(accepted, bytes, 200000, NULL, NULL);
	}
	CU_ASSERT_TRUE(look.acked_bytes >= 200000); /* and the SYN, by some counts */
	CU_ASSERT_TRUE(look.acked_bytes <= 200001);
	CU_ASSERT_EQUAL(look.unsent_bytes, 0);
	/* A machine that is slow to read is probed now and then. */
	CU_ASSERT_TRUE(look.retransmits < 100);
	CU_ASSERT_TRUE(look.rtt_us > 0 && look.rtt_us < 10 * S);
	CU_ASSERT_TRUE(look.cwnd_bytes > 0);
	CU_ASSERT_FALSE(look.is_waiting);
}

/* It lives, and reads nothing: for a second of looks no answer is owed for long. */
static void
a_peer_that_does_not_read_is_there(void)
{
	g_autoptr(GSocket) dialled = NULL;
	g_autoptr(GSocket) accepted = NULL;
	static const char bytes[65536];
	TcpWatch self = { 0 };
	TcpInfo look = { 0 };
	gint64 longest_us = 0;
	tcp_pair(&dialled, &accepted);
	g_socket_set_blocking(dialled, FALSE);
	for (guint i = 0; i < 100; i++) {
		while (g_socket_send(dialled, bytes, sizeof bytes, NULL, NULL) > 0)
			continue;
		CU_ASSERT_TRUE_FATAL(tcp_info_read(g_socket_get_fd(dialled), &look));
		longest_us = MAX(longest_us, tcp_watch(&self, &look, g_get_monotonic_time()));
		g_usleep(10000);
	}
	CU_ASSERT_TRUE(look.unsent_bytes > 0);
	CU_ASSERT_TRUE(longest_us < S);
}

static void
other_descriptors_are_told_apart(void)
{
	TcpInfo look;
	int pair[2];
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	CU_ASSERT_FALSE(tcp_info_read(pair[0], &look));
	CU_ASSERT_FALSE(tcp_info_read(-1, &look));
	close(pair[0]);
	close(pair[1]);
}

CU_TestInfo suite_tcp_info[] = {
	{ "a stream that is acknowledged owes nothing",
	  a_stream_that_is_acknowledged_owes_nothing },
	{ "silence counts from the last answer", silence_counts_from_the_last_answer },
	{ "an idle time is no silence", an_idle_time_is_no_silence },
	{ "a closed window is no silence", a_closed_window_is_no_silence },
	{ "a connection is told of", a_connection_is_told_of },
	{ "a peer that does not read is there", a_peer_that_does_not_read_is_there },
	{ "other descriptors are told apart", other_descriptors_are_told_apart },
	CU_TEST_INFO_NULL,
};
