/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads and writes a monitor's socket from a main context; never blocks.
 *
 * Reading: one read of at most READ_BYTES in each turn of the loop. This limit keeps the loop's
 * other sources alive when QEMU sends events faster than they can be handled. Writing: at once as
 * far as the socket takes it, then from a source that lives until all is written. The descriptor of
 * a request is sent in the same sendmsg() as the request's first byte, and only there.
 *
 * A callback may close the link, so the struct is reference-counted: a running function holds its
 * own reference, and @socket is NULL once the link was closed.
 */
#include "qmp/qmp-link.h"

#include "qmp/qmp-error.h"
#include "qmp/qmp-socket.h"
#include "qmp/source-util.h"

#define READ_BYTES (16 * 1024)

struct QmpLink {
	GSocket *socket;       /* (owned); NULL when closed */
	GMainContext *context; /* (owned) */
	GSource *reader;       /* (owned) */
	GSource *writer;       /* (owned) (nullable): exists while the socket is full */
	gboolean is_broken;    /* writing fails from now on; the last replies may still arrive */
	QmpRequests *requests; /* (borrowed) */
	const QmpLinkOps *ops;
	gpointer owner;
};

static void
clear(gpointer data)
{
	QmpLink *self = data;

	g_main_context_unref(self->context);
}

static void
release(QmpLink *self)
{
	g_rc_box_release_full(self, clear);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpLink, release);

static GSource *
watch(QmpLink *self, GIOCondition condition, GSourceFunc func)
{
	GSource *source = g_socket_create_source(self->socket, condition, NULL);

	/* A callback may wait for another reply by turning the loop. */
	g_source_set_can_recurse(source, TRUE);
	return source_begin(source, func, self, self->context);
}

static gboolean
on_readable(GSocket *socket, GIOCondition condition, gpointer data)
{
	g_autoptr(QmpLink) self = g_rc_box_acquire(data);
	g_autoptr(GError) error = NULL;
	char bytes[READ_BYTES];

	gssize n = g_socket_receive(socket, bytes, sizeof(bytes), NULL, &error);
	if (n < 0 && g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
		return G_SOURCE_CONTINUE;
	if (n > 0) {
		self->ops->bytes(self->owner, bytes, n);
		return G_SOURCE_CONTINUE;
	}
	self->ops->end(self->owner, error);
	return G_SOURCE_REMOVE;
}

static void
write_failed(QmpLink *self, QmpRequest *request, GError *error)
{
	if (request->fds != NULL && !qmp_error_is_closed(error)) {
		qmp_requests_refuse(self->requests, request, error);
		return;
	}
	/* The last replies may still be in the socket; the reader finds the end after them. */
	g_debug("qmp: write: %s", error->message);
	g_error_free(error);
	self->is_broken = TRUE;
	g_socket_shutdown(self->socket, TRUE, TRUE, NULL);
}

/* Returns: %FALSE when the socket has to become writable first */
static gboolean
write_some(QmpLink *self, QmpRequest *request)
{
	GError *error = NULL;
	gssize n = qmp_socket_send(self->socket, request->text + request->sent,
				   request->len - request->sent, request->fds, &error);

	if (n > 0) {
		qmp_requests_wrote(self->requests, n);
		return TRUE;
	}
	if (n == 0)
		return FALSE;
	write_failed(self, request, error);
	return TRUE;
}

static gboolean
on_writable(GSocket *socket, GIOCondition condition, gpointer data)
{
	g_autoptr(QmpLink) self = g_rc_box_acquire(data);

	source_end(&self->writer);
	qmp_link_flush(self);
	return G_SOURCE_REMOVE;
}

void
qmp_link_flush(QmpLink *self)
{
	g_autoptr(QmpLink) guard G_GNUC_UNUSED = g_rc_box_acquire(self);
	QmpRequest *request = NULL;

	if (self->writer != NULL)
		return;
	while (self->socket != NULL && !self->is_broken &&
	       (request = qmp_requests_next(self->requests)) != NULL) {
		if (write_some(self, request))
			continue;
		self->writer = watch(self, G_IO_OUT, G_SOURCE_FUNC(on_writable));
		return;
	}
}

QmpLink *
qmp_link_new(GSocket *socket, GMainContext *context, QmpRequests *requests, const QmpLinkOps *ops,
	     gpointer owner)
{
	QmpLink *self = g_rc_box_new0(QmpLink);

	self->socket = g_object_ref(socket);
	self->context = g_main_context_ref(context);
	self->requests = requests;
	self->ops = ops;
	self->owner = owner;
	self->reader = watch(self, G_IO_IN, G_SOURCE_FUNC(on_readable));
	return self;
}

void
qmp_link_close(QmpLink *self)
{
	if (self == NULL || self->socket == NULL)
		return;
	source_end(&self->reader);
	source_end(&self->writer);
	g_socket_close(self->socket, NULL);
	g_clear_object(&self->socket);
	release(self);
}
