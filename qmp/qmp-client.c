/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QmpClient: one monitor of one QEMU.
 *
 *	GREETING     the socket is connected, QEMU's greeting is awaited; events are dropped
 *	NEGOTIATING  qmp_capabilities was sent
 *	RUNNING      commands and events
 *	CLOSED       forever; every command fails at once
 *
 * QmpLink owns the socket and reads a little of it in each turn of the loop. Text to write waits in
 * QmpRequests, which decides the order. A request ends exactly once: the first of reply, time-out,
 * cancel and close takes its task.
 *
 * A callback may do anything: drop the last reference, close the client, run the loop again.
 */
#include "qmp/qmp-client.h"

#include <gio/gunixfdmessage.h>

#include "qmp/json-frame.h"
#include "qmp/qmp-link.h"
#include "qmp/qmp-requests.h"
#include "qmp/qmp-socket.h"
#include "qmp/qmp-wire.h"
#include "qmp/source-util.h"

typedef enum {
	STATE_GREETING,
	STATE_NEGOTIATING,
	STATE_RUNNING,
	STATE_CLOSED,
} State;

struct _QmpClient {
	GObject parent_instance;

	State state;
	GMainContext *context; /* (owned) */
	QmpLink *link;	       /* (owned) (nullable) */
	GSource *teller;       /* (owned) (nullable): will emit ::closed */
	JsonFrame *frame;      /* (owned) */
	QmpRequests *requests; /* (owned) */
	guint64 last_id;
	guint timeout_ms;
	JsonNode *greeting; /* (owned) (nullable) */
	gboolean has_oob;
	pid_t peer_pid;
	GError *close_error; /* (owned) (nullable): why it is CLOSED */

	GTask *connecting;	  /* (owned) (nullable): until RUNNING */
	GSource *connect_timeout; /* (owned) (nullable) */
	GSource *connect_cancel;  /* (owned) (nullable) */
};

G_DEFINE_FINAL_TYPE(QmpClient, qmp_client, G_TYPE_OBJECT)

enum {
	SIGNAL_EVENT,
	SIGNAL_CLOSED,
	N_SIGNALS,
};

static guint signals[N_SIGNALS];

static GSource *
attach(QmpClient *self, GSource *source, GSourceFunc func, gpointer data)
{
	return source_begin(source, func, data, self->context);
}

/* ---- closing ---- */

static gboolean
on_tell_closed(gpointer data)
{
	g_autoptr(QmpClient) self = g_object_ref(data);

	source_end(&self->teller);
	g_signal_emit(self, signals[SIGNAL_CLOSED], 0, self->close_error);
	return G_SOURCE_REMOVE;
}

static void
drop_link(QmpClient *self)
{
	source_end(&self->connect_timeout);
	source_end(&self->connect_cancel);
	g_clear_pointer(&self->link, qmp_link_close);
}

/* @error: (transfer full). The caller holds a reference. */
static void
close_with(QmpClient *self, GError *error)
{
	if (self->state == STATE_CLOSED) {
		g_error_free(error);
		return;
	}
	gboolean was_running = self->state == STATE_RUNNING;
	self->state = STATE_CLOSED;
	self->close_error = error;
	drop_link(self);
	g_autoptr(GTask) connecting = g_steal_pointer(&self->connecting);
	if (connecting != NULL)
		g_task_return_error(connecting, g_error_copy(error));
	qmp_requests_fail_all(self->requests, error);
	if (!was_running)
		return;
	/* It must run after the tasks above, some of which return in a later turn too. */
	self->teller = attach(self, g_idle_source_new(), on_tell_closed, self);
	g_source_set_priority(self->teller, G_PRIORITY_DEFAULT);
}

/* ---- commands ---- */

/* Ends the wait for @request; the command itself goes on. Returns: (transfer full) */
static GTask *
give_up(GTask *task)
{
	QmpClient *self = g_task_get_source_object(task);
	QmpRequest *request = g_task_get_task_data(task);
	GTask *owned = qmp_request_take_task(request);

	qmp_requests_abandon(self->requests, request);
	return owned;
}

static gboolean
on_request_timeout(gpointer data)
{
	QmpRequest *request = g_task_get_task_data(data);
	g_autofree char *command = g_strdup(request->command);
	g_autoptr(GTask) task = give_up(data);

	g_task_return_new_error(task, QMP_ERROR, QMP_ERROR_TIMED_OUT, "%s: no reply in time",
				command);
	return G_SOURCE_REMOVE;
}

static gboolean
on_request_cancelled(GCancellable *cancellable, gpointer data)
{
	g_autoptr(GTask) task = give_up(data);

	g_task_return_error_if_cancelled(task);
	return G_SOURCE_REMOVE;
}

static void
arm_request(QmpClient *self, QmpRequest *request, GTask *task, guint timeout_ms)
{
	GCancellable *cancellable = g_task_get_cancellable(task);

	request->task = task;
	g_task_set_task_data(task, request, NULL);
	request->timeout = attach(self, g_timeout_source_new(timeout_ms), on_request_timeout, task);
	if (cancellable != NULL)
		request->cancel = attach(self, g_cancellable_source_new(cancellable),
					 G_SOURCE_FUNC(on_request_cancelled), task);
}

/* @task, @request: (transfer full) */
static void
start(QmpClient *self, GTask *task, QmpRequest *request, guint timeout_ms)
{
	g_autoptr(QmpClient) guard G_GNUC_UNUSED = g_object_ref(self);

	arm_request(self, request, task, timeout_ms);
	qmp_requests_push(self->requests, request);
	qmp_link_flush(self->link);
}

static QmpRequest *
make_request(QmpClient *self, const char *command, JsonNode *arguments,
	     const QmpExecOptions *options, GError **error)
{
	guint64 id = ++self->last_id;
	QmpRequest *request =
		qmp_request_new(id, command,
				qmp_wire_command(command, arguments, id, options->oob));

	request->oob = options->oob;
	if (options->fd < 0)
		return request;
	request->has_fd = TRUE;
	request->fds = g_unix_fd_message_new();
	if (g_unix_fd_message_append_fd(G_UNIX_FD_MESSAGE(request->fds), options->fd, error))
		return request;
	g_prefix_error(error, "%s: ", command);
	qmp_request_free(request);
	return NULL;
}

static gboolean
check_usable(QmpClient *self, const char *command, gboolean oob, GError **error)
{
	if (self->state == STATE_CLOSED) {
		g_set_error(error, QMP_ERROR, QMP_ERROR_CLOSED, "%s: %s", command,
			    self->close_error->message);
		return FALSE;
	}
	if (oob && !self->has_oob) {
		g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
			    "%s: the monitor does not offer out-of-band execution", command);
		return FALSE;
	}
	return TRUE;
}

void
qmp_client_execute_async(QmpClient *self, const char *command, JsonNode *arguments,
			 const QmpExecOptions *options, GCancellable *cancellable,
			 GAsyncReadyCallback callback, gpointer data)
{
	const QmpExecOptions defaults = { .fd = -1 };
	g_autoptr(JsonNode) owned_arguments G_GNUC_UNUSED = arguments;
	g_autoptr(GTask) task = g_task_new(self, cancellable, callback, data);
	GError *error = NULL;
	QmpRequest *request = NULL;

	g_task_set_source_tag(task, qmp_client_execute_async);
	if (g_task_return_error_if_cancelled(task))
		return;
	if (options == NULL)
		options = &defaults;
	if (check_usable(self, command, options->oob, &error))
		request = make_request(self, command, arguments, options, &error);
	if (request == NULL) {
		g_task_return_error(task, error);
		return;
	}
	start(self, g_steal_pointer(&task), request,
	      options->timeout_ms > 0 ? options->timeout_ms : self->timeout_ms);
}

JsonNode *
qmp_client_execute_finish(QmpClient *self, GAsyncResult *result, GError **error)
{
	g_return_val_if_fail(g_task_is_valid(result, self), NULL);
	return g_task_propagate_pointer(G_TASK(result), error);
}

/* ---- connecting ---- */

static void
on_negotiated(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(QmpClient) self = g_object_ref(QMP_CLIENT(source));
	GError *error = NULL;
	g_autoptr(JsonNode) reply = qmp_client_execute_finish(self, result, &error);

	if (reply == NULL) {
		close_with(self, error);
		return;
	}
	if (self->state != STATE_NEGOTIATING)
		return;
	self->state = STATE_RUNNING;
	source_end(&self->connect_timeout);
	source_end(&self->connect_cancel);
	g_autoptr(GTask) task = g_steal_pointer(&self->connecting);
	g_task_return_pointer(task, g_object_ref(self), g_object_unref);
}

/* Some QEMUs were seen to send a second greeting: it arrives in another state and is ignored. */
static void
on_greeting(QmpClient *self, QmpMessage *message)
{
	/* The time-out of the connection applies instead. */
	const QmpExecOptions options = { .fd = -1, .timeout_ms = G_MAXINT };

	if (self->state != STATE_GREETING)
		return;
	self->state = STATE_NEGOTIATING;
	self->has_oob = message->has_oob;
	self->greeting = g_steal_pointer(&message->body);
	JsonNode *arguments =
		self->has_oob ? json_from_string("{\"enable\": [\"oob\"]}", NULL) : NULL;
	qmp_client_execute_async(self, "qmp_capabilities", arguments, &options, NULL, on_negotiated,
				 NULL);
}

static gboolean
on_connect_timeout(gpointer data)
{
	g_autoptr(QmpClient) self = g_object_ref(data);

	if (self->state == STATE_GREETING)
		close_with(self, g_error_new_literal(QMP_ERROR, QMP_ERROR_BUSY,
						     "no greeting came in time: another client "
						     "probably has the monitor"));
	else
		close_with(self, g_error_new_literal(QMP_ERROR, QMP_ERROR_TIMED_OUT,
						     "qmp_capabilities: no reply in time"));
	return G_SOURCE_REMOVE;
}

static gboolean
on_connect_cancelled(GCancellable *cancellable, gpointer data)
{
	g_autoptr(QmpClient) self = g_object_ref(data);

	close_with(self, g_error_new_literal(G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled"));
	return G_SOURCE_REMOVE;
}

/* ---- reading ---- */

static void
return_reply(QmpMessage *message, QmpRequest *request)
{
	g_autoptr(GTask) task = qmp_request_take_task(request);

	if (message->kind == QMP_MESSAGE_ERROR)
		g_prefix_error(&message->error, "%s: ", request->command);
	qmp_request_free(request);
	if (task == NULL)
		return;
	if (message->kind == QMP_MESSAGE_ERROR)
		g_task_return_error(task, g_steal_pointer(&message->error));
	else
		g_task_return_pointer(task, g_steal_pointer(&message->body),
				      (GDestroyNotify)json_node_unref);
}

static void
on_reply(QmpClient *self, QmpMessage *message)
{
	QmpRequest *request = NULL;

	if (message->id != 0)
		request = qmp_requests_take(self->requests, message->id);
	else if (message->kind == QMP_MESSAGE_ERROR)
		request = qmp_requests_take_oldest(self->requests);
	if (request == NULL) {
		g_debug("qmp: a reply that matches no request");
		return;
	}
	return_reply(message, request);
	if (self->link != NULL)
		qmp_link_flush(self->link);
}

static void
on_event(QmpClient *self, QmpMessage *message)
{
	JsonObject *body = NULL;

	if (self->state != STATE_RUNNING)
		return;
	if (message->body != NULL)
		body = json_node_get_object(message->body);
	g_signal_emit(self, signals[SIGNAL_EVENT], 0, message->name, body, message->timestamp_us);
}

static void
on_message(QmpClient *self, QmpMessage *message)
{
	switch (message->kind) {
	case QMP_MESSAGE_GREETING:
		on_greeting(self, message);
		break;
	case QMP_MESSAGE_RETURN:
	case QMP_MESSAGE_ERROR:
		on_reply(self, message);
		break;
	case QMP_MESSAGE_EVENT:
		on_event(self, message);
		break;
	case QMP_MESSAGE_UNKNOWN:
		break;
	}
}

/* Returns %FALSE when there is no whole message; closes the client when the bytes are not QMP. */
static gboolean
next_message(QmpClient *self, QmpMessage *message)
{
	g_autoptr(GError) cause = NULL;
	const char *text = NULL;
	gsize len = 0;

	if (self->state == STATE_CLOSED)
		return FALSE;
	gboolean ok = json_frame_next(self->frame, &text, &len, &cause);
	if (ok && text == NULL)
		return FALSE;
	if (ok && qmp_wire_parse(text, len, message, &cause))
		return TRUE;
	close_with(self, g_error_new(QMP_ERROR, QMP_ERROR_PROTOCOL,
				     "the monitor sent invalid data: %s", cause->message));
	return FALSE;
}

/* Stops when a callback has dropped the last reference that others held. */
static void
on_bytes(gpointer owner, const char *bytes, gsize len)
{
	QmpClient *self = owner;
	QmpClient *alive = self;

	json_frame_push(self->frame, bytes, len);
	g_object_add_weak_pointer(G_OBJECT(self), (gpointer *)&alive);
	while (alive != NULL) {
		g_auto(QmpMessage) message = { .kind = QMP_MESSAGE_UNKNOWN };
		g_autoptr(QmpClient) guard G_GNUC_UNUSED = g_object_ref(self);
		if (!next_message(self, &message))
			break;
		on_message(self, &message);
	}
	if (alive != NULL)
		g_object_remove_weak_pointer(G_OBJECT(self), (gpointer *)&alive);
}

static void
on_end(gpointer owner, const GError *error)
{
	g_autoptr(QmpClient) self = g_object_ref(owner);
	gboolean inside = !json_frame_end(self->frame, NULL);

	close_with(self,
		   g_error_new(QMP_ERROR, QMP_ERROR_CLOSED,
			       "the monitor closed the connection%s%s%s",
			       inside ? " in the middle of a message" : "",
			       error != NULL ? ": " : "", error != NULL ? error->message : ""));
}

static const QmpLinkOps link_ops = {
	.bytes = on_bytes,
	.end = on_end,
};

/* ---- life ---- */

static void
watch_connecting(QmpClient *self, GTask *task, guint timeout_ms)
{
	GCancellable *cancellable = g_task_get_cancellable(task);

	self->connect_timeout =
		attach(self, g_timeout_source_new(timeout_ms), on_connect_timeout, self);
	if (cancellable != NULL)
		self->connect_cancel = attach(self, g_cancellable_source_new(cancellable),
					      G_SOURCE_FUNC(on_connect_cancelled), self);
}

void
qmp_client_connect_async(const char *path, guint timeout_ms, GCancellable *cancellable,
			 GAsyncReadyCallback callback, gpointer data)
{
	g_autoptr(GTask) task = g_task_new(NULL, cancellable, callback, data);
	GError *error = NULL;

	g_task_set_source_tag(task, qmp_client_connect_async);
	if (g_task_return_error_if_cancelled(task))
		return;
	g_autoptr(GSocket) socket = qmp_socket_connect(path, &error);
	if (socket == NULL) {
		g_prefix_error(&error, "connect to '%s': ", path);
		g_task_return_error(task, error);
		return;
	}
	g_autoptr(QmpClient) self = g_object_new(QMP_TYPE_CLIENT, NULL);
	self->link = qmp_link_new(socket, self->context, self->requests, &link_ops, self);
	self->peer_pid = qmp_socket_get_peer_pid(socket);
	watch_connecting(self, task, timeout_ms);
	g_task_set_task_data(task, g_object_ref(self), g_object_unref);
	self->connecting = g_steal_pointer(&task);
}

QmpClient *
qmp_client_connect_finish(GAsyncResult *result, GError **error)
{
	g_return_val_if_fail(g_task_is_valid(result, NULL), NULL);
	return g_task_propagate_pointer(G_TASK(result), error);
}

void
qmp_client_close(QmpClient *self)
{
	g_autoptr(QmpClient) guard G_GNUC_UNUSED = g_object_ref(self);

	close_with(self, g_error_new_literal(QMP_ERROR, QMP_ERROR_CLOSED, "closed by us"));
	source_end(&self->teller);
}

static void
qmp_client_dispose(GObject *object)
{
	QmpClient *self = QMP_CLIENT(object);

	drop_link(self);
	source_end(&self->teller);
	G_OBJECT_CLASS(qmp_client_parent_class)->dispose(object);
}

static void
qmp_client_finalize(GObject *object)
{
	QmpClient *self = QMP_CLIENT(object);

	json_frame_free(self->frame);
	qmp_requests_free(self->requests);
	g_clear_pointer(&self->greeting, json_node_unref);
	g_clear_pointer(&self->context, g_main_context_unref);
	g_clear_error(&self->close_error);
	G_OBJECT_CLASS(qmp_client_parent_class)->finalize(object);
}

static void
qmp_client_class_init(QmpClientClass *klass)
{
	GObjectClass *object_class = G_OBJECT_CLASS(klass);

	object_class->dispose = qmp_client_dispose;
	object_class->finalize = qmp_client_finalize;
	signals[SIGNAL_EVENT] =
		g_signal_new("event", QMP_TYPE_CLIENT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
			     G_TYPE_NONE, 3, G_TYPE_STRING | G_SIGNAL_TYPE_STATIC_SCOPE,
			     JSON_TYPE_OBJECT | G_SIGNAL_TYPE_STATIC_SCOPE, G_TYPE_INT64);
	signals[SIGNAL_CLOSED] =
		g_signal_new("closed", QMP_TYPE_CLIENT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
			     G_TYPE_NONE, 1, G_TYPE_ERROR | G_SIGNAL_TYPE_STATIC_SCOPE);
}

static void
qmp_client_init(QmpClient *self)
{
	self->context = g_main_context_ref_thread_default();
	self->frame = json_frame_new(&qmp_wire_limits);
	self->requests = qmp_requests_new();
	self->timeout_ms = QMP_TIMEOUT_MS;
}

void
qmp_client_set_timeout(QmpClient *self, guint timeout_ms)
{
	self->timeout_ms = timeout_ms;
}

gboolean
qmp_client_has_oob(QmpClient *self)
{
	return self->has_oob;
}

gboolean
qmp_client_is_closed(QmpClient *self)
{
	return self->state == STATE_CLOSED;
}

JsonObject *
qmp_client_get_greeting(QmpClient *self)
{
	return json_node_get_object(self->greeting);
}

pid_t
qmp_client_get_peer_pid(QmpClient *self)
{
	return self->peer_pid;
}
