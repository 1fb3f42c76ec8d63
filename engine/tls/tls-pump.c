/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * TLS in a process: one thread for each connection. The thread works between the socket to the peer
 * ("outer", TLS) and one end of a socketpair ("inner", plain). QEMU or a control connection has the
 * other end.
 *
 *   up     inner -> outer     what we encrypt
 *   down   outer -> inner     what we decrypt
 *
 * Each direction has one bounded buffer, and reads only while the buffer has room: a fast writer is
 * slowed by its own socket, as by a slow network. A direction whose reader is closed ends. End of
 * file in one direction is passed on as end of file (a FIN: no close_notify, which a kernel at the
 * other end could not pass to anybody), and the other direction continues. The reader knows whether
 * an ended stream was complete: QEMU's stream has an end mark, and messages have a line feed.
 *
 * Nothing here waits except poll(2).
 */
#include "engine/tls/tls-pump.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include "engine/gw-error.h"

#define BUFFER_BYTES	 (64 * 1024)
#define INNER_BYTES	 (128 * 1024) /* of the socketpair: QEMU counts what it can write as sent */
#define READ_AHEAD_BYTES (64 * 1024)
#define REKEY_BYTES	 (G_GINT64_CONSTANT(64) << 30)
#define FLUSH_TIMEOUT_MS 10000 /* for unsent bytes after the inner end is closed */
#define LINGER_MS	 1000
#define CLOSE_TIMEOUT_MS 2000

typedef struct {
	guint8 *data;
	gsize start; /* the bytes in [start, end) must be passed on */
	gsize end;
	gboolean ended; /* no more bytes will come */
	gboolean done;	/* and this end was passed on too */
} Way;

struct TlsPumps {
	GMutex lock; /* protects @pumps, and @ended of each pump */
	GCond ended;
	GPtrArray *pumps; /* of Pump */
};

typedef struct {
	TlsPumps *set;
	GThread *thread;
	gboolean ended;	 /* under the set's lock: both descriptors are closed */
	TlsCreds *creds; /* (owned): what the SSL depends on */
	SSL *ssl;
	int outer;
	int inner;
	Way up;
	Way down;
	gboolean hung_up;	   /* the inner end is closed completely, not only in one
				    * direction */
	gboolean read_wants_write; /* TLS itself must send something first */
	TlsPumpLimits limits;
	gint64 key_bytes; /* bytes sent under the present key */
} Pump;

TlsPumpLimits
tls_pump_limits(gboolean rekey)
{
	return (TlsPumpLimits){ .rekey = rekey,
				.rekey_bytes = REKEY_BYTES,
				.max_bytes = TLS_KEY_BYTES };
}

/* Runs in the pump's thread, as its last action. The descriptors are closed under the lock, so that
 * no other thread shuts down a descriptor that was reused. */
static void
pump_end(Pump *self)
{
	SSL_free(self->ssl);
	g_free(self->up.data);
	g_free(self->down.data);
	tls_creds_unref(self->creds);
	ERR_clear_error();
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->set->lock);
	close(self->outer);
	close(self->inner);
	self->ended = TRUE;
	g_cond_broadcast(&self->set->ended);
}

static gboolean
has_room(const Way *way)
{
	return way->start == way->end && !way->ended;
}

static gboolean
has_bytes(const Way *way)
{
	return way->start < way->end;
}

static void
take_in(Way *way, gsize n)
{
	way->start = 0;
	way->end = n;
}

static void
give_up(Way *way)
{
	way->start = way->end = 0;
	way->ended = way->done = TRUE;
}

/* The peer is lost: what it sent before is still passed on, and the inner end sees the loss. */
static void
lose_peer(Pump *self)
{
	g_debug("tls: %s", openssl_reason());
	give_up(&self->up);
	shutdown(self->inner, SHUT_RD);
	self->down.ended = TRUE;
	self->read_wants_write = FALSE;
}

/* Handles a failed call on the inner socket: returns whether to try again later. */
static gboolean
is_for_later(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void
read_inner(Pump *self)
{
	ssize_t n = recv(self->inner, self->up.data, BUFFER_BYTES, MSG_DONTWAIT);
	if (n > 0)
		take_in(&self->up, (gsize)n);
	else if (!is_for_later(n))
		self->up.ended = TRUE;
}

static void
write_inner(Pump *self)
{
	Way *way = &self->down;
	ssize_t n = send(self->inner, way->data + way->start, way->end - way->start,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		way->start += (gsize)n;
	else if (!is_for_later(n))
		give_up(way);
}

/* Runs before anything is written. Takes a new key when much was sent under this one, or ends the
 * connection if it cannot take one. */
static gboolean
check_key(Pump *self)
{
	if (self->limits.rekey && self->key_bytes >= self->limits.rekey_bytes) {
		self->key_bytes = 0;
		return SSL_key_update(self->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1;
	}
	if (self->key_bytes < self->limits.max_bytes)
		return TRUE;
	g_debug("tls: %" G_GINT64_FORMAT " bytes is the safe limit for one key", self->key_bytes);
	return FALSE;
}

static void
write_outer(Pump *self)
{
	Way *way = &self->up;
	size_t n = 0;
	ERR_clear_error();
	if (!check_key(self)) {
		lose_peer(self);
		return;
	}
	int result = SSL_write_ex(self->ssl, way->data + way->start, way->end - way->start, &n);
	if (result == 1) {
		way->start += n;
		self->key_bytes += (gint64)n;
		return;
	}
	int why = SSL_get_error(self->ssl, result);
	if (why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_WANT_READ)
		lose_peer(self);
}

static void
read_outer(Pump *self)
{
	size_t n = 0;
	ERR_clear_error();
	int result = SSL_read_ex(self->ssl, self->down.data, BUFFER_BYTES, &n);
	int why = result == 1 ? SSL_ERROR_NONE : SSL_get_error(self->ssl, result);
	self->read_wants_write = why == SSL_ERROR_WANT_WRITE;
	if (why == SSL_ERROR_NONE)
		take_in(&self->down, n);
	else if (why == SSL_ERROR_ZERO_RETURN)
		self->down.ended = TRUE;
	else if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
		lose_peer(self);
}

/* Passes an end on, after all bytes before it were sent. */
static void
pass_on_end(Way *way, int fd)
{
	if (!way->ended || way->done || has_bytes(way))
		return;
	way->done = TRUE;
	shutdown(fd, SHUT_WR);
}

static short
outer_events(const Pump *self)
{
	short events = 0;
	if (has_room(&self->down) && !self->read_wants_write)
		events |= POLLIN;
	if (has_bytes(&self->up) || self->read_wants_write)
		events |= POLLOUT;
	return events;
}

static short
inner_events(const Pump *self)
{
	short events = 0;
	if (has_room(&self->up))
		events |= POLLIN;
	if (has_bytes(&self->down))
		events |= POLLOUT;
	return events;
}

/* Does what poll(2) says is possible. */
static void
act(Pump *self, short outer, short inner)
{
	if (outer != 0 && (has_room(&self->down) || self->read_wants_write))
		read_outer(self);
	if ((inner & (POLLIN | POLLHUP)) && has_room(&self->up))
		read_inner(self);
	if (has_bytes(&self->up))
		write_outer(self);
	if (has_bytes(&self->down))
		write_inner(self);
	if ((inner & POLLHUP) && !self->hung_up) {
		self->hung_up = TRUE;
		give_up(&self->down);
	}
}

/* Runs one round. Returns %FALSE when the inner end is closed and the peer accepts no more
 * bytes. */
static gboolean
turn(Pump *self)
{
	/* A descriptor without requested events would still report its end, again and again. */
	short to_peer = outer_events(self), to_owner = inner_events(self);
	gboolean buffered = has_room(&self->down) && SSL_has_pending(self->ssl);
	struct pollfd fds[] = { { to_peer != 0 ? self->outer : -1, to_peer, 0 },
				{ to_owner != 0 || !self->hung_up ? self->inner : -1, to_owner,
				  0 } };
	int n = poll(fds, G_N_ELEMENTS(fds), buffered ? 0 : self->hung_up ? FLUSH_TIMEOUT_MS : -1);
	if (n < 0)
		return errno == EINTR;
	if (n == 0 && !buffered)
		return FALSE;
	act(self, buffered ? POLLIN : fds[0].revents, fds[1].revents);
	return TRUE;
}

/* Reads what the peer still sends before it sees our end. If these bytes stayed unread, the kernel
 * would discard the bytes that are still on their way to the peer. */
static void
linger(Pump *self)
{
	gint64 deadline_us = g_get_monotonic_time() + LINGER_MS * 1000;
	struct pollfd fd = { self->outer, POLLIN, 0 };
	while (g_get_monotonic_time() < deadline_us && poll(&fd, 1, LINGER_MS) > 0)
		if (recv(self->outer, self->down.data, BUFFER_BYTES, MSG_DONTWAIT) <= 0)
			return;
}

static gpointer
pump_main(gpointer data)
{
	Pump *self = data;
	while (!(self->up.done && self->down.done) && turn(self)) {
		pass_on_end(&self->up, self->outer);
		pass_on_end(&self->down, self->inner);
	}
	if (self->hung_up)
		linger(self);
	pump_end(self);
	return NULL;
}

/* One whose thread could not be started. Its SSL and the outer descriptor stay the caller's. */
static void
pump_discard(Pump *self)
{
	g_free(self->up.data);
	g_free(self->down.data);
	tls_creds_unref(self->creds);
	close(self->inner);
	g_free(self);
}

static int
limit_buffer(int fd)
{
	int bytes = INNER_BYTES;
	return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static int
fail_start(const char *why, SSL *ssl, int fd, GError **error)
{
	g_set_error(error, GW_ERROR, GW_ERROR_TLS, "%s: %s", why, g_strerror(errno));
	SSL_free(ssl);
	close(fd);
	return -1;
}

/* Removes the ended pumps from the list. Call it under the lock. */
static void
reap(TlsPumps *self)
{
	for (guint i = self->pumps->len; i > 0; i--) {
		Pump *pump = g_ptr_array_index(self->pumps, i - 1);
		if (!pump->ended)
			continue;
		g_ptr_array_remove_index_fast(self->pumps, i - 1);
		g_mutex_unlock(&self->lock);
		g_thread_join(pump->thread);
		g_mutex_lock(&self->lock);
		g_free(pump);
	}
}

int
tls_pumps_start(TlsPumps *self, TlsCreds *creds, SSL *ssl, int fd, const TlsPumpLimits *limits,
		GError **error)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return fail_start("no socketpair", ssl, fd, error);
	if (limit_buffer(ends[0]) != 0 || limit_buffer(ends[1]) != 0)
		g_debug("tls: the buffers keep their sizes: %s", g_strerror(errno));
	/* Reads whole records with one call each, instead of two calls for the head and the
	 * body. */
	if (!BIO_get_ktls_recv(SSL_get_rbio(ssl))) {
		SSL_set_default_read_buffer_len(ssl, READ_AHEAD_BYTES);
		SSL_set_read_ahead(ssl, 1);
	}
	Pump *pump = g_new0(Pump, 1);
	pump->set = self;
	pump->creds = tls_creds_ref(creds);
	pump->ssl = ssl;
	pump->outer = fd;
	pump->inner = ends[1];
	pump->up.data = g_malloc(BUFFER_BYTES);
	pump->down.data = g_malloc(BUFFER_BYTES);
	pump->limits = *limits;
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	reap(self);
	pump->thread = g_thread_try_new("gw-tls", pump_main, pump, NULL);
	if (pump->thread == NULL) {
		pump_discard(pump);
		close(ends[0]);
		return fail_start("no thread", ssl, fd, error);
	}
	g_ptr_array_add(self->pumps, pump);
	return ends[0];
}

TlsPumps *
tls_pumps_new(void)
{
	TlsPumps *self = g_new0(TlsPumps, 1);
	g_mutex_init(&self->lock);
	g_cond_init(&self->ended);
	self->pumps = g_ptr_array_new();
	return self;
}

static void
cut(TlsPumps *self)
{
	for (guint i = 0; i < self->pumps->len; i++) {
		Pump *pump = g_ptr_array_index(self->pumps, i);
		if (pump->ended)
			continue;
		shutdown(pump->outer, SHUT_RDWR);
		shutdown(pump->inner, SHUT_RDWR);
	}
}

void
tls_pumps_free(TlsPumps *self)
{
	if (self == NULL)
		return;
	gint64 deadline_us = g_get_monotonic_time() + CLOSE_TIMEOUT_MS * 1000;
	g_mutex_lock(&self->lock);
	for (reap(self); self->pumps->len > 0; reap(self))
		if (!g_cond_wait_until(&self->ended, &self->lock, deadline_us)) {
			cut(self);
			deadline_us = G_MAXINT64;
		}
	g_mutex_unlock(&self->lock);
	g_ptr_array_unref(self->pumps);
	g_mutex_clear(&self->lock);
	g_cond_clear(&self->ended);
	g_free(self);
}
