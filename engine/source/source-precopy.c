/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The source's two steps in which the stream is sent: precopy, while the guest runs, and
 * switchover, from the moment at which QEMU has stopped it (pre-switchover) until QEMU says that
 * everything is sent (completed).
 *
 * In the switchover all time is downtime, so there is only one round trip to the agent.
 */
#include "engine/source/source-precopy.h"

#include "engine/gw-error.h"
#include "engine/source/source-converge.h"
#include "engine/source/source-disks.h"
#include "engine/source/source-failure.h"
#include "engine/source/source-ownership.h"
#include "engine/source/source-sample.h"
#include "engine/util/error-host.h"
#include "qmp/await.h"
#include "qmp/qmp-block-activate.h"
#include "qmp/qmp-error.h"

#define SAMPLE_INTERVAL_MS 100
#define GO_TIMEOUT_MS	   5000

typedef struct {
	SourceRun *run;
	gboolean (*reached)(QmpMigrateStatus status);
} StatusWait;

static gboolean
has_news(gpointer data)
{
	StatusWait *wait = data;
	return wait->reached(wait->run->qemu->status) || wait->run->qemu->closed != NULL ||
	       wait->run->notices.failure != NULL ||
	       transport_is_broken(wait->run->channels.transport) ||
	       control_conn_get_error(wait->run->peer->conn) != NULL;
}

static gboolean
has_stopped_or_ended(QmpMigrateStatus status)
{
	return status == QMP_MIGRATE_PRE_SWITCHOVER || qmp_migrate_status_is_final(status);
}

/* QEMU sends no more, but has not sent everything. The destination would wait forever, since our
 * copy of the socket keeps the connection open. */
static gboolean
has_stopped_sending(SourceRun *run)
{
	QmpMigrateStatus status = run->qemu->status;
	return run->qemu->closed != NULL ||
	       (qmp_migrate_status_is_final(status) && status != QMP_MIGRATE_COMPLETED);
}

/* Give up at 90 % of --peer-timeout, so that one more sample interval still fits into it. */
static gboolean
check_channels(SourceRun *run, GError **error)
{
	gint64 limit_us = (gint64)peer_timeout_ms(&run->options->peer) * 900;
	if (channel_watch_look(run->channels.watch, limit_us, error))
		return TRUE;
	error_add_side(error, SIDE_DESTINATION);
	return FALSE;
}

/* The relay hides from QEMU that a channel is lost, so the run has to look: see relay.c. */
static gboolean
check_transport(SourceRun *run, GError **error)
{
	if (!transport_is_broken(run->channels.transport) || run->qemu->closed != NULL)
		return TRUE;
	g_autoptr(GError) ignored = NULL;
	/* At once: until then QEMU sends at full speed what is thrown away. If it fails, the undo
	 * of pre-copy cancels again and reports it. */
	if (!qemu_cancel_migration(run->qemu, NULL, NULL, &ignored))
		g_debug("cancel after a lost channel: %s", ignored->message);
	g_propagate_error(error, source_channel_error(run));
	return FALSE;
}

/* Waits for one sample interval. TRUE when the migration can go on, or has reached the status. */
static gboolean
wait_interval(SourceRun *run, StatusWait *wait, GError **error)
{
	g_autoptr(GError) cancelled = NULL;
	g_autoptr(GError) silence = NULL;
	qemu_poll(run->qemu);
	gboolean has_come =
		await_until(has_news, wait, SAMPLE_INTERVAL_MS, run->cancellable, &cancelled);
	gboolean is_silent = !check_channels(run, &silence);
	source_sample_take(run);
	if (has_stopped_sending(run))
		transport_release(run->channels.transport);
	if (!has_come && g_error_matches(cancelled, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
		g_propagate_error(error, g_steal_pointer(&cancelled));
		return FALSE;
	}
	/* QEMU's own status says more than what fails because of it. */
	if (wait->reached(run->qemu->status))
		return TRUE;
	if (!check_transport(run, error) || !source_check(run, error))
		return FALSE;
	if (is_silent)
		g_propagate_error(error, g_steal_pointer(&silence));
	return !is_silent;
}

/* Can pre-copy still end? */
static gboolean
check_convergence(SourceRun *run, GError **error)
{
	gint64 lasted_us =
		recorder_now_us(run->recorder) - recorder_phase_start_us(run->recorder, "precopy");
	gint64 timeout_us = run->options->timeout_us;
	if (!run->convergence.given_up && (timeout_us == 0 || lasted_us < timeout_us))
		return TRUE;
	g_autofree char *reason = source_describe_stall(run);
	if (run->convergence.given_up)
		g_set_error(error, GW_ERROR, GW_ERROR_NO_CONVERGENCE, "it will not converge: %s",
			    reason);
	else
		g_set_error(error, GW_ERROR, GW_ERROR_NO_CONVERGENCE,
			    "not converged within %.1f s: %s", (double)timeout_us / 1e6, reason);
	error_add_side(error, SIDE_SOURCE);
	return FALSE;
}

/* The kernel never renews its TLS key, and only we count the bytes under it. The plan leaves
 * room, but a guest whose pages are sent again and again may use it up. */
static gboolean
check_key(SourceRun *run, GError **error)
{
	const QmpMigrateInfo *info = &run->qemu->info;
	if (g_strcmp0(run->plan->encryption, "kernel-tls") != 0 ||
	    info->ram_transferred_bytes / run->plan->channels < TLS_KEY_BYTES)
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_TLS,
		    "more bytes were sent than are safe under one key: use more --channels");
	error_add_side(error, SIDE_SOURCE);
	return FALSE;
}

/* What a recovery has to restore. */
static gboolean
write_run_state(SourceRun *run, GError **error)
{
	JsonObject *facts = json_object_new();
	json_object_set_boolean_member(facts, "was_running", source_was_live_here(run));
	return journal_append(run->journal, JOURNAL_PRECOPY, facts, error);
}

/* A QEMU before 9.0 wakes a sleeping guest just before it stops it for a migration: the guest would
 * be another one. */
static gboolean
check_sleep(SourceRun *run, GError **error)
{
	/* This capability came with the same version as what keeps the guest asleep. */
	static const char keeps_asleep[] = "mapped-ram";
	const GwSurvey *surveys[] = { run->surveys.source, run->surveys.destination };
	for (guint i = 0; i < G_N_ELEMENTS(surveys) && run->qemu->run.is_suspended; i++) {
		const char *const *names = (const char *const *)surveys[i]->capabilities;
		if (names != NULL && g_strv_contains(names, keeps_asleep))
			continue;
		g_set_error(error, GW_ERROR, GW_ERROR_MIGRATION,
			    "the guest has fallen asleep (suspended), and the %s's QEMU would wake "
			    "it: wake it first (system_wakeup)",
			    i == 0 ? "source" : "destination");
		error_add_side(error, SIDE_SOURCE);
		return FALSE;
	}
	return TRUE;
}

/* A guest that came here standing still, and has stood still since. */
static gboolean
activate_disks(SourceRun *run, GError **error)
{
	if (run->qemu->run.is_live || qmp_activate_disks(run->qemu->qmp, error))
		return TRUE;
	g_prefix_error(error, "its disks cannot be taken into use, 'cont' and 'stop' it first: ");
	error_add_side(error, SIDE_SOURCE);
	return FALSE;
}

gboolean
source_precopy(SourceRun *run, GError **error)
{
	/* The hook may have taken long, and a QEMU may hang when its channels break at the
	 * start. */
	if (!source_check(run, error))
		return FALSE;
	/* An earlier migration of this QEMU may have left a status. */
	run->qemu->status = QMP_MIGRATE_SETUP;
	run->qemu->stop_us = run->qemu->resume_us = run->qemu->completed_us = 0;
	/* Now, when it costs no downtime: the record is on the disk before a COMMIT can go out. */
	if (!qemu_follow_run(run->qemu, error) || !source_own_send(run, error) ||
	    !activate_disks(run, error))
		return FALSE;
	if (!write_run_state(run, error) || !journal_sync(run->journal, error))
		return FALSE;
	qemu_stderr_mark(&run->qemu->words);
	source_converge_begin(run);
	run->precopy.migrate_sent = TRUE;
	transport_start(run->channels.transport);
	if (!qmp_migrate(run->qemu->qmp, run->channels.transport->uri, error)) {
		/* When QEMU refuses nothing has begun. After a lost answer it may have. */
		run->precopy.migrate_sent = !qmp_error_is_refusal(*error);
		error_add_side(error, SIDE_SOURCE);
		return FALSE;
	}
	StatusWait wait = { run, has_stopped_or_ended };
	while (!has_stopped_or_ended(run->qemu->status))
		if (!wait_interval(run, &wait, error) || !check_key(run, error) ||
		    !check_sleep(run, error) ||
		    (!has_stopped_or_ended(run->qemu->status) && !check_convergence(run, error)))
			return FALSE;
	if (run->qemu->status == QMP_MIGRATE_PRE_SWITCHOVER)
		return check_transport(run, error);
	g_propagate_error(error, source_migration_error(run));
	return FALSE;
}

static void
sever_stream(gpointer data)
{
	transport_sever(data);
}

/*
 * A defect of QEMU (seen with 10.0): when its multifd channels break at the start, the migration
 * may hang in "cancelling" forever. The stream is cut and the guest runs on, so only the next
 * migration of this QEMU is lost.
 */
static gboolean
is_stuck_cancelling(SourceRun *run)
{
	QmpStatus status;
	g_autoptr(GError) error = NULL;
	if (run->qemu->closed != NULL || run->qemu->status != QMP_MIGRATE_CANCELLING ||
	    !qmp_query_status(run->qemu->qmp, &status, &error))
		return FALSE;
	if (run_state_wants_cont(RUN_AT_SOURCE, status.run_state, TRUE))
		return FALSE;
	recorder_event(run->recorder, side_to_string(SIDE_SOURCE),
		       "QEMU's migration hangs in 'cancelling'", NULL, g_get_monotonic_time());
	return TRUE;
}

/* Another client of QEMU may have cancelled or resumed, so only the final state counts. */
gboolean
source_precopy_undo(SourceRun *run, GError **error)
{
	g_autoptr(GError) stuck = NULL;
	if (!run->precopy.migrate_sent)
		return TRUE;
	if (run->qemu->closed != NULL) {
		g_propagate_error(error, g_error_copy(run->qemu->closed));
		return FALSE;
	}
	if (!qmp_migrate_status_is_final(run->qemu->status) &&
	    !qemu_cancel_migration(run->qemu, sever_stream, run->channels.transport, &stuck) &&
	    !is_stuck_cancelling(run)) {
		g_propagate_error(error, g_steal_pointer(&stuck));
		return FALSE;
	}
	qemu_release_failed(run->qemu);
	return qemu_restore_run(run->qemu, RUN_AT_SOURCE, source_was_live_here(run), error);
}

static gboolean
ask_go(SourceRun *run, GError **error)
{
	int timeout_ms = MAX(GO_TIMEOUT_MS, (int)peer_timeout_ms(&run->options->peer));
	g_autoptr(JsonObject) reply = control_conn_call(run->peer->conn, CONTROL_SWITCHOVER, NULL,
							timeout_ms, run->cancellable, error);
	if (reply == NULL)
		error_add_side(error, SIDE_DESTINATION);
	else
		run->switchover.go_hook_us += source_read_hook_us(reply);
	return reply != NULL;
}

static gboolean
destination_has_decided(gpointer data)
{
	SourceRun *run = data;
	return run->notices.destination_completed || source_peer_has_failed(run);
}

/*
 * The source's QEMU has died. If that is proven, and the destination has loaded everything, then
 * the destination has the only copy of the guest, and it should run there.
 */
static gboolean
accept_dead_source(SourceRun *run, GError **error)
{
	g_autoptr(GError) why = g_error_copy(run->qemu->closed);
	gboolean is_complete =
		qemu_is_proven_gone(run->qemu, QEMU_DEATH_TIMEOUT_MS) &&
		await_until(destination_has_decided, run, QEMU_DEATH_TIMEOUT_MS, NULL, NULL) &&
		run->notices.destination_completed;
	if (is_complete)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&why));
	return FALSE;
}

/* Waits until QEMU says its final status, or dies: then what fails because of that is no error. */
static gboolean
wait_final_or_death(SourceRun *run, GError **error)
{
	StatusWait wait = { run, qmp_migrate_status_is_final };
	while (!qmp_migrate_status_is_final(run->qemu->status) && run->qemu->closed == NULL) {
		g_autoptr(GError) failure = NULL;
		if (wait_interval(run, &wait, &failure) || run->qemu->closed != NULL)
			continue;
		g_propagate_error(error, g_steal_pointer(&failure));
		return FALSE;
	}
	return TRUE;
}

static gboolean
wait_completed(SourceRun *run, GError **error)
{
	if (!wait_final_or_death(run, error))
		return FALSE;
	if (!qmp_migrate_status_is_final(run->qemu->status))
		return accept_dead_source(run, error);
	if (run->qemu->status == QMP_MIGRATE_COMPLETED)
		return TRUE;
	g_propagate_error(error, source_migration_error(run));
	return FALSE;
}

gboolean
source_switchover(SourceRun *run, GError **error)
{
	/* The figures of the moment at which the guest stopped; the answer to the last poll may
	 * be older. */
	qemu_poll_afresh(run->qemu);
	/* QEMU answers while we wait for the agent. */
	g_autoptr(QmpBatch) disks = source_disks_ask(run);
	if (!ask_go(run, error) || !check_transport(run, error) ||
	    !source_disks_check(run, disks, error) || !write_run_state(run, error))
		return FALSE;
	run->switchover.continue_us = g_get_monotonic_time();
	g_autoptr(GError) refused = NULL;
	if (!qmp_migrate_continue(run->qemu->qmp, &refused) && run->qemu->closed == NULL) {
		error_add_side(&refused, SIDE_SOURCE);
		g_propagate_error(error, g_steal_pointer(&refused));
		return FALSE;
	}
	source_sample_take(run);
	return wait_completed(run, error);
}
