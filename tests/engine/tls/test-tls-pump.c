/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TLS by a thread: what goes in at one end comes out at the other, in both directions at once, and
 * each end learns what happened to the other.
 */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "tests/rig/test-util.h"
#include "tests/rig/tls-rig.h"

#define MIB	(1024 * 1024)
#define WAIT_MS 60000

/* Two plain ends with two pumps between them. */
typedef struct {
	char *folder;
	TlsRigServed served;
	int near;
	int far;
} Line;

static void
line_open(Line *self, const TlsPumpLimits *limits)
{
	const TlsServerPolicy door = { .pumps = tls_rig_pumps() };
	self->folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(self->folder, "ca", NULL);
	g_autoptr(TlsCreds) server = tls_creds_load(host, TLS_SERVER, NULL);
	g_autoptr(TlsCreds) client = tls_creds_load(host, TLS_CLIENT, NULL);
	/* With rekey there is a process at both ends whatever this host's kernel can do. */
	const TlsClientOptions wish = {
		.pumps = tls_rig_pumps(), .host = "b", .rekey = TRUE, .limits = limits
	};
	int dialled = -1, accepted = -1;
	g_autoptr(GError) error = NULL;

	tls_rig_pair(&dialled, &accepted);
	TlsRigServer *serving = tls_rig_serve(server, accepted, &door, NULL);
	self->near = tls_connect(client, dialled, &wish, WAIT_MS, NULL, NULL, &error);
	tls_rig_finish(serving, &self->served);
	self->far = self->served.fd;
	self->served.fd = -1;
	TEST_NO_ERROR(error);
	CU_ASSERT_TRUE_FATAL(self->near >= 0 && self->far >= 0);
}

static void
hang_up(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
line_clear(Line *self)
{
	hang_up(&self->near);
	hang_up(&self->far);
	tls_rig_served_clear(&self->served);
	tls_rig_end();
	test_folder_free(self->folder);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Line, line_clear);

static gboolean
is_readable(int fd, int timeout_ms)
{
	struct pollfd poll_fd = { fd, POLLIN, 0 };

	return poll(&poll_fd, 1, timeout_ms) > 0;
}

/* What recv(2) says within 10 s: 0 is the end, -2 that it is not there. */
static gssize
receive(int fd, void *data, gsize len)
{
	return is_readable(fd, WAIT_MS) ? recv(fd, data, len, MSG_DONTWAIT) : -2;
}

/* One direction of a long talk: a stream of numbers that its reader can check. */
typedef struct {
	int fd;
	gsize bytes;
	gsize piece;
	gboolean good;
} Talk;

static guint8
byte_at(gsize at)
{
	return (guint8)((at >> 16) * 31 + (at >> 8) * 7 + at);
}

static gpointer
speak(gpointer data)
{
	Talk *self = data;
	g_autofree guint8 *bytes = g_malloc(self->piece);
	gsize sent = 0;

	while (sent < self->bytes) {
		gsize n = MIN(self->piece, self->bytes - sent);
		for (gsize i = 0; i < n; i++)
			bytes[i] = byte_at(sent + i);
		gssize written = send(self->fd, bytes, n, MSG_NOSIGNAL);
		if (written <= 0)
			break;
		sent += (gsize)written;
	}
	self->good = sent == self->bytes;
	return NULL;
}

static gpointer
listen_to(gpointer data)
{
	Talk *self = data;
	g_autofree guint8 *bytes = g_malloc(self->piece);
	gsize heard = 0;
	gssize n = 0;

	self->good = TRUE;
	while (heard < self->bytes && (n = receive(self->fd, bytes, self->piece)) > 0)
		for (gssize i = 0; i < n; i++)
			self->good &= bytes[i] == byte_at(heard++);
	self->good &= heard == self->bytes;
	return NULL;
}

/* Both directions at once, in pieces of different sizes. */
static void
check_long_talk(const Line *line, gsize bytes)
{
	Talk talks[] = { { line->near, bytes, 32768, FALSE },
			 { line->far, bytes, 5000, FALSE },
			 { line->far, bytes / 2, 70001, FALSE },
			 { line->near, bytes / 2, 16384, FALSE } };
	GThread *threads[G_N_ELEMENTS(talks)];

	for (guint i = 0; i < G_N_ELEMENTS(talks); i++)
		threads[i] = g_thread_new("talk", i % 2 == 0 ? speak : listen_to, &talks[i]);
	for (guint i = 0; i < G_N_ELEMENTS(talks); i++) {
		g_thread_join(threads[i]);
		CU_ASSERT_TRUE(talks[i].good);
	}
}

static void
both_directions_are_whole(void)
{
	g_auto(Line) line = { .near = -1, .far = -1 };

	line_open(&line, NULL);
	check_long_talk(&line, test_under_valgrind() ? 2 * MIB : 32 * MIB);
}

static void
new_keys_change_nothing(void)
{
	const TlsPumpLimits often = { .rekey = TRUE, .rekey_bytes = 100000, .max_bytes = 200000 };
	g_auto(Line) line = { .near = -1, .far = -1 };

	line_open(&line, &often);
	check_long_talk(&line, 4 * MIB);
}

/* Without a new key the connection ends where one is worn out; what went before has arrived. */
static void
a_key_is_used_for_so_many_bytes_only(void)
{
	const TlsPumpLimits few = { .rekey = FALSE, .max_bytes = 300000 };
	g_auto(Line) line = { .near = -1, .far = -1 };

	line_open(&line, &few);
	Talk speaking = { line.near, 4 * MIB, 32768, TRUE };
	GThread *thread = g_thread_new("speak", speak, &speaking);
	gsize heard = 0;
	gssize n = 0;
	guint8 bytes[4096];
	while ((n = receive(line.far, bytes, sizeof bytes)) > 0)
		heard += (gsize)n;
	g_thread_join(thread);
	CU_ASSERT_FALSE(speaking.good);
	CU_ASSERT_EQUAL(n, 0);
	CU_ASSERT_TRUE(heard >= 300000 && heard < 400000);
}

static void
an_end_is_passed_on_by_direction(void)
{
	g_auto(Line) line = { .near = -1, .far = -1 };
	char text[8] = "";

	line_open(&line, NULL);
	CU_ASSERT_EQUAL(send(line.near, "last", 4, MSG_NOSIGNAL), 4);
	CU_ASSERT_EQUAL(shutdown(line.near, SHUT_WR), 0);
	CU_ASSERT_EQUAL(receive(line.far, text, sizeof text), 4);
	CU_ASSERT_EQUAL(receive(line.far, text, sizeof text), 0);
	/* The other one goes on. */
	CU_ASSERT_EQUAL(send(line.far, "still", 5, MSG_NOSIGNAL), 5);
	CU_ASSERT_EQUAL(receive(line.near, text, sizeof text), 5);
	CU_ASSERT_EQUAL(shutdown(line.far, SHUT_WR), 0);
	CU_ASSERT_EQUAL(receive(line.near, text, sizeof text), 0);
}

static void
what_was_said_last_arrives(void)
{
	g_auto(Line) line = { .near = -1, .far = -1 };
	g_autofree guint8 *bytes = g_malloc0(100000);
	gsize heard = 0;
	gssize n = 0;

	line_open(&line, NULL);
	CU_ASSERT_EQUAL(send(line.far, "unread", 6, MSG_NOSIGNAL), 6);
	CU_ASSERT_TRUE(is_readable(line.near, WAIT_MS));
	CU_ASSERT_EQUAL(send(line.near, bytes, 100000, MSG_NOSIGNAL), 100000);
	hang_up(&line.near);
	while ((n = receive(line.far, bytes, 100000)) > 0)
		heard += (gsize)n;
	CU_ASSERT_EQUAL(n, 0);
	CU_ASSERT_EQUAL(heard, 100000);
}

static void
whoever_speaks_to_nobody_is_told(void)
{
	g_auto(Line) line = { .near = -1, .far = -1 };
	gint64 deadline_us = g_get_monotonic_time() + WAIT_MS * 1000;
	gssize n = 0;

	line_open(&line, NULL);
	hang_up(&line.far);
	while (n >= 0 && g_get_monotonic_time() < deadline_us)
		n = send(line.near, "hello?", 6, MSG_NOSIGNAL);
	CU_ASSERT_EQUAL(n, -1);
	/* The latter if something was on its way unread, see unix(7). */
	CU_ASSERT_TRUE(errno == EPIPE || errno == ECONNRESET);
}

/* Nobody reads: what the two pumps and the kernel hold for him has a bound. */
static void
a_fast_writer_is_held_up(void)
{
	g_auto(Line) line = { .near = -1, .far = -1 };
	static const guint8 bytes[32768];
	struct pollfd fd = { .events = POLLOUT };
	gsize sent = 0;
	gssize n = 0;

	line_open(&line, NULL);
	fd.fd = line.near;
	while (poll(&fd, 1, 500) > 0 && sent < 64 * MIB &&
	       (n = send(line.near, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
		sent += (gsize)n;
	CU_ASSERT_TRUE(sent > 100000);
	CU_ASSERT_TRUE(sent < 32 * MIB);
}

CU_TestInfo suite_tls_pump[] = {
	{ "both directions are whole", both_directions_are_whole },
	{ "new keys change nothing", new_keys_change_nothing },
	{ "a key is used for so many bytes only", a_key_is_used_for_so_many_bytes_only },
	{ "an end is passed on by direction", an_end_is_passed_on_by_direction },
	{ "what was said last arrives", what_was_said_last_arrives },
	{ "whoever speaks to nobody is told", whoever_speaks_to_nobody_is_told },
	{ "a fast writer is held up", a_fast_writer_is_held_up },
	CU_TEST_INFO_NULL,
};
