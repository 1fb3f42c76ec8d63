/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The threads of an agent: one for each control connection. Their events are delivered in the
 * agent's main context. A run that has taken over its guest stays for a while after its connection
 * has ended: a source that lost the answer asks again.
 */
#include "engine/agent/agent-connections.h"

#include "engine/agent/agent-run.h"
#include "engine/gw-error.h"
#include "engine/util/descriptors.h"
#include "qmp/await.h"
#include "qmp/source-util.h"

#define MAX_RUNS	   64
#define RESERVED	   32 /* descriptors that no connection gets */
#define DESCRIPTORS_OF_ONE 12 /* of a connection, without its data channels */
#define END_TIMEOUT_MS	   40000
#define END_POLL_MS	   50
#define LINGER_MS	   15000 /* a source that lost the answer asks again within this time */

struct AgentConnections {
	GObject *owner; /* (borrowed): it owns us */
	const AgentConfig *config;
	const AgentConnectionsListener *listener;
	GMainContext *context;
	GMutex lock;	 /* of @runs and @n_ending, which the threads change */
	GPtrArray *runs; /* of AgentConnection: their thread is running */
	guint max_runs;	 /* constant */
	guint n_ending;	 /* threads that are done, for which on_run_ended() has not run yet */
	/* Of AgentConnection: their thread has ended; with a guest until the source knows where
	 * that runs. */
	GPtrArray *ended;
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
	char *group; /* the addresses that share a limit */
	gboolean is_authenticated;
	gboolean is_evicted; /* under the lock: it ends, and another one has its place */
} AgentConnection;

/* An event on its way to the agent's context. */
typedef struct {
	AgentConnections *set;
	GObject *owner; /* keeps @set alive */
	char *vm_name;
	GwEvent *event;
} EventNotice;

static void
event_notice_free(gpointer data)
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
	EventNotice *notice = g_new0(EventNotice, 1);
	notice->set = self;
	notice->owner = g_object_ref(self->owner);
	notice->vm_name = g_strdup(vm_name != NULL ? vm_name : "");
	notice->event = gw_event_copy(event);
	g_main_context_invoke_full(self->context, G_PRIORITY_DEFAULT, emit_event, notice,
				   event_notice_free);
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
	AgentConnection *connection = data;
	agent_connections_tell(connection->set, connection->run->vm_name, "phase", "phase", name);
}

static void
on_run_sample(const GwSample *sample, gpointer data)
{
}

static void
on_run_event(const GwEvent *event, gpointer data)
{
	AgentConnection *connection = data;
	send_event(connection->set, connection->run->vm_name, event);
}

static const RecorderListener listener = { on_run_phase, on_run_sample, on_run_event };

static void
connection_free(AgentConnection *connection)
{
	source_end(&connection->linger);
	agent_run_free(connection->run);
	gw_report_free(connection->report);
	g_free(connection->peer);
	g_free(connection->group);
	g_object_unref(connection->owner);
	g_free(connection);
}

gboolean
agent_connections_is_idle(AgentConnections *self)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	return self->runs->len == 0 && self->n_ending == 0 && self->ended->len == 0;
}

static void
tell_ended(AgentConnection *connection)
{
	AgentConnections *self = connection->set;
	g_autoptr(GObject) owner = g_object_ref(connection->owner);
	g_ptr_array_remove(self->ended, connection);
	if (connection->report != NULL)
		self->listener->ended(connection->run->vm_name, connection->report, owner);
	connection_free(connection);
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
linger(AgentConnection *connection)
{
	connection->linger = source_begin(g_timeout_source_new(LINGER_MS), on_linger_over,
					  connection, connection->set->context);
}

static void
on_guest_exited(GPid pid, gint wait_status, gpointer data)
{
	g_debug("QEMU (pid %d) has ended with wait status %d", (int)pid, wait_status);
}

/* QEMU is our child and may outlive everything else here. When it ends it has to be reaped, or it
 * stays a zombie. */
static void
watch_guest(AgentConnection *connection)
{
	if (!agent_run_owns_guest(connection->run) ||
	    !process_is_known(&connection->run->start.launched))
		return;
	g_autoptr(GSource) source =
		source_begin(g_child_watch_source_new(connection->run->start.launched.pid),
			     G_SOURCE_FUNC(on_guest_exited), NULL, connection->set->context);
}

/* In the agent's context, when the thread is done. */
static gboolean
on_run_ended(gpointer data)
{
	AgentConnection *connection = data;
	AgentConnections *self = connection->set;
	g_thread_join(connection->thread);
	g_ptr_array_add(self->ended, connection);
	g_mutex_lock(&self->lock);
	self->n_ending--;
	g_mutex_unlock(&self->lock);
	watch_guest(connection);
	if (connection->run->shared.session == NULL &&
	    g_error_matches(connection->run->error, GW_ERROR, GW_ERROR_PROTOCOL))
		agent_connections_tell(self, connection->run->vm_name, "rejected", connection->peer,
				       connection->run->error->message);
	/* The guest runs here and the source may not know it: it will ask, so stay to answer. */
	if (connection->run->state == CONTROL_STATE_COMMITTED && !self->stopping)
		linger(connection);
	else
		tell_ended(connection);
	return G_SOURCE_REMOVE;
}

static gpointer
thread_main(gpointer data)
{
	AgentConnection *connection = data;
	connection->report = agent_run_serve(connection->run);
	g_mutex_lock(&connection->set->lock);
	g_ptr_array_remove(connection->set->runs, connection);
	connection->set->n_ending++;
	g_mutex_unlock(&connection->set->lock);
	/* Not g_main_context_invoke(): while no thread runs the loop it would call on_run_ended()
	 * in this thread, and a thread cannot join itself. */
	GSource *idle = g_idle_source_new();
	g_source_set_priority(idle, G_PRIORITY_DEFAULT);
	g_autoptr(GSource) source =
		source_begin(idle, on_run_ended, connection, connection->set->context);
	return NULL;
}

static AgentConnection *
find_session(AgentConnections *self, const char *session, AgentRun *except)
{
	for (guint i = 0; i < self->runs->len; i++) {
		AgentConnection *connection = g_ptr_array_index(self->runs, i);
		if (connection->run != except && agent_run_has_session(connection->run, session))
			return connection;
	}
	return NULL;
}

static gboolean
cancel_session(AgentConnections *self, const char *session, AgentRun *except)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	AgentConnection *connection = find_session(self, session, except);
	if (connection != NULL)
		g_cancellable_cancel(connection->run->stop);
	return connection != NULL;
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

/* What a thread tells the agent's context about a session. */
typedef struct {
	AgentConnections *set;
	GObject *owner; /* keeps @set alive */
	char *session;	/* (nullable) */
} SessionNotice;

static void
session_notice_free(gpointer data)
{
	SessionNotice *self = data;
	g_object_unref(self->owner);
	g_free(self->session);
	g_free(self);
}

static void
send_notice(AgentConnection *connection, GSourceFunc func, const char *session)
{
	SessionNotice *notice = g_new0(SessionNotice, 1);
	notice->set = connection->set;
	notice->owner = g_object_ref(connection->owner);
	notice->session = g_strdup(session);
	g_main_context_invoke_full(connection->set->context, G_PRIORITY_DEFAULT, func, notice,
				   session_notice_free);
}

static gboolean
on_session_done(gpointer data)
{
	SessionNotice *notice = data;
	for (guint i = 0; i < notice->set->ended->len; i++) {
		AgentConnection *connection = g_ptr_array_index(notice->set->ended, i);
		if (!agent_run_has_session(connection->run, notice->session))
			continue;
		tell_ended(connection);
		break;
	}
	return G_SOURCE_REMOVE;
}

/* The source of @session has come back on another connection, @data. */
static void
session_done(const char *session, gpointer data)
{
	send_notice(data, on_session_done, session);
}

static gboolean
on_guest_stopped(gpointer data)
{
	SessionNotice *notice = data;
	notice->set->listener->guest_stopped(notice->owner);
	return G_SOURCE_REMOVE;
}

static void
guest_stopped(gpointer data)
{
	send_notice(data, on_guest_stopped, NULL);
}

static const AgentRunOwner owner = { end_session, session_done, guest_stopped };

/* GLib aborts where it finds no descriptor for a thread's loop: so there are never more threads
 * than descriptors for them, with a reserve. */
static guint
find_max_runs(void)
{
	guint n_free = descriptors_count_free(0);
	if (n_free == 0)
		return MAX_RUNS;
	return n_free > RESERVED ? MIN((n_free - RESERVED) / DESCRIPTORS_OF_ONE, MAX_RUNS) : 0;
}

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
	self->max_runs = find_max_runs();
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

/* How many connections of @group there are, without those that end already. */
static guint
count_group(AgentConnections *self, const char *group)
{
	guint n = 0;
	for (guint i = 0; i < self->runs->len; i++) {
		AgentConnection *connection = g_ptr_array_index(self->runs, i);
		n += !connection->is_evicted && g_str_equal(connection->group, group);
	}
	return n;
}

/* May @candidate, rather than @best, lose its place to a newcomer? Who has proved who he is goes
 * last, and of the others the oldest of the group that has the most. */
static gboolean
goes_before(AgentConnections *self, AgentConnection *candidate, AgentConnection *best)
{
	if (best == NULL || candidate->is_authenticated != best->is_authenticated)
		return best == NULL || best->is_authenticated;
	return count_group(self, candidate->group) > count_group(self, best->group);
}

/* (nullable): a connection that holds nothing of this host, and may go for @newcomer. */
static AgentConnection *
find_idle(AgentConnections *self, const AcceptedControl *newcomer)
{
	AgentConnection *best = NULL;
	for (guint i = 0; i < self->runs->len; i++) {
		AgentConnection *connection = g_ptr_array_index(self->runs, i);
		if (!connection->is_evicted && agent_run_is_idle(connection->run) &&
		    (newcomer->subject != NULL || !connection->is_authenticated) &&
		    goes_before(self, connection, best))
			best = connection;
	}
	return best;
}

/* The caller holds the lock. Threads that end count too, so that no crowd of them can grow. */
static gboolean
make_room(AgentConnections *self, const AcceptedControl *newcomer)
{
	guint n_served = 0;
	for (guint i = 0; i < self->runs->len; i++)
		n_served += !((AgentConnection *)g_ptr_array_index(self->runs, i))->is_evicted;
	if (n_served < self->max_runs || self->runs->len >= 2 * self->max_runs)
		return self->runs->len < 2 * self->max_runs;
	AgentConnection *idle = find_idle(self, newcomer);
	if (idle == NULL)
		return FALSE;
	idle->is_evicted = TRUE;
	g_cancellable_cancel(idle->run->stop);
	return TRUE;
}

gboolean
agent_connections_add(AgentConnections *self, const AcceptedControl *accepted)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	if (!make_room(self, accepted))
		return FALSE;
	AgentConnection *connection = g_new0(AgentConnection, 1);
	connection->set = self;
	connection->owner = g_object_ref(self->owner);
	connection->peer = g_strdup(accepted->peer);
	connection->group = g_strdup(accepted->group);
	connection->is_authenticated = accepted->subject != NULL;
	connection->run = agent_run_new(self->config, &owner, connection, accepted->socket,
					&listener, connection);
	connection->run->said = g_bytes_new(accepted->said, accepted->n_said);
	connection->run->peer = g_strdup(accepted->peer);
	connection->run->peer_subject = g_strdup(accepted->subject);
	g_ptr_array_add(self->runs, connection);
	connection->thread = g_thread_try_new("gw-agent", thread_main, connection, NULL);
	if (connection->thread != NULL)
		return TRUE;
	g_ptr_array_remove(self->runs, connection);
	connection_free(connection);
	return FALSE;
}

gboolean
agent_connections_expect_proof(AgentConnections *self, const char *proof)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	for (guint i = 0; i < self->runs->len; i++)
		if (agent_run_expects_proof(
			    ((AgentConnection *)g_ptr_array_index(self->runs, i))->run, proof))
			return TRUE;
	return FALSE;
}

gboolean
agent_connections_give_channel(AgentConnections *self, const ControlPreamble *preamble, int fd)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	for (guint i = 0; i < self->runs->len; i++) {
		AgentConnection *connection = g_ptr_array_index(self->runs, i);
		if (agent_run_take_channel(connection->run, preamble, fd))
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
