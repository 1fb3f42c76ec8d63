/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The agent: one listening port for control connections and data channels alike, a thread for each control
 * connection, and the list of those that are under way.
 *
 * Nothing here trusts who connects: what a connection is shows in its first bytes (greeter.c), and only a
 * token that an agent-run handed out opens a channel.
 */
#include "engine/gw-agent.h"

#include "engine/agent-run.h"
#include "engine/gw-error.h"
#include "engine/gw-recover.h"
#include "engine/gw-session.h"
#include "engine/greeter.h"
#include "engine/net.h"
#include "engine/recover.h"
#include "qmp/await.h"

#define LISTEN_BACKLOG	  64
#define MAX_RUNS	  64
#define END_TIMEOUT_MS	  40000
#define END_POLL_MS	  50
#define LINGER_MS	  15000 /* a source whose answer was lost asks again for so long */
#define RECOVER_PERIOD_MS 2000

struct _GwAgent {
	GObject parent_instance;
	AgentConfig config;
	char *listen;
	gboolean recover;

	GMainContext *context;
	char *address;
	GSocket *socket;
	GSource *acceptor;
	GSource *recoverer;
	gboolean recovering;
	GreeterSet *greeters;

	GMutex lock;	  /* of @runs, which the threads change */
	GPtrArray *runs;  /* of Slot, under way */
	GPtrArray *ended; /* of Slot: the source has not said that it knows yet */
	GTask *stopping;  /* (nullable) */
};

/* One control connection and its thread. */
typedef struct {
	GwAgent *agent;
	AgentRun *run;
	GThread *thread;
	GwReport *report; /* (nullable): once it has ended */
	GSource *linger;  /* (nullable) */
	char *peer;
} Slot;

G_DEFINE_FINAL_TYPE(GwAgent, gw_agent, G_TYPE_OBJECT)

enum {
	SIGNAL_EVENT,
	SIGNAL_SESSION_ENDED,
	N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void
end_source(GSource **source)
{
	if (*source != NULL)
		g_source_destroy(*source);
	g_clear_pointer(source, g_source_unref);
}

static void
gw_agent_finalize(GObject *object)
{
	GwAgent *self = GW_AGENT(object);
	end_source(&self->acceptor);
	end_source(&self->recoverer);
	g_clear_object(&self->socket);
	greeter_set_free(self->greeters);
	g_ptr_array_unref(self->runs);
	g_ptr_array_unref(self->ended);
	g_mutex_clear(&self->lock);
	g_free(self->config.vm_dir);
	g_free(self->config.vm_file);
	g_free(self->config.qmp_path);
	g_free(self->config.state_dir);
	g_free(self->config.hook);
	g_free(self->config.agent_id);
	g_free(self->listen);
	g_free(self->address);
	g_clear_pointer(&self->context, g_main_context_unref);
	G_OBJECT_CLASS(gw_agent_parent_class)->finalize(object);
}

static void
gw_agent_class_init(GwAgentClass *klass)
{
	G_OBJECT_CLASS(klass)->finalize = gw_agent_finalize;
	GType type = G_TYPE_FROM_CLASS(klass);
	signals[SIGNAL_EVENT] = g_signal_new("event", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
					     G_TYPE_NONE, 2, G_TYPE_STRING, GW_TYPE_EVENT);
	signals[SIGNAL_SESSION_ENDED] =
		g_signal_new("session-ended", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
			     G_TYPE_NONE, 2, G_TYPE_STRING, GW_TYPE_REPORT);
}

static void
gw_agent_init(GwAgent *self)
{
	g_mutex_init(&self->lock);
	self->runs = g_ptr_array_new();
	self->ended = g_ptr_array_new();
	self->config.state_dir = gw_default_state_dir();
	self->listen = g_strdup("127.0.0.1");
}

GwAgent *
gw_agent_new(void)
{
	return g_object_new(GW_TYPE_AGENT, NULL);
}

static void
set_string(char **field, const char *value)
{
	g_free(*field);
	*field = g_strdup(value);
}

void
gw_agent_set_listen(GwAgent *self, const char *address)
{
	set_string(&self->listen, address);
}

void
gw_agent_set_vm_dir(GwAgent *self, const char *path)
{
	set_string(&self->config.vm_dir, path);
}

void
gw_agent_set_vm_file(GwAgent *self, const char *path)
{
	set_string(&self->config.vm_file, path);
}

void
gw_agent_set_qmp(GwAgent *self, const char *path)
{
	set_string(&self->config.qmp_path, path);
}

void
gw_agent_set_state_dir(GwAgent *self, const char *path)
{
	set_string(&self->config.state_dir, path);
}

void
gw_agent_set_insecure(GwAgent *self, gboolean insecure)
{
	self->config.insecure = insecure;
}

void
gw_agent_set_hook(GwAgent *self, const char *command)
{
	set_string(&self->config.hook, command);
}

void
gw_agent_set_recover(GwAgent *self, gboolean recover)
{
	self->recover = recover;
}

const char *
gw_agent_get_address(GwAgent *self)
{
	return self->address;
}

/* An event on its way to the agent's context. */
typedef struct {
	GwAgent *agent;
	char *vm_name;
	GwEvent *event;
} Emission;

static void
emission_free(gpointer data)
{
	Emission *self = data;
	g_object_unref(self->agent);
	g_free(self->vm_name);
	gw_event_free(self->event);
	g_free(self);
}

static gboolean
emit_event(gpointer data)
{
	Emission *self = data;
	g_signal_emit(self->agent, signals[SIGNAL_EVENT], 0, self->vm_name, self->event);
	return G_SOURCE_REMOVE;
}

static void
send_event(GwAgent *agent, const char *vm_name, const GwEvent *event)
{
	Emission *emission = g_new0(Emission, 1);
	emission->agent = g_object_ref(agent);
	emission->vm_name = g_strdup(vm_name != NULL ? vm_name : "");
	emission->event = gw_event_copy(event);
	g_main_context_invoke_full(agent->context, G_PRIORITY_DEFAULT, emit_event, emission,
				   emission_free);
}

/* One of ours: name and one word of data. */
static void
send_own_event(GwAgent *agent, const char *vm_name, const char *name, const char *key,
	       const char *value)
{
	g_autoptr(JsonObject) data = json_object_new();
	json_object_set_string_member(data, key, value);
	g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), data);
	g_autofree char *text = json_to_string(node, FALSE);
	g_autoptr(GwEvent) event = gw_event_new(0, "engine", name, text);
	send_event(agent, vm_name, event);
}

static void
on_run_phase(const char *name, gpointer data)
{
	Slot *slot = data;
	send_own_event(slot->agent, slot->run->vm_name, "phase", "phase", name);
}

static void
on_run_sample(const GwSample *sample, gpointer data)
{
}

static void
on_run_event(const GwEvent *event, gpointer data)
{
	Slot *slot = data;
	send_event(slot->agent, slot->run->vm_name, event);
}

static const RecorderListener listener = { on_run_phase, on_run_sample, on_run_event };

static void
slot_free(Slot *slot)
{
	end_source(&slot->linger);
	agent_run_free(slot->run);
	gw_report_free(slot->report);
	g_free(slot->peer);
	g_object_unref(slot->agent);
	g_free(slot);
}

static void
finish_stop_if_idle(GwAgent *self)
{
	g_mutex_lock(&self->lock);
	gboolean idle = self->runs->len == 0;
	g_mutex_unlock(&self->lock);
	if (self->stopping == NULL || !idle || self->ended->len > 0 || self->recovering)
		return;
	g_autoptr(GTask) task = g_steal_pointer(&self->stopping);
	g_task_return_boolean(task, TRUE);
}

static void
tell_ended(Slot *slot)
{
	g_autoptr(GwAgent) self = g_object_ref(slot->agent);
	g_ptr_array_remove(self->ended, slot);
	if (slot->report != NULL)
		g_signal_emit(self, signals[SIGNAL_SESSION_ENDED], 0, slot->run->vm_name,
			      slot->report);
	slot_free(slot);
	finish_stop_if_idle(self);
}

static gboolean
on_linger_over(gpointer data)
{
	tell_ended(data);
	return G_SOURCE_REMOVE;
}

static void
linger(Slot *slot)
{
	slot->linger = g_timeout_source_new(LINGER_MS);
	g_source_set_callback(slot->linger, on_linger_over, slot, NULL);
	g_source_attach(slot->linger, slot->agent->context);
}

/* In the agent's context, after the thread's last act. */
static gboolean
on_run_ended(gpointer data)
{
	Slot *slot = data;
	GwAgent *self = slot->agent;
	g_thread_join(slot->thread);
	g_ptr_array_add(self->ended, slot);
	if (slot->report == NULL && slot->run->error != NULL)
		send_own_event(self, slot->run->vm_name, "rejected", slot->peer,
			       slot->run->error->message);
	/* The guest is here and the source may not know yet: it will ask, so stay to answer. */
	gboolean source_knows = !slot->run->is_running || slot->run->state == CONTROL_STATE_ENDED;
	if (source_knows || self->stopping != NULL)
		tell_ended(slot);
	else
		linger(slot);
	return G_SOURCE_REMOVE;
}

static gpointer
thread_main(gpointer data)
{
	Slot *slot = data;
	slot->report = agent_run_serve(slot->run);
	g_mutex_lock(&slot->agent->lock);
	g_ptr_array_remove(slot->agent->runs, slot);
	g_mutex_unlock(&slot->agent->lock);
	g_main_context_invoke(slot->agent->context, on_run_ended, slot);
	return NULL;
}

static Slot *
find_session(GwAgent *self, const char *session, AgentRun *except)
{
	for (guint i = 0; i < self->runs->len; i++) {
		Slot *slot = g_ptr_array_index(self->runs, i);
		if (slot->run != except && agent_run_has_session(slot->run, session))
			return slot;
	}
	return NULL;
}

static gboolean
cancel_session(GwAgent *self, const char *session, AgentRun *except)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	Slot *slot = find_session(self, session, except);
	if (slot != NULL)
		g_cancellable_cancel(slot->run->stop);
	return slot != NULL;
}

static gboolean
never(gpointer data)
{
	return FALSE;
}

static gboolean
end_session(const char *session, AgentRun *except, gpointer data)
{
	Slot *asking = data;
	gint64 deadline_us = g_get_monotonic_time() + (gint64)END_TIMEOUT_MS * 1000;
	while (cancel_session(asking->agent, session, except)) {
		if (g_get_monotonic_time() > deadline_us ||
		    await_until(never, NULL, END_POLL_MS, NULL, NULL))
			return FALSE;
	}
	return TRUE;
}

static gboolean
on_session_done(gpointer data)
{
	g_autofree char *session = ((gpointer *)data)[0];
	g_autoptr(GwAgent) self = ((gpointer *)data)[1];
	g_free(data);
	for (guint i = 0; i < self->ended->len; i++) {
		Slot *slot = g_ptr_array_index(self->ended, i);
		if (!agent_run_has_session(slot->run, session))
			continue;
		tell_ended(slot);
		break;
	}
	return G_SOURCE_REMOVE;
}

static void
session_done(const char *session, gpointer data)
{
	Slot *asking = data;
	gpointer *message = g_new(gpointer, 2);
	message[0] = g_strdup(session);
	message[1] = g_object_ref(asking->agent);
	g_main_context_invoke(asking->agent->context, on_session_done, message);
}

static const AgentRunOwner owner = { end_session, session_done };

static void
start_run(GSocket *socket, gpointer data)
{
	GwAgent *self = data;
	Slot *slot = g_new0(Slot, 1);
	slot->agent = g_object_ref(self);
	slot->peer = net_peer_to_string(socket);
	slot->run = agent_run_new(&self->config, &owner, slot, socket, &listener, slot);
	g_mutex_lock(&self->lock);
	g_ptr_array_add(self->runs, slot);
	slot->thread = g_thread_new("gw-agent", thread_main, slot);
	g_mutex_unlock(&self->lock);
}

static gboolean
give_channel(const ControlPreamble *preamble, int fd, gpointer data)
{
	GwAgent *self = data;
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	for (guint i = 0; i < self->runs->len; i++) {
		Slot *slot = g_ptr_array_index(self->runs, i);
		if (agent_run_take_channel(slot->run, preamble->token, fd))
			return TRUE;
	}
	return FALSE;
}

static void
reject(const char *peer, const GError *error, gpointer data)
{
	send_own_event(data, NULL, "rejected", peer, error->message);
}

static const GreeterListener greeter_listener = { start_run, give_channel, reject };

static gboolean
is_full(GwAgent *self)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	return self->runs->len >= MAX_RUNS;
}

static gboolean
on_connection(GSocket *listening, GIOCondition condition, gpointer data)
{
	GwAgent *self = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GSocket) socket = g_socket_accept(listening, NULL, &error);
	if (socket == NULL)
		return G_SOURCE_CONTINUE;
	g_autofree char *peer = net_peer_to_string(socket);
	if (!self->config.insecure && !net_is_loopback(socket))
		g_set_error(&error, GW_ERROR, GW_ERROR_INSECURE,
			    "plain text off loopback is refused without --insecure");
	else if (is_full(self) || !greeter_set_add(self->greeters, socket))
		g_set_error(&error, GW_ERROR, GW_ERROR_BUSY, "too many connections");
	if (error != NULL)
		reject(peer, error, self);
	return G_SOURCE_CONTINUE;
}

static GSocket *
listen_at(const char *host, guint16 port, GError **error)
{
	g_autoptr(GSocketConnectable) target = g_network_address_new(host, port);
	g_autoptr(GSocketAddressEnumerator) enumerator = g_socket_connectable_enumerate(target);
	g_autoptr(GSocketAddress) address =
		g_socket_address_enumerator_next(enumerator, NULL, error);
	if (address == NULL)
		return NULL;
	g_autoptr(GSocket) socket =
		g_socket_new(g_socket_address_get_family(address), G_SOCKET_TYPE_STREAM,
			     G_SOCKET_PROTOCOL_TCP, error);
	if (socket == NULL || !g_socket_bind(socket, address, TRUE, error))
		return NULL;
	g_socket_set_listen_backlog(socket, LISTEN_BACKLOG);
	g_socket_set_blocking(socket, FALSE);
	return g_socket_listen(socket, error) ? g_steal_pointer(&socket) : NULL;
}

static gboolean
open_port(GwAgent *self, GError **error)
{
	g_autofree char *host = NULL;
	guint16 port = 0;
	if (!net_parse_address(self->listen, GW_DEFAULT_PORT, &host, &port, error))
		return FALSE;
	self->socket = listen_at(host, port, error);
	if (self->socket == NULL) {
		g_prefix_error(error, "cannot listen on '%s': ", self->listen);
		return FALSE;
	}
	g_autoptr(GSocketAddress) local = g_socket_get_local_address(self->socket, error);
	if (local == NULL)
		return FALSE;
	self->address = g_socket_connectable_to_string(G_SOCKET_CONNECTABLE(local));
	self->acceptor = g_socket_create_source(self->socket, G_IO_IN, NULL);
	g_source_set_callback(self->acceptor, G_SOURCE_FUNC(on_connection), self, NULL);
	g_source_attach(self->acceptor, self->context);
	return TRUE;
}

static void
recover_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	GwAgent *self = source;
	GError *error = NULL;
	GPtrArray *results = gw_recover(self->config.state_dir, GW_ASSUME_NOTHING, &error);
	if (results != NULL)
		g_task_return_pointer(task, results, (GDestroyNotify)g_ptr_array_unref);
	else
		g_task_return_error(task, error);
}

static void
on_recovered(GObject *object, GAsyncResult *result, gpointer data)
{
	GwAgent *self = GW_AGENT(object);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) results = g_task_propagate_pointer(G_TASK(result), &error);
	self->recovering = FALSE;
	for (guint i = 0; results != NULL && i < results->len; i++) {
		const GwRecovered *found = g_ptr_array_index(results, i);
		if (found->acted && found->vm_name != NULL)
			send_own_event(self, found->vm_name, "recovered", found->session,
				       found->text);
	}
	finish_stop_if_idle(self);
}

static gboolean
on_recover(gpointer data)
{
	GwAgent *self = data;
	if (self->recovering)
		return G_SOURCE_CONTINUE;
	self->recovering = TRUE;
	g_autoptr(GTask) task = g_task_new(self, NULL, on_recovered, NULL);
	g_task_set_source_tag(task, on_recover);
	g_task_run_in_thread(task, recover_thread);
	return G_SOURCE_CONTINUE;
}

gboolean
gw_agent_start(GwAgent *self, GError **error)
{
	g_return_val_if_fail(self->socket == NULL, FALSE);
	self->context = g_main_context_ref_thread_default();
	self->config.agent_id = recover_agent_id(self->config.state_dir, error);
	if (self->config.agent_id == NULL)
		return FALSE;
	self->greeters = greeter_set_new(&greeter_listener, self);
	if (!open_port(self, error))
		return FALSE;
	if (!self->recover)
		return TRUE;
	self->recoverer = g_timeout_source_new(RECOVER_PERIOD_MS);
	g_source_set_callback(self->recoverer, on_recover, self, NULL);
	g_source_attach(self->recoverer, self->context);
	on_recover(self);
	return TRUE;
}

void
gw_agent_stop_async(GwAgent *self, GAsyncReadyCallback callback, gpointer data)
{
	g_return_if_fail(self->stopping == NULL);
	self->stopping = g_task_new(self, NULL, callback, data);
	g_task_set_source_tag(self->stopping, gw_agent_stop_async);
	end_source(&self->acceptor);
	end_source(&self->recoverer);
	if (self->socket != NULL)
		g_socket_close(self->socket, NULL);

	g_mutex_lock(&self->lock);
	for (guint i = 0; i < self->runs->len; i++)
		g_cancellable_cancel(((Slot *)g_ptr_array_index(self->runs, i))->run->stop);
	g_mutex_unlock(&self->lock);
	while (self->ended->len > 0)
		tell_ended(g_ptr_array_index(self->ended, 0));
	finish_stop_if_idle(self);
}

void
gw_agent_stop_finish(GwAgent *self, GAsyncResult *result)
{
	gboolean stopped = g_task_propagate_boolean(G_TASK(result), NULL);
	g_warn_if_fail(stopped);
}
