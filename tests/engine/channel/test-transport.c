/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How channels find their places when they pass through us: a test plays QEMU on one side and the
 * other host on the other, in every order in which they may speak, and says what has no place
 * there.
 */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/channel/channel-set.h"
#include "engine/channel/transport.h"
#include "tests/rig/session-rig.h"
#include "tests/rig/test-util.h"

#define MAX_CHANNELS 4
#define WAIT_MS	     60000
#define SESSION	     "0d0b3c6a-2a74-4b4e-8c2b-63cc2f0f2f6e"

static const char main_bytes[] = "QEVM and so on";
static const char multifd_bytes[] = "\x11\x22\x33\x44 and so on";

typedef struct {
	char *folder;
	Qemu qemu; /* only where its monitor is matters */
	Transport *transport;
	int peers[MAX_CHANNELS]; /* the other host's ends */
	guint n;
} Door;

static void
door_open(Door *door, Side end, guint n)
{
	g_autoptr(GError) error = NULL;
	*door = (Door){ .folder = test_folder_new(), .n = n };
	door->qemu.qmp_path = g_build_filename(door->folder, "qmp", NULL);
	GArray *fds = channel_fds_new();
	for (guint i = 0; i < n; i++) {
		int pair[2];
		CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		door->peers[i] = pair[0];
		g_array_append_val(fds, pair[1]);
	}
	door->transport = transport_attach(transport_kind_find("relay"), end, &door->qemu, SESSION,
					   fds, NULL, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(door->transport);
	CU_ASSERT_TRUE_FATAL(g_str_has_prefix(door->transport->uri, "unix:"));
}

static void
door_clear(Door *door)
{
	transport_free(door->transport);
	for (guint i = 0; i < door->n; i++)
		if (door->peers[i] >= 0)
			close(door->peers[i]);
	g_free(door->qemu.qmp_path);
	test_folder_free(door->folder);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Door, door_clear);

static struct sockaddr_un
address_of(const Door *door)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	g_strlcpy(address.sun_path, door->transport->uri + strlen("unix:"),
		  sizeof address.sun_path);
	return address;
}

/* One channel of the source's QEMU; -1 when it finds nobody. */
static int
dial(const Door *door)
{
	struct sockaddr_un address = address_of(door);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The destination's QEMU. */
static int
listen_as_qemu(const Door *door, int backlog)
{
	struct sockaddr_un address = address_of(door);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	CU_ASSERT_EQUAL_FATAL(listen(fd, backlog), 0);
	return fd;
}

static gboolean
is_readable(int fd, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	return poll(&pfd, 1, timeout_ms) == 1;
}

static int
accept_soon(int listener)
{
	return is_readable(listener, WAIT_MS) ? accept(listener, NULL, NULL) : -1;
}

static void
say(int fd, const char *text)
{
	CU_ASSERT_EQUAL(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void
expect(int fd, const char *text)
{
	char came[64] = "";
	CU_ASSERT_TRUE_FATAL(is_readable(fd, WAIT_MS));
	CU_ASSERT_EQUAL(recv(fd, came, strlen(text), MSG_WAITALL), (ssize_t)strlen(text));
	TEST_STRING(came, text);
}

static gboolean
is_at_end(int fd)
{
	char byte;
	return is_readable(fd, WAIT_MS) && recv(fd, &byte, 1, 0) == 0;
}

static gboolean
folder_is_empty(const Door *door)
{
	for (guint i = 0; i < WAIT_MS / 10; i++) {
		g_autoptr(GDir) dir = g_dir_open(door->folder, 0, NULL);
		if (g_dir_read_name(dir) == NULL)
			return TRUE;
		g_usleep(10000);
	}
	return FALSE;
}

static gboolean
await_failure(Door *door, const char *text)
{
	for (guint i = 0; i < WAIT_MS / 10; i++) {
		g_autofree char *failure = transport_get_failure(door->transport);
		if (failure != NULL)
			return test_string_is(failure, text);
		g_usleep(10000);
	}
	return FALSE;
}

static void
transports_are_found_by_name(void)
{
	CU_ASSERT_PTR_NULL(transport_kind_find("pigeon"));
	CU_ASSERT_PTR_NULL(transport_kind_find(NULL));
	CU_ASSERT_FALSE(transport_kind_find("direct")->carries_many);
	CU_ASSERT_TRUE(transport_kind_find("relay")->carries_many);
}

static void
the_simplest_transport_that_can_is_chosen(void)
{
	CU_ASSERT_STRING_EQUAL(transport_kind_choose(FALSE, FALSE, FALSE)->name, "direct");
	CU_ASSERT_STRING_EQUAL(transport_kind_choose(FALSE, FALSE, TRUE)->name, "relay");
	CU_ASSERT_STRING_EQUAL(transport_kind_choose(TRUE, FALSE, FALSE)->name, "relay");
	CU_ASSERT_STRING_EQUAL(transport_kind_choose(FALSE, TRUE, FALSE)->name, "relay");
	CU_ASSERT_STRING_EQUAL(transport_kind_choose(TRUE, TRUE, FALSE)->name, "relay");
}

/* Whichever speaks first: the main one is index 0 at the peer's. */
static void
the_source_finds_the_main_channel(void)
{
	for (guint main_at = 0; main_at < 3; main_at++) {
		g_auto(Door) door;
		int channels[3];
		door_open(&door, SIDE_SOURCE, 3);
		transport_start(door.transport);
		for (guint i = 0; i < 3; i++)
			channels[i] = dial(&door);
		for (guint i = 0; i < 3; i++)
			say(channels[i], i == main_at ? main_bytes : multifd_bytes);
		expect(door.peers[0], main_bytes);
		expect(door.peers[1], multifd_bytes);
		expect(door.peers[2], multifd_bytes);
		/* The return path leads to the main one again. */
		say(door.peers[0], "answer");
		expect(channels[main_at], "answer");
		CU_ASSERT_TRUE(folder_is_empty(&door));
		CU_ASSERT_EQUAL(dial(&door), -1);
		CU_ASSERT_PTR_NULL(transport_get_failure(door.transport));
		for (guint i = 0; i < 3; i++)
			close(channels[i]);
	}
}

static void
the_socket_is_nobody_elses(void)
{
	g_auto(Door) door;
	struct stat status;
	door_open(&door, SIDE_SOURCE, 1);
	g_autofree char *path = g_path_get_dirname(door.transport->uri + strlen("unix:"));
	CU_ASSERT_EQUAL(stat(path, &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 07777, 0700);
	CU_ASSERT_EQUAL(status.st_uid, geteuid());
}

/* A process that was killed leaves it; whoever settles that knows the monitor and the session. */
static void
what_a_dead_one_left_is_removed(void)
{
	g_auto(Door) door;
	door_open(&door, SIDE_SOURCE, 1);
	transport_remove_left(SIDE_DESTINATION, door.qemu.qmp_path, SESSION);
	int channel = dial(&door);
	CU_ASSERT_TRUE(channel >= 0);
	close(channel);
	transport_remove_left(SIDE_SOURCE, door.qemu.qmp_path, SESSION);
	CU_ASSERT_TRUE(folder_is_empty(&door));
	transport_remove_left(SIDE_SOURCE, door.qemu.qmp_path, SESSION);
	transport_remove_left(SIDE_SOURCE, NULL, SESSION);
}

static gboolean
is_open(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLRDHUP };
	return send(fd, "more", 4, MSG_NOSIGNAL) == 4 && poll(&pfd, 1, 20) == 0;
}

/* The peer and the engine see it. QEMU does not: see relay.c. */
static void
what_has_no_place_ends_the_run(void)
{
	static const char *const spoken[] = { main_bytes, multifd_bytes, "GET / HTTP/1.1" };
	for (gsize i = 0; i < G_N_ELEMENTS(spoken); i++) {
		g_auto(Door) door;
		door_open(&door, SIDE_SOURCE, 2);
		transport_start(door.transport);
		CU_ASSERT_FALSE(transport_is_broken(door.transport));
		/* The main one is there, and then: a second one, two of multifd, nonsense. */
		int channels[] = { dial(&door), dial(&door), dial(&door), -1 };
		say(channels[0], i == 1 ? multifd_bytes : main_bytes);
		expect(door.peers[i == 1 ? 1 : 0], i == 1 ? multifd_bytes : main_bytes);
		say(channels[1], spoken[i]);
		CU_ASSERT_TRUE(
			await_failure(&door,
				      "QEMU: QEMU opened a channel that is not in the plan"));
		CU_ASSERT_TRUE(transport_is_broken(door.transport));
		CU_ASSERT_TRUE(is_at_end(door.peers[i == 1 ? 0 : 1]));
		channels[3] = dial(&door); /* one more, later */
		for (guint j = 0; j < G_N_ELEMENTS(channels); j++)
			CU_ASSERT_TRUE(is_open(channels[j]));
		transport_free(g_steal_pointer(&door.transport));
		CU_ASSERT_TRUE(folder_is_empty(&door));
		for (guint j = 0; j < G_N_ELEMENTS(channels); j++)
			close(channels[j]);
	}
}

/* A cancel may come while QEMU still opens channels: each stays open until the migration is
 * over. */
static void
the_door_stays_open_when_the_peer_is_lost(void)
{
	g_auto(Door) door;
	door_open(&door, SIDE_SOURCE, 3);
	transport_start(door.transport);
	int channels[3] = { dial(&door), -1, -1 };
	say(channels[0], main_bytes);
	expect(door.peers[0], main_bytes);
	close(door.peers[0]);
	door.peers[0] = -1;
	say(channels[0], main_bytes);
	for (guint i = 0; i < WAIT_MS / 10 && !transport_is_broken(door.transport); i++)
		g_usleep(10000);
	CU_ASSERT_TRUE(transport_is_broken(door.transport));
	CU_ASSERT_TRUE(await_failure(&door, "data channel 0: the peer's side: Broken pipe"));
	transport_sever(door.transport);
	for (guint i = 1; i < 3; i++) {
		channels[i] = dial(&door);
		CU_ASSERT_TRUE(channels[i] >= 0);
		say(channels[i], multifd_bytes);
	}
	for (guint i = 0; i < 3; i++)
		CU_ASSERT_TRUE(is_open(channels[i]));
	CU_ASSERT_TRUE(folder_is_empty(&door));
	for (guint i = 0; i < 3; i++)
		close(channels[i]);
}

/* The run sleeps in the main context in which it attached the transport. */
static void
a_lost_peer_wakes_the_owner(void)
{
	g_autoptr(GMainContext) context = g_main_context_new();
	g_auto(Door) door;
	g_main_context_push_thread_default(context);
	door_open(&door, SIDE_SOURCE, 1);
	g_main_context_pop_thread_default(context);
	transport_start(door.transport);
	int channel = dial(&door);
	say(channel, main_bytes);
	expect(door.peers[0], main_bytes);
	while (g_main_context_iteration(context, FALSE))
		continue;
	close(door.peers[0]);
	door.peers[0] = -1;
	say(channel, main_bytes);
	g_main_context_iteration(context, TRUE); /* sleeps until it is woken */
	CU_ASSERT_TRUE(transport_is_broken(door.transport));
	close(channel);
}

/* QEMU thinks better of it before it has spoken, and connects again. */
static void
one_that_leaves_without_a_word_is_forgotten(void)
{
	g_auto(Door) door;
	door_open(&door, SIDE_SOURCE, 1);
	transport_start(door.transport);
	close(dial(&door));
	int channel = dial(&door);
	say(channel, main_bytes);
	expect(door.peers[0], main_bytes);
	CU_ASSERT_PTR_NULL(transport_get_failure(door.transport));
	close(channel);
}

static void
the_destination_opens_the_main_channel_first(void)
{
	g_auto(Door) door;
	int channels[3];
	door_open(&door, SIDE_DESTINATION, 3);
	int listener = listen_as_qemu(&door, 0); /* its queue is short: the door has to wait */
	transport_start(door.transport);
	say(door.peers[2], multifd_bytes);
	say(door.peers[1], multifd_bytes);
	CU_ASSERT_FALSE(is_readable(listener, 100));
	say(door.peers[0], main_bytes);
	for (guint i = 0; i < 3; i++)
		channels[i] = accept_soon(listener);
	expect(channels[0], main_bytes);
	expect(channels[1], multifd_bytes);
	expect(channels[2], multifd_bytes);
	say(channels[0], "answer");
	expect(door.peers[0], "answer");
	CU_ASSERT_TRUE(folder_is_empty(&door));
	for (guint i = 0; i < 3; i++)
		close(channels[i]);
	close(listener);
}

static void
what_is_no_stream_never_reaches_qemu(void)
{
	static const struct {
		guint index;
		const char *bytes;
		const char *failure;
	} rows[] = {
		{ 0, multifd_bytes, "data channel 0: what came is no migration stream" },
		{ 0, "{\"type\":\"hello\"}", "data channel 0: what came is no migration stream" },
		{ 0, NULL, "data channel 0: it ended before its first byte" },
		{ 1, main_bytes, "data channel 1: what came is no migration stream" },
		{ 1, NULL, "data channel 1: it ended before its first byte" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(Door) door;
		door_open(&door, SIDE_DESTINATION, 2);
		int listener = listen_as_qemu(&door, 4);
		transport_start(door.transport);
		int first = -1;
		if (rows[i].index > 0) {
			say(door.peers[0], main_bytes);
			first = accept_soon(listener);
		}
		if (rows[i].bytes != NULL)
			say(door.peers[rows[i].index], rows[i].bytes);
		else
			shutdown(door.peers[rows[i].index], SHUT_WR);
		CU_ASSERT_TRUE(await_failure(&door, rows[i].failure));
		CU_ASSERT_FALSE(is_readable(listener, 50));
		CU_ASSERT_TRUE(folder_is_empty(&door));
		close(listener);
		if (first >= 0)
			close(first);
	}
}

static void
a_qemu_that_does_not_listen_is_told(void)
{
	g_auto(Door) door;
	door_open(&door, SIDE_DESTINATION, 1);
	transport_start(door.transport);
	say(door.peers[0], main_bytes);
	CU_ASSERT_TRUE(await_failure(&door, "data channel 0: No such file or directory"));
	CU_ASSERT_TRUE(is_readable(door.peers[0], WAIT_MS)); /* its end */
}

/* Nobody has come, or not all: it can be ended at any time, and nothing is left. */
static void
it_ends_while_it_waits(void)
{
	guint before = rig_count_fds();
	for (guint end = 0; end < 2; end++) {
		for (guint started = 0; started < 2; started++) {
			g_auto(Door) door;
			door_open(&door, (Side)end, 3);
			if (started > 0)
				transport_start(door.transport);
			int channel = end == SIDE_SOURCE ? dial(&door) : -1;
			g_usleep(5000);
			transport_free(g_steal_pointer(&door.transport));
			CU_ASSERT_TRUE(folder_is_empty(&door));
			CU_ASSERT_TRUE(is_at_end(door.peers[0]));
			if (channel >= 0)
				close(channel);
		}
	}
	CU_ASSERT_EQUAL(rig_count_fds(), before);
}

static void
severed_by_us_is_no_failure(void)
{
	g_auto(Door) door;
	door_open(&door, SIDE_SOURCE, 1);
	transport_start(door.transport);
	int channel = dial(&door);
	say(channel, main_bytes);
	expect(door.peers[0], main_bytes);
	transport_sever(door.transport);
	CU_ASSERT_TRUE(is_at_end(door.peers[0]));
	CU_ASSERT_TRUE(is_open(channel));
	CU_ASSERT_PTR_NULL(transport_get_failure(door.transport));
	CU_ASSERT_FALSE(transport_is_broken(door.transport));
	close(channel);
}

static void
a_name_that_is_too_long_is_refused(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *name = g_strnfill(100, 'x');
	g_autofree char *path = g_build_filename("/tmp", name, "qmp", NULL);
	Qemu qemu = { .qmp_path = path };
	GArray *fds = channel_fds_new();
	int fd = dup(0);
	g_array_append_val(fds, fd);
	CU_ASSERT_PTR_NULL(transport_attach(transport_kind_find("relay"), SIDE_SOURCE, &qemu,
					    SESSION, fds, NULL, &error));
	CU_ASSERT_PTR_NOT_NULL_FATAL(error);
	CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "too long a name for a folder"));
}

CU_TestInfo suite_transport[] = {
	{ "transports are found by name", transports_are_found_by_name },
	{ "the simplest transport that can is chosen", the_simplest_transport_that_can_is_chosen },
	{ "the source finds the main channel", the_source_finds_the_main_channel },
	{ "the socket is nobody else's", the_socket_is_nobody_elses },
	{ "what a dead one left is removed", what_a_dead_one_left_is_removed },
	{ "what has no place ends the run", what_has_no_place_ends_the_run },
	{ "the door stays open when the peer is lost", the_door_stays_open_when_the_peer_is_lost },
	{ "a lost peer wakes the owner", a_lost_peer_wakes_the_owner },
	{ "one that leaves without a word is forgotten",
	  one_that_leaves_without_a_word_is_forgotten },
	{ "the destination opens the main channel first",
	  the_destination_opens_the_main_channel_first },
	{ "what is no stream never reaches QEMU", what_is_no_stream_never_reaches_qemu },
	{ "a QEMU that does not listen is told", a_qemu_that_does_not_listen_is_told },
	{ "it ends while it waits", it_ends_while_it_waits },
	{ "severed by us is no failure", severed_by_us_is_no_failure },
	{ "a name that is too long is refused", a_name_that_is_too_long_is_refused },
	CU_TEST_INFO_NULL,
};
