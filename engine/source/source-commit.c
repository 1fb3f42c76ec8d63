/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The source's last two steps: commit and cleanup.
 *
 * COMMIT goes out only after the source's QEMU has said "completed" (or is proven dead with the destination
 * complete). From that instant until an answer is here nobody on this side may let the guest run: a lost
 * answer is asked for again, on a new connection, and if it cannot be had the run ends as unknown with its
 * journal in place, for `godwit recover`.
 */
#include "engine/source/source-run.h"

#include "engine/util/json-fields.h"
#include "engine/gw-error.h"
#include "engine/util/error-host.h"
#include "engine/record/learning-file.h"
#include "engine/data/report-json.h"
#include "engine/host/vgpu-host.h"
#include "qmp/await.h"

#define COMMIT_TIMEOUT_MS 40000
#define OUTCOME_TRIES_MS  15000 /* how long a lost answer is asked for */
#define OUTCOME_PAUSE_MS  500
#define LAST_POLL_MS	  2000

static PeerOutcome
ask_again(SourceRun *run, GError **error)
{
	gint64 deadline_us = g_get_monotonic_time() + (gint64)OUTCOME_TRIES_MS * 1000;
	while (TRUE) {
		g_autoptr(GError) local_error = NULL;
		PeerOutcome outcome = peer_ask_outcome(&run->options->peer, run->agent_id,
						       run->session, &local_error);
		if (outcome != PEER_OUTCOME_UNKNOWN)
			return outcome;
		if (g_get_monotonic_time() > deadline_us) {
			g_propagate_error(error, g_steal_pointer(&local_error));
			return PEER_OUTCOME_UNKNOWN;
		}
		await_ms(OUTCOME_PAUSE_MS);
	}
}

static gboolean
take_answer(SourceRun *run, PeerOutcome outcome, const char *reason, GError **error)
{
	if (outcome == PEER_OUTCOME_RUNNING) {
		run->is_committed = TRUE;
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
	if (outcome != PEER_OUTCOME_UNKNOWN)
		return take_answer(run, outcome, loss->message, error);
	g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN,
		    "the answer to the commit was lost (%s), and asking again failed "
		    "(%s): the guest stays stopped here until 'godwit recover' knows",
		    loss->message, local_error->message);
	error_add_side(error, SIDE_DESTINATION);
	return FALSE;
}

gboolean
source_commit(SourceRun *run, GError **error)
{
	/* No sync: see journal.c. */
	if (!journal_append(run->journal, "commit", NULL, error))
		return FALSE;

	g_autoptr(GError) loss = NULL;
	g_autoptr(JsonObject) reply = control_conn_call(run->peer->conn, CONTROL_COMMIT, NULL,
							COMMIT_TIMEOUT_MS, NULL, &loss);
	if (reply == NULL)
		return commit_after_loss(run, loss, error);
	PeerOutcome outcome = peer_outcome_from_reply(reply);
	const char *text = fields_peek_string(reply, "text", "no reason given");
	if (outcome != PEER_OUTCOME_UNKNOWN)
		return take_answer(run, outcome, text, error);
	g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN, "%s", text);
	error_add_side(error, SIDE_DESTINATION);
	return FALSE;
}

/* STOP here to RESUME there, on one clock. A guest that was paused, or stays so, has no downtime. */
static void
measure_downtime(SourceRun *run)
{
	GwReport *report = recorder_get_report(run->recorder);
	const Clock *clock = control_conn_get_clock(run->peer->conn);
	gint64 stop_us = run->qemu->stop_us;
	if (stop_us == 0 || run->resume_peer_us == 0 || !clock->known)
		return;
	/* It cannot have resumed before we were done; where the clocks say so it is their error. */
	gint64 resume_us = MAX(clock_to_ours(clock, run->resume_peer_us), run->qemu->completed_us);
	report->downtime_us = resume_us - stop_us;
	report->downtime_error_us = clock->error_us;
	if (run->qemu->completed_us == 0)
		return;
	report_add_part(report, "go", run->continue_us - stop_us);
	report_add_part(report, "transfer", run->qemu->completed_us - run->continue_us);
	report_add_part(report, "commit", resume_us - run->qemu->completed_us);
}

/* QEMU's last figures. Debian's 7.2 was seen to say "completed" with its times still zero: ask twice. */
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

/* For the predictions to come; the guest runs whatever becomes of it. */
static void
learn(SourceRun *run)
{
	g_autoptr(GError) error = NULL;
	if (!learning_add(run->options->state_dir, run->source->vgpus,
			  recorder_get_report(run->recorder), &error))
		g_debug("what this run has shown is not kept: %s", error->message);
}

static gboolean
tell_done(SourceRun *run)
{
	JsonObject *fields = json_object_new();
	json_object_set_string_member(fields, "session", run->session);
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonObject) reply = control_conn_call(run->peer->conn, CONTROL_DONE, fields,
							LAST_POLL_MS, NULL, &error);
	return reply != NULL || peer_tell_done(&run->options->peer, run->session);
}

/* QEMU first: the kernel waits for it before it lets a vGPU go. */
static gboolean
end_source(SourceRun *run, GError **error)
{
	g_autoptr(GPtrArray) ids = g_ptr_array_new();
	for (guint i = 0; run->source->vgpus != NULL && i < run->source->vgpus->len; i++) {
		const GwVgpu *vgpu = g_ptr_array_index(run->source->vgpus, i);
		if (vgpu->framework != NULL) /* a whole board is not ours to remove */
			g_ptr_array_add(ids, vgpu->id);
	}
	g_ptr_array_add(ids, NULL);
	return qemu_end(run->qemu, TRUE, error) &&
	       vgpu_remove_ids((const char *const *)ids->pdata, error);
}

static gboolean
end_or_keep_qemu(SourceRun *run, GError **error)
{
	if (!run->options->keep_source)
		return end_source(run, error);
	if (run->qemu->closed != NULL)
		return TRUE;
	gboolean is_back = source_sample_end(run, error);
	return settings_restore(run->former_settings, run->qemu, is_back ? error : NULL) && is_back;
}

/*
 * The guest runs there. What is left is to end what is here; the order makes a crash harmless: once
 * "running" is on the disk whoever recovers asks nobody any more, so the agent may forget the session. The
 * journal stays until the agent has been told, now or by a later recovery.
 */
gboolean
source_cleanup(SourceRun *run, GError **error)
{
	g_autoptr(GError) local_error = NULL;
	measure_downtime(run);
	take_last_figures(run);
	gboolean told = FALSE;
	if (journal_append(run->journal, "running", NULL, &local_error) &&
	    journal_sync(run->journal, &local_error))
		told = tell_done(run);
	gboolean ended = end_or_keep_qemu(run, local_error == NULL ? &local_error : NULL);
	learn(run);
	if (told && ended)
		journal_remove(run->journal);
	if (local_error != NULL)
		source_report_left_over(run, "source", local_error);
	return TRUE;
}
