/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What has just connected to the agent's port? A control connection begins with '{', a data channel with
 * the preamble of control.c. Whoever says neither within a few seconds is dropped, and only so many may be
 * undecided at once, so that strangers cannot use up descriptors. Never more is read than the preamble:
 * what follows belongs to QEMU.
 */
#include "engine/greeter.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib-unix.h>

#include "engine/gw-error.h"
#include "engine/net.h"

#define GREET_TIMEOUT_MS 5000
#define MAX_UNDECIDED	 128

struct GreeterSet {
	const GreeterListener *listener;
	gpointer data;
	GPtrArray *greeters;
};

typedef struct {
	GreeterSet *set;
	GSocket *socket;
	GSource *readable;
	GSource *timeout;
	guint8 preamble[CONTROL_PREAMBLE_BYTES];
	gsize have;
} Greeter;

static void
greeter_free(gpointer data)
{
	Greeter *self = data;
	g_source_destroy(self->readable);
	g_source_unref(self->readable);
	g_source_destroy(self->timeout);
	g_source_unref(self->timeout);
	g_object_unref(self->socket);
	g_free(self);
}

static void
forget(Greeter *self)
{
	g_ptr_array_remove(self->set->greeters, self);
}

static void
reject(Greeter *self, const GError *error)
{
	g_autofree char *peer = net_peer_to_string(self->socket);
	self->set->listener->rejected(peer, error, self->set->data);
	/* Whoever is there by mistake may read it. */
	JsonObject *fields = json_object_new();
	json_object_set_object_member(fields, "error", control_error_to_object(error));
	g_autofree char *line = control_format(CONTROL_FAILED, 0, fields);
	g_socket_send_with_blocking(self->socket, line, strlen(line), FALSE, NULL, NULL);
	g_socket_close(self->socket, NULL);
	forget(self);
}

static gboolean
on_timeout(gpointer data)
{
	Greeter *self = data;
	g_autoptr(GError) error = g_error_new(GW_ERROR, GW_ERROR_PROTOCOL,
					      "said neither hello nor whose channel it is in time");
	reject(self, error);
	return G_SOURCE_REMOVE;
}

static void
take_control(Greeter *self)
{
	g_autoptr(GSocket) socket = g_object_ref(self->socket);
	GreeterSet *set = self->set;
	net_set_options(socket, NET_CONTROL);
	forget(self);
	set->listener->control(socket, set->data);
}

static void
take_channel(Greeter *self)
{
	ControlPreamble preamble;
	g_autoptr(GError) error = NULL;
	if (!control_preamble_parse(self->preamble, sizeof self->preamble, &preamble, &error)) {
		reject(self, error);
		return;
	}
	net_set_options(self->socket, NET_DATA);
	int fd = fcntl(g_socket_get_fd(self->socket), F_DUPFD_CLOEXEC, 3);
	if (fd >= 0) /* as QEMU's own sockets are; GSocket's never is, whatever it is told */
		g_unix_set_fd_nonblocking(fd, FALSE, NULL);
	if (fd >= 0 && self->set->listener->channel(&preamble, fd, self->set->data)) {
		forget(self);
		return;
	}
	if (fd >= 0)
		close(fd);
	error = g_error_new(GW_ERROR, GW_ERROR_PROTOCOL, "no session waits for this data channel");
	reject(self, error);
}

/* A byte that is looked at and left; 0 when there is none yet, -1 at the end. */
static int
peek_byte(GSocket *socket)
{
	char byte;
	ssize_t n = recv(g_socket_get_fd(socket), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n == 1)
		return (guint8)byte;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static gboolean
on_readable(GSocket *socket, GIOCondition condition, gpointer data)
{
	Greeter *self = data;
	int first = self->have == 0 ? peek_byte(socket) : 'g';
	if (first == '{') {
		take_control(self);
		return G_SOURCE_REMOVE;
	}
	gssize n = first < 0 ? 0
			     : g_socket_receive_with_blocking(socket,
							      (char *)self->preamble + self->have,
							      sizeof self->preamble - self->have,
							      FALSE, NULL, NULL);
	if (n < 0)
		return G_SOURCE_CONTINUE;
	if (n == 0) {
		forget(self); /* a port scan, a health check: not worth a word */
		return G_SOURCE_REMOVE;
	}
	self->have += (gsize)n;
	/* What is no preamble shows in its first byte already. */
	if (self->have < sizeof self->preamble && self->preamble[0] == 'g')
		return G_SOURCE_CONTINUE;
	take_channel(self);
	return G_SOURCE_REMOVE;
}

GreeterSet *
greeter_set_new(const GreeterListener *listener, gpointer data)
{
	GreeterSet *self = g_new0(GreeterSet, 1);
	self->listener = listener;
	self->data = data;
	self->greeters = g_ptr_array_new_with_free_func(greeter_free);
	return self;
}

void
greeter_set_free(GreeterSet *self)
{
	if (self == NULL)
		return;
	g_ptr_array_unref(self->greeters);
	g_free(self);
}

gboolean
greeter_set_add(GreeterSet *self, GSocket *socket)
{
	if (self->greeters->len >= MAX_UNDECIDED)
		return FALSE;
	Greeter *greeter = g_new0(Greeter, 1);
	greeter->set = self;
	greeter->socket = g_object_ref(socket);
	g_socket_set_blocking(socket, FALSE);
	greeter->readable = g_socket_create_source(socket, G_IO_IN, NULL);
	g_source_set_callback(greeter->readable, G_SOURCE_FUNC(on_readable), greeter, NULL);
	g_source_attach(greeter->readable, g_main_context_get_thread_default());
	greeter->timeout = g_timeout_source_new(GREET_TIMEOUT_MS);
	g_source_set_callback(greeter->timeout, on_timeout, greeter, NULL);
	g_source_attach(greeter->timeout, g_main_context_get_thread_default());
	g_ptr_array_add(self->greeters, greeter);
	return TRUE;
}
