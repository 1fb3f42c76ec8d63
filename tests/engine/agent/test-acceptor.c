/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * New connections by real sockets: told apart by their first bytes, none of which is lost to whom
 * it belongs.
 */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "tests/rig/door.h"
#include "tests/rig/tcp-pair.h"
#include "tests/rig/test-util.h"

static const guint8 preamble_bytes[CONTROL_PREAMBLE_BYTES] = {
	'g', 'w', 'd', 'a', 't', 'a', 0,  1,  1,  2,  3, 4, 5, 6,
	7,   8,	  9,   10,  11,	 12,  13, 14, 15, 16, 0, 0, 0, 3,
};

/* The stranger was told @text in a line of JSON and the connection has ended. */
static void
check_shown_out(GSocket *dialled, const char *text)
{
	char line[512];
	gsize have = 0;
	gssize n = 0;

	g_socket_set_blocking(dialled, TRUE);
	g_socket_set_timeout(dialled, 10);
	while ((n = g_socket_receive(dialled, line + have, sizeof line - have, NULL, NULL)) > 0)
		have += (gsize)n;
	CU_ASSERT_EQUAL(n, 0);
	g_autoptr(ControlMessage) message = control_parse(line, have, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	CU_ASSERT_EQUAL(message->type, CONTROL_FAILED);
	g_autoptr(GError) error =
		control_error_from_object(json_object_get_object_member(message->body, "error"));
	CU_ASSERT_TRUE(error->domain == GW_ERROR);
	TEST_STRING(error->message, text);
}

#define HELLO "{\"type\":\"hello\",\"id\":1,\"versions\":[2,2]}\n"

/* What was read is handed on, also what follows the hello. */
static void
control_is_known_by_its_hello(void)
{
	g_auto(Door) door = { .waits_for_channel = TRUE };
	static const char said[] = HELLO "{\"type\":\"pi";

	door_open(&door);
	tcp_send(door.dialled, said, strlen(said));
	CU_ASSERT_TRUE(test_wait(&door.decided));
	CU_ASSERT_PTR_NOT_NULL_FATAL(door.control);
	CU_ASSERT_PTR_NULL(door.rejected);
	CU_ASSERT_PTR_NULL(door.subject);
	TEST_STRING(door.said, said);
}

static void
a_hello_may_come_in_pieces(void)
{
	g_auto(Door) door = { .waits_for_channel = TRUE };

	door_open(&door);
	for (gsize i = 0; i + 1 < strlen(HELLO); i++) {
		CU_ASSERT_FALSE(door.decided);
		tcp_send(door.dialled, &HELLO[i], 1);
		test_turn(2);
	}
	CU_ASSERT_TRUE(test_wait(&door.decided));
	CU_ASSERT_PTR_NOT_NULL_FATAL(door.control);
	CU_ASSERT_EQUAL(strlen(door.said), strlen(HELLO) - 1);
}

/* Nobody gets a thread for what is no hello, or a large one. */
static void
what_is_no_hello_is_turned_away(void)
{
	g_autofree char *filler = g_strnfill(200000, ' ');
	g_autofree char *large = g_strdup_printf("{%s", filler);
	g_autofree char *many = g_strnfill(3000, '0');
	for (gsize i = 1; i < 3000; i += 2)
		many[i] = ',';
	g_autofree char *values = g_strdup_printf("{\"type\":\"hello\",\"x\":[%s", many);
	const struct {
		const char *text;
		const char *reason;
	} rows[] = {
		{ "{\"type\":\"ping\",\"id\":1}", "'ping' before a 'hello'" },
		{ "{\"type\":\"hello\",\"id\":1}", "field 'versions' is missing" },
		{ "{\"type\":\"hello\",\"versions\":[2,2]}", "without a positive id" },
		{ "{\"type\":/*\"*/[", "a comment" },
		{ "{}", "without a type" },
		{ large, "too many bytes" },
		{ values, "too many values" },
		{ "{\"a\":[[[[[[[[[[", "nested too deep" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(Door) door = { .waits_for_channel = TRUE };
		door_open(&door);
		tcp_send(door.dialled, rows[i].text, strlen(rows[i].text));
		CU_ASSERT_TRUE(test_wait(&door.decided));
		CU_ASSERT_PTR_NULL(door.control);
		CU_ASSERT_PTR_NOT_NULL_FATAL(door.rejected);
		CU_ASSERT_PTR_NOT_NULL(strstr(door.rejected, rows[i].reason));
		CU_ASSERT_EQUAL(door.rejected_code, GW_ERROR_PROTOCOL);
		check_shown_out(door.dialled, door.rejected);
	}
}

static void
check_channel(Door *door, const char *stream)
{
	char text[16] = "";

	CU_ASSERT_TRUE_FATAL(door->channel_fd >= 0);
	CU_ASSERT_PTR_NULL(door->rejected);
	CU_ASSERT_PTR_NULL(door->control);
	CU_ASSERT_EQUAL(memcmp(door->preamble.token, preamble_bytes + 8, CONTROL_TOKEN_BYTES), 0);
	CU_ASSERT_EQUAL(door->preamble.index, 3);
	CU_ASSERT_EQUAL(read(door->channel_fd, text, strlen(stream)), (gssize)strlen(stream));
	TEST_STRING(text, stream);
	/* QEMU wants it blocking; no process that is started meanwhile may inherit it. */
	CU_ASSERT_EQUAL(fcntl(door->channel_fd, F_GETFL) & O_NONBLOCK, 0);
	CU_ASSERT_EQUAL(fcntl(door->channel_fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void
a_channel_is_known_and_its_stream_left_alone(void)
{
	g_auto(Door) door = { .waits_for_channel = TRUE };
	guint8 bytes[CONTROL_PREAMBLE_BYTES + 5];

	door_open(&door);
	memcpy(bytes, preamble_bytes, sizeof preamble_bytes);
	memcpy(bytes + sizeof preamble_bytes, "QEVM\n", 5);
	tcp_send(door.dialled, bytes, sizeof bytes);
	CU_ASSERT_TRUE(test_wait(&door.decided));
	check_channel(&door, "QEVM\n");
}

static void
a_preamble_may_come_in_pieces(void)
{
	g_auto(Door) door = { .waits_for_channel = TRUE };

	door_open(&door);
	for (gsize i = 0; i < CONTROL_PREAMBLE_BYTES; i++) {
		CU_ASSERT_FALSE(door.decided);
		tcp_send(door.dialled, preamble_bytes + i, 1);
		test_turn(2);
	}
	tcp_send(door.dialled, "{}", 2); /* QEMU's, whatever it looks like */
	CU_ASSERT_TRUE(test_wait(&door.decided));
	check_channel(&door, "{}");
}

static void
garbage_is_turned_away(void)
{
	static const struct {
		const char *text;
		gsize len;
	} rows[] = {
		{ "GET / HTTP/1.1\r\n\r\n", 18 },
		{ "\0", 1 },
		{ "\n{}", 3 },
		{ "\xff", 1 },
		{ "SSH-2.0-x\r\n", 11 },
		{ "[", 1 },
		{ " ", 1 },
		{ "QEVM", 4 },
		{ "gwdata\0\2aaaaaaaaaaaaaaaaaaaa", 28 },
		{ "gwDATA\0\1aaaaaaaaaaaaaaaaaaaa", 28 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(Door) door = { .waits_for_channel = TRUE };
		door_open(&door);
		tcp_send(door.dialled, rows[i].text, rows[i].len);
		CU_ASSERT_TRUE(test_wait(&door.decided));
		TEST_STRING(door.rejected,
			    "neither a control connection nor a data channel of ours");
		CU_ASSERT_TRUE(g_str_has_prefix(door.rejected_peer, "127.0.0.1:"));
		CU_ASSERT_PTR_NULL(door.control);
		CU_ASSERT_EQUAL(door.channel_fd, -1);
		check_shown_out(door.dialled, door.rejected);
	}
}

static void
a_channel_nobody_waits_for_is_turned_away(void)
{
	g_auto(Door) door = { .waits_for_channel = FALSE };

	door_open(&door);
	tcp_send(door.dialled, preamble_bytes, sizeof preamble_bytes);
	CU_ASSERT_TRUE(test_wait(&door.decided));
	TEST_STRING(door.rejected, "no session waits for this data channel");
	check_shown_out(door.dialled, door.rejected);
}

/* A port scan: not worth a word, and its place is free again. */
static void
who_leaves_without_a_word_is_forgotten(void)
{
	static const gsize said[] = { 0, 1, CONTROL_PREAMBLE_BYTES - 1 };

	for (gsize i = 0; i < G_N_ELEMENTS(said); i++) {
		g_auto(Door) door = { .waits_for_channel = TRUE };
		door_open(&door);
		tcp_send(door.dialled, preamble_bytes, said[i]);
		test_turn(10);
		g_socket_close(door.dialled, NULL);
		test_turn(30);
		CU_ASSERT_FALSE(door.decided);
	}
}

/* Nobody can keep others out by being there: the newest gets in, the oldest of the crowd goes. */
static void
only_so_many_of_one_address_may_be_undecided(void)
{
	g_auto(Door) door = { .waits_for_channel = TRUE };
	g_autoptr(GSocket) listening = tcp_listen("127.0.0.1");
	g_autoptr(GPtrArray) strangers = g_ptr_array_new_with_free_func(g_object_unref);

	door_open(&door);
	for (guint i = 1; i < 32; i++)
		g_ptr_array_add(strangers, door_dial(&door, listening));
	CU_ASSERT_EQUAL(door.n_rejected, 0);
	for (guint i = 0; i < 5; i++)
		g_ptr_array_add(strangers, door_dial(&door, listening));
	CU_ASSERT_EQUAL(door.n_rejected, 5);
	CU_ASSERT_EQUAL(door.rejected_code, GW_ERROR_BUSY);
	check_shown_out(door.dialled, "too many connections: try again");
	tcp_send(g_ptr_array_index(strangers, strangers->len - 1), preamble_bytes,
		 sizeof preamble_bytes);
	door.decided = FALSE;
	CU_ASSERT_TRUE(test_wait(&door.decided));
	CU_ASSERT_TRUE(door.channel_fd >= 0);
}

/* A flood of control connections costs a thread each; a channel of a session costs nothing of
 * that. */
static void
control_connections_are_given_out_by_and_by(void)
{
	g_auto(Door) door = { .waits_for_channel = TRUE, .config.limits = &door_narrow };
	g_autoptr(GSocket) listening = tcp_listen("127.0.0.1");
	g_autoptr(GPtrArray) strangers = g_ptr_array_new_with_free_func(g_object_unref);

	door_open(&door);
	for (guint i = 0; i < door_narrow.costly_burst + 2; i++) {
		g_ptr_array_add(strangers, door_dial(&door, listening));
		tcp_send(g_ptr_array_index(strangers, i), HELLO, strlen(HELLO));
		door.decided = FALSE;
		CU_ASSERT_TRUE(test_wait(&door.decided));
	}
	CU_ASSERT_EQUAL(door.n_rejected, 2);
	TEST_STRING(door.rejected, "too many connections: try again");
	g_autoptr(GSocket) dialled = door_dial(&door, listening);
	tcp_send(dialled, preamble_bytes, sizeof preamble_bytes);
	door.decided = FALSE;
	CU_ASSERT_TRUE(test_wait(&door.decided));
	CU_ASSERT_TRUE(door.channel_fd >= 0);
}

static void
without_room_a_session_is_turned_away(void)
{
	g_auto(Door) door = { .is_full = TRUE };

	door_open(&door);
	tcp_send(door.dialled, HELLO, strlen(HELLO));
	CU_ASSERT_TRUE(test_wait(&door.decided));
	CU_ASSERT_EQUAL(door.rejected_code, GW_ERROR_BUSY);
	TEST_STRING(door.rejected, "too many sessions are under way");
}

static void
who_says_nothing_is_turned_away_in_time(void)
{
	g_auto(Door) door = { .waits_for_channel = TRUE, .config.limits = &door_hasty };
	gint64 begun_us = g_get_monotonic_time();

	door_open(&door);
	tcp_send(door.dialled, preamble_bytes, 5);
	CU_ASSERT_TRUE(test_wait(&door.decided));
	gint64 waited_us = g_get_monotonic_time() - begun_us;
	CU_ASSERT_TRUE(waited_us >= 290000);
	TEST_STRING(door.rejected, "sent neither a hello nor a channel's token in time");
	check_shown_out(door.dialled, door.rejected);
}

CU_TestInfo suite_acceptor[] = {
	{ "control is known by its hello", control_is_known_by_its_hello },
	{ "a hello may come in pieces", a_hello_may_come_in_pieces },
	{ "what is no hello is turned away", what_is_no_hello_is_turned_away },
	{ "a channel is known and its stream left alone",
	  a_channel_is_known_and_its_stream_left_alone },
	{ "a preamble may come in pieces", a_preamble_may_come_in_pieces },
	{ "garbage is turned away", garbage_is_turned_away },
	{ "a channel nobody waits for is turned away", a_channel_nobody_waits_for_is_turned_away },
	{ "who leaves without a word is forgotten", who_leaves_without_a_word_is_forgotten },
	{ "only so many of one address may be undecided",
	  only_so_many_of_one_address_may_be_undecided },
	{ "control connections are given out by and by",
	  control_connections_are_given_out_by_and_by },
	{ "without room a session is turned away", without_room_a_session_is_turned_away },
	{ "who says nothing is turned away in time", who_says_nothing_is_turned_away_in_time },
	CU_TEST_INFO_NULL,
};
