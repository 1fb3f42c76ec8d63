/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The source's last two steps: commit and cleanup.
 *
 * COMMIT is sent only after the source's QEMU has said "completed" (or is proven dead, and the
 * destination has loaded everything). From then until the answer arrives the guest must not run
 * here. A lost answer is asked for again on a new connection. If that fails too the outcome is
 * "unknown", and the journal stays for `godwit recover`.
 */
#include "engine/source/source-commit.h"

#include "engine/data/report-json.h"
#include "engine/data/vgpu-json.h"
#include "engine/gw-error.h"
#include "engine/host/qemu-mark.h"
#include "engine/host/vgpu-host.h"
#include "engine/record/learning-file.h"
#include "engine/source/source-failure.h"
#include "engine/source/source-ownership.h"
#include "engine/source/source-sample.h"
#include "engine/util/error-host.h"
#include "engine/util/json-fields.h"
#include "qmp/await.h"

#define COMMIT_TIMEOUT_MS 40000
#define OUTCOME_TRIES_MS  15000 /* how long we ask for a lost answer */
#define OUTCOME_PAUSE_MS  500
#define LAST_POLL_MS	  2000
#define CLOCK_TIMEOUT_MS  1000

/* All members are borrowed. */
static PeerSession
peer_session(const SourceRun *run)
{
	return (PeerSession){
		.session = run->session,
		.vm_name = run->vm_name,
		.token = run->channels.token,
		.agent_id = run->agent_id,
	};
}

static PeerOutcome
ask_again(SourceRun *run, GError **error)
{
	const PeerSession session = peer_session(run);
	gint64 deadline_us = g_get_monotonic_time() + (gint64)OUTCOME_TRIES_MS * 1000;
	while (TRUE) {
		g_autoptr(GError) local_error = NULL;
		PeerOutcome outcome = peer_ask_outcome(&run->options->peer, &session, &local_error);
		if (local_error == NULL)
			return outcome;
		if (outcome != PEER_OUTCOME_UNKNOWN || g_get_monotonic_time() > deadline_us) {
			g_propagate_error(error, g_steal_pointer(&local_error));
			return outcome;
		}
		await_ms(OUTCOME_PAUSE_MS);
	}
}

static gboolean
take_answer(SourceRun *run, PeerOutcome outcome, const char *reason, GError **error)
{
	if (outcome == PEER_OUTCOME_RUNNING) {
		run->commit.is_committed = TRUE;
		return TRUE;
	}
	g_set_error(error, GW_ERROR, GW_ERROR_REFUSED, "the guest could not be run there: %s",
		    reason);
	error_add_side(error, SIDE_DESTINATION);
	return FALSE;
}

static gboolean
commit_after_loss(SourceRun *run, const GError *loss, GError **error)
{
	g_autoptr(GError) local_error = NULL;
	PeerOutcome outcome = ask_again(run, &local_error);
	if (outcome == PEER_OUTCOME_RUNNING && local_error != NULL)
		source_report_left_over(run, SIDE_DESTINATION, local_error);
	if (local_error == NULL || outcome == PEER_OUTCOME_RUNNING)
		return take_answer(run, outcome, loss->message, error);
	g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN,
		    "the answer to the commit was lost (%s), and asking again failed "
		    "(%s): the guest stays stopped here until 'godwit recover' knows",
		    loss->message, local_error->message);
	error_add_side(error, SIDE_DESTINATION);
	return FALSE;
}

/*
 * Whoever has another monitor of this QEMU may have started or reset the guest since "completed".
 * The destination has loaded an older one then. A QEMU that has died has done neither.
 * "finish-migrate" is still there for a moment after "completed".
 */
static gboolean
check_not_started(SourceRun *run, GError **error)
{
	QmpStatus status;
	g_autoptr(GError) unanswered = NULL;
	gboolean is_answered = source_query_status(run, &status, &unanswered);
	if (qmp_client_is_closed(run->qemu->qmp))
		return TRUE;
	if (!is_answered) {
		g_propagate_error(error, g_steal_pointer(&unanswered));
		return FALSE;
	}
	gboolean is_stopped = status.run_state == QMP_RUN_POSTMIGRATE ||
			      status.run_state == QMP_RUN_FINISH_MIGRATE;
	if (is_stopped && run->qemu->resume_us == 0)
		return TRUE;
	g_set_error(
		error, GW_ERROR, GW_ERROR_MIGRATION,
		"somebody else has %s the guest here after its state was sent: it is not handed "
		"over",
		run->qemu->resume_us != 0 ? "started" : "reset or changed");
	error_add_side(error, SIDE_SOURCE);
	return FALSE;
}

/* No sync: see journal.c. */
static gboolean
write_commit(SourceRun *run, GError **error)
{
	JsonObject *facts = json_object_new();
	json_object_set_boolean_member(facts, "was_running", source_was_live_here(run));
	return journal_append(run->journal, JOURNAL_COMMIT, facts, error);
}

/* How the guest has come to the destination, unless it runs. @is_to_run: COMMIT said so */
static void
report_state(SourceRun *run, const char *word, gboolean is_to_run)
{
	QmpRunState state = qmp_run_state_from_string(word);
	const char *text = run_state_describe(state);
	const char *when = ", as during the move";
	if (word == NULL || text == NULL)
		return;
	if (is_to_run && state == QMP_RUN_PAUSED)
		when = ", though it was told to run";
	else if (run->options->paused && state == QMP_RUN_PAUSED)
		when = ", as you asked";
	else if (!run->surveys.source->running)
		when = ", as it was";
	recorder_get_report(run->recorder)->vm_state = g_strconcat(text, when, NULL);
}

/* What went wrong there after "cont". It refuses nothing any more, and somebody should know it. */
static void
take_warnings(SourceRun *run, JsonObject *reply)
{
	Fields fields;
	g_autoptr(GError) error = NULL;
	fields_init_object(&fields, reply, "commit");
	g_auto(GStrv) texts = fields_strv(&fields, "warnings", FIELDS_OPTIONAL,
					  CONTROL_MAX_WARNINGS, CONTROL_MAX_WARNING_BYTES);
	if (!fields_end(&fields, &error))
		g_debug("the agent's warnings cannot be read: %s", error->message);
	for (guint i = 0; texts != NULL && texts[i] != NULL; i++)
		report_add_warning(recorder_get_report(run->recorder),
				   side_to_string(SIDE_DESTINATION), texts[i]);
}

gboolean
source_commit(SourceRun *run, GError **error)
{
	gboolean is_to_run = qemu_was_live(run->qemu) && !run->options->paused;
	if (!check_not_started(run, error) || !write_commit(run, error))
		return FALSE;

	JsonObject *fields = json_object_new();
	json_object_set_boolean_member(fields, "run", is_to_run);
	g_autoptr(GError) loss = NULL;
	g_autoptr(JsonObject) reply = control_conn_call(run->peer->conn, CONTROL_COMMIT, fields,
							COMMIT_TIMEOUT_MS, NULL, &loss);
	if (reply == NULL)
		return commit_after_loss(run, loss, error);
	PeerOutcome outcome = peer_outcome_from_reply(reply);
	const char *text = fields_peek_string(reply, "text", "no reason given");
	run->switchover.commit_hook_us += source_read_hook_us(reply);
	take_warnings(run, reply);
	if (outcome == PEER_OUTCOME_RUNNING)
		report_state(run, fields_peek_string(reply, "state", NULL), is_to_run);
	if (outcome == PEER_OUTCOME_RUNNING || outcome == PEER_OUTCOME_GONE)
		return take_answer(run, outcome, text, error);
	g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN, "%s", text);
	error_add_side(error, SIDE_DESTINATION);
	return FALSE;
}

/* From STOP here to RESUME there, both on our clock. A guest that was paused, or stays paused,
 * has no downtime. */
static void
measure_downtime(SourceRun *run)
{
	GwReport *report = recorder_get_report(run->recorder);
	/* Once more: the offset may have changed since the connection was made. */
	control_conn_ask_clock(run->peer->conn, CLOCK_TIMEOUT_MS);
	const Clock *clock = control_conn_get_clock(run->peer->conn);
	gint64 stop_us = run->qemu->stop_us;
	if (stop_us == 0 || run->notices.resume_us == 0 || !clock->known)
		return;
	/* It cannot have resumed before everything was sent; the clocks' error can make it look
	 * so. */
	gint64 resume_us =
		MAX(clock_to_ours(clock, run->notices.resume_us), run->qemu->completed_us);
	report->downtime_us = resume_us - stop_us;
	report->downtime_error_us = clock->error_us + clock->drift_us + run->qemu->stop_error_us +
				    run->notices.resume_error_us;
	if (run->qemu->completed_us == 0)
		return;
	gint64 hook_us = run->switchover.go_hook_us + run->switchover.commit_hook_us;
	report_add_part(report, "go",
			run->switchover.continue_us - stop_us - run->switchover.go_hook_us);
	report_add_part(report, "transfer", run->qemu->completed_us - run->switchover.continue_us);
	report_add_part(report, "commit",
			resume_us - run->qemu->completed_us - run->switchover.commit_hook_us);
	if (hook_us > 0)
		report_add_part(report, "hook", hook_us);
}

/* QEMU's last figures. Debian's 7.2 was seen to say "completed" while its times were still zero,
 * so we ask twice. */
static void
take_last_figures(SourceRun *run)
{
	GwReport *report = recorder_get_report(run->recorder);
	for (guint i = 0; i < 2 && run->qemu->closed == NULL; i++) {
		g_autoptr(GError) error = NULL;
		g_auto(QmpMigrateInfo) info;
		qmp_migrate_info_init(&info);
		if (!qmp_query_migrate(run->qemu->qmp, &info, &error))
			return;
		report->downtime_qemu_us = info.downtime_us;
		report->setup_us = info.setup_us;
		report->ram_total_bytes = info.ram_total_bytes;
		report->ram_transferred_bytes = source_ram_sent(&info);
		report->ram_passes = info.passes;
		if (info.total_us > 0 || i > 0)
			source_sample_last(run, &info);
		if (info.total_us > 0)
			return;
	}
}

/* For later predictions. A failure changes nothing for the guest. */
static void
learn(SourceRun *run)
{
	g_autoptr(GError) error = NULL;
	if (!learning_add(run->options->state_dir, run->surveys.source->vgpus,
			  recorder_get_report(run->recorder), &error))
		g_debug("the figures of this run were not saved: %s", error->message);
}

static gboolean
tell_done(SourceRun *run)
{
	const PeerSession session = peer_session(run);
	g_autoptr(GError) error = NULL;
	return peer_send_done(run->peer->conn, &session, LAST_POLL_MS, &error) ||
	       peer_tell_done(&run->options->peer, &session);
}

/* QEMU first: the kernel removes no vGPU that a QEMU still has open. */
static gboolean
end_qemu(SourceRun *run, GError **error)
{
	g_auto(GStrv) ids = vgpu_removable_ids(run->surveys.source->vgpus);
	return qemu_end(run->qemu, TRUE, error) && vgpu_remove_ids((const char *const *)ids, error);
}

static gboolean
end_or_keep_qemu(SourceRun *run, GError **error)
{
	if (!run->options->keep_source)
		return end_qemu(run, error);
	if (run->qemu->closed != NULL)
		return TRUE;
	qemu_unmark(run->qemu, run->session);
	gboolean is_ended = source_sample_end(run, error);
	return settings_restore(run->former_settings, run->qemu, is_ended ? error : NULL) &&
	       is_ended;
}

/* Somebody has started the guest here while the COMMIT was out, so that two copies run: the one
 * here is the older one. */
static void
stop_second_copy(SourceRun *run)
{
	g_autoptr(GError) error = NULL;
	if (run->qemu->resume_us == 0 || run->qemu->closed != NULL)
		return;
	gboolean is_stopped = qmp_stop(run->qemu->qmp, &error);
	g_autofree char *text =
		g_strdup_printf("somebody else started the guest here when it was handed over: two "
				"copies ran; the one here %s%s",
				is_stopped ? "was stopped" : "could not be stopped: ",
				is_stopped ? "" : error->message);
	report_add_warning(recorder_get_report(run->recorder), side_to_string(SIDE_SOURCE), text);
}

/*
 * The guest runs at the destination; what is left here is ended. The order makes a crash harmless:
 * once "running" is on the disk a recovery does not ask the agent any more, so the agent may forget
 * the session. The journal stays until the agent has been told, now or by a later recovery.
 */
gboolean
source_cleanup(SourceRun *run, GError **error)
{
	g_autoptr(GError) local_error = NULL;
	stop_second_copy(run);
	measure_downtime(run);
	take_last_figures(run);
	gboolean told = FALSE;
	if (source_own_give(run, &local_error) &&
	    journal_append(run->journal, JOURNAL_RUNNING, NULL, &local_error) &&
	    journal_sync(run->journal, &local_error))
		told = tell_done(run);
	gboolean ended = end_or_keep_qemu(run, local_error == NULL ? &local_error : NULL);
	learn(run);
	if (told && ended)
		journal_remove(run->journal);
	if (local_error != NULL)
		source_report_left_over(run, SIDE_SOURCE, local_error);
	return TRUE;
}
