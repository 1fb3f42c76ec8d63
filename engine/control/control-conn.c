/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Carries control messages over a socket: it frames them, matches replies to requests, answers
 * pings at once, and notices silence. It also answers pings while its owner waits for something
 * else, because every wait runs the same main loop. A connection is good until its error is set;
 * then it is lost forever.
 */
#include "engine/control/control-conn.h"

#include <string.h>

#include "engine/util/json-fields.h"
#include "engine/gw-error.h"
#include "qmp/await.h"
#include "qmp/json-frame.h"
#include "qmp/source-util.h"

#define READ_BYTES	(64 * 1024)
#define FIRST_PINGS	8
#define LINGER_MS	1000
#define MAX_WASTE	(4 * 1024 * 1024)
#define MAX_QUEUE_BYTES (4 * 1024 * 1024) /* a peer that leaves this much unread is lost */

struct ControlConn {
	GSocket *socket;
	GMainContext *context;
	GSource *reader;
	GSource *writer;    /* (nullable): only while something is queued */
	GSource *heartbeat; /* (nullable) */
	JsonFrame *frame;
	GByteArray *queue;
	GHashTable *pending; /* id -> ControlCall (borrowed) */
	guint64 next_id;
	guint64 ping_id; /* 0: none is out */
	guint n_pongs;
	gint64 ping_sent_us;
	gint64 heard_us; /* monotonic */
	gint64 beat_us;	 /* monotonic: the last heartbeat */
	guint silence_ms;
	Clock clock;
	GError *error;
	ControlHandler handler;
	gpointer handler_data;
};

struct ControlCall {
	ControlConn *conn;
	ControlType type;
	guint64 id;
	JsonObject *reply;
	GError *error;
};

/* (transfer full) @error */
static void
lose(ControlConn *self, GError *error)
{
	if (self->error != NULL) {
		g_error_free(error);
		return;
	}
	self->error = error;
	g_socket_close(self->socket, NULL);
	g_main_context_wakeup(self->context);
}

/* A peer that sends invalid messages gets the reason before the connection is closed. Unread bytes
 * from the peer are read from the socket first: otherwise the kernel would discard our last
 * message. */
static void
reject_and_close(ControlConn *self, GError *error)
{
	if (self->error != NULL) {
		g_error_free(error);
		return;
	}
	char waste[READ_BYTES];
	JsonObject *fields = json_object_new();
	json_object_set_object_member(fields, "error", control_error_to_object(error));
	g_autofree char *line = control_format(CONTROL_FAILED, 0, fields);
	if (g_socket_send(self->socket, line, strlen(line), NULL, NULL) > 0)
		g_socket_shutdown(self->socket, FALSE, TRUE, NULL);
	for (guint i = 0; i < MAX_WASTE / READ_BYTES; i++)
		if (g_socket_receive(self->socket, waste, sizeof waste, NULL, NULL) <= 0)
			break;
	lose(self, error);
}

static GSource *
attach_socket_source(ControlConn *self, GIOCondition condition, GSocketSourceFunc callback)
{
	return source_begin(g_socket_create_source(self->socket, condition, NULL),
			    G_SOURCE_FUNC(callback), self, self->context);
}

static void
flush(ControlConn *self)
{
	while (self->queue->len > 0 && self->error == NULL) {
		g_autoptr(GError) error = NULL;
		gssize n = g_socket_send(self->socket, (const char *)self->queue->data,
					 self->queue->len, NULL, &error);
		if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
			return;
		if (n < 0) {
			lose(self, g_error_new(GW_ERROR, GW_ERROR_PEER_LOST,
					       "control connection: %s", error->message));
			return;
		}
		g_byte_array_remove_range(self->queue, 0, (guint)n);
	}
}

static gboolean
on_writable(GSocket *socket, GIOCondition condition, gpointer data)
{
	ControlConn *self = data;
	flush(self);
	if (self->queue->len > 0 && self->error == NULL)
		return G_SOURCE_CONTINUE;
	g_clear_pointer(&self->writer, g_source_unref);
	return G_SOURCE_REMOVE;
}

static void
send_message(ControlConn *self, ControlType type, guint64 id, JsonObject *fields)
{
	g_autofree char *line = control_format(type, id, fields);
	if (self->error != NULL)
		return;
	g_byte_array_append(self->queue, (const guint8 *)line, (guint)strlen(line));
	flush(self);
	if (self->queue->len > MAX_QUEUE_BYTES)
		lose(self, g_error_new(GW_ERROR, GW_ERROR_PEER_LOST,
				       "control connection: the peer does not read"));
	if (self->queue->len > 0 && self->writer == NULL && self->error == NULL)
		self->writer = attach_socket_source(self, G_IO_OUT, on_writable);
}

static void
ping(ControlConn *self)
{
	self->ping_id = self->next_id++;
	self->ping_sent_us = g_get_monotonic_time();
	send_message(self, CONTROL_PING, self->ping_id, NULL);
}

/* The first pings follow each other at once: a short run needs a good clock too. */
static void
take_pong(ControlConn *self, ControlMessage *message)
{
	gint64 time_us = fields_peek_int(message->body, "time_us", -1);
	clock_add(&self->clock, self->ping_sent_us, time_us, g_get_monotonic_time());
	self->ping_id = 0;
	if (++self->n_pongs < FIRST_PINGS)
		ping(self);
}

static void
take_reply(ControlConn *self, ControlMessage *message)
{
	if (message->id == self->ping_id) {
		take_pong(self, message);
		return;
	}
	ControlCall *pending = g_hash_table_lookup(self->pending, &message->id);
	if (pending == NULL)
		return;
	if (message->type == CONTROL_REPLY)
		pending->reply = json_object_ref(message->body);
	else
		pending->error = control_error_from_object(
			json_object_get_object_member(message->body, "error"));
	g_hash_table_remove(self->pending, &message->id);
}

/* The padding goes back, so that a path is tried in both directions. */
static void
answer_ping(ControlConn *self, ControlMessage *message)
{
	JsonObject *fields = json_object_new();
	const char *padding = fields_peek_string(message->body, "padding", NULL);
	json_object_set_int_member(fields, "time_us", g_get_monotonic_time());
	if (padding != NULL && strlen(padding) <= CONTROL_PADDING_BYTES)
		json_object_set_string_member(fields, "padding", padding);
	control_conn_reply(self, message->id, fields);
}

static void
take_message(ControlConn *self, ControlMessage *message)
{
	if (message->type == CONTROL_PING) {
		answer_ping(self, message);
	} else if (message->type == CONTROL_REPLY || message->type == CONTROL_ERROR) {
		take_reply(self, message);
	} else {
		self->handler(self, message, self->handler_data);
	}
}

static void
take_bytes(ControlConn *self, const char *bytes, gsize n_bytes)
{
	json_frame_push(self->frame, bytes, n_bytes);
	while (self->error == NULL) {
		const char *text = NULL;
		gsize len = 0;
		g_autoptr(GError) error = NULL;
		if (!json_frame_next(self->frame, &text, &len, &error)) {
			reject_and_close(self, g_error_new(GW_ERROR, GW_ERROR_PROTOCOL,
							   "control message: %s", error->message));
			return;
		}
		if (text == NULL)
			return;
		g_autoptr(ControlMessage) message = control_parse(text, len, &error);
		if (message == NULL) {
			reject_and_close(self, g_steal_pointer(&error));
			return;
		}
		message->heap_bytes = json_frame_get_heap_bytes(self->frame);
		take_message(self, message);
	}
}

static gboolean
on_readable(GSocket *socket, GIOCondition condition, gpointer data)
{
	ControlConn *self = data;
	char bytes[READ_BYTES];
	g_autoptr(GError) error = NULL;
	if (self->error != NULL)
		return G_SOURCE_REMOVE;

	gssize n = g_socket_receive(self->socket, bytes, sizeof bytes, NULL, &error);
	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		lose(self, g_error_new(GW_ERROR, GW_ERROR_PEER_LOST, "control connection: %s",
				       n == 0 ? "closed by the peer" : error->message));
		return G_SOURCE_REMOVE;
	}
	self->heard_us = g_get_monotonic_time();
	take_bytes(self, bytes, (gsize)n);
	return self->error == NULL ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean
on_heartbeat(gpointer data)
{
	ControlConn *self = data;
	gint64 now_us = g_get_monotonic_time();
	/* If this process itself was delayed, the peer's messages of that time are still unread. */
	if (now_us - self->beat_us > (gint64)self->silence_ms * 1000 / 2)
		self->heard_us = now_us;
	self->beat_us = now_us;
	gint64 silent_ms = (now_us - self->heard_us) / 1000;
	if (self->error == NULL && silent_ms > self->silence_ms)
		lose(self, g_error_new(GW_ERROR, GW_ERROR_PEER_LOST,
				       "control connection: the peer is silent for %.1f s",
				       (double)silent_ms / 1000));
	if (self->error != NULL)
		return G_SOURCE_REMOVE;
	if (self->ping_id == 0)
		ping(self);
	return G_SOURCE_CONTINUE;
}

ControlConn *
control_conn_new(GSocket *socket, ControlHandler handler, gpointer data)
{
	ControlConn *self = g_new0(ControlConn, 1);
	self->socket = g_object_ref(socket);
	self->context = g_main_context_ref_thread_default();
	self->frame = json_frame_new(&control_limits);
	self->queue = g_byte_array_new();
	self->pending = g_hash_table_new(g_int64_hash, g_int64_equal);
	self->next_id = 1;
	self->heard_us = g_get_monotonic_time();
	self->handler = handler;
	self->handler_data = data;
	g_socket_set_blocking(socket, FALSE);
	self->reader = attach_socket_source(self, G_IO_IN, on_readable);
	return self;
}

void
control_conn_take(ControlConn *self, const void *bytes, gsize n_bytes)
{
	take_bytes(self, bytes, n_bytes);
}

void
control_conn_set_limits(ControlConn *self, const JsonLimits *limits)
{
	json_frame_set_limits(self->frame, limits);
}

void
control_conn_reject(ControlConn *self, GError *error)
{
	reject_and_close(self, error);
}

void
control_conn_free(ControlConn *self)
{
	if (self == NULL)
		return;
	source_end(&self->reader);
	source_end(&self->writer);
	source_end(&self->heartbeat);
	g_socket_close(self->socket, NULL);
	g_object_unref(self->socket);
	json_frame_free(self->frame);
	g_byte_array_unref(self->queue);
	g_hash_table_unref(self->pending);
	g_clear_error(&self->error);
	g_main_context_unref(self->context);
	g_free(self);
}

void
control_conn_set_heartbeat(ControlConn *self, guint interval_ms, guint silence_ms)
{
	source_end(&self->heartbeat);
	self->silence_ms = silence_ms;
	self->heartbeat =
		source_begin(g_timeout_source_new(interval_ms), on_heartbeat, self, self->context);
	on_heartbeat(self);
}

void
control_conn_notify(ControlConn *self, ControlType type, JsonObject *fields)
{
	send_message(self, type, 0, fields);
}

void
control_conn_reply(ControlConn *self, guint64 id, JsonObject *fields)
{
	send_message(self, CONTROL_REPLY, id, fields);
}

void
control_conn_reply_error(ControlConn *self, guint64 id, const GError *error)
{
	JsonObject *fields = json_object_new();
	json_object_set_object_member(fields, "error", control_error_to_object(error));
	send_message(self, CONTROL_ERROR, id, fields);
}

static gboolean
is_answered(gpointer data)
{
	ControlCall *call = data;
	return call->reply != NULL || call->error != NULL || call->conn->error != NULL;
}

ControlCall *
control_conn_begin(ControlConn *self, ControlType type, JsonObject *fields)
{
	ControlCall *call = g_new0(ControlCall, 1);
	call->conn = self;
	call->type = type;
	call->id = self->next_id++;
	g_hash_table_insert(self->pending, &call->id, call);
	send_message(self, type, call->id, fields);
	return call;
}

void
control_call_free(ControlCall *call)
{
	if (call == NULL)
		return;
	g_hash_table_remove(call->conn->pending, &call->id);
	g_clear_pointer(&call->reply, json_object_unref);
	g_clear_error(&call->error);
	g_free(call);
}

gboolean
control_call_is_answered(const ControlCall *call)
{
	return call->reply != NULL || call->error != NULL;
}

JsonObject *
control_call_finish(ControlCall *call, int timeout_ms, GCancellable *cancellable, GError **error)
{
	g_autoptr(ControlCall) owned = call;
	g_autoptr(GError) wait_error = NULL;
	gboolean ended = await_until(is_answered, call, timeout_ms, cancellable, &wait_error);
	if (call->reply != NULL)
		return g_steal_pointer(&call->reply);
	if (call->error != NULL)
		g_propagate_error(error, g_steal_pointer(&call->error));
	else if (ended)
		g_propagate_error(error, g_error_copy(call->conn->error));
	else if (g_error_matches(wait_error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		g_propagate_error(error, g_steal_pointer(&wait_error));
	else
		g_set_error(error, GW_ERROR, GW_ERROR_PEER_LOST, "no answer to '%s' within %.1f s",
			    control_type_to_string(call->type), timeout_ms / 1000.0);
	return NULL;
}

JsonObject *
control_conn_call(ControlConn *self, ControlType type, JsonObject *fields, int timeout_ms,
		  GCancellable *cancellable, GError **error)
{
	return control_call_finish(control_conn_begin(self, type, fields), timeout_ms, cancellable,
				   error);
}

const GError *
control_conn_get_error(ControlConn *self)
{
	return self->error;
}

const Clock *
control_conn_get_clock(ControlConn *self)
{
	return &self->clock;
}

static gboolean
has_pong(gpointer data)
{
	ControlConn *self = data;
	return self->ping_id == 0 || self->error != NULL;
}

void
control_conn_ask_clock(ControlConn *self, int timeout_ms)
{
	if (self->error == NULL && self->ping_id == 0)
		ping(self);
	if (!await_until(has_pong, self, timeout_ms, NULL, NULL))
		g_debug("control connection: the clock was not told in time");
}

static gboolean
is_flushed(gpointer data)
{
	ControlConn *self = data;
	return self->queue->len == 0 || self->error != NULL;
}

static gboolean
is_lost(gpointer data)
{
	return ((ControlConn *)data)->error != NULL;
}

/* With a pump behind the socket the last bytes are not on the wire yet, and the process may end
 * now. */
static gboolean
is_seen_off(ControlConn *self, int timeout_ms)
{
	if (self->error != NULL || g_socket_get_family(self->socket) != G_SOCKET_FAMILY_UNIX)
		return TRUE;
	return g_socket_shutdown(self->socket, FALSE, TRUE, NULL) &&
	       await_until(is_lost, self, MIN(timeout_ms, LINGER_MS), NULL, NULL);
}

void
control_conn_close(ControlConn *self, int timeout_ms)
{
	gboolean flushed = await_until(is_flushed, self, timeout_ms, NULL, NULL) &&
			   is_seen_off(self, timeout_ms);
	g_debug("control connection: closed%s", flushed ? "" : " with messages unsent");
	lose(self, g_error_new(GW_ERROR, GW_ERROR_PEER_LOST, "control connection: closed by us"));
}
