/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A TCP forwarder for tests: one thread that polls the listener and both ends of every pair. It
 * looks at each piece that it passes on, so that a connection can be lost before one certain
 * message, as no signal or timer could do it. It sends blocking, so it is only for streams that are
 * read at their other end.
 */
#include "tests/rig/splice-proxy.h"

#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/rig/unix-io.h"

#define MAX_PAIRS 16

typedef struct {
	int ends[2];	   /* the client's and the server's; -1: free */
	GString *lines[2]; /* (nullable): what each has sent and no line feed has ended */
} Pair;

struct SpliceProxy {
	GThread *thread;
	GMutex lock; /* of all below */
	int listener;
	int wake;
	guint16 port;
	guint16 target_port;
	const char *word; /* (nullable) */
	gboolean trap_refuses;
	gboolean refuse;
	gboolean ended;
	Pair pairs[MAX_PAIRS];
	GPtrArray *lines; /* of char *: see splice_proxy_get_lines() */
};

static struct sockaddr_in
loopback(guint16 port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static void
close_pair(Pair *pair)
{
	for (guint i = 0; i < 2; i++) {
		if (pair->ends[i] >= 0)
			close(pair->ends[i]);
		pair->ends[i] = -1;
		if (pair->lines[i] != NULL)
			g_string_free(pair->lines[i], TRUE);
		pair->lines[i] = NULL;
	}
}

static void
cut_all(SpliceProxy *self, gboolean refuse)
{
	self->refuse = refuse;
	for (guint i = 0; i < MAX_PAIRS; i++)
		close_pair(&self->pairs[i]);
}

static void
take_connection(SpliceProxy *self)
{
	struct sockaddr_in target = loopback(self->target_port);
	Pair pair = { .ends = { accept4(self->listener, NULL, NULL, SOCK_CLOEXEC), -1 } };

	if (self->refuse || pair.ends[0] < 0) {
		close_pair(&pair);
		return;
	}
	pair.ends[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(pair.ends[1], (struct sockaddr *)&target, sizeof(target)) != 0) {
		close_pair(&pair);
		return;
	}
	for (guint i = 0; i < MAX_PAIRS; i++) {
		if (self->pairs[i].ends[0] >= 0)
			continue;
		self->pairs[i] = pair;
		return;
	}
	g_assert_not_reached();
}

/* Control connections begin with '{'; of the others nothing is kept. */
static void
keep_lines(SpliceProxy *self, Pair *pair, guint from, const char *bytes, gsize n_bytes)
{
	static const char *const marks[] = { ">", "<" };
	if (pair->lines[from] == NULL && bytes[0] != '{')
		return;
	if (pair->lines[from] == NULL)
		pair->lines[from] = g_string_new(NULL);
	GString *line = pair->lines[from];
	g_string_append_len(line, bytes, (gssize)n_bytes);
	const char *end;
	while ((end = memchr(line->str, '\n', line->len)) != NULL) {
		gssize length = end - line->str;
		g_autofree char *whole = g_strndup(line->str, (gsize)length);
		g_ptr_array_add(self->lines, g_strconcat(marks[from], whole, NULL));
		g_string_erase(line, 0, length + 1);
	}
}

/* Passes on what one end has to say. */
static void
pump(SpliceProxy *self, Pair *pair, guint from)
{
	char bytes[65536];
	ssize_t n = recv(pair->ends[from], bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n <= 0) {
		close_pair(pair);
		return;
	}
	if (self->word != NULL && memmem(bytes, n, self->word, strlen(self->word)) != NULL) {
		self->word = NULL;
		cut_all(self, self->trap_refuses);
		return;
	}
	keep_lines(self, pair, from, bytes, (gsize)n);
	if (!unix_io_send(pair->ends[1 - from], bytes, n))
		close_pair(pair);
}

static void
pump_all(SpliceProxy *self, const struct pollfd *fds)
{
	for (guint i = 0; i < 2 * MAX_PAIRS; i++) {
		Pair *pair = &self->pairs[i / 2];
		/* Another thread may have cut it meanwhile. */
		if (fds[i].revents != 0 && pair->ends[i % 2] == fds[i].fd)
			pump(self, pair, i % 2);
	}
}

static void
turn(SpliceProxy *self)
{
	struct pollfd fds[2 * MAX_PAIRS + 2];
	guint64 count = 0;

	for (guint i = 0; i < 2 * MAX_PAIRS; i++)
		fds[i] = (struct pollfd){ self->pairs[i / 2].ends[i % 2], POLLIN, 0 };
	fds[2 * MAX_PAIRS] = (struct pollfd){ self->listener, POLLIN, 0 };
	fds[2 * MAX_PAIRS + 1] = (struct pollfd){ self->wake, POLLIN, 0 };
	g_mutex_unlock(&self->lock);
	poll(fds, G_N_ELEMENTS(fds), -1);
	g_mutex_lock(&self->lock);
	if (fds[2 * MAX_PAIRS + 1].revents != 0 &&
	    read(self->wake, &count, sizeof(count)) != sizeof(count))
		g_assert_not_reached();
	pump_all(self, fds);
	if (fds[2 * MAX_PAIRS].revents != 0)
		take_connection(self);
}

static gpointer
thread_main(gpointer data)
{
	SpliceProxy *self = data;

	g_mutex_lock(&self->lock);
	while (!self->ended)
		turn(self);
	g_mutex_unlock(&self->lock);
	return NULL;
}

static void
listen_anywhere(SpliceProxy *self)
{
	struct sockaddr_in address = loopback(0);
	socklen_t len = sizeof(address);

	self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(bind(self->listener, (struct sockaddr *)&address, len), ==, 0);
	g_assert_cmpint(listen(self->listener, MAX_PAIRS), ==, 0);
	g_assert_cmpint(getsockname(self->listener, (struct sockaddr *)&address, &len), ==, 0);
	self->port = ntohs(address.sin_port);
}

SpliceProxy *
splice_proxy_new(guint16 target_port)
{
	SpliceProxy *self = g_new0(SpliceProxy, 1);

	g_mutex_init(&self->lock);
	self->target_port = target_port;
	self->wake = eventfd(0, EFD_CLOEXEC);
	for (guint i = 0; i < MAX_PAIRS; i++)
		self->pairs[i] = (Pair){ .ends = { -1, -1 } };
	self->lines = g_ptr_array_new_with_free_func(g_free);
	listen_anywhere(self);
	self->thread = g_thread_new("splice-proxy", thread_main, self);
	return self;
}

guint16
splice_proxy_get_port(SpliceProxy *self)
{
	return self->port;
}

/* The thread polls a copy of the descriptors: it has to look again after a change. */
static void
unlock_and_wake(SpliceProxy *self)
{
	const guint64 one = 1;

	g_mutex_unlock(&self->lock);
	if (write(self->wake, &one, sizeof(one)) != sizeof(one))
		g_assert_not_reached();
}

void
splice_proxy_set_target(SpliceProxy *self, guint16 target_port)
{
	g_mutex_lock(&self->lock);
	self->target_port = target_port;
	unlock_and_wake(self);
}

void
splice_proxy_trap(SpliceProxy *self, const char *word, gboolean refuse)
{
	g_mutex_lock(&self->lock);
	self->word = word;
	self->trap_refuses = refuse;
	unlock_and_wake(self);
}

void
splice_proxy_cut(SpliceProxy *self, gboolean refuse)
{
	g_mutex_lock(&self->lock);
	cut_all(self, refuse);
	unlock_and_wake(self);
}

void
splice_proxy_heal(SpliceProxy *self)
{
	g_mutex_lock(&self->lock);
	self->refuse = FALSE;
	unlock_and_wake(self);
}

GStrv
splice_proxy_get_lines(SpliceProxy *self)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

	g_mutex_lock(&self->lock);
	for (guint i = 0; i < self->lines->len; i++)
		g_strv_builder_add(builder, g_ptr_array_index(self->lines, i));
	g_mutex_unlock(&self->lock);
	return g_strv_builder_end(builder);
}

void
splice_proxy_free(SpliceProxy *self)
{
	g_mutex_lock(&self->lock);
	self->ended = TRUE;
	unlock_and_wake(self);
	g_thread_join(self->thread);
	cut_all(self, TRUE);
	close(self->listener);
	close(self->wake);
	g_mutex_clear(&self->lock);
	g_ptr_array_unref(self->lines);
	g_free(self);
}
