/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two control connections, or one and a raw socket, over TCP on loopback and in one loop: each wait
 * turns both ends, as two hosts would run.
 */
#include <CUnit/CUnit.h>
#include <string.h>

#include "engine/control/control-conn.h"
#include "engine/gw-error.h"
#include "qmp/await.h"
#include "tests/rig/tcp-pair.h"
#include "tests/rig/test-util.h"

#define LONG_MS 10000

/* Our end, and a peer that is a connection too or a bare socket. */
typedef struct {
	ControlConn *ours;
	ControlConn *theirs; /* (nullable) */
	GSocket *raw;	     /* the peer's socket */
	GString *heard;	     /* by both ends: "type:id " */
	gboolean answers;    /* the peer replies to a request with its own "n", or an error */
} Line;

static void
answer(ControlConn *conn, ControlMessage *message)
{
	g_autoptr(GError) error = g_error_new(GW_ERROR, GW_ERROR_REFUSED, "not today");
	JsonObject *fields = json_object_new();

	if (message->type == CONTROL_COMMIT) {
		json_object_unref(fields);
		control_conn_reply_error(conn, message->id, error);
		return;
	}
	json_object_set_string_member(fields, "to", control_type_to_string(message->type));
	control_conn_reply(conn, message->id, fields);
}

static void
on_message(ControlConn *conn, ControlMessage *message, gpointer data)
{
	Line *line = data;

	g_string_append_printf(line->heard, "%s:%" G_GUINT64_FORMAT " ",
			       control_type_to_string(message->type), message->id);
	if (line->answers && message->id > 0)
		answer(conn, message);
}

static void
line_open(Line *line, gboolean with_conn)
{
	g_autoptr(GSocket) ours = NULL;

	*line = (Line){ .heard = g_string_new(NULL), .answers = TRUE };
	tcp_pair(&ours, &line->raw);
	line->ours = control_conn_new(ours, on_message, line);
	if (with_conn)
		line->theirs = control_conn_new(line->raw, on_message, line);
}

static void
line_clear(Line *line)
{
	control_conn_free(line->ours);
	control_conn_free(line->theirs);
	g_clear_object(&line->raw);
	g_string_free(line->heard, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Line, line_clear);

static void
say(Line *line, const char *text)
{
	tcp_send(line->raw, text, strlen(text));
}

static gboolean
is_lost(gpointer data)
{
	Line *line = data;

	return control_conn_get_error(line->ours) != NULL;
}

/* Our end is lost with @text in its error, within @timeout_ms. */
static void
check_lost(Line *line, GwError code, const char *text, int timeout_ms)
{
	CU_ASSERT_TRUE(await_until(is_lost, line, timeout_ms, NULL, NULL));
	TEST_ERROR(control_conn_get_error(line->ours), GW_ERROR, (gint)code, text);
}

typedef struct {
	GSocket *socket;
	GString *text;
	gboolean ended;
} Reading;

static gboolean
read_more(gpointer data)
{
	Reading *reading = data;
	char bytes[4096];
	g_autoptr(GError) error = NULL;
	gssize n = g_socket_receive_with_blocking(reading->socket, bytes, sizeof bytes, FALSE, NULL,
						  &error);

	if (n > 0)
		g_string_append_len(reading->text, bytes, n);
	else if (n == 0 || !g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
		reading->ended = TRUE;
	return strchr(reading->text->str, '\n') != NULL || reading->ended;
}

/* Turns the loop until the peer has a line, or the end. (transfer full) */
static char *
hear_line(Line *line)
{
	g_autoptr(GString) text = g_string_new(NULL);
	Reading reading = { line->raw, text, FALSE };

	for (guint i = 0; i < LONG_MS && !read_more(&reading); i++)
		test_turn(1);
	return g_strdup(text->str);
}

static void
a_call_gets_its_reply(void)
{
	g_auto(Line) line;
	g_autoptr(GError) error = NULL;

	line_open(&line, TRUE);
	for (guint i = 1; i <= 3; i++) {
		g_autoptr(JsonObject) reply =
			control_conn_call(line.ours, CONTROL_SETUP, NULL, LONG_MS, NULL, &error);
		TEST_NO_ERROR(error);
		CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
		TEST_STRING(json_object_get_string_member(reply, "to"), "setup");
		CU_ASSERT_EQUAL(json_object_get_int_member(reply, "id"), i);
	}
	TEST_STRING(line.heard->str, "setup:1 setup:2 setup:3 ");
}

static void
either_side_may_call(void)
{
	g_auto(Line) line;

	line_open(&line, TRUE);
	g_autoptr(JsonObject) reply =
		control_conn_call(line.theirs, CONTROL_SWITCHOVER, NULL, LONG_MS, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
	TEST_STRING(json_object_get_string_member(reply, "to"), "switchover");
}

static void
a_call_gets_the_peers_error(void)
{
	g_auto(Line) line;
	g_autoptr(GError) error = NULL;

	line_open(&line, TRUE);
	JsonObject *fields = json_object_new();
	json_object_set_boolean_member(fields, "run", TRUE);
	CU_ASSERT_PTR_NULL(
		control_conn_call(line.ours, CONTROL_COMMIT, fields, LONG_MS, NULL, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_REFUSED, "not today");
	CU_ASSERT_PTR_NULL(control_conn_get_error(line.ours));
}

static void
a_notice_reaches_the_handler(void)
{
	g_auto(Line) line;
	JsonObject *fields = json_object_new();

	line_open(&line, TRUE);
	json_object_set_string_member(fields, "name", "RESUME");
	json_object_set_int_member(fields, "timestamp_us", 7);
	control_conn_notify(line.theirs, CONTROL_EVENT, fields);
	g_autoptr(JsonObject) reply =
		control_conn_call(line.ours, CONTROL_SETUP, NULL, LONG_MS, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL(reply);
	CU_ASSERT_PTR_NOT_NULL(strstr(line.heard->str, "event:0 "));
}

static void
large_messages_pass_whole(void)
{
	g_auto(Line) line;
	g_autofree char *padding = g_strnfill(900 * 1000, 'x');
	JsonObject *fields = json_object_new();

	line_open(&line, TRUE);
	json_object_set_string_member(fields, "reason", padding);
	g_autoptr(JsonObject) reply =
		control_conn_call(line.ours, CONTROL_ABORT, fields, LONG_MS, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
	TEST_STRING(line.heard->str, "abort:1 ");
}

/* A peer that waits for something of its own must not seem dead. */
static void
pings_are_answered_during_a_wait(void)
{
	g_auto(Line) line;
	gint64 before_us = g_get_monotonic_time();

	line_open(&line, FALSE);
	say(&line, "{\"type\":\"ping\",\"id\":41}\n");
	g_autofree char *text = hear_line(&line);
	g_autoptr(ControlMessage) message = control_parse(text, strlen(text), NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	CU_ASSERT_EQUAL(message->type, CONTROL_REPLY);
	CU_ASSERT_EQUAL(message->id, 41);
	gint64 time_us = json_object_get_int_member_with_default(message->body, "time_us", -1);
	CU_ASSERT_TRUE(time_us >= before_us && time_us <= g_get_monotonic_time());
	TEST_STRING(line.heard->str, "");
}

/* A path is tried in both directions; what is too much is not sent back. */
static void
a_ping_is_padded_both_ways(void)
{
	static const guint sizes[] = { CONTROL_PADDING_BYTES, CONTROL_PADDING_BYTES + 1 };
	for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_auto(Line) line;
		g_autofree char *padding = g_strnfill(sizes[i], 'x');
		JsonObject *fields = json_object_new();
		line_open(&line, TRUE);
		json_object_set_string_member(fields, "padding", padding);
		g_autoptr(ControlCall) call = control_conn_begin(line.ours, CONTROL_PING, fields);
		CU_ASSERT_FALSE(control_call_is_answered(call));
		g_autoptr(JsonObject) reply =
			control_call_finish(g_steal_pointer(&call), LONG_MS, NULL, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
		TEST_STRING(json_object_get_string_member_with_default(reply, "padding", NULL),
			    i == 0 ? padding : NULL);
	}
}

static void
heartbeats_teach_the_clock(void)
{
	g_auto(Line) line;

	line_open(&line, TRUE);
	CU_ASSERT_FALSE(control_conn_get_clock(line.ours)->known);
	control_conn_set_heartbeat(line.ours, 1000, 5000);
	g_autoptr(JsonObject) reply =
		control_conn_call(line.ours, CONTROL_SETUP, NULL, LONG_MS, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL(reply);
	test_turn(test_under_valgrind() ? 300 : 30);
	const Clock *clock = control_conn_get_clock(line.ours);
	CU_ASSERT_TRUE(clock->known);
	CU_ASSERT_TRUE(ABS(clock->offset_us) <= clock->error_us + 1000);
	CU_ASSERT_TRUE(clock->error_us < 1000000);
	CU_ASSERT_FALSE(control_conn_get_clock(line.theirs)->known);
}

/* Numbers that are none and a time that was never: the ping counts as answered, nothing is
 * learnt. */
static void
absurd_answers_to_a_ping_teach_nothing(void)
{
	static const char *const fields[] = { "", ",\"time_us\":-5", ",\"time_us\":{}",
					      ",\"time_us\":9223372036854775807" };
	for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
		g_auto(Line) line;
		line_open(&line, FALSE);
		control_conn_set_heartbeat(line.ours, 10000, 50000);
		g_autofree char *ping = hear_line(&line);
		TEST_STRING(ping, "{\"type\":\"ping\",\"id\":1}\n");
		g_autofree char *pong =
			g_strdup_printf("{\"type\":\"reply\",\"id\":1%s}\n", fields[i]);
		say(&line, pong);
		g_autofree char *next = hear_line(&line);
		TEST_STRING(next, "{\"type\":\"ping\",\"id\":2}\n");
		CU_ASSERT_FALSE(control_conn_get_clock(line.ours)->known);
	}
}

static void
a_peer_that_closes_is_lost(void)
{
	g_auto(Line) line;
	g_autoptr(GError) error = NULL;

	line_open(&line, FALSE);
	g_socket_close(line.raw, NULL);
	CU_ASSERT_PTR_NULL(
		control_conn_call(line.ours, CONTROL_SETUP, NULL, LONG_MS, NULL, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_PEER_LOST, "control connection: ");
	check_lost(&line, GW_ERROR_PEER_LOST, "control connection: ", 0);
	/* Lost for ever, and harmless to use. */
	g_clear_error(&error);
	control_conn_notify(line.ours, CONTROL_FAILED, NULL);
	CU_ASSERT_PTR_NULL(
		control_conn_call(line.ours, CONTROL_SETUP, NULL, LONG_MS, NULL, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_PEER_LOST, "control connection: ");
}

static void
an_end_within_a_message_is_a_loss(void)
{
	g_auto(Line) line;

	line_open(&line, FALSE);
	say(&line, "{\"type\":\"pi");
	g_socket_shutdown(line.raw, FALSE, TRUE, NULL);
	check_lost(&line, GW_ERROR_PEER_LOST, "control connection: closed by the peer", LONG_MS);
	TEST_STRING(line.heard->str, "");
}

static void
silence_is_noticed(void)
{
	g_auto(Line) line;
	gint64 begun_us = g_get_monotonic_time();

	line_open(&line, FALSE);
	control_conn_set_heartbeat(line.ours, 50, 400);
	check_lost(&line, GW_ERROR_PEER_LOST, "control connection: the peer is silent for ",
		   LONG_MS);
	CU_ASSERT_TRUE(g_get_monotonic_time() - begun_us >= 400000);
}

static void
a_peer_that_answers_is_kept(void)
{
	g_auto(Line) line;

	line_open(&line, TRUE);
	control_conn_set_heartbeat(line.ours, 20, 300);
	test_turn(900);
	CU_ASSERT_PTR_NULL(control_conn_get_error(line.ours));
	CU_ASSERT_PTR_NULL(control_conn_get_error(line.theirs));
}

/* We were stopped for a while (a slow disk, SIGSTOP): the peer's words wait in the socket,
 * unread. */
static void
our_own_sleep_is_not_the_peers_silence(void)
{
	g_auto(Line) line;

	line_open(&line, TRUE);
	control_conn_set_heartbeat(line.ours, 50, 400);
	test_turn(100);
	g_usleep(1000000);
	test_turn(200);
	CU_ASSERT_PTR_NULL(control_conn_get_error(line.ours));
}

/* What it does not take is queued up to a bound. */
static void
a_peer_that_does_not_read_is_lost(void)
{
	g_auto(Line) line;
	g_autofree char *padding = g_strnfill(512 * 1024, 'x');
	guint n = 0;

	line_open(&line, FALSE);
	for (; n < 200 && control_conn_get_error(line.ours) == NULL; n++) {
		JsonObject *fields = json_object_new();
		json_object_set_string_member(fields, "x", padding);
		control_conn_notify(line.ours, CONTROL_FAILED, fields);
	}
	CU_ASSERT_TRUE(n >= 8);
	check_lost(&line, GW_ERROR_PEER_LOST, "control connection: the peer does not read", 0);
	CU_ASSERT_TRUE(n < 100);
}

static void
a_call_may_time_out(void)
{
	g_auto(Line) line;
	g_autoptr(GError) error = NULL;

	line_open(&line, TRUE);
	line.answers = FALSE;
	CU_ASSERT_PTR_NULL(control_conn_call(line.ours, CONTROL_SETUP, NULL, 100, NULL, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_PEER_LOST, "no answer to 'setup' within 0.1 s");
	CU_ASSERT_PTR_NULL(control_conn_get_error(line.ours));
	/* The late answer goes to nobody, the next call gets its own. */
	control_conn_reply(line.theirs, 1, NULL);
	line.answers = TRUE;
	g_autoptr(JsonObject) reply =
		control_conn_call(line.ours, CONTROL_SWITCHOVER, NULL, LONG_MS, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
	TEST_STRING(json_object_get_string_member(reply, "to"), "switchover");
}

static gboolean
cancel(gpointer data)
{
	g_cancellable_cancel(data);
	return G_SOURCE_REMOVE;
}

static void
a_call_may_be_cancelled(void)
{
	g_auto(Line) line;
	g_autoptr(GError) error = NULL;
	g_autoptr(GCancellable) cancellable = g_cancellable_new();

	line_open(&line, FALSE);
	g_timeout_add(30, cancel, cancellable);
	CU_ASSERT_PTR_NULL(
		control_conn_call(line.ours, CONTROL_SETUP, NULL, LONG_MS, cancellable, &error));
	CU_ASSERT_TRUE(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
	CU_ASSERT_PTR_NULL(control_conn_get_error(line.ours));
}

static void
answers_to_nothing_are_dropped(void)
{
	g_auto(Line) line;

	line_open(&line, TRUE);
	control_conn_reply(line.theirs, 77, NULL);
	control_conn_reply(line.theirs, 1, NULL); /* before we have asked */
	test_turn(30);
	g_autoptr(JsonObject) reply =
		control_conn_call(line.ours, CONTROL_SETUP, NULL, LONG_MS, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
	CU_ASSERT_TRUE(json_object_has_member(reply, "to"));
	TEST_STRING(line.heard->str, "setup:1 ");
}

/* (transfer full): @n opening brackets in an object. */
static char *
nested(guint n)
{
	g_autofree char *brackets = g_strnfill(n, '[');

	return g_strconcat("{\"a\":", brackets, NULL);
}

static void
check_last_word(const char *sent, const char *expected)
{
	g_auto(Line) line;

	line_open(&line, FALSE);
	say(&line, sent);
	g_autofree char *text = hear_line(&line);
	check_lost(&line, GW_ERROR_PROTOCOL, expected, LONG_MS);
	g_autoptr(ControlMessage) message = control_parse(text, strlen(text), NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	CU_ASSERT_EQUAL(message->type, CONTROL_FAILED);
	g_autoptr(GError) error =
		control_error_from_object(json_object_get_object_member(message->body, "error"));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_PROTOCOL, expected);
	TEST_STRING(line.heard->str, "");
}

static void
nonsense_is_answered_by_a_last_word(void)
{
	g_autofree char *deep = nested(100);
	g_autofree char *padding = g_strnfill(3 * 1024 * 1024 / 2, 'x');
	g_autofree char *oversize = g_strconcat("{\"a\":\"", padding, NULL);

	check_last_word("nonsense\n", "control message: ");
	check_last_word("{nonsense}\n", "control message: not JSON: ");
	check_last_word("[]", "control message: ");
	check_last_word("{\"type\":\"novelty\",\"id\":1}\n",
			"control message of unknown type 'novelty'");
	check_last_word("{\"type\":\"setup\"}\n", "control message 'setup' without a positive id");
	check_last_word("{\"type\":\"prepare\",\"id\":1}\n",
			"control message 'prepare': field 'plan' is missing");
	check_last_word(deep, "control message: ");
	check_last_word(oversize, "control message: ");
}

static void
nothing_after_nonsense_is_heard(void)
{
	g_auto(Line) line;

	line_open(&line, FALSE);
	say(&line, "{\"type\":\"setup\",\"id\":1}\n{}\n{\"type\":\"setup\",\"id\":2}\n");
	check_lost(&line, GW_ERROR_PROTOCOL, "control message without a type", LONG_MS);
	test_turn(20);
	TEST_STRING(line.heard->str, "setup:1 ");
}

static void
closing_sends_what_is_queued(void)
{
	g_auto(Line) line;
	g_autofree char *padding = g_strnfill(3 * 1024 * 1024, 'x');
	JsonObject *fields = json_object_new();

	line_open(&line, FALSE);
	json_object_set_string_member(fields, "x", padding);
	control_conn_notify(line.ours, CONTROL_FAILED, fields);
	control_conn_close(line.ours, 50); /* nobody reads: it gives up in time */
	check_lost(&line, GW_ERROR_PEER_LOST, "control connection: closed by us", 0);

	g_auto(Line) other;
	line_open(&other, TRUE);
	JsonObject *last = json_object_new();
	json_object_set_object_member(last, "error", json_object_new());
	control_conn_notify(other.ours, CONTROL_FAILED, last);
	control_conn_close(other.ours, LONG_MS);
	Line seen = { .ours = other.theirs };
	CU_ASSERT_TRUE(await_until(is_lost, &seen, LONG_MS, NULL, NULL));
	TEST_STRING(other.heard->str, "failed:0 ");
}

static gboolean
has_heard_event(gpointer data)
{
	Line *line = data;

	return strstr(line->heard->str, "event") != NULL;
}

/* However the bytes are cut, the same is heard. */
static void
cutting_the_stream_changes_nothing(void)
{
	static const char text[] =
		"{\"type\":\"failed\",\"error\":{}}\n{\"type\":\"setup\",\"id\":3}\r\n \n"
		"{\"type\":\"event\",\"name\":\"}{\\\"\",\"timestamp_us\":1}";

	for (gsize piece = 1; piece < sizeof text; piece += 5) {
		g_auto(Line) line;
		line_open(&line, FALSE);
		for (gsize at = 0; at < sizeof text - 1; at += piece) {
			tcp_send(line.raw, text + at, MIN(piece, sizeof text - 1 - at));
			while (g_main_context_iteration(NULL, FALSE))
				continue;
		}
		CU_ASSERT_TRUE(await_until(has_heard_event, &line, LONG_MS, NULL, NULL));
		TEST_STRING(line.heard->str, "failed:0 setup:3 event:0 ");
	}
}

CU_TestInfo suite_control_conn[] = {
	{ "a call gets its reply", a_call_gets_its_reply },
	{ "either side may call", either_side_may_call },
	{ "a call gets the peer's error", a_call_gets_the_peers_error },
	{ "a notice reaches the handler", a_notice_reaches_the_handler },
	{ "large messages pass whole", large_messages_pass_whole },
	{ "pings are answered during a wait", pings_are_answered_during_a_wait },
	{ "a ping is padded both ways", a_ping_is_padded_both_ways },
	{ "heartbeats teach the clock", heartbeats_teach_the_clock },
	{ "absurd answers to a ping teach nothing", absurd_answers_to_a_ping_teach_nothing },
	{ "a peer that closes is lost", a_peer_that_closes_is_lost },
	{ "an end within a message is a loss", an_end_within_a_message_is_a_loss },
	{ "silence is noticed", silence_is_noticed },
	{ "a peer that answers is kept", a_peer_that_answers_is_kept },
	{ "our own sleep is not the peer's silence", our_own_sleep_is_not_the_peers_silence },
	{ "a peer that does not read is lost", a_peer_that_does_not_read_is_lost },
	{ "a call may time out", a_call_may_time_out },
	{ "a call may be cancelled", a_call_may_be_cancelled },
	{ "answers to nothing are dropped", answers_to_nothing_are_dropped },
	{ "nonsense is answered by a last word", nonsense_is_answered_by_a_last_word },
	{ "nothing after nonsense is heard", nothing_after_nonsense_is_heard },
	{ "closing sends what is queued", closing_sends_what_is_queued },
	{ "cutting the stream changes nothing", cutting_the_stream_changes_nothing },
	CU_TEST_INFO_NULL,
};
