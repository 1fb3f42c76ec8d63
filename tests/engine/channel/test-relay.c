/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One channel's copy loop between real sockets, with and without somebody who looks on: no byte is
 * lost, added or moved, each direction ends by itself, and nothing that either end does holds it up
 * for ever.
 */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/channel/relay.h"
#include "tests/rig/session-rig.h"
#include "tests/rig/tcp-pair.h"
#include "tests/rig/test-util.h"

#define MIB (1024 * 1024)

typedef struct {
	GMutex lock;
	GByteArray *seen[RELAY_N_DIRECTIONS];
	GSocket *dialled, *accepted; /* one TCP connection */
	int qemu;		     /* QEMU's end of its UNIX socket */
	int ours;		     /* and the relay's */
	int peer;		     /* the other host's end of the TCP connection */
	atomic_uint n_lost;	     /* how often it was told that the peer is lost */
	Relay *relay;
} Line;

static void
look_on(gpointer data, const guint8 *bytes, gsize n_bytes, RelayDirection direction)
{
	Line *line = data;
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&line->lock);
	g_byte_array_append(line->seen[direction], bytes, (guint)n_bytes);
}

static void
on_lost(gpointer data)
{
	Line *line = data;
	atomic_fetch_add(&line->n_lost, 1);
}

static void
line_open(Line *line, gboolean is_seen, gboolean outlives_peer)
{
	int pair[2];
	const RelayOptions options = { .outlives_peer = outlives_peer,
				       .tap = is_seen ? look_on : NULL,
				       .tap_data = line,
				       .on_lost = on_lost,
				       .on_lost_data = line };
	*line = (Line){ .qemu = -1 };
	g_mutex_init(&line->lock);
	for (guint i = 0; i < RELAY_N_DIRECTIONS; i++)
		line->seen[i] = g_byte_array_new();
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	line->qemu = pair[0];
	line->ours = pair[1];
	tcp_pair(&line->dialled, &line->accepted);
	line->peer = g_socket_get_fd(line->accepted);
	fcntl(line->peer, F_SETFL, 0);
	line->relay = relay_new(line->ours, g_socket_get_fd(line->dialled), &options, NULL);
}

static void
line_clear(Line *line)
{
	relay_free(line->relay);
	g_clear_object(&line->dialled);
	g_clear_object(&line->accepted);
	if (line->qemu >= 0)
		close(line->qemu);
	close(line->ours);
	for (guint i = 0; i < RELAY_N_DIRECTIONS; i++)
		g_byte_array_unref(line->seen[i]);
	g_mutex_clear(&line->lock);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Line, line_clear);

/* Bytes of which each place is known by its value; longer than any buffer on the way. */
static GBytes *
make_bytes(gsize len, guint32 seed)
{
	guint8 *bytes = g_malloc(len);
	for (gsize i = 0; i < len; i++) {
		seed = seed * 1664525u + 1013904223u;
		bytes[i] = (guint8)(seed >> 24);
	}
	return g_bytes_new_take(bytes, len);
}

typedef struct {
	int fd;
	GBytes *bytes;
} Sending;

static gpointer
send_all(gpointer data)
{
	Sending *self = data;
	gsize len;
	const guint8 *bytes = g_bytes_get_data(self->bytes, &len);
	for (gsize at = 0; at < len;) {
		/* Pieces of every size, as QEMU's are. */
		gsize piece = MIN(len - at, 1 + (at * 7919) % 70000);
		ssize_t n = send(self->fd, bytes + at, piece, MSG_NOSIGNAL);
		if (n <= 0)
			return GINT_TO_POINTER(FALSE);
		at += (gsize)n;
	}
	shutdown(self->fd, SHUT_WR);
	return GINT_TO_POINTER(TRUE);
}

/* Reads until the end; what came, or NULL when it was broken off. */
static GByteArray *
receive_all(int fd)
{
	GByteArray *all = g_byte_array_new();
	guint8 piece[30000];
	ssize_t n;
	while ((n = recv(fd, piece, sizeof piece, 0)) > 0)
		g_byte_array_append(all, piece, (guint)n);
	if (n == 0)
		return all;
	g_byte_array_unref(all);
	return NULL;
}

static gpointer
receive_all_from(gpointer fd)
{
	return receive_all(GPOINTER_TO_INT(fd));
}

static void
check_same(GBytes *sent, const GByteArray *came)
{
	CU_ASSERT_PTR_NOT_NULL_FATAL(came);
	CU_ASSERT_EQUAL_FATAL(g_bytes_get_size(sent), came->len);
	CU_ASSERT_EQUAL(memcmp(g_bytes_get_data(sent, NULL), came->data, came->len), 0);
}

static gboolean
await_end(Relay *relay)
{
	for (guint i = 0; i < 1000 && !relay_has_ended(relay); i++)
		g_usleep(10000);
	return relay_has_ended(relay);
}

/* Both directions at once, then the end of each. */
static void
carry_both_ways(gboolean is_seen)
{
	g_auto(Line) line;
	line_open(&line, is_seen, FALSE);
	g_autoptr(GBytes) stream = make_bytes(5 * MIB + 1, 1);
	g_autoptr(GBytes) answers = make_bytes(3 * MIB + 7, 2);
	Sending there = { line.qemu, stream }, back = { line.peer, answers };
	GThread *senders[] = { g_thread_new("there", send_all, &there),
			       g_thread_new("back", send_all, &back) };
	GThread *receiver = g_thread_new("receive", receive_all_from, GINT_TO_POINTER(line.qemu));
	g_autoptr(GByteArray) came = receive_all(line.peer);
	g_autoptr(GByteArray) came_back = g_thread_join(receiver);
	for (guint i = 0; i < G_N_ELEMENTS(senders); i++)
		CU_ASSERT_TRUE(GPOINTER_TO_INT(g_thread_join(senders[i])));
	check_same(stream, came);
	check_same(answers, came_back);
	CU_ASSERT_TRUE(await_end(line.relay));
	CU_ASSERT_EQUAL(relay_get_bytes(line.relay, RELAY_TO_PEER), 5 * MIB + 1);
	CU_ASSERT_EQUAL(relay_get_bytes(line.relay, RELAY_TO_QEMU), 3 * MIB + 7);
	CU_ASSERT_PTR_NULL(relay_get_failure(line.relay));
	if (is_seen) {
		check_same(stream, line.seen[RELAY_TO_PEER]);
		check_same(answers, line.seen[RELAY_TO_QEMU]);
	}
}

static void
bytes_go_both_ways_unseen(void)
{
	carry_both_ways(FALSE);
}

static void
bytes_go_both_ways_and_are_seen(void)
{
	carry_both_ways(TRUE);
}

static gboolean
is_at_end(int fd)
{
	char byte;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	return poll(&pfd, 1, 10000) == 1 && recv(fd, &byte, 1, 0) == 0;
}

static void
expect_text(int fd, const char *text)
{
	char came[16] = "";
	gsize len = strlen(text);
	CU_ASSERT_EQUAL(recv(fd, came, len, MSG_WAITALL), (ssize_t)len);
	TEST_STRING(came, text);
}

/* The return path says its last word when the stream has long ended. */
static void
each_direction_ends_by_itself(void)
{
	for (guint is_seen = 0; is_seen < 2; is_seen++) {
		g_auto(Line) line;
		line_open(&line, is_seen, FALSE);
		CU_ASSERT_EQUAL(send(line.qemu, "stream", 6, 0), 6);
		shutdown(line.qemu, SHUT_WR);
		expect_text(line.peer, "stream");
		CU_ASSERT_TRUE(is_at_end(line.peer));
		CU_ASSERT_FALSE(relay_has_ended(line.relay));
		CU_ASSERT_EQUAL(send(line.peer, "loaded", 6, 0), 6);
		expect_text(line.qemu, "loaded");
		shutdown(line.peer, SHUT_WR);
		CU_ASSERT_TRUE(is_at_end(line.qemu));
		CU_ASSERT_TRUE(await_end(line.relay));
		CU_ASSERT_PTR_NULL(relay_get_failure(line.relay));
	}
}

static void
reset(GSocket **socket)
{
	const struct linger now = { 1, 0 };
	setsockopt(g_socket_get_fd(*socket), SOL_SOCKET, SO_LINGER, &now, sizeof now);
	g_clear_object(socket);
}

static void
a_reset_reaches_qemu_and_is_told(void)
{
	for (guint is_seen = 0; is_seen < 2; is_seen++) {
		g_auto(Line) line;
		line_open(&line, is_seen, FALSE);
		reset(&line.accepted);
		CU_ASSERT_TRUE(is_at_end(line.qemu));
		CU_ASSERT_TRUE(await_end(line.relay));
		CU_ASSERT_EQUAL(send(line.qemu, "x", 1, MSG_NOSIGNAL), -1);
		g_autofree char *failure = relay_get_failure(line.relay);
		TEST_STRING(failure, "the peer's side: Connection reset by peer");
	}
}

/* QEMU can still write, and reads nothing, not even an end. */
static void
expect_open_and_silent(const Line *line)
{
	g_autofree guint8 *bytes = g_malloc0(3 * MIB);
	CU_ASSERT_EQUAL(send(line->qemu, bytes, 3 * MIB, MSG_NOSIGNAL), 3 * MIB);
	struct pollfd pfd = { .fd = line->qemu, .events = POLLIN | POLLRDHUP };
	CU_ASSERT_EQUAL(poll(&pfd, 1, 50), 0);
}

static gboolean
await_loss(const Line *line)
{
	for (guint i = 0; i < 1000 && !relay_has_lost_peer(line->relay); i++)
		g_usleep(10000);
	return relay_has_lost_peer(line->relay);
}

/* At the source QEMU must not see its channel break. */
static void
one_that_outlives_its_peer_hides_a_reset(void)
{
	for (guint is_seen = 0; is_seen < 2; is_seen++) {
		g_auto(Line) line;
		line_open(&line, is_seen, TRUE);
		CU_ASSERT_FALSE(relay_has_lost_peer(line.relay));
		reset(&line.accepted);
		CU_ASSERT_TRUE(await_loss(&line));
		expect_open_and_silent(&line);
		g_autofree char *failure = relay_get_failure(line.relay);
		TEST_STRING(failure, "the peer's side: Connection reset by peer");
		CU_ASSERT_EQUAL(line.n_lost, 1);
		CU_ASSERT_EQUAL(relay_get_bytes(line.relay, RELAY_TO_PEER), 0);
		CU_ASSERT_FALSE(relay_has_ended(line.relay));
		/* Only QEMU ends it. */
		close(line.qemu);
		line.qemu = -1;
		CU_ASSERT_TRUE(await_end(line.relay));
	}
}

/* The pipe and the sockets are full when the peer is lost. */
static void
one_that_outlives_its_peer_frees_a_qemu_that_sends(void)
{
	for (guint is_seen = 0; is_seen < 2; is_seen++) {
		g_auto(Line) line;
		line_open(&line, is_seen, TRUE);
		g_autoptr(GBytes) stream = make_bytes(20 * MIB, 3);
		Sending sending = { line.qemu, stream };
		GThread *sender = g_thread_new("send", send_all, &sending);
		struct pollfd pfd = { .fd = line.peer, .events = POLLIN };
		CU_ASSERT_EQUAL(poll(&pfd, 1, 10000), 1);
		g_usleep(20000);
		reset(&line.accepted);
		CU_ASSERT_TRUE(GPOINTER_TO_INT(g_thread_join(sender)));
		CU_ASSERT_TRUE(relay_has_lost_peer(line.relay));
		CU_ASSERT_TRUE(await_end(line.relay));
	}
}

/* The engine severs the stream to cancel: QEMU, blocked in a write, goes on too. */
static void
one_that_outlives_its_peer_frees_qemu_when_severed(void)
{
	g_auto(Line) line;
	line_open(&line, FALSE, TRUE);
	g_autoptr(GBytes) stream = make_bytes(20 * MIB, 4);
	Sending sending = { line.qemu, stream };
	GThread *sender = g_thread_new("send", send_all, &sending);
	g_usleep(20000);
	shutdown(g_socket_get_fd(line.dialled), SHUT_RDWR);
	CU_ASSERT_TRUE(GPOINTER_TO_INT(g_thread_join(sender)));
	CU_ASSERT_TRUE(await_end(line.relay));
}

/* The destination's QEMU may close before the source's says "completed". That is a loss only if
 * the source's QEMU does not follow. */
static void
an_end_of_the_peer_is_hidden_and_told_late(void)
{
	g_auto(Line) line;
	line_open(&line, FALSE, TRUE);
	CU_ASSERT_EQUAL(send(line.peer, "loaded", 6, 0), 6);
	expect_text(line.qemu, "loaded");
	shutdown(line.peer, SHUT_WR);
	expect_open_and_silent(&line);
	CU_ASSERT_FALSE(relay_has_lost_peer(line.relay));
	CU_ASSERT_TRUE(await_loss(&line));
	g_autofree char *failure = relay_get_failure(line.relay);
	TEST_STRING(failure, "the peer's side: it has closed the channel");
	close(line.qemu);
	line.qemu = -1;
	CU_ASSERT_TRUE(await_end(line.relay));
	CU_ASSERT_FALSE(relay_has_lost_peer(line.relay));
}

/* Nothing is being sent, so no write can fail and tell it. */
static void
a_reset_after_the_end_is_told(void)
{
	g_auto(Line) line;
	line_open(&line, FALSE, TRUE);
	shutdown(line.peer, SHUT_WR);
	g_usleep(50000);
	reset(&line.accepted);
	gint64 before_us = g_get_monotonic_time();
	CU_ASSERT_TRUE(await_loss(&line));
	CU_ASSERT_TRUE(g_get_monotonic_time() - before_us < 1500000);
	expect_open_and_silent(&line);
}

/* QEMU's process dies with the stream half sent: the peer gets what came, then the end. */
static void
a_qemu_that_dies_ends_the_stream(void)
{
	g_auto(Line) line;
	line_open(&line, FALSE, FALSE);
	CU_ASSERT_EQUAL(send(line.qemu, "half", 4, 0), 4);
	close(line.qemu);
	line.qemu = -1;
	expect_text(line.peer, "half");
	CU_ASSERT_TRUE(is_at_end(line.peer));
	/* And whoever answers it all the same is told. */
	g_usleep(10000);
	CU_ASSERT_EQUAL(send(line.peer, "answer", 6, MSG_NOSIGNAL), 6);
	CU_ASSERT_TRUE(await_end(line.relay));
	g_autofree char *failure = relay_get_failure(line.relay);
	TEST_STRING(failure, "QEMU's side: Broken pipe");
}

/* Nobody reads at the peer's: QEMU is held back soon. Between UNIX sockets, for what TCP itself
 * holds varies. */
static void
what_is_under_way_is_bounded(void)
{
	for (guint is_seen = 0; is_seen < 2; is_seen++) {
		int qemu[2], peer[2];
		CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, qemu), 0);
		CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, peer), 0);
		Line line = { .seen = { g_byte_array_new(), g_byte_array_new() } };
		const RelayOptions options = { .tap = is_seen ? look_on : NULL, .tap_data = &line };
		Relay *relay = relay_new(qemu[1], peer[0], &options, NULL);
		static const guint8 piece[32768];
		gsize sent = 0;
		struct pollfd pfd = { .fd = qemu[0], .events = POLLOUT };
		while (poll(&pfd, 1, 200) == 1) {
			ssize_t n = send(qemu[0], piece, sizeof piece, MSG_DONTWAIT);
			sent += n > 0 ? (gsize)n : 0;
		}
		CU_ASSERT_TRUE(sent > 0 && sent < 1 * MIB);
		CU_ASSERT_TRUE(relay_get_bytes(relay, RELAY_TO_PEER) <= (gint64)sent);
		/* And it can be ended as it stands. */
		relay_free(relay);
		for (guint i = 0; i < 2; i++) {
			close(qemu[i]);
			close(peer[i]);
			g_byte_array_unref(line.seen[i]);
		}
	}
}

static void
one_that_is_freed_at_work_ends_both_sides(void)
{
	Line line;
	line_open(&line, FALSE, FALSE);
	relay_free(g_steal_pointer(&line.relay));
	CU_ASSERT_TRUE(is_at_end(line.qemu));
	CU_ASSERT_TRUE(is_at_end(line.peer));
	line_clear(&line);
}

static void
nothing_is_left_open(void)
{
	guint before = rig_count_fds();
	for (guint i = 0; i < 10; i++) {
		g_auto(Line) line;
		line_open(&line, i % 2 == 1, FALSE);
	}
	CU_ASSERT_EQUAL(rig_count_fds(), before);
}

CU_TestInfo suite_relay[] = {
	{ "bytes go both ways, unseen", bytes_go_both_ways_unseen },
	{ "bytes go both ways, and are seen", bytes_go_both_ways_and_are_seen },
	{ "each direction ends by itself", each_direction_ends_by_itself },
	{ "a reset reaches QEMU and is told", a_reset_reaches_qemu_and_is_told },
	{ "one that outlives its peer hides a reset", one_that_outlives_its_peer_hides_a_reset },
	{ "one that outlives its peer frees a QEMU that sends",
	  one_that_outlives_its_peer_frees_a_qemu_that_sends },
	{ "one that outlives its peer frees QEMU when severed",
	  one_that_outlives_its_peer_frees_qemu_when_severed },
	{ "an end of the peer is hidden, and told late",
	  an_end_of_the_peer_is_hidden_and_told_late },
	{ "a reset after the end is told", a_reset_after_the_end_is_told },
	{ "a QEMU that dies ends the stream", a_qemu_that_dies_ends_the_stream },
	{ "what is under way is bounded", what_is_under_way_is_bounded },
	{ "one that is freed at work ends both sides", one_that_is_freed_at_work_ends_both_sides },
	{ "nothing is left open", nothing_is_left_open },
	CU_TEST_INFO_NULL,
};
