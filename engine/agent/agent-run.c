/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The agent's side of one control connection. It handles messages in the order in which they come,
 * each only in the states that control.c allows, and watches the QEMU that it has prepared. The
 * connection serves a migration, a check, or a question about an earlier session.
 *
 * When the connection ends before a commit, for any reason, everything is undone: the guest belongs
 * to the source. After the commit nothing is undone, and the journal stays until the source knows.
 */
#include "engine/agent/agent-run.h"

#include "engine/agent/agent-commit.h"
#include "engine/agent/agent-outcome.h"
#include "engine/agent/agent-prepare.h"
#include "engine/data/report-json.h"
#include "engine/util/json-fields.h"
#include "engine/gw-error.h"
#include "engine/control/net.h"
#include "engine/control/peer.h"
#include "engine/host/incoming.h"
#include "engine/host/vgpu-watch.h"
#include "engine/util/error-host.h"
#include "engine/util/scoped-context.h"
#include "qmp/await.h"

#define CLOSE_TIMEOUT_MS 2000
#define WATCH_MS	 500 /* between two checks of QEMU */
/* Requests that wait: a source sends one at a time. One of any size may wait, several only while
 * they are small. */
#define MAX_MESSAGES   64
#define MAX_HEAP_BYTES (2 * 1024 * 1024)

static gboolean agent_hello(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);

typedef struct {
	gboolean (*run)(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);
	ControlState next;		  /* the state after success; CONTROL_N_STATES: as it was */
	void (*answered)(AgentRun *self); /* (nullable): after the reply has gone out */
} Handler;

static const Handler handlers[CONTROL_N_TYPES] = {
	[CONTROL_HELLO] = { agent_hello, CONTROL_STATE_GREETED },
	[CONTROL_SURVEY] = { agent_survey, CONTROL_STATE_SURVEYED },
	[CONTROL_LOOK] = { agent_look, CONTROL_N_STATES },
	[CONTROL_PREPARE] = { agent_prepare, CONTROL_STATE_PREPARED },
	[CONTROL_SETUP] = { agent_setup, CONTROL_STATE_LOADING },
	[CONTROL_SWITCHOVER] = { agent_switchover, CONTROL_N_STATES },
	[CONTROL_COMMIT] = { agent_commit, CONTROL_N_STATES,
			     agent_commit_answered },	   /* it sets the state */
	[CONTROL_DONE] = { agent_done, CONTROL_N_STATES }, /* likewise */
	[CONTROL_ABORT] = { agent_abort, CONTROL_STATE_ENDED },
	[CONTROL_OUTCOME] = { agent_outcome, CONTROL_N_STATES },
};

gboolean
agent_run_has_session(AgentRun *self, const char *session)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->shared.lock);
	return g_strcmp0(self->shared.session, session) == 0;
}

gboolean
agent_run_is_idle(AgentRun *self)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->shared.lock);
	return !self->shared.is_busy;
}

static void
set_busy(AgentRun *self, gboolean is_busy)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->shared.lock);
	self->shared.is_busy = is_busy;
}

gboolean
agent_run_expects_proof(AgentRun *self, const char *proof)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->shared.lock);
	return channel_set_expects(&self->shared.channels, proof);
}

gboolean
agent_run_take_channel(AgentRun *self, const ControlPreamble *preamble, int fd)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->shared.lock);
	if (!channel_set_put(&self->shared.channels, preamble, fd))
		return FALSE;
	if (self->shared.context != NULL)
		g_main_context_wakeup(self->shared.context);
	return TRUE;
}

static gboolean
agent_hello(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error)
{
	JsonArray *versions = json_object_get_array_member(body, "versions");
	if (json_array_get_length(versions) != 2) {
		g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL,
			    "control message 'hello': field 'versions' is not a pair");
		return FALSE;
	}
	JsonNode *min = json_array_get_element(versions, 0);
	JsonNode *max = json_array_get_element(versions, 1);
	int version =
		JSON_NODE_HOLDS_VALUE(min) && JSON_NODE_HOLDS_VALUE(max)
			? control_choose_version(json_node_get_int(min), json_node_get_int(max))
			: 0;
	if (version == 0) {
		g_set_error(
			error, GW_ERROR, GW_ERROR_PROTOCOL,
			"no common version of the control protocol: this agent speaks %d to %d, "
			"use the same Godwit on both hosts",
			CONTROL_VERSION_MIN, CONTROL_VERSION_MAX);
		return FALSE;
	}
	json_object_set_int_member(reply, "version", version);
	json_object_set_string_member(reply, "agent", self->config->agent_id);
	json_object_set_string_member(reply, "host", g_get_host_name());
	gint64 timeout_ms = fields_peek_int(body, "timeout_ms", PEER_TIMEOUT_MS);
	peer_watch(self->conn, (guint)CLAMP(timeout_ms, PEER_MIN_TIMEOUT_MS, PEER_MAX_TIMEOUT_MS));
	return TRUE;
}

static void
on_message(ControlConn *conn, ControlMessage *message, gpointer data)
{
	AgentRun *self = data;
	guint n_waiting = g_queue_get_length(&self->loop.messages);
	if (n_waiting >= MAX_MESSAGES ||
	    (n_waiting > 0 && self->loop.heap_bytes + message->heap_bytes > MAX_HEAP_BYTES)) {
		control_conn_reject(conn, g_error_new_literal(GW_ERROR, GW_ERROR_PROTOCOL,
							      "more requests than are answered"));
		return;
	}
	ControlMessage *copy = g_new0(ControlMessage, 1);
	*copy = *message;
	message->body = NULL; /* moved */
	g_queue_push_tail(&self->loop.messages, copy);
	self->loop.heap_bytes += copy->heap_bytes;
}

/* Nobody may fill the memory before there is a plan to agree on. */
static const JsonLimits *
message_limits(const AgentRun *self)
{
	return self->state <= CONTROL_STATE_GREETED ? &control_early_limits : &control_limits;
}

static void
answer(AgentRun *self, ControlMessage *message)
{
	const Handler *handler = &handlers[message->type];
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonObject) reply = json_object_new();
	if (handler->run == NULL || !control_is_allowed(self->state, message->type)) {
		g_set_error(&error, GW_ERROR, GW_ERROR_PROTOCOL,
			    "control message '%s' is not allowed in state '%s'",
			    control_type_to_string(message->type),
			    control_state_to_string(self->state));
	} else if (handler->run(self, message->body, reply, &error)) {
		if (handler->next != CONTROL_N_STATES)
			self->state = handler->next;
		control_conn_reply(self->conn, message->id, g_steal_pointer(&reply));
		if (handler->answered != NULL)
			handler->answered(self);
		return;
	}
	agent_run_remember_error(self, error);
	control_conn_reply_error(self->conn, message->id, error);
	if (self->state == CONTROL_STATE_NEW)
		self->state = CONTROL_STATE_ENDED; /* no common version of the protocol */
}

/* With the end of QEMU's standard error, and the names of the vGPUs that these words speak of. */
static GError *
describe_failure(AgentRun *self, const GError *error)
{
	const GPtrArray *vgpus = self->survey != NULL ? self->survey->vgpus : NULL;
	g_autofree char *words = qemu_stderr_tail(&self->qemu->words);
	g_autofree char *text =
		g_strdup_printf("%s%s%s", error_peek_text(error), words != NULL ? ": " : "",
				words != NULL ? words : "");
	g_autofree char *named = vgpu_put_names(vgpus, text);
	GError *whole = g_error_new_literal(error->domain, error->code, named);
	if (error_is_at(error, SIDE_DESTINATION))
		error_add_side(&whole, SIDE_DESTINATION);
	return whole;
}

/* Tells the source once that this side has failed. */
static void
tell_failure(AgentRun *self, const GError *error)
{
	if (self->loop.failure_told)
		return;
	self->loop.failure_told = TRUE;
	if (!g_error_matches(error, GW_ERROR, GW_ERROR_UNKNOWN))
		process_await_gone(&self->qemu->process, 500); /* let it write its last lines */
	g_autoptr(GError) whole = describe_failure(self, error);
	agent_run_remember_error(self, whole);
	JsonObject *fields = json_object_new();
	json_object_set_object_member(fields, "error", control_error_to_object(whole));
	control_conn_notify(self->conn, CONTROL_FAILED, fields);
}

/* With exit-on-error off QEMU stays after a failed load and can be asked why it failed. */
static GError *
load_error(AgentRun *self)
{
	g_autoptr(GError) ignored = NULL;
	g_auto(QmpMigrateInfo) info;
	qmp_migrate_info_init(&info);
	gboolean told = qmp_query_migrate(self->qemu->qmp, &info, &ignored);
	return g_error_new(GW_ERROR, GW_ERROR_MIGRATION, "QEMU failed to load the stream%s%s",
			   told && info.error_desc != NULL ? ": " : "",
			   told && info.error_desc != NULL ? info.error_desc : "");
}

/* (nullable): QEMU waits forever for a channel that was cut before its first bytes. */
static GError *
channel_error(AgentRun *self)
{
	g_autofree char *failure = self->qemu->status == QMP_MIGRATE_SETUP
					   ? transport_get_failure(self->load.transport)
					   : NULL;
	return failure != NULL ? g_error_new(GW_ERROR, GW_ERROR_MIGRATION, "%s", failure) : NULL;
}

/* Somebody else has started the guest that was loaded, which was not handed over. */
static gboolean
is_started_by_others(const AgentRun *self)
{
	return self->load.incoming_sent && !self->commit.is_committed && self->qemu->resume_us != 0;
}

/* Only until the guest is ours. After that its end is no failure of ours. */
static gboolean
qemu_is_watched(AgentRun *self)
{
	return self->qemu != NULL && !agent_run_owns_guest(self) && !self->loop.failure_told;
}

static void
watch_qemu(AgentRun *self)
{
	g_autoptr(GError) error = NULL;
	if (!qemu_is_watched(self))
		return;
	if (!qemu_check(self->qemu, QEMU_SILENCE_MS, &error) ||
	    (is_started_by_others(self) && !incoming_check_not_started(self->qemu, &error)))
		g_debug("%s", error->message);
	else
		error = self->load.incoming_sent && self->qemu->status == QMP_MIGRATE_FAILED
				? load_error(self)
				: channel_error(self);
	if (error != NULL)
		tell_failure(self, error);
}

static gboolean
has_work(gpointer data)
{
	AgentRun *self = data;
	if (!g_queue_is_empty(&self->loop.messages) || control_conn_get_error(self->conn) != NULL)
		return TRUE;
	return qemu_is_watched(self) &&
	       (self->qemu->closed != NULL || is_started_by_others(self) ||
		(self->load.incoming_sent && self->qemu->status == QMP_MIGRATE_FAILED));
}

static void
serve_message(AgentRun *self, ControlMessage *message)
{
	self->loop.heap_bytes -= message->heap_bytes;
	set_busy(self, TRUE);
	answer(self, message);
	set_busy(self, self->state >= CONTROL_STATE_SURVEYED);
	control_conn_set_limits(self->conn, message_limits(self));
}

static void
serve_until_over(AgentRun *self)
{
	while (!agent_run_has_ended(self)) {
		g_autoptr(GError) error = NULL;
		if (!await_until(has_work, self, WATCH_MS, self->stop, &error) &&
		    g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
			agent_run_remember_error(self, error);
			return;
		}
		watch_qemu(self);
		g_autoptr(ControlMessage) message = g_queue_pop_head(&self->loop.messages);
		if (message != NULL)
			serve_message(self, message);
		else if (control_conn_get_error(self->conn) != NULL)
			return;
	}
}

/* May QEMU still be there? @left: (nullable): why something is left. */
static gboolean
may_run(const GError *left)
{
	return left != NULL && !g_error_matches(left, GW_ERROR, GW_ERROR_VGPU);
}

/* @left: (nullable): as for may_run() */
static void
report_place(AgentRun *self, const GError *left)
{
	GwReport *report = recorder_get_report(self->recorder);
	if (agent_run_owns_guest(self)) {
		report->outcome = GW_OUTCOME_COMPLETED;
		report->vm_runs_on = GW_PLACE_DESTINATION;
		return;
	}
	const GError *error =
		self->error != NULL ? self->error : control_conn_get_error(self->conn);
	report->error_code = error != NULL ? gw_error_code(error) : GW_ERROR_FAILED;
	report->error_message = g_strdup(error != NULL ? error->message : "the source gave up");
	report->error_host = g_strdup(side_to_string(SIDE_DESTINATION));
	report->error_phase = g_strdup(recorder_get_phase(self->recorder));
	report->left_over = left != NULL ? g_strdup(left->message) : NULL;
	report->vm_runs_on = may_run(left) ? GW_PLACE_UNKNOWN : GW_PLACE_SOURCE;
	report->outcome =
		may_run(left) ? GW_OUTCOME_UNKNOWN : outcome_from_error_code(report->error_code);
}

static void
set_context(AgentRun *self, GMainContext *context)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->shared.lock);
	self->shared.context = context;
}

/* Undoes what was not committed, then gives the monitor back. */
static void
end(AgentRun *self)
{
	g_autoptr(GError) left = NULL;
	if (!agent_clean_up(self, &left) && may_run(left))
		agent_run_remember_error(self, left);
	const GError *lost = control_conn_get_error(self->conn);
	if (lost != NULL)
		agent_run_remember_error(self, lost);
	if (self->shared.session != NULL)
		report_place(self, left);
	control_conn_close(self->conn, CLOSE_TIMEOUT_MS);
	g_clear_pointer(&self->conn, control_conn_free);
	g_clear_pointer(&self->load.transport, transport_free);
	g_clear_pointer(&self->qemu, qemu_free);
	/* From here on a recovery may settle the session. */
	g_clear_pointer(&self->journal, journal_free);
	g_clear_pointer(&self->lock, vm_lock_free);
	agent_commit_end(self);
}

GwReport *
agent_run_serve(AgentRun *self)
{
	g_auto(PrivateContext) context = private_context_push();
	set_context(self, context);
	self->conn = control_conn_new(self->socket, on_message, self);
	control_conn_set_limits(self->conn, message_limits(self));
	if (self->said != NULL)
		control_conn_take(self->conn, g_bytes_get_data(self->said, NULL),
				  g_bytes_get_size(self->said));
	serve_until_over(self);
	end(self);
	set_context(self, NULL);
	return self->shared.session != NULL && !self->is_check ? recorder_finish(self->recorder)
							       : NULL;
}
