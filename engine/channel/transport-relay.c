/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Every byte passes through us. QEMU's end of each channel is a UNIX socket, our end is a
 * connection to the peer, and a relay connects the two. This is for multifd, because QEMU uses it
 * only over sockets that it opens itself. It is also for callers that want to see the stream.
 *
 * The first byte of a channel shows which one it is; we only peek at it. QEMU's main channel begins
 * with "QEVM", a channel of multifd with 0x11223344. A thread, the door, waits for these bytes:
 *
 *   source        QEMU connects to us once for each channel; the main one goes to the peer as index
 *                 0, the others as 1 to N in the order in which they send their first byte
 *   destination   we connect to QEMU: index 0 first, because a QEMU before 8.0 takes the first one
 *                 for the main channel; and each only when it has bytes, because QEMU waits for
 *                 them and does nothing else meanwhile
 *
 * At the source no channel of QEMU is closed or rejected while the run lasts (relay.c says why).
 * The door stays open until all channels have arrived. A channel without a place in the plan is
 * read and discarded.
 */
#include "engine/channel/transport.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/channel/channel-set.h"
#include "engine/gw-error.h"
#include "engine/host/private-dir.h"

#define FIRST_OF_MAIN	 'Q'  /* QEMU_VM_FILE_MAGIC, 0x5145564d */
#define FIRST_OF_MULTIFD 0x11 /* MULTIFD_MAGIC, 0x11223344 */
#define QUEUE_FULL_MS	 10
#define MAX_STRANGERS	 16 /* channels of QEMU that wait for their first byte, or have no place */
#define DISCARD_BYTES	 (64 * 1024)

typedef struct {
	Transport base;
	PrivateDir folder;
	int listener;	  /* at the source; -1 */
	int stop;	  /* eventfd */
	gboolean is_deaf; /* of the door: it accepts no more: no descriptors */
	GThread *door;
	GArray *qemu_fds;  /* of int, by index; -1: has not arrived yet */
	GMutex lock;	   /* protects the members below */
	GPtrArray *relays; /* of Relay (nullable), by index */
	char *failure;	   /* (nullable) */
} RelayTransport;

static void
fail(RelayTransport *self, const char *subject, const char *what)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	if (self->failure == NULL)
		self->failure = g_strdup_printf("%s: %s", subject, what);
}

/* The failure of the door itself; each relay keeps its own failure. */
static gboolean
has_failed(RelayTransport *self)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	return self->failure != NULL;
}

static void
fail_channel(RelayTransport *self, guint index, const char *what)
{
	g_autofree char *subject = g_strdup_printf("data channel %u", index);
	fail(self, subject, what);
}

static int
peer_fd(const RelayTransport *self, guint index)
{
	return g_array_index(self->base.fds, int, index);
}

static gboolean
has_begun(const RelayTransport *self, guint index)
{
	return g_array_index(self->qemu_fds, int, index) >= 0;
}

static gboolean
have_all_begun(const RelayTransport *self)
{
	for (guint i = 0; i < self->qemu_fds->len; i++)
		if (!has_begun(self, i))
			return FALSE;
	return TRUE;
}

/* Runs in a relay's thread, or in that of the door. */
static void
wake_owner(gpointer data)
{
	RelayTransport *self = data;
	g_main_context_wakeup(self->base.context);
}

static void
begin(RelayTransport *self, guint index, int qemu_fd)
{
	const TransportTap *tap = &g_array_index(self->base.taps, TransportTap, index);
	const RelayOptions options = { .outlives_peer = self->base.end == SIDE_SOURCE,
				       .tap = tap->tap,
				       .tap_data = tap->data,
				       .on_lost = wake_owner,
				       .on_lost_data = self };
	g_array_index(self->qemu_fds, int, index) = qemu_fd;
	g_autoptr(GError) error = NULL;
	Relay *relay = relay_new(qemu_fd, peer_fd(self, index), &options, &error);
	if (relay == NULL) {
		fail_channel(self, index, error->message);
		return;
	}
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	self->relays->pdata[index] = relay;
}

static void
shut_peers(RelayTransport *self)
{
	for (guint i = 0; i < self->base.fds->len; i++)
		shutdown(peer_fd(self, i), SHUT_RDWR);
}

/* Returns the first byte of a channel without reading it; -1 when the channel ended before it. */
static int
peek(int fd)
{
	guint8 byte;
	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1 ? byte : -1;
}

/* ---- the source's door ---- */

/* Returns the index of the channel that QEMU has opened; -1 if it has no place here. */
static gint
index_of(const RelayTransport *self, int first)
{
	if (first == FIRST_OF_MAIN)
		return has_begun(self, 0) ? -1 : 0;
	for (guint i = 1; first == FIRST_OF_MULTIFD && i < self->qemu_fds->len; i++)
		if (!has_begun(self, i))
			return (gint)i;
	return -1;
}

/* The stream is unusable. The peer is told, QEMU is not. */
static void
give_up(RelayTransport *self)
{
	fail(self, "QEMU", "QEMU opened a channel that is not in the plan");
	shut_peers(self);
	wake_owner(self);
}

/* Returns %FALSE at the end of the bytes. */
static gboolean
discard(int fd)
{
	guint8 bytes[DISCARD_BYTES];
	ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* @waiting[@at] has bytes, or has ended. */
static void
hear(RelayTransport *self, GArray *waiting, guint at)
{
	int fd = g_array_index(waiting, int, at);
	int first = has_failed(self) ? -1 : peek(fd);
	gint index = index_of(self, first);
	if (index >= 0) {
		g_array_index(waiting, int, at) = -1; /* so it is not closed here */
		begin(self, (guint)index, fd);
		g_array_remove_index(waiting, at);
		return;
	}
	if (first >= 0)
		give_up(self);
	/* When QEMU closes a channel before its first byte, QEMU itself reports why. */
	if (!discard(fd))
		g_array_remove_index(waiting, at);
}

static void
let_qemu_in(RelayTransport *self, GArray *waiting)
{
	int fd = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
		/* QEMU still waits in the queue: without this poll() would return at once
		 * forever. */
		fail(self, "a channel of QEMU's", g_strerror(errno));
		self->is_deaf = TRUE;
		shut_peers(self);
		wake_owner(self);
	}
	if (fd < 0)
		return;
	if (waiting->len < self->base.fds->len + MAX_STRANGERS)
		g_array_append_val(waiting, fd);
	else
		close(fd);
}

/* Returns %FALSE when the door must close. */
static gboolean
turn_source(RelayTransport *self, GArray *waiting)
{
	g_autoptr(GArray) fds = g_array_new(FALSE, TRUE, sizeof(struct pollfd));
	struct pollfd first[] = { { self->stop, POLLIN, 0 },
				  { self->is_deaf ? -1 : self->listener, POLLIN, 0 } };
	g_array_append_vals(fds, first, G_N_ELEMENTS(first));
	for (guint i = 0; i < waiting->len; i++) {
		struct pollfd one = { g_array_index(waiting, int, i), POLLIN, 0 };
		g_array_append_val(fds, one);
	}
	const struct pollfd *polled = (const struct pollfd *)(gpointer)fds->data;
	if (poll((struct pollfd *)(gpointer)fds->data, fds->len, -1) < 0)
		return TRUE; /* a signal */
	/* From the last to the first, so that the indices stay valid. */
	for (guint i = fds->len; i > G_N_ELEMENTS(first); i--)
		if (polled[i - 1].revents != 0)
			hear(self, waiting, i - 1 - (guint)G_N_ELEMENTS(first));
	if (polled[1].revents != 0)
		let_qemu_in(self, waiting);
	return polled[0].revents == 0;
}

static void
keep_source_door(RelayTransport *self)
{
	g_autoptr(GArray) waiting = channel_fds_new();
	while (!have_all_begun(self))
		if (!turn_source(self, waiting))
			return;
}

/* ---- the destination's door ---- */

/* Waits until @fd has bytes, or for @timeout_ms. Returns %FALSE when the door must close. */
static gboolean
wait_for(RelayTransport *self, int fd, int timeout_ms)
{
	struct pollfd fds[] = { { self->stop, POLLIN, 0 }, { fd, POLLIN, 0 } };
	while (poll(fds, G_N_ELEMENTS(fds), timeout_ms) < 0)
		continue;
	return fds[0].revents == 0;
}

static int
connect_to_qemu(RelayTransport *self, guint index)
{
	int fd;
	while ((fd = private_dir_connect(&self->folder)) < 0 && errno == EAGAIN)
		if (!wait_for(self, -1, QUEUE_FULL_MS))
			return -1;
	if (fd < 0)
		fail_channel(self, index, g_strerror(errno));
	return fd;
}

static gboolean
let_in(RelayTransport *self, guint index)
{
	if (!wait_for(self, peer_fd(self, index), -1))
		return FALSE;
	int first = peek(peer_fd(self, index));
	if (first != (index == 0 ? FIRST_OF_MAIN : FIRST_OF_MULTIFD)) {
		fail_channel(self, index,
			     first < 0 ? "it ended before its first byte"
				       : "what came is no migration stream");
		return FALSE;
	}
	int fd = connect_to_qemu(self, index);
	if (fd < 0)
		return FALSE;
	begin(self, index, fd);
	return TRUE;
}

/* One after the other: the channels of multifd all send at once, and each one is useless without
 * the others. */
static void
keep_destination_door(RelayTransport *self)
{
	for (guint i = 0; i < self->qemu_fds->len; i++)
		if (!let_in(self, i))
			return;
}

/* ---- the transport ---- */

static gpointer
keep_door(gpointer data)
{
	RelayTransport *self = data;
	if (self->base.end == SIDE_SOURCE)
		keep_source_door(self);
	else
		keep_destination_door(self);
	/* All channels have arrived, or none will: the socket is no longer needed. */
	private_dir_clear(&self->folder);
	if (self->listener >= 0)
		close(self->listener);
	self->listener = -1;
	/* A stream with a missing channel is unusable. */
	if (!have_all_begun(self))
		shut_peers(self);
	return NULL;
}

static gboolean
attach(Transport *base, Qemu *qemu, GError **error)
{
	static const int none = -1;
	RelayTransport *self = (RelayTransport *)base;
	g_mutex_init(&self->lock);
	self->listener = -1;
	self->stop = eventfd(0, EFD_CLOEXEC);
	self->qemu_fds = channel_fds_new();
	self->relays = g_ptr_array_new_with_free_func((GDestroyNotify)relay_free);
	g_ptr_array_set_size(self->relays, (gint)base->fds->len);
	for (guint i = 0; i < base->fds->len; i++)
		g_array_append_val(self->qemu_fds, none);
	if (self->stop < 0) {
		g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "no descriptor for the relay");
		return FALSE;
	}
	if (!private_dir_make(&self->folder, qemu, base->name, error))
		return FALSE;
	if (base->end == SIDE_SOURCE)
		self->listener = private_dir_listen(&self->folder, (int)base->fds->len, error);
	if (base->end == SIDE_SOURCE && self->listener < 0)
		return FALSE;
	if (!private_dir_give(&self->folder, qemu, error))
		return FALSE;
	base->uri = g_strconcat("unix:", self->folder.socket_path, NULL);
	return TRUE;
}

static void
start(Transport *base)
{
	RelayTransport *self = (RelayTransport *)base;
	g_autoptr(GError) error = NULL;
	self->door = g_thread_try_new("gw-door", keep_door, self, &error);
	if (self->door == NULL)
		fail(self, "relay", error->message);
}

static char *
get_failure(Transport *base)
{
	RelayTransport *self = (RelayTransport *)base;
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	if (self->failure != NULL)
		return g_strdup(self->failure);
	for (guint i = 0; i < self->relays->len; i++) {
		Relay *relay = self->relays->pdata[i];
		g_autofree char *text = relay != NULL ? relay_get_failure(relay) : NULL;
		if (text != NULL)
			return g_strdup_printf("data channel %u: %s", i, text);
	}
	return NULL;
}

static gboolean
is_broken(Transport *base)
{
	RelayTransport *self = (RelayTransport *)base;
	if (has_failed(self))
		return TRUE;
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	for (guint i = 0; i < self->relays->len; i++) {
		const Relay *relay = self->relays->pdata[i];
		if (relay != NULL && relay_has_lost_peer(relay))
			return TRUE;
	}
	return FALSE;
}

static void
clear(Transport *base)
{
	RelayTransport *self = (RelayTransport *)base;
	if (self->door != NULL) {
		eventfd_write(self->stop, 1);
		g_thread_join(self->door);
	}
	private_dir_clear(&self->folder);
	if (self->listener >= 0)
		close(self->listener);
	g_ptr_array_unref(self->relays);
	g_array_unref(self->qemu_fds);
	if (self->stop >= 0)
		close(self->stop);
	g_mutex_clear(&self->lock);
	g_free(self->failure);
}

const TransportOps transport_relay = {
	.attach = attach,
	.start = start,
	.get_failure = get_failure,
	.is_broken = is_broken,
	.clear = clear,
	.size = sizeof(RelayTransport),
};
