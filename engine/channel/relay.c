/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The copy loop of one channel.
 *
 *   QEMU -- AF_UNIX --> [256 KiB] -- TCP --> peer      RELAY_TO_PEER: at the source, the stream
 *   QEMU <-- AF_UNIX -- [256 KiB] <-- TCP -- peer      RELAY_TO_QEMU: there the return path
 *
 * The bytes inside the relay are limited, because QEMU counts as sent what we have read, and plans
 * its downtime with that. The limit is what the way ahead carries in a millisecond, at the rate of
 * the last 20. While one direction waits for its socket the other continues, so the relay never
 * waits for itself. The end of the bytes in one direction becomes shutdown(SHUT_WR) in that
 * direction after the last byte: QEMU still needs the return path when the stream has ended. The
 * descriptors are not closed here.
 *
 * At the source QEMU must not see that a channel is lost. QEMU 7.2 and 10.0 then sometimes abort
 * with an assertion of their 'yank' code, because a channel is still registered when the migration
 * is torn down, and the guest dies with them. So at the source the relay outlives its peer: it
 * continues to read, discards what it reads, and answers nothing, until QEMU closes the channel or
 * the run is over. The loss is reported at once, and the engine cancels the migration. Discarded
 * bytes can never count as received: the guest runs at the destination only after QEMU there has
 * said that its migration is completed.
 *
 * Without a tap the bytes never reach user space: splice() moves them from socket to pipe to
 * socket. With a tap they are read and written, which costs no more than splice() and a copy by
 * tee(). CPU seconds a GiB of writer, relays and reader together (AF_UNIX -> TCP over loopback with
 * reno), medians of 7 and 9 runs of 768 MiB on 2 busy cores:
 *
 *                    one relay, TCP_NOTSENT_LOWAT 128 KiB     two relays
 *   buffer            64 KiB   256 KiB   1 MiB                 64 KiB   256 KiB   1 MiB
 *   no relay           0.28                                     0.31
 *   read and write     0.50     0.41     0.40                   1.02     0.87     0.74
 *     with a tap       0.65     0.41                            0.97     0.94
 *   splice             0.45     0.36     0.37                   0.89     0.55     0.56
 *     with a tap                0.41     0.45                            0.80     0.72
 */
#include "engine/channel/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib-unix.h>

#define BUFFER_BYTES (256 * 1024)
#define MIN_BYTES    (32 * 1024)
#define AHEAD_US     1000
#define WINDOW_US    20000
#define END_GRACE_US 2000000 /* a peer that has received everything may close first */

typedef struct {
	RelayDirection direction;
	int from, to;
	int pipe[2];	     /* -1: the bytes go through @buffer */
	guint8 *buffer;	     /* (nullable): NULL if the bytes go through the pipe */
	gsize begin, end;    /* the bytes between them must still be sent */
	gsize most_bytes;    /* the most bytes to read at once */
	gint64 window_us;    /* when the window for the rate began */
	gint64 window_bytes; /* bytes sent until then */
	gboolean has_ended;  /* no more bytes will arrive */
	gboolean is_over;    /* and all bytes were sent */
	gboolean is_discarding;
	atomic_llong n_sent; /* bytes */
} Flow;

typedef enum {
	QEMU_SIDE,
	PEER_SIDE,
} RelaySide;

struct Relay {
	Flow flows[RELAY_N_DIRECTIONS];
	RelayOptions options;
	GThread *thread;
	gboolean peer_failed;
	atomic_bool has_ended;
	atomic_bool has_lost_peer;
	atomic_llong peer_end_us; /* monotonic: when the peer ended its direction; 0: not yet */
	GMutex lock;
	char *failure; /* (nullable), under @lock */
};

static const char *const side_names[] = { "QEMU's side", "the peer's side" };
static const RelaySide read_side[] = { QEMU_SIDE, PEER_SIDE };
static const RelaySide write_side[] = { PEER_SIDE, QEMU_SIDE };

static void
fail(Relay *self, RelaySide side, int number)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	self->peer_failed |= side == PEER_SIDE;
	if (self->failure == NULL)
		self->failure = g_strdup_printf("%s: %s", side_names[side], g_strerror(number));
}

static gboolean
is_no_failure(ssize_t n)
{
	return n >= 0 || errno == EAGAIN || errno == EINTR;
}

/* The functions below return %FALSE when the channel has failed. */

static void
measure(Flow *flow)
{
	gint64 now_us = g_get_monotonic_time();
	gint64 sent_bytes = atomic_load_explicit(&flow->n_sent, memory_order_relaxed);
	gint64 lasted_us = now_us - flow->window_us;
	if (lasted_us < WINDOW_US)
		return;
	gint64 ahead_bytes = (sent_bytes - flow->window_bytes) * AHEAD_US / lasted_us;
	flow->most_bytes = (gsize)CLAMP(ahead_bytes, MIN_BYTES, BUFFER_BYTES);
	flow->window_us = now_us;
	flow->window_bytes = sent_bytes;
}

static ssize_t
take_in(Flow *flow)
{
	measure(flow);
	if (flow->buffer != NULL)
		return recv(flow->from, flow->buffer, flow->most_bytes, MSG_DONTWAIT);
	return splice(flow->from, NULL, flow->pipe[1], NULL, flow->most_bytes, SPLICE_F_NONBLOCK);
}

static ssize_t
give_out(Flow *flow)
{
	gsize n_bytes = flow->end - flow->begin;
	if (flow->buffer != NULL)
		return send(flow->to, flow->buffer + flow->begin, n_bytes,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	return splice(flow->pipe[0], NULL, flow->to, NULL, n_bytes, SPLICE_F_NONBLOCK);
}

static gboolean
fill(Relay *self, Flow *flow)
{
	ssize_t n = take_in(flow);
	if (!is_no_failure(n)) {
		fail(self, read_side[flow->direction], errno);
		return FALSE;
	}
	if (n == 0)
		flow->has_ended = TRUE;
	if (n <= 0)
		return TRUE;
	if (flow->is_discarding)
		return TRUE;
	flow->begin = 0;
	flow->end = (gsize)n;
	if (self->options.tap != NULL)
		self->options.tap(self->options.tap_data, flow->buffer, flow->end, flow->direction);
	return TRUE;
}

static gboolean
drain(Relay *self, Flow *flow)
{
	ssize_t n = give_out(flow);
	if (!is_no_failure(n)) {
		fail(self, write_side[flow->direction], errno);
		return FALSE;
	}
	if (n > 0) {
		flow->begin += (gsize)n;
		atomic_fetch_add_explicit(&flow->n_sent, n, memory_order_relaxed);
	}
	return TRUE;
}

static gboolean
is_empty(const Flow *flow)
{
	return flow->begin == flow->end;
}

static void
pass_on_end(Relay *self, Flow *flow)
{
	flow->is_over = TRUE;
	if (flow->direction == RELAY_TO_QEMU && self->options.outlives_peer)
		atomic_store(&self->peer_end_us, g_get_monotonic_time());
	else
		shutdown(flow->to, SHUT_WR);
}

static gboolean
turn(Relay *self, Flow *flow)
{
	if (flow->is_over)
		return TRUE;
	if (is_empty(flow) && !flow->has_ended && !fill(self, flow))
		return FALSE;
	if (!is_empty(flow) && !drain(self, flow))
		return FALSE;
	if (is_empty(flow) && flow->has_ended)
		pass_on_end(self, flow);
	return TRUE;
}

/* From now on the relay discards what QEMU sends. */
static void
lose_peer(Relay *self)
{
	Flow *out = &self->flows[RELAY_TO_PEER], *back = &self->flows[RELAY_TO_QEMU];
	shutdown(out->to, SHUT_RDWR);
	if (out->buffer == NULL)
		out->buffer = g_malloc(BUFFER_BYTES);
	out->is_discarding = TRUE;
	out->most_bytes = BUFFER_BYTES;
	out->begin = out->end = 0;
	back->begin = back->end = 0;
	back->is_over = TRUE;
	atomic_store(&self->has_lost_peer, TRUE);
	if (self->options.on_lost != NULL)
		self->options.on_lost(self->options.on_lost_data);
}

/* Returns whether the relay can continue without its peer after a failure. */
static gboolean
survives(Relay *self)
{
	if (!self->options.outlives_peer || !self->peer_failed ||
	    self->flows[RELAY_TO_PEER].is_discarding)
		return FALSE;
	lose_peer(self);
	return TRUE;
}

/* What a direction waits for: room for its bytes if it has some to send, otherwise bytes to
 * read. */
static struct pollfd
wanted(const Flow *flow)
{
	if (flow->is_over)
		return (struct pollfd){ .fd = -1 };
	if (!is_empty(flow))
		return (struct pollfd){ .fd = flow->to, .events = POLLOUT };
	return (struct pollfd){ .fd = flow->from, .events = POLLIN };
}

/* A peer that has ended its direction is not read any more, but poll() still reports its reset. */
static struct pollfd
watched_peer(const Relay *self)
{
	const Flow *out = &self->flows[RELAY_TO_PEER];
	gboolean is_watched = self->options.outlives_peer && !out->is_discarding &&
			      self->flows[RELAY_TO_QEMU].is_over;
	return (struct pollfd){ .fd = is_watched ? out->to : -1 };
}

static int
take_socket_error(int fd)
{
	int number = 0;
	socklen_t len = sizeof number;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &len) != 0 || number == 0)
		return EPIPE;
	return number;
}

static gboolean
carry_on(Relay *self)
{
	Flow *flows = self->flows;
	struct pollfd fds[] = { wanted(&flows[RELAY_TO_PEER]), wanted(&flows[RELAY_TO_QEMU]),
				watched_peer(self) };
	if (poll(fds, G_N_ELEMENTS(fds), -1) < 0)
		return TRUE; /* a signal */
	for (guint i = 0; i < RELAY_N_DIRECTIONS; i++)
		if (fds[i].revents != 0 && !turn(self, &flows[i]) && !survives(self))
			return FALSE;
	if (fds[2].revents == 0 || flows[RELAY_TO_PEER].is_discarding)
		return TRUE;
	fail(self, PEER_SIDE, take_socket_error(fds[2].fd));
	return survives(self);
}

/* Tells both ends that no more bytes will come. Also ends the thread, if another thread calls
 * this. */
static void
sever(Relay *self)
{
	shutdown(self->flows[RELAY_TO_PEER].from, SHUT_RDWR);
	shutdown(self->flows[RELAY_TO_PEER].to, SHUT_RDWR);
}

/* splice() to a closed socket raises SIGPIPE, and has no flag against it. */
static void
block_sigpipe(void)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

static gpointer
thread_main(gpointer data)
{
	Relay *self = data;
	Flow *flows = self->flows;
	block_sigpipe();
	while (!flows[RELAY_TO_PEER].is_over || !flows[RELAY_TO_QEMU].is_over)
		if (!carry_on(self))
			break;
	sever(self); /* after both directions have ended in order this changes nothing */
	atomic_store(&self->has_ended, TRUE);
	return NULL;
}

static void
flow_init(Flow *flow, RelayDirection direction, int from, int to, gboolean is_seen)
{
	flow->direction = direction;
	flow->from = from;
	flow->to = to;
	flow->most_bytes = MIN_BYTES;
	flow->window_us = g_get_monotonic_time();
	if (is_seen || pipe2(flow->pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
		flow->pipe[0] = flow->pipe[1] = -1;
		flow->buffer = g_malloc(BUFFER_BYTES);
	} else if (fcntl(flow->pipe[0], F_SETPIPE_SZ, BUFFER_BYTES) < 0) {
		g_debug("relay: a pipe of the kernel's size: %s", g_strerror(errno));
	}
}

static void
flow_clear(Flow *flow)
{
	g_free(flow->buffer);
	for (guint i = 0; i < G_N_ELEMENTS(flow->pipe); i++)
		if (flow->pipe[i] >= 0)
			close(flow->pipe[i]);
}

Relay *
relay_new(int qemu_fd, int peer_fd, const RelayOptions *options, GError **error)
{
	Relay *self = g_new0(Relay, 1);
	gboolean is_seen = options->tap != NULL;
	self->options = *options;
	/* splice() waits unless the sockets themselves are non-blocking. */
	g_unix_set_fd_nonblocking(qemu_fd, TRUE, NULL);
	g_unix_set_fd_nonblocking(peer_fd, TRUE, NULL);
	flow_init(&self->flows[RELAY_TO_PEER], RELAY_TO_PEER, qemu_fd, peer_fd, is_seen);
	flow_init(&self->flows[RELAY_TO_QEMU], RELAY_TO_QEMU, peer_fd, qemu_fd, is_seen);
	g_mutex_init(&self->lock);
	self->thread = g_thread_try_new("gw-relay", thread_main, self, error);
	if (self->thread != NULL)
		return self;
	relay_free(self);
	return NULL;
}

void
relay_free(Relay *self)
{
	if (self == NULL)
		return;
	sever(self);
	if (self->thread != NULL)
		g_thread_join(self->thread);
	for (guint i = 0; i < RELAY_N_DIRECTIONS; i++)
		flow_clear(&self->flows[i]);
	g_mutex_clear(&self->lock);
	g_free(self->failure);
	g_free(self);
}

gint64
relay_get_bytes(const Relay *self, RelayDirection direction)
{
	return atomic_load_explicit(&self->flows[direction].n_sent, memory_order_relaxed);
}

gboolean
relay_has_ended(const Relay *self)
{
	return atomic_load(&self->has_ended);
}

/* Returns whether the peer has ended its direction, and QEMU has not followed in time. */
static gboolean
peer_has_left(const Relay *self)
{
	gint64 end_us = atomic_load(&self->peer_end_us);
	return end_us != 0 && !relay_has_ended(self) &&
	       g_get_monotonic_time() - end_us > END_GRACE_US;
}

gboolean
relay_has_lost_peer(const Relay *self)
{
	return atomic_load(&self->has_lost_peer) || peer_has_left(self);
}

char *
relay_get_failure(Relay *self)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	if (self->failure == NULL && peer_has_left(self))
		return g_strdup_printf("%s: it has closed the channel", side_names[PEER_SIDE]);
	return g_strdup(self->failure);
}
