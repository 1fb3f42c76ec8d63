/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A socket pair with a thread at one end. The thread never writes anything: a migration may wait
 * for an acknowledgement of the switchover on the return path (QEMU's capability switchover-ack).
 * Silence then keeps the guest on the source.
 */
#include "engine/measure/sink.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gio/gio.h>

#define CHUNK_BYTES (256 * 1024)

struct Sink {
	int qemu_fd; /* (owned); -1: released */
	int fd;	     /* (owned) */
	Stream *stream;
	GThread *thread;
};

static gpointer
thread_main(gpointer data)
{
	Sink *self = data;
	g_autofree guint8 *chunk = g_malloc(CHUNK_BYTES);
	while (TRUE) {
		ssize_t n = read(self->fd, chunk, CHUNK_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		stream_push(self->stream, chunk, (gsize)n);
	}
	stream_end(self->stream);
	return NULL;
}

Sink *
sink_new(GError **error)
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
		g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
			    "cannot make a socket: %s", g_strerror(errno));
		return NULL;
	}
	Sink *self = g_new0(Sink, 1);
	self->fd = fds[0];
	self->qemu_fd = fds[1];
	self->stream = stream_new(FALSE);
	self->thread = g_thread_try_new("gw-sink", thread_main, self, error);
	if (self->thread != NULL)
		return self;
	sink_free(self);
	return NULL;
}

int
sink_get_fd(const Sink *self)
{
	return self->qemu_fd;
}

void
sink_let_go(Sink *self)
{
	if (self->qemu_fd >= 0)
		close(self->qemu_fd);
	self->qemu_fd = -1;
}

void
sink_sever(Sink *self)
{
	shutdown(self->fd, SHUT_RDWR);
}

void
sink_free(Sink *self)
{
	if (self == NULL)
		return;
	sink_let_go(self);
	sink_sever(self);
	if (self->thread != NULL)
		g_thread_join(self->thread);
	close(self->fd);
	stream_free(self->stream);
	g_free(self);
}

Stream *
sink_get_stream(Sink *self)
{
	return self->stream;
}
