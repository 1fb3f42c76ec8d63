/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The threads of an agent: one for each control connection. What they tell is brought to the agent's
 * context. One whose guest was taken over lingers for a while after its connection has ended, so that a
 * source whose answer was lost finds somebody to ask.
 */
#include "engine/agent/agent-connections.h"

#include "engine/agent/agent-run.h"
#include "engine/gw-error.h"
#include "qmp/await.h"

#define MAX_RUNS       64
#define END_TIMEOUT_MS 40000
#define END_POLL_MS    50
#define LINGER_MS      15000 /* a source whose answer was lost asks again for so long */

struct AgentConnections {
	GObject *owner; /* (borrowed): it owns us */
	const AgentConfig *config;
	const AgentConnectionsListener *listener;
	GMainContext *context;
	GMutex lock;	  /* of @runs and @n_ending, which the threads change */
	GPtrArray *runs;  /* of AgentConnection, under way */
	guint n_ending;	  /* threads that are done, of which on_run_ended() has not told yet */
	GPtrArray *ended; /* of AgentConnection: the source has not said that it knows yet */
	gboolean stopping;
};

/* One control connection and its thread. */
typedef struct {
	AgentConnections *set;
	GObject *owner; /* keeps @set alive */
	AgentRun *run;
	GThread *thread;
	GwReport *report; /* (nullable): once it has ended */
	GSource *linger;  /* (nullable) */
	char *peer;
} AgentConnection;

/* An event on its way to the agent's context. */
typedef struct {
	AgentConnections *set;
	GObject *owner; /* keeps @set alive */
	char *vm_name;
	GwEvent *event;
} EventNotice;

static void
emission_free(gpointer data)
{
	EventNotice *self = data;
	g_object_unref(self->owner);
	g_free(self->vm_name);
	gw_event_free(self->event);
	g_free(self);
}

static gboolean
emit_event(gpointer data)
{
	EventNotice *self = data;
	self->set->listener->event(self->vm_name, self->event, self->owner);
	return G_SOURCE_REMOVE;
}

static void
send_event(AgentConnections *self, const char *vm_name, const GwEvent *event)
{
	EventNotice *emission = g_new0(EventNotice, 1);
	emission->set = self;
	emission->owner = g_object_ref(self->owner);
	emission->vm_name = g_strdup(vm_name != NULL ? vm_name : "");
	emission->event = gw_event_copy(event);
	g_main_context_invoke_full(self->context, G_PRIORITY_DEFAULT, emit_event, emission,
				   emission_free);
}

void
agent_connections_tell(AgentConnections *self, const char *vm_name, const char *name,
		       const char *key, const char *value)
{
	g_autoptr(JsonObject) data = json_object_new();
	json_object_set_string_member(data, key, value);
	g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), data);
	g_autofree char *text = json_to_string(node, FALSE);
	g_autoptr(GwEvent) event = gw_event_new(0, "engine", name, text);
	send_event(self, vm_name, event);
}

static void
on_run_phase(const char *name, gpointer data)
{
	AgentConnection *slot = data;
	agent_connections_tell(slot->set, slot->run->vm_name, "phase", "phase", name);
}

static void
on_run_sample(const GwSample *sample, gpointer data)
{
}

static void
on_run_event(const GwEvent *event, gpointer data)
{
	AgentConnection *slot = data;
	send_event(slot->set, slot->run->vm_name, event);
}

static const RecorderListener listener = { on_run_phase, on_run_sample, on_run_event };

static void
slot_free(AgentConnection *slot)
{
	if (slot->linger != NULL)
		g_source_destroy(slot->linger);
	g_clear_pointer(&slot->linger, g_source_unref);
	agent_run_free(slot->run);
	gw_report_free(slot->report);
	g_free(slot->peer);
	g_object_unref(slot->owner);
	g_free(slot);
}

gboolean
agent_connections_is_idle(AgentConnections *self)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	return self->runs->len == 0 && self->n_ending == 0 && self->ended->len == 0;
}

static void
tell_ended(AgentConnection *slot)
{
	AgentConnections *self = slot->set;
	g_autoptr(GObject) owner = g_object_ref(slot->owner);
	g_ptr_array_remove(self->ended, slot);
	if (slot->report != NULL)
		self->listener->ended(slot->run->vm_name, slot->report, owner);
	slot_free(slot);
	if (self->stopping && agent_connections_is_idle(self))
		self->listener->idle(owner);
}

static gboolean
on_linger_over(gpointer data)
{
	tell_ended(data);
	return G_SOURCE_REMOVE;
}

static void
linger(AgentConnection *slot)
{
	slot->linger = g_timeout_source_new(LINGER_MS);
	g_source_set_callback(slot->linger, on_linger_over, slot, NULL);
	g_source_attach(slot->linger, slot->set->context);
}

static void
on_guest_exited(GPid pid, gint wait_status, gpointer data)
{
	g_debug("QEMU (pid %d) has ended with wait status %d", (int)pid, wait_status);
}

/* The guest that was handed to us is our child, and may live longer than anything else here: when it ends,
 * somebody has to take note, or it stays a zombie. */
static void
watch_guest(AgentConnection *slot)
{
	if (!agent_run_owns_guest(slot->run) || !process_is_known(&slot->run->start.launched))
		return;
	g_autoptr(GSource) source = g_child_watch_source_new(slot->run->start.launched.pid);
	g_source_set_callback(source, G_SOURCE_FUNC(on_guest_exited), NULL, NULL);
	g_source_attach(source, slot->set->context);
}

/* In the agent's context, after the thread's last act. */
static gboolean
on_run_ended(gpointer data)
{
	AgentConnection *slot = data;
	AgentConnections *self = slot->set;
	g_thread_join(slot->thread);
	g_ptr_array_add(self->ended, slot);
	g_mutex_lock(&self->lock);
	self->n_ending--;
	g_mutex_unlock(&self->lock);
	watch_guest(slot);
	if (slot->run->shared.session == NULL &&
	    g_error_matches(slot->run->error, GW_ERROR, GW_ERROR_PROTOCOL))
		agent_connections_tell(self, slot->run->vm_name, "rejected", slot->peer,
				       slot->run->error->message);
	/* The guest is here and the source may not know yet: it will ask, so stay to answer. */
	if (slot->run->state == CONTROL_STATE_COMMITTED && !self->stopping)
		linger(slot);
	else
		tell_ended(slot);
	return G_SOURCE_REMOVE;
}

static gpointer
thread_main(gpointer data)
{
	AgentConnection *slot = data;
	slot->report = agent_run_serve(slot->run);
	g_mutex_lock(&slot->set->lock);
	g_ptr_array_remove(slot->set->runs, slot);
	slot->set->n_ending++;
	g_mutex_unlock(&slot->set->lock);
	/* Not g_main_context_invoke(): while nobody turns the loop that would call it here, and a thread
	 * cannot join itself. */
	g_autoptr(GSource) source = g_idle_source_new();
	g_source_set_priority(source, G_PRIORITY_DEFAULT);
	g_source_set_callback(source, on_run_ended, slot, NULL);
	g_source_attach(source, slot->set->context);
	return NULL;
}

static AgentConnection *
find_session(AgentConnections *self, const char *session, AgentRun *except)
{
	for (guint i = 0; i < self->runs->len; i++) {
		AgentConnection *slot = g_ptr_array_index(self->runs, i);
		if (slot->run != except && agent_run_has_session(slot->run, session))
			return slot;
	}
	return NULL;
}

static gboolean
cancel_session(AgentConnections *self, const char *session, AgentRun *except)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	AgentConnection *slot = find_session(self, session, except);
	if (slot != NULL)
		g_cancellable_cancel(slot->run->stop);
	return slot != NULL;
}

static gboolean
end_session(const char *session, AgentRun *except, gpointer data)
{
	AgentConnection *asking = data;
	gint64 deadline_us = g_get_monotonic_time() + (gint64)END_TIMEOUT_MS * 1000;
	while (cancel_session(asking->set, session, except)) {
		if (g_get_monotonic_time() > deadline_us)
			return FALSE;
		await_ms(END_POLL_MS);
	}
	return TRUE;
}

/* What a thread says to the agent's context. */
typedef struct {
	AgentConnections *set;
	GObject *owner; /* keeps @set alive */
	char *session;	/* (nullable) */
} SessionNotice;

static void
word_free(gpointer data)
{
	SessionNotice *self = data;
	g_object_unref(self->owner);
	g_free(self->session);
	g_free(self);
}

static void
send_notice(AgentConnection *slot, GSourceFunc func, const char *session)
{
	SessionNotice *word = g_new0(SessionNotice, 1);
	word->set = slot->set;
	word->owner = g_object_ref(slot->owner);
	word->session = g_strdup(session);
	g_main_context_invoke_full(slot->set->context, G_PRIORITY_DEFAULT, func, word, word_free);
}

static gboolean
on_session_done(gpointer data)
{
	SessionNotice *word = data;
	for (guint i = 0; i < word->set->ended->len; i++) {
		AgentConnection *slot = g_ptr_array_index(word->set->ended, i);
		if (!agent_run_has_session(slot->run, word->session))
			continue;
		tell_ended(slot);
		break;
	}
	return G_SOURCE_REMOVE;
}

/* Its source has come back on another connection, @data. */
static void
session_done(const char *session, gpointer data)
{
	send_notice(data, on_session_done, session);
}

static gboolean
on_guest_stopped(gpointer data)
{
	SessionNotice *word = data;
	word->set->listener->guest_stopped(word->owner);
	return G_SOURCE_REMOVE;
}

static void
guest_stopped(gpointer data)
{
	send_notice(data, on_guest_stopped, NULL);
}

static const AgentRunOwner owner = { end_session, session_done, guest_stopped };

AgentConnections *
agent_connections_new(GObject *owner_object, const AgentConfig *config,
		      const AgentConnectionsListener *observer)
{
	AgentConnections *self = g_new0(AgentConnections, 1);
	self->owner = owner_object;
	self->config = config;
	self->listener = observer;
	self->context = g_main_context_ref_thread_default();
	g_mutex_init(&self->lock);
	self->runs = g_ptr_array_new();
	self->ended = g_ptr_array_new();
	return self;
}

void
agent_connections_free(AgentConnections *self)
{
	if (self == NULL)
		return;
	g_ptr_array_unref(self->runs);
	g_ptr_array_unref(self->ended);
	g_mutex_clear(&self->lock);
	g_main_context_unref(self->context);
	g_free(self);
}

gboolean
agent_connections_is_full(AgentConnections *self)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	return self->runs->len >= MAX_RUNS;
}

void
agent_connections_add(AgentConnections *self, GSocket *socket, const char *peer)
{
	AgentConnection *slot = g_new0(AgentConnection, 1);
	slot->set = self;
	slot->owner = g_object_ref(self->owner);
	slot->peer = g_strdup(peer);
	slot->run = agent_run_new(self->config, &owner, slot, socket, &listener, slot);
	g_mutex_lock(&self->lock);
	g_ptr_array_add(self->runs, slot);
	slot->thread = g_thread_new("gw-agent", thread_main, slot);
	g_mutex_unlock(&self->lock);
}

gboolean
agent_connections_expect_proof(AgentConnections *self, const char *pass)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	for (guint i = 0; i < self->runs->len; i++)
		if (agent_run_expects_proof(
			    ((AgentConnection *)g_ptr_array_index(self->runs, i))->run, pass))
			return TRUE;
	return FALSE;
}

gboolean
agent_connections_give_channel(AgentConnections *self, const ControlPreamble *preamble, int fd)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	for (guint i = 0; i < self->runs->len; i++) {
		AgentConnection *slot = g_ptr_array_index(self->runs, i);
		if (agent_run_take_channel(slot->run, preamble, fd))
			return TRUE;
	}
	return FALSE;
}

void
agent_connections_stop(AgentConnections *self)
{
	self->stopping = TRUE;
	g_mutex_lock(&self->lock);
	for (guint i = 0; i < self->runs->len; i++)
		g_cancellable_cancel(
			((AgentConnection *)g_ptr_array_index(self->runs, i))->run->stop);
	g_mutex_unlock(&self->lock);
	while (self->ended->len > 0)
		tell_ended(g_ptr_array_index(self->ended, 0));
}
