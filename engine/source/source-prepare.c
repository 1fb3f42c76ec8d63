/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The source's steps up to the one in which the stream begins: connect, survey, plan, prepare,
 * setup.
 */
#include "engine/source/source-prepare.h"

#include "engine/channel/channel-set.h"
#include "engine/data/plan-json.h"
#include "engine/data/report-json.h"
#include "engine/data/survey-json.h"
#include "engine/data/vgpu-json.h"
#include "engine/gw-error.h"
#include "engine/host/qemu-mark.h"
#include "engine/host/survey-qemu.h"
#include "engine/host/vgpu-host.h"
#include "engine/host/vm-start.h"
#include "engine/plan/negotiate.h"
#include "engine/source/source-channels.h"
#include "engine/source/source-failure.h"
#include "engine/source/source-marks.h"
#include "engine/source/source-ownership.h"
#include "engine/source/source-sample.h"
#include "engine/util/error-host.h"
#include "engine/util/json-fields.h"
#include "engine/util/safe-name.h"
#include "qmp/await.h"

#define SURVEY_TIMEOUT_MS 150000 /* the agent's QEMU has to start: see vm-start.c */
#define CALL_TIMEOUT_MS	  20000
/* How often a byte of the guest's memory may be sent, times how uneven the channels' shares may
 * be. */
#define RESENT_FACTOR 4

static JsonObject *
finish_call(SourceRun *run, ControlCall *call, int timeout_ms, GError **error)
{
	JsonObject *reply = control_call_finish(call, timeout_ms, run->cancellable, error);
	if (reply == NULL)
		error_add_side(error, SIDE_DESTINATION);
	return reply;
}

static JsonObject *
call(SourceRun *run, ControlType type, JsonObject *fields, int timeout_ms, GError **error)
{
	return finish_call(run, control_conn_begin(run->peer->conn, type, fields), timeout_ms,
			   error);
}

static void
on_source_event(Qemu *qemu, const char *name, JsonObject *data, gint64 timestamp_us,
		gpointer user_data)
{
	SourceRun *run = user_data;
	source_sample_event(run, name, data);
	recorder_event(run->recorder, side_to_string(SIDE_SOURCE), name, data, timestamp_us);
}

/* The peer is not trusted: malformed members are ignored. */
static void
take_peer_event(SourceRun *run, JsonObject *body)
{
	const Clock *clock = control_conn_get_clock(run->peer->conn);
	gint64 peer_us = json_object_get_int_member(body, "timestamp_us");
	const char *name = json_object_get_string_member(body, "name");
	JsonNode *node = json_object_get_member(body, "data");
	JsonObject *data =
		node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;

	recorder_event(run->recorder, side_to_string(SIDE_DESTINATION), name, data,
		       clock->known ? clock_to_ours(clock, peer_us) : g_get_monotonic_time());
	if (strcmp(name, "RESUME") == 0) {
		run->notices.resume_us = peer_us;
		run->notices.resume_error_us =
			CLAMP(fields_peek_int(body, "error_us", 0), 0, G_MAXINT);
	}
	const char *status = fields_peek_string(data, "status", NULL);
	if (strcmp(name, "MIGRATION") == 0 && g_strcmp0(status, "completed") == 0)
		run->notices.destination_completed = TRUE;
}

static void
on_peer_notice(ControlConn *conn, ControlMessage *message, gpointer data)
{
	SourceRun *run = data;
	if (message->type == CONTROL_EVENT && run->peer != NULL) {
		take_peer_event(run, message->body);
	} else if (message->type == CONTROL_FAILED && run->failure == NULL &&
		   run->notices.failure == NULL) {
		/* After our own failure its QEMU only says that the stream has ended. */
		run->notices.failure = control_error_from_object(
			json_object_get_object_member(message->body, "error"));
		error_add_side(&run->notices.failure, SIDE_DESTINATION);
	}
}

/* The agent finds the VM by this name, and so does this host its record. A QEMU that 'run' or an
 * agent has started has the VM file's name in its environment, under which they keep the record;
 * its -name may be another. */
static gboolean
find_vm_name(SourceRun *run, GError **error)
{
	if (run->vm_name != NULL)
		return TRUE;
	run->vm_name = process_dup_environment(&run->qemu->process, VM_NAME_VARIABLE);
	if (run->vm_name != NULL && safe_name_is_valid(run->vm_name))
		return TRUE;
	g_clear_pointer(&run->vm_name, g_free);
	g_autoptr(GError) local_error = NULL;
	run->vm_name = qmp_query_name(run->qemu->qmp, &local_error);
	if (local_error != NULL) {
		source_fail_silent(local_error, error);
		return FALSE;
	}
	if (run->vm_name == NULL)
		run->vm_name = g_strdup("");
	return TRUE;
}

/* Is the guest here? That is asked before anybody else is. */
static gboolean
connect_qemu(SourceRun *run, GError **error)
{
	g_autoptr(GError) cause = NULL;
	if (!source_own_lock(run, error))
		return FALSE;
	run->qemu = qemu_attach(run->options->qmp_path, side_to_string(SIDE_SOURCE),
				run->cancellable, &cause);
	if (run->qemu == NULL) {
		source_own_explain(run, &cause);
		g_propagate_error(error, g_steal_pointer(&cause));
		return FALSE;
	}
	qemu_set_event_func(run->qemu, on_source_event, run);
	return find_vm_name(run, error) && source_own_check(run, error);
}

gboolean
source_connect(SourceRun *run, GError **error)
{
	if (!connect_qemu(run, error))
		return FALSE;
	run->peer = peer_connect(&run->options->peer, on_peer_notice, run, run->cancellable, error);
	if (run->peer == NULL) {
		/* An agent that rejects us says why before it closes the connection. */
		if (run->notices.failure != NULL) {
			g_clear_error(error);
			g_propagate_error(error, g_error_copy(run->notices.failure));
		}
		error_add_side(error, SIDE_DESTINATION);
		return FALSE;
	}
	source_report_connection(run, "control");
	run->agent_id = g_strdup(run->peer->agent_id);
	peer_watch(run->peer->conn, peer_timeout_ms(&run->options->peer));
	qemu_start_heartbeat(run->qemu);
	return source_own_check_agent(run, error);
}

/* The agent makes vGPUs like those that the VM has. */
static JsonArray *
list_vgpus(SourceRun *run, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(VfioHost) host = vgpu_host_open(error);
	if (host == NULL)
		return NULL;
	g_autoptr(GPtrArray) vgpus = vgpu_list_of_qemu(host, run->qemu, &cause);
	if (vgpus != NULL)
		return vgpu_list_to_array(vgpus);
	source_fail_silent(cause, error);
	return NULL;
}

static JsonObject *
make_question(SourceRun *run, GError **error)
{
	JsonArray *vgpus = list_vgpus(run, error);
	if (vgpus == NULL)
		return NULL;
	JsonObject *question = json_object_new();
	json_object_set_string_member(question, "session", run->session);
	json_object_set_string_member(question, "vm", run->vm_name);
	json_object_set_boolean_member(question, "check", run->check_only);
	json_object_set_array_member(question, "vgpus", vgpus);
	return question;
}

static void
report_vgpus(SourceRun *run)
{
	GwReport *report = recorder_get_report(run->recorder);
	const GPtrArray *vgpus = run->surveys.source->vgpus;
	for (guint i = 0; vgpus != NULL && i < vgpus->len; i++) {
		const GwVgpu *vgpu = g_ptr_array_index(vgpus, i);
		report_add_vgpu(report, vgpu_display_name(vgpu), vgpu->type, vgpu->vram_bytes);
	}
}

/* Both at once: our QEMU is asked while the agent starts its own. */
gboolean
source_survey(SourceRun *run, GError **error)
{
	JsonObject *question = make_question(run, error);
	if (question == NULL)
		return FALSE;
	peer_try_path(run->peer);
	g_autoptr(ControlCall) call = control_conn_begin(run->peer->conn, CONTROL_SURVEY, question);
	run->surveys.source = survey_take(run->qemu, error);
	if (run->surveys.source == NULL)
		return FALSE;
	g_autoptr(JsonObject) reply =
		finish_call(run, g_steal_pointer(&call), SURVEY_TIMEOUT_MS, error);
	if (reply == NULL) {
		peer_explain_loss(run->peer, error);
		return FALSE;
	}
	run->surveys.destination = survey_from_node(json_object_get_member(reply, "survey"), error);
	if (run->surveys.destination == NULL)
		error_add_side(error, SIDE_DESTINATION);
	report_vgpus(run);
	return run->surveys.destination != NULL && source_look_for_marks(run, error);
}

gboolean
source_survey_undo(SourceRun *run, GError **error)
{
	if (run->peer == NULL || control_conn_get_error(run->peer->conn) != NULL)
		return TRUE;
	JsonObject *fields = json_object_new();
	json_object_set_string_member(fields, "reason",
				      run->failure != NULL ? run->failure->message
							   : "only a check");
	json_object_set_string_member(fields, "code",
				      gw_error_code_to_string(gw_error_code(run->failure)));
	g_autoptr(GError) local_error = NULL;
	g_autoptr(JsonObject) reply = control_conn_call(run->peer->conn, CONTROL_ABORT, fields,
							CALL_TIMEOUT_MS, NULL, &local_error);
	if (reply == NULL && control_conn_get_error(run->peer->conn) == NULL)
		source_report_left_over(run, SIDE_DESTINATION, local_error);
	control_conn_close(run->peer->conn, 1000);
	return TRUE;
}

/* The most that may be sent through one channel: dirty pages are sent again, and shares are not
 * even. */
static gint64
max_bytes_per_channel(SourceRun *run)
{
	gint64 bytes = run->surveys.source->ram_bytes;
	const GPtrArray *vgpus = run->surveys.source->vgpus;
	for (guint i = 0; vgpus != NULL && i < vgpus->len; i++)
		bytes += ((const GwVgpu *)g_ptr_array_index(vgpus, i))->vram_bytes;
	return bytes / MAX(1, run->plan->channels) * RESENT_FACTOR;
}

gboolean
source_plan(SourceRun *run, GError **error)
{
	NegotiatePolicy policy = {
		.vm_name = run->vm_name,
		.transport = run->options->transport,
		.channels = run->options->channels,
		.account = run->options->account,
		.encrypted = run->options->peer.tls_dir != NULL,
		.downtime_limit_us = run->options->downtime_limit_us,
		.on_stall = run->options->on_stall,
		.bandwidth_bytes_per_s = run->options->bandwidth_bytes_per_s,
		.switchover_bytes_per_s = run->options->switchover_bytes_per_s,
		.capabilities = (const char *const *)run->options->capabilities,
		.allowed = (const char *const *)run->options->allowed,
		.paused = run->options->paused,
		.keep_source = run->options->keep_source,
	};
	run->plan = negotiate(run->surveys.source, run->surveys.destination, &policy);
	run->plan->encryption =
		g_strdup(dialer_plan_channels(run->peer->dialer, max_bytes_per_channel(run)));
	if (gw_plan_is_possible(run->plan))
		return TRUE;
	negotiate_set_error(run->plan, error);
	return FALSE;
}

static JsonObject *
journal_facts(SourceRun *run)
{
	JsonObject *facts = json_object_new();
	json_object_set_string_member(facts, "vm", run->vm_name);
	json_object_set_string_member(facts, "record", run->ownership.name);
	json_object_set_string_member(facts, "qmp", run->options->qmp_path);
	json_object_set_int_member(facts, "pid", run->qemu->process.pid);
	json_object_set_int_member(facts, "start_ticks", (gint64)run->qemu->process.start_ticks);
	json_object_set_string_member(facts, "agent", run->agent_id);
	json_object_set_string_member(facts, "peer_host", run->options->peer.host);
	json_object_set_int_member(facts, "peer_port", run->options->peer.port);
	json_object_set_boolean_member(facts, "insecure", run->options->peer.insecure);
	fields_add_string(facts, "tls_dir", run->options->peer.tls_dir);
	fields_add_string(facts, "tls_hostname", run->options->peer.tls_hostname);
	json_object_set_boolean_member(facts, "was_running", run->surveys.source->running);
	json_object_set_boolean_member(facts, "keep_source", run->options->keep_source);
	g_auto(GStrv) vgpus = vgpu_removable_ids(run->surveys.source->vgpus);
	fields_add_strv(facts, "vgpus", vgpus);
	return facts;
}

/* A recovery knows our QEMU by its process or by this mark; one of them is enough. */
static gboolean
mark_qemu(SourceRun *run, GError **error)
{
	g_autoptr(GError) cause = NULL;
	if (qemu_mark(run->qemu, run->session, &cause))
		return TRUE;
	if (process_is_known(&run->qemu->process)) {
		g_debug("no mark: %s", cause->message);
		return TRUE;
	}
	g_propagate_error(error, g_steal_pointer(&cause));
	return FALSE;
}

gboolean
source_prepare_undo(SourceRun *run, GError **error)
{
	if (run->journal != NULL)
		qemu_unmark(run->qemu, run->session);
	return TRUE;
}

gboolean
source_prepare(SourceRun *run, GError **error)
{
	run->journal = journal_create(run->options->state_dir, run->session, SIDE_SOURCE,
				      journal_facts(run), error);
	if (run->journal == NULL || !mark_qemu(run, error))
		return FALSE;

	JsonObject *request = json_object_new();
	json_object_set_member(request, "plan", gw_plan_to_json_node(run->plan));
	g_autoptr(JsonObject) reply = call(run, CONTROL_PREPARE, request, CALL_TIMEOUT_MS, error);
	if (reply == NULL)
		return FALSE;
	run->channels.token = g_strdup(fields_peek_string(reply, "token", ""));
	return TRUE;
}

/* Connects the data channels and gives them to QEMU. */
static gboolean
attach_channels(SourceRun *run, GError **error)
{
	const TransportKind *kind = transport_kind_find(run->plan->transport);
	g_return_val_if_fail(kind != NULL, FALSE); /* we have made the plan */
	g_autoptr(GArray) fds = channel_fds_new();
	g_autoptr(GArray) tcps = channel_fds_new();
	if (!source_open_channels(run, fds, tcps, error))
		return FALSE;
	run->channels.transport =
		transport_attach(kind, SIDE_SOURCE, run->qemu, run->session, g_steal_pointer(&fds),
				 g_steal_pointer(&tcps), error);
	if (run->channels.transport == NULL)
		return FALSE;
	run->channels.watch = channel_watch_new(run->channels.transport->tcps);
	source_sample_begin(run);
	return TRUE;
}

gboolean
source_setup(SourceRun *run, GError **error)
{
	/* What a recovery will prove to the agent that the session is its own. */
	JsonObject *facts = json_object_new();
	json_object_set_string_member(facts, "token", run->channels.token);
	if (!settings_change(&run->former_settings, run->qemu, run->plan, SIDE_SOURCE, run->journal,
			     JOURNAL_SETUP, facts, error) ||
	    !attach_channels(run, error)) {
		error_add_side(error, SIDE_SOURCE);
		return FALSE;
	}
	g_autoptr(JsonObject) reply = call(run, CONTROL_SETUP, NULL, CALL_TIMEOUT_MS, error);
	return reply != NULL && source_check(run, error);
}

gboolean
source_setup_undo(SourceRun *run, GError **error)
{
	/* Also when our QEMU has died: the destination's QEMU must not wait for more. */
	transport_sever(run->channels.transport);
	if (run->former_settings == NULL || run->qemu->closed != NULL)
		return TRUE;
	if (!run->precopy.migrate_sent)
		transport_detach(run->channels.transport, run->qemu);
	g_autoptr(GError) kept = NULL;
	if (!source_sample_end(run, &kept))
		source_report_left_over(run, SIDE_SOURCE, kept);
	g_autoptr(GError) refused = NULL;
	/* A QEMU that hangs in "cancelling" (see source-precopy.c) accepts no capabilities; that
	 * is harmless. */
	if (settings_restore(run->former_settings, run->qemu, &refused) ||
	    run->qemu->status == QMP_MIGRATE_CANCELLING)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&refused));
	return FALSE;
}
