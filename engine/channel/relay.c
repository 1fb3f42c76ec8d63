/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The copy loop of one channel.
 *
 *   QEMU -- AF_UNIX --> [256 KiB] -- TCP --> peer      RELAY_TO_PEER: at the source, the stream
 *   QEMU <-- AF_UNIX -- [256 KiB] <-- TCP -- peer      RELAY_TO_QEMU: there the return path
 *
 * What is under way in here is bounded, since QEMU takes for sent what we have taken and plans its downtime
 * by it: no more than the way ahead carries in a millisecond, by what it carried in the last 20. While one direction waits for its socket the other goes on, so nothing here can wait for itself.
 * The end of the bytes in one direction is shutdown(SHUT_WR) in that direction after the last byte: QEMU's
 * return path is still needed when the stream has ended. The descriptors are not closed here.
 *
 * Bytes that nobody wants to see never come up to user space: they are spliced, from socket to pipe to
 * socket. With a tap they are read and written, which costs no more than splice() and a copy by tee(). CPU
 * seconds a GiB of writer, relays and reader together (AF_UNIX -> TCP over loopback with reno), medians of 7
 * and 9 runs of 768 MiB on 2 busy cores:
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

typedef struct {
	RelayDirection direction;
	int from, to;
	int pipe[2];	     /* -1: the bytes go through @buffer */
	guint8 *buffer;	     /* (nullable): where they go through the pipe */
	gsize begin, end;    /* what is between them is to be sent */
	gsize most_bytes;    /* that are taken in at once */
	gint64 window_us;    /* when the window began in which the rate is measured */
	gint64 window_bytes; /* what had been sent then */
	gboolean has_ended;  /* no more comes in */
	gboolean is_over;    /* and all has gone out */
	atomic_llong n_sent; /* bytes */
} CaseSource;

struct Relay {
	CaseSource flows[RELAY_N_DIRECTIONS];
	RelayTap tap;
	gpointer tap_data;
	GThread *thread;
	atomic_bool has_ended;
	GMutex lock;
	char *failure; /* (nullable), under @lock */
};

static const char *const read_side[] = { "QEMU's side", "the peer's side" };
static const char *const write_side[] = { "the peer's side", "QEMU's side" };

static void
fail(Relay *self, const char *side, int number)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	if (self->failure == NULL)
		self->failure = g_strdup_printf("%s: %s", side, g_strerror(number));
}

static gboolean
is_no_failure(ssize_t n)
{
	return n >= 0 || errno == EAGAIN || errno == EINTR;
}

/* The functions below say %FALSE when the channel has failed. */

static void
measure(CaseSource *flow)
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
take_in(CaseSource *flow)
{
	measure(flow);
	if (flow->buffer != NULL)
		return recv(flow->from, flow->buffer, flow->most_bytes, MSG_DONTWAIT);
	return splice(flow->from, NULL, flow->pipe[1], NULL, flow->most_bytes, SPLICE_F_NONBLOCK);
}

static ssize_t
give_out(CaseSource *flow)
{
	gsize n_bytes = flow->end - flow->begin;
	if (flow->buffer != NULL)
		return send(flow->to, flow->buffer + flow->begin, n_bytes,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	return splice(flow->pipe[0], NULL, flow->to, NULL, n_bytes, SPLICE_F_NONBLOCK);
}

static gboolean
fill(Relay *self, CaseSource *flow)
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
	flow->begin = 0;
	flow->end = (gsize)n;
	if (self->tap != NULL)
		self->tap(self->tap_data, flow->buffer, flow->end, flow->direction);
	return TRUE;
}

static gboolean
drain(Relay *self, CaseSource *flow)
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
is_empty(const CaseSource *flow)
{
	return flow->begin == flow->end;
}

static gboolean
turn(Relay *self, CaseSource *flow)
{
	if (flow->is_over)
		return TRUE;
	if (is_empty(flow) && !flow->has_ended && !fill(self, flow))
		return FALSE;
	if (!is_empty(flow) && !drain(self, flow))
		return FALSE;
	if (is_empty(flow) && flow->has_ended) {
		shutdown(flow->to, SHUT_WR);
		flow->is_over = TRUE;
	}
	return TRUE;
}

/* What a direction waits for: room where it has something to send, else something to send. */
static struct pollfd
wanted(const CaseSource *flow)
{
	if (flow->is_over)
		return (struct pollfd){ .fd = -1 };
	if (!is_empty(flow))
		return (struct pollfd){ .fd = flow->to, .events = POLLOUT };
	return (struct pollfd){ .fd = flow->from, .events = POLLIN };
}

static gboolean
carry_on(Relay *self)
{
	CaseSource *flows = self->flows;
	struct pollfd fds[] = { wanted(&flows[RELAY_TO_PEER]), wanted(&flows[RELAY_TO_QEMU]) };
	if (poll(fds, G_N_ELEMENTS(fds), -1) < 0)
		return TRUE; /* a signal */
	for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
		if (fds[i].revents != 0 && !turn(self, &flows[i]))
			return FALSE;
	return TRUE;
}

/* Both ends learn that no more will come; the thread too, if it is not the one that does it. */
static void
sever(Relay *self)
{
	shutdown(self->flows[RELAY_TO_PEER].from, SHUT_RDWR);
	shutdown(self->flows[RELAY_TO_PEER].to, SHUT_RDWR);
}

/* splice() to a socket that is no more raises it, and has no flag against that. */
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
	CaseSource *flows = self->flows;
	block_sigpipe();
	while (!flows[RELAY_TO_PEER].is_over || !flows[RELAY_TO_QEMU].is_over)
		if (!carry_on(self))
			break;
	sever(self); /* after two orderly ends this changes nothing */
	atomic_store(&self->has_ended, TRUE);
	return NULL;
}

static void
flow_init(CaseSource *flow, RelayDirection direction, int from, int to, gboolean is_seen)
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
flow_clear(CaseSource *flow)
{
	g_free(flow->buffer);
	for (guint i = 0; i < G_N_ELEMENTS(flow->pipe); i++)
		if (flow->pipe[i] >= 0)
			close(flow->pipe[i]);
}

Relay *
relay_new(int qemu_fd, int peer_fd, RelayTap tap, gpointer tap_data)
{
	Relay *self = g_new0(Relay, 1);
	/* splice() asks the sockets themselves whether it may wait. */
	g_unix_set_fd_nonblocking(qemu_fd, TRUE, NULL);
	g_unix_set_fd_nonblocking(peer_fd, TRUE, NULL);
	flow_init(&self->flows[RELAY_TO_PEER], RELAY_TO_PEER, qemu_fd, peer_fd, tap != NULL);
	flow_init(&self->flows[RELAY_TO_QEMU], RELAY_TO_QEMU, peer_fd, qemu_fd, tap != NULL);
	self->tap = tap;
	self->tap_data = tap_data;
	g_mutex_init(&self->lock);
	self->thread = g_thread_new("gw-relay", thread_main, self);
	return self;
}

void
relay_free(Relay *self)
{
	if (self == NULL)
		return;
	sever(self);
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

char *
relay_get_failure(Relay *self)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	return g_strdup(self->failure);
}
