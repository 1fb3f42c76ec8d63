/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tells by its first bytes what has connected to the agent's port. A TLS handshake begins with
 * 0x16, and what comes inside it is examined in the same way: a control connection begins with '{',
 * a data channel with the preamble of control.c. Never more than the preamble is read: the bytes
 * after it belong to QEMU. A control connection gets a thread only once it has said a whole hello,
 * which is small.
 *
 * Strangers must neither keep others out nor cause much work:
 * - a connection that sends no complete beginning within a few seconds is dropped;
 * - the number of undecided connections is limited, in all and for each address: a new one replaces
 *   the oldest;
 * - a handshake costs processor time and a control connection costs a thread: each address gets a
 *   limited rate of them;
 * - the data channels of a session under way are exempt: they prove themselves by a hash of the
 *   token, or by the token.
 */
#include "engine/agent/acceptor.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/util/rate-limit.h"
#include "engine/gw-error.h"
#include "engine/control/net.h"
#include "engine/tls/tls.h"
#include "qmp/json-frame.h"
#include "qmp/source-util.h"

#define MAX_UNDECIDED	  128
#define MAX_OF_ONE_GROUP  32
#define FIRST_BYTE_OF_TLS 0x16
#define MAX_WASTE	  (256 * 1024)

/* A handshake takes about 0.3 ms of processor time, a control connection takes a thread. */
static const AcceptorLimits usual_limits = {
	.decide_ms = 5000,
	.costly_per_s = 32,
	.costly_burst = 96,
	.total_per_s = 128,
	.total_burst = 256,
};

struct AcceptorSet {
	const AcceptorListener *listener;
	AcceptorConfig config;
	AcceptorLimits limits;
	TlsServerPolicy tls_policy;
	gpointer data;
	GPtrArray *undecided; /* of Acceptor, the oldest first */
	RateLimiter *per_address;
	RateLimiter *total;
};

typedef struct {
	AcceptorSet *set;
	char *peer;		 /* "192.0.2.7:49160" */
	char *group;		 /* the addresses that share its limits */
	GSocket *wire;		 /* as it was accepted */
	GSocket *inner;		 /* (nullable): the inside of TLS, or @wire: once it can be read */
	TlsHandshake *handshake; /* (nullable): while it is under way */
	char *subject;		 /* (nullable): of its certificate, after a handshake */
	gboolean is_expected;	 /* a session waits for it */
	GSource *watch;
	GIOCondition condition; /* of @watch */
	GSource *timeout;
	guint8 preamble[CONTROL_PREAMBLE_BYTES];
	gsize have;
	JsonFrame *frame; /* (nullable): of a control connection, while its hello comes */
	GByteArray *said; /* (nullable): what @frame was given */
} Acceptor;

static void
acceptor_free(gpointer data)
{
	Acceptor *self = data;
	source_end(&self->watch);
	source_end(&self->timeout);
	tls_handshake_free(self->handshake);
	json_frame_free(self->frame);
	g_clear_pointer(&self->said, g_byte_array_unref);
	g_clear_object(&self->inner);
	g_object_unref(self->wire);
	g_free(self->subject);
	g_free(self->peer);
	g_free(self->group);
	g_free(self);
}

static void
forget(Acceptor *self)
{
	g_ptr_array_remove(self->set->undecided, self);
}

/* With unread bytes in its way the kernel would throw our last word away. */
static void
read_waste(GSocket *socket)
{
	char waste[16384];
	for (guint i = 0; i < MAX_WASTE / sizeof waste; i++)
		if (g_socket_receive_with_blocking(socket, waste, sizeof waste, FALSE, NULL,
						   NULL) <= 0)
			break;
}

/* Tells the peer why, in plain text or inside TLS; during a handshake that is not possible. */
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
	/* OpenSSL has sent its own alert of a failed handshake by now. */
	g_socket_shutdown(socket, FALSE, TRUE, NULL);
	if (self->frame != NULL)
		read_waste(socket);
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
					   : "sent neither a hello nor a channel's token in time");
	return G_SOURCE_REMOVE;
}

/* May it have a handshake or a thread now? */
static gboolean
charge(Acceptor *self)
{
	gint64 now_us = g_get_monotonic_time();
	return self->is_expected ||
	       (rate_limiter_take(self->set->per_address, self->group, now_us) &&
		rate_limiter_take(self->set->total, "", now_us));
}

static gboolean on_ready(GSocket *socket, GIOCondition condition, gpointer data);

static void
watch(Acceptor *self, GSocket *socket, GIOCondition condition)
{
	if (self->watch != NULL && self->condition == condition)
		return;
	source_end(&self->watch);
	self->condition = condition;
	self->watch =
		source_begin(g_socket_create_source(socket, condition, NULL),
			     G_SOURCE_FUNC(on_ready), self, g_main_context_get_thread_default());
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
	const AcceptedControl accepted = { .socket = self->inner,
					   .peer = self->peer,
					   .group = self->group,
					   .subject = self->subject,
					   .said = (const char *)self->said->data,
					   .n_said = self->said->len };
	/* The socket is the listener's from now on. */
	source_end(&self->watch);
	if (self->set->listener->control(&accepted, self->set->data))
		forget(self);
	else
		reject_for(self, GW_ERROR_BUSY, "too many sessions are under way");
}

/* The first message, and whether it is a hello; NULL with @error unset when more bytes are
 * needed. */
static ControlMessage *
parse_hello(Acceptor *self, GError **error)
{
	const char *text = NULL;
	gsize len = 0;
	g_autoptr(GError) cause = NULL;
	if (!json_frame_next(self->frame, &text, &len, &cause)) {
		g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL, "control message: %s",
			    cause->message);
		return NULL;
	}
	g_autoptr(ControlMessage) message = text != NULL ? control_parse(text, len, error) : NULL;
	if (message == NULL || message->type == CONTROL_HELLO)
		return g_steal_pointer(&message);
	g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL, "control message '%s' before a 'hello'",
		    control_type_to_string(message->type));
	return NULL;
}

/* A thread is spent on who has said hello, not on one byte. */
static void
read_hello(Acceptor *self)
{
	char bytes[2048];
	gssize n =
		g_socket_receive_with_blocking(self->inner, bytes, sizeof bytes, FALSE, NULL, NULL);
	if (n < 0)
		return;
	if (n == 0) {
		forget(self);
		return;
	}
	if (self->frame == NULL) {
		self->frame = json_frame_new(&control_hello_limits);
		self->said = g_byte_array_new();
	}
	g_byte_array_append(self->said, (const guint8 *)bytes, (guint)n);
	json_frame_push(self->frame, bytes, (gsize)n);
	g_autoptr(GError) error = NULL;
	g_autoptr(ControlMessage) hello = parse_hello(self, &error);
	if (error != NULL)
		reject(self, error);
	else if (hello != NULL)
		take_control(self);
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
	int fd = net_dup_blocking(self->inner, NULL);
	if (fd >= 0 && self->set->listener->channel(&preamble, fd, self->set->data)) {
		forget(self);
		return;
	}
	if (fd >= 0)
		close(fd);
	reject_for(self, GW_ERROR_PROTOCOL, "no session waits for this data channel");
}

/* The next byte, without reading it; 0 when there is none yet, -1 at the end of the stream. */
static int
peek_byte(GSocket *socket)
{
	char byte;
	ssize_t n = recv(g_socket_get_fd(socket), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n == 1)
		return (guint8)byte;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

/* Reads from the plain text, which is the inside of TLS where TLS is used. */
static void
read_preamble(Acceptor *self)
{
	int first = self->have == 0 ? peek_byte(self->inner) : 'g';
	if (self->frame != NULL || first == '{') {
		read_hello(self);
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
		forget(self); /* a port scan or a health check: no message */
		return;
	}
	self->have += (gsize)n;
	/* A preamble begins with 'g': anything else is rejected at its first byte. */
	if (self->have < sizeof self->preamble && self->preamble[0] == 'g')
		return;
	take_channel(self);
}

static gboolean
admit(const char *proof, gpointer data)
{
	Acceptor *self = data;
	self->is_expected =
		proof != NULL && self->set->listener->expects_proof(proof, self->set->data);
	return charge(self);
}

static void
begin_handshake(Acceptor *self)
{
	g_autoptr(GError) error = NULL;
	int fd = net_dup(self->wire, &error);
	if (fd < 0) {
		reject(self, error);
		return;
	}
	self->handshake =
		tls_handshake_new_server(self->set->config.tls, fd, &self->set->tls_policy, self);
}

static void
finish_handshake(Acceptor *self)
{
	g_autoptr(GError) error = NULL;
	self->subject = g_strdup(tls_handshake_get_subject(self->handshake));
	int fd = tls_handshake_finish(self->handshake, NULL, &error);
	g_clear_pointer(&self->handshake, tls_handshake_free);
	self->inner = fd >= 0 ? g_socket_new_from_fd(fd, &error) : NULL;
	if (self->inner == NULL) {
		reject(self, error);
		return;
	}
	g_socket_set_blocking(self->inner, FALSE);
	source_end(&self->watch);
	watch(self, self->inner, G_IO_IN);
}

static void
continue_handshake(Acceptor *self)
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

/* Decides by the first byte: TLS or plain text, and whether that is allowed. */
static void
sniff(Acceptor *self)
{
	const AcceptorConfig *config = &self->set->config;
	int first = peek_byte(self->wire);
	if (first == FIRST_BYTE_OF_TLS && config->tls != NULL)
		begin_handshake(self);
	else if (first == FIRST_BYTE_OF_TLS)
		reject_for(self, GW_ERROR_TLS, "speaks TLS, and this agent has no --tls-dir");
	else if (first > 0 && config->tls != NULL && !config->insecure)
		reject_for(self, GW_ERROR_INSECURE,
			   "plain text is refused: this agent takes TLS (--tls-dir on both hosts)");
	else if (first > 0 && !config->insecure && !net_is_loopback(self->wire))
		reject_for(self, GW_ERROR_INSECURE,
			   "plain text off loopback is refused without --insecure");
	else
		self->inner = g_object_ref(self->wire);
}

/* Goes as far as it can without waiting; may free @self. */
static void
advance(Acceptor *self)
{
	GPtrArray *undecided = self->set->undecided;
	if (self->handshake == NULL && self->inner == NULL)
		sniff(self);
	if (!g_ptr_array_find(undecided, self, NULL))
		return;
	if (self->handshake != NULL)
		continue_handshake(self);
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
acceptor_set_new(const AcceptorListener *listener, const AcceptorConfig *config, gpointer data)
{
	AcceptorSet *self = g_new0(AcceptorSet, 1);
	self->listener = listener;
	self->config = *config;
	self->tls_policy = (TlsServerPolicy){ .pumps = config->pumps,
					      .admit = admit,
					      .allowed = config->allowed };
	self->data = data;
	self->undecided = g_ptr_array_new_with_free_func(acceptor_free);
	self->limits = config->limits != NULL ? *config->limits : usual_limits;
	self->per_address = rate_limiter_new(self->limits.costly_per_s, self->limits.costly_burst);
	self->total = rate_limiter_new(self->limits.total_per_s, self->limits.total_burst);
	return self;
}

void
acceptor_set_free(AcceptorSet *self)
{
	if (self == NULL)
		return;
	g_ptr_array_unref(self->undecided);
	rate_limiter_free(self->per_address);
	rate_limiter_free(self->total);
	g_free(self);
}

/* The number of undecided connections of @group, and the oldest of them. Expected ones do not
 * count. */
static guint
count_group(AcceptorSet *self, const char *group, Acceptor **ret_oldest)
{
	guint n = 0;
	for (guint i = self->undecided->len; i > 0; i--) {
		Acceptor *acceptor = g_ptr_array_index(self->undecided, i - 1);
		if (acceptor->is_expected || !g_str_equal(acceptor->group, group))
			continue;
		*ret_oldest = acceptor;
		n++;
	}
	return n;
}

/* (nullable): the oldest connection of the group that has the most; NULL when all are expected. */
static Acceptor *
find_in_largest_group(AcceptorSet *self)
{
	guint largest = 0;
	Acceptor *found = NULL;
	for (guint i = 0; i < self->undecided->len; i++) {
		Acceptor *acceptor = g_ptr_array_index(self->undecided, i), *oldest = NULL;
		guint n = count_group(self, acceptor->group, &oldest);
		if (n > largest)
			found = oldest;
		largest = MAX(largest, n);
	}
	return found;
}

static void
make_room(AcceptorSet *self, const char *group)
{
	Acceptor *oldest = NULL;
	if (count_group(self, group, &oldest) < MAX_OF_ONE_GROUP)
		oldest = self->undecided->len >= MAX_UNDECIDED ? find_in_largest_group(self) : NULL;
	if (oldest != NULL)
		reject_for(oldest, GW_ERROR_BUSY, "too many connections: try again");
}

void
acceptor_set_add(AcceptorSet *self, GSocket *socket)
{
	g_autofree char *group = net_peer_group(socket);
	make_room(self, group);
	Acceptor *acceptor = g_new0(Acceptor, 1);
	acceptor->set = self;
	acceptor->peer = net_peer_to_string(socket);
	acceptor->group = g_steal_pointer(&group);
	acceptor->wire = g_object_ref(socket);
	g_socket_set_blocking(socket, FALSE);
	acceptor->timeout = source_begin(g_timeout_source_new(self->limits.decide_ms), on_timeout,
					 acceptor, g_main_context_get_thread_default());
	g_ptr_array_add(self->undecided, acceptor);
	watch(acceptor, socket, G_IO_IN);
	/* Bytes that are here decide at once, so that no flood can replace a peer before it was
	 * read. */
	if (peek_byte(socket) > 0)
		advance(acceptor);
}
