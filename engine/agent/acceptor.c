/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What has just connected to the agent's port? A handshake of TLS begins with 0x16, and what is said inside it is
 * looked at in the same way: a control connection begins with '{', a data channel with the preamble of control.c.
 * Never more is read than the preamble: what follows belongs to QEMU.
 *
 * Strangers must not be able to keep anybody out, or to make much work:
 * - who has not said what it is within a few seconds is dropped;
 * - only so many may be undecided, and only so many from one address: the newest pushes out the oldest;
 * - what is dear, a handshake or a thread for a control connection, is given to each address only so often;
 * - none of this holds for the data channel of a session that is under way, which shows by its pass or its token.
 */
#include "engine/agent/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib-unix.h>

#include "engine/util/rate-limit.h"
#include "engine/gw-error.h"
#include "engine/control/net.h"
#include "engine/tls/tls.h"

#define MAX_UNDECIDED	  128
#define MAX_OF_ONE	  32 /* address */
#define FIRST_BYTE_OF_TLS 0x16

/* A handshake is some 0.3 ms of a processor, a control connection a thread. */
static const AcceptorLimits usual_limits = {
	.decide_ms = 5000,
	.costly_per_s = 32,
	.costly_burst = 96,
	.total_per_s = 128,
	.total_burst = 256,
};

struct AcceptorSet {
	const AcceptorListener *listener;
	AcceptorConfig terms;
	AcceptorLimits limits;
	TlsServerPolicy door;
	gpointer data;
	GPtrArray *greeters; /* the oldest first */
	RateLimiter *each;
	RateLimiter *total;
};

typedef struct {
	AcceptorSet *set;
	char *peer;		 /* "192.0.2.7:49160" */
	char *group;		 /* who shares its limits */
	GSocket *wire;		 /* as it was accepted */
	GSocket *inner;		 /* (nullable): what is said inside, once that can be read */
	TlsHandshake *handshake; /* (nullable): while it is under way */
	gboolean is_vouched;	 /* a session waits for it */
	GSource *watch;
	GIOCondition condition; /* of @watch */
	GSource *timeout;
	guint8 preamble[CONTROL_PREAMBLE_BYTES];
	gsize have;
} Acceptor;

static void
end_source(GSource **source)
{
	if (*source != NULL)
		g_source_destroy(*source);
	g_clear_pointer(source, g_source_unref);
}

static void
acceptor_free(gpointer data)
{
	Acceptor *self = data;
	end_source(&self->watch);
	end_source(&self->timeout);
	tls_handshake_free(self->handshake);
	g_clear_object(&self->inner);
	g_object_unref(self->wire);
	g_free(self->peer);
	g_free(self->group);
	g_free(self);
}

static void
forget(Acceptor *self)
{
	g_ptr_array_remove(self->set->greeters, self);
}

/* What it speaks is not known yet, or is plain text: it may read why. Inside TLS too. */
static void
reject(Acceptor *self, const GError *error)
{
	self->set->listener->rejected(self->peer, error, self->set->data);
	GSocket *socket = self->inner != NULL ? self->inner : self->wire;
	JsonObject *fields = json_object_new();
	json_object_set_object_member(fields, "error", control_error_to_object(error));
	g_autofree char *line = control_format(CONTROL_FAILED, 0, fields);
	if (self->handshake == NULL)
		g_socket_send_with_blocking(socket, line, strlen(line), FALSE, NULL, NULL);
	/* What OpenSSL has to say in a handshake it has said by now. */
	g_socket_shutdown(socket, FALSE, TRUE, NULL);
	forget(self);
}

static void
reject_for(Acceptor *self, GwError code, const char *text)
{
	g_autoptr(GError) error = g_error_new_literal(GW_ERROR, (gint)code, text);
	reject(self, error);
}

static gboolean
on_timeout(gpointer data)
{
	Acceptor *self = data;
	reject_for(self, GW_ERROR_PROTOCOL,
		   self->handshake != NULL ? "did not finish the handshake in time"
					   : "said neither hello nor whose channel it is in time");
	return G_SOURCE_REMOVE;
}

/* May it have what is dear? */
static gboolean
charge(Acceptor *self)
{
	gint64 now_us = g_get_monotonic_time();
	return self->is_vouched || (rate_limiter_take(self->set->each, self->group, now_us) &&
				    rate_limiter_take(self->set->total, "", now_us));
}

static gboolean on_ready(GSocket *socket, GIOCondition condition, gpointer data);

static void
watch(Acceptor *self, GSocket *socket, GIOCondition condition)
{
	if (self->watch != NULL && self->condition == condition)
		return;
	end_source(&self->watch);
	self->condition = condition;
	self->watch = g_socket_create_source(socket, condition, NULL);
	g_source_set_callback(self->watch, G_SOURCE_FUNC(on_ready), self, NULL);
	g_source_attach(self->watch, g_main_context_get_thread_default());
}

static void
take_control(Acceptor *self)
{
	gboolean is_plain = self->inner == self->wire;
	if (is_plain && !charge(self)) {
		reject_for(self, GW_ERROR_BUSY, "too many connections: try again");
		return;
	}
	net_set_options(self->wire, NET_CONTROL);
	if (self->set->listener->control(self->inner, self->peer, self->set->data))
		forget(self);
	else
		reject_for(self, GW_ERROR_BUSY, "too many sessions are under way");
}

static void
take_channel(Acceptor *self)
{
	ControlPreamble preamble;
	g_autoptr(GError) error = NULL;
	if (!control_preamble_parse(self->preamble, sizeof self->preamble, &preamble, &error)) {
		reject(self, error);
		return;
	}
	net_set_options(self->wire, NET_DATA);
	int fd = fcntl(g_socket_get_fd(self->inner), F_DUPFD_CLOEXEC, 3);
	if (fd >= 0) /* as QEMU's own sockets are; GSocket's never is, whatever it is told */
		g_unix_set_fd_nonblocking(fd, FALSE, NULL);
	if (fd >= 0 && self->set->listener->channel(&preamble, fd, self->set->data)) {
		forget(self);
		return;
	}
	if (fd >= 0)
		close(fd);
	reject_for(self, GW_ERROR_PROTOCOL, "no session waits for this data channel");
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

/* Reads what is said in plain. */
static void
read_preamble(Acceptor *self)
{
	int first = self->have == 0 ? peek_byte(self->inner) : 'g';
	if (first == '{') {
		take_control(self);
		return;
	}
	gssize n = first < 0 ? 0
			     : g_socket_receive_with_blocking(self->inner,
							      (char *)self->preamble + self->have,
							      sizeof self->preamble - self->have,
							      FALSE, NULL, NULL);
	if (n < 0)
		return;
	if (n == 0) {
		forget(self); /* a port scan, a health check: not worth a word */
		return;
	}
	self->have += (gsize)n;
	/* What is no preamble shows in its first byte already. */
	if (self->have < sizeof self->preamble && self->preamble[0] == 'g')
		return;
	take_channel(self);
}

static gboolean
admit(const char *pass, gpointer data)
{
	Acceptor *self = data;
	self->is_vouched =
		pass != NULL && self->set->listener->expects_proof(pass, self->set->data);
	return charge(self);
}

static void
begin_handshake(Acceptor *self)
{
	int fd = fcntl(g_socket_get_fd(self->wire), F_DUPFD_CLOEXEC, 3);
	if (fd < 0) {
		reject_for(self, GW_ERROR_FAILED, "no descriptor for a handshake");
		return;
	}
	self->handshake =
		tls_handshake_new_server(self->set->terms.tls, fd, &self->set->door, self);
}

static void
finish_handshake(Acceptor *self)
{
	g_autoptr(GError) error = NULL;
	int fd = tls_handshake_finish(self->handshake, NULL, &error);
	g_clear_pointer(&self->handshake, tls_handshake_free);
	self->inner = fd >= 0 ? g_socket_new_from_fd(fd, &error) : NULL;
	if (self->inner == NULL) {
		reject(self, error);
		return;
	}
	g_socket_set_blocking(self->inner, FALSE);
	end_source(&self->watch);
	watch(self, self->inner, G_IO_IN);
}

static void
shake_hands(Acceptor *self)
{
	g_autoptr(GError) error = NULL;
	TlsStep step = tls_handshake_step(self->handshake, &error);
	if (step == TLS_DONE)
		finish_handshake(self);
	else if (step == TLS_FAILED)
		reject(self, error);
	else
		watch(self, self->wire, step == TLS_WANTS_READ ? G_IO_IN : G_IO_OUT);
}

/* By its first byte. */
static void
sniff(Acceptor *self)
{
	const AcceptorConfig *terms = &self->set->terms;
	int first = peek_byte(self->wire);
	if (first == FIRST_BYTE_OF_TLS && terms->tls != NULL)
		begin_handshake(self);
	else if (first == FIRST_BYTE_OF_TLS)
		reject_for(self, GW_ERROR_TLS, "speaks TLS, and this agent has no --tls-dir");
	else if (first > 0 && terms->tls != NULL && !terms->insecure)
		reject_for(self, GW_ERROR_INSECURE,
			   "plain text is refused: this agent takes TLS (--tls-dir on both hosts)");
	else if (first > 0 && !terms->insecure && !net_is_loopback(self->wire))
		reject_for(self, GW_ERROR_INSECURE,
			   "plain text off loopback is refused without --insecure");
	else
		self->inner = g_object_ref(self->wire);
}

/* As far as it goes; @self may be gone then. */
static void
advance(Acceptor *self)
{
	GPtrArray *greeters = self->set->greeters;
	if (self->handshake == NULL && self->inner == NULL)
		sniff(self);
	if (!g_ptr_array_find(greeters, self, NULL))
		return;
	if (self->handshake != NULL)
		shake_hands(self);
	else if (self->inner != NULL)
		read_preamble(self);
}

static gboolean
on_ready(GSocket *socket, GIOCondition condition, gpointer data)
{
	advance(data);
	return G_SOURCE_CONTINUE;
}

AcceptorSet *
acceptor_set_new(const AcceptorListener *listener, const AcceptorConfig *terms, gpointer data)
{
	AcceptorSet *self = g_new0(AcceptorSet, 1);
	self->listener = listener;
	self->terms = *terms;
	self->door = (TlsServerPolicy){ .pumps = terms->pumps,
					.admit = admit,
					.allowed = terms->allowed };
	self->data = data;
	self->greeters = g_ptr_array_new_with_free_func(acceptor_free);
	self->limits = terms->limits != NULL ? *terms->limits : usual_limits;
	self->each = rate_limiter_new(self->limits.costly_per_s, self->limits.costly_burst);
	self->total = rate_limiter_new(self->limits.total_per_s, self->limits.total_burst);
	return self;
}

void
acceptor_set_free(AcceptorSet *self)
{
	if (self == NULL)
		return;
	g_ptr_array_unref(self->greeters);
	rate_limiter_free(self->each);
	rate_limiter_free(self->total);
	g_free(self);
}

/* How many there are of @group, and the oldest of them; whom a session waits for does not count. */
static guint
count_group(AcceptorSet *self, const char *group, Acceptor **ret_oldest)
{
	guint n = 0;
	for (guint i = self->greeters->len; i > 0; i--) {
		Acceptor *greeter = g_ptr_array_index(self->greeters, i - 1);
		if (greeter->is_vouched || !g_str_equal(greeter->group, group))
			continue;
		*ret_oldest = greeter;
		n++;
	}
	return n;
}

/* The oldest of the address that has the most; NULL when sessions wait for all of them. */
static Acceptor *
find_crowd(AcceptorSet *self)
{
	guint most = 0;
	Acceptor *found = NULL;
	for (guint i = 0; i < self->greeters->len; i++) {
		Acceptor *greeter = g_ptr_array_index(self->greeters, i), *oldest = NULL;
		guint n = count_group(self, greeter->group, &oldest);
		if (n > most)
			found = oldest;
		most = MAX(most, n);
	}
	return found;
}

static void
make_room(AcceptorSet *self, const char *group)
{
	Acceptor *oldest = NULL;
	if (count_group(self, group, &oldest) < MAX_OF_ONE)
		oldest = self->greeters->len >= MAX_UNDECIDED ? find_crowd(self) : NULL;
	if (oldest != NULL)
		reject_for(oldest, GW_ERROR_BUSY, "too many connections: try again");
}

void
acceptor_set_add(AcceptorSet *self, GSocket *socket)
{
	g_autofree char *group = net_peer_group(socket);
	make_room(self, group);
	Acceptor *greeter = g_new0(Acceptor, 1);
	greeter->set = self;
	greeter->peer = net_peer_to_string(socket);
	greeter->group = g_steal_pointer(&group);
	greeter->wire = g_object_ref(socket);
	g_socket_set_blocking(socket, FALSE);
	greeter->timeout = g_timeout_source_new(self->limits.decide_ms);
	g_source_set_callback(greeter->timeout, on_timeout, greeter, NULL);
	g_source_attach(greeter->timeout, g_main_context_get_thread_default());
	g_ptr_array_add(self->greeters, greeter);
	watch(greeter, socket, G_IO_IN);
	/* What has been said by now decides at once, so that nobody can be pushed out before he is heard. */
	if (peek_byte(socket) > 0)
		advance(greeter);
}
