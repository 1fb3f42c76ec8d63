/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The source's two steps in which the stream flows: precopy, while the guest runs, and switchover, from the
 * moment QEMU has stopped it (pre-switchover) until QEMU says that all of it has gone (completed).
 *
 * In the switchover every instruction is downtime: one round trip to the agent, then on.
 */
#include "engine/source/source-run.h"

#include "engine/gw-error.h"
#include "engine/util/error-host.h"
#include "qmp/await.h"
#include "qmp/qmp-error.h"

#define SAMPLE_INTERVAL_MS 100
#define GO_TIMEOUT_MS	   5000
#define SETTLE_TIMEOUT_MS  10000
#define DEATH_TIMEOUT_MS   2000

typedef struct {
	SourceRun *run;
	gboolean (*reached)(QmpMigrateStatus status);
} StatusWait;

static gboolean
has_news(gpointer data)
{
	StatusWait *wait = data;
	return wait->reached(wait->run->qemu->status) || wait->run->qemu->closed != NULL ||
	       wait->run->peer_failure != NULL ||
	       control_conn_get_error(wait->run->peer->conn) != NULL;
}

static gboolean
has_stopped_or_ended(QmpMigrateStatus status)
{
	return status == QMP_MIGRATE_PRE_SWITCHOVER || qmp_migrate_status_is_final(status);
}

/* No more will come from QEMU, though the connection that we share with it is open. Once it is completed
 * the other side has all, and nobody waits. */
static gboolean
has_broken_off(SourceRun *run)
{
	QmpMigrateStatus status = run->qemu->status;
	return run->qemu->closed != NULL ||
	       (qmp_migrate_status_is_final(status) && status != QMP_MIGRATE_COMPLETED);
}

/* Nine tenths of the time that is stated, as for the control connection. */
static gboolean
look_at_channels(SourceRun *run, GError **error)
{
	gint64 limit_us = (gint64)peer_timeout_ms(&run->options->peer) * 900;
	if (channel_watch_look(run->watch, limit_us, error))
		return TRUE;
	error_add_side(error, SIDE_DESTINATION);
	return FALSE;
}

/* One interval: TRUE when it has passed without harm. */
static gboolean
wait_interval(SourceRun *run, StatusWait *wait, GError **error)
{
	g_autoptr(GError) cancelled = NULL;
	g_autoptr(GError) silence = NULL;
	qemu_poll(run->qemu);
	gboolean has_come =
		await_until(has_news, wait, SAMPLE_INTERVAL_MS, run->cancellable, &cancelled);
	gboolean is_silent = !look_at_channels(run, &silence);
	source_sample_take(run);
	if (has_broken_off(run))
		transport_release(run->transport);
	if (!has_come && g_error_matches(cancelled, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
		g_propagate_error(error, g_steal_pointer(&cancelled));
		return FALSE;
	}
	/* QEMU's own verdict says more than what broke because of it. */
	if (wait->reached(run->qemu->status))
		return TRUE;
	if (!source_check(run, error))
		return FALSE;
	if (is_silent)
		g_propagate_error(error, g_steal_pointer(&silence));
	return !is_silent;
}

/* Is there still hope that it ends? */
static gboolean
check_convergence(SourceRun *run, GError **error)
{
	gint64 lasted_us =
		recorder_now_us(run->recorder) - recorder_phase_start_us(run->recorder, "precopy");
	gint64 timeout_us = run->options->timeout_us;
	if (!run->given_up && (timeout_us == 0 || lasted_us < timeout_us))
		return TRUE;
	g_autofree char *reason = source_describe_stall(run);
	if (run->given_up)
		g_set_error(error, GW_ERROR, GW_ERROR_NO_CONVERGENCE, "it will not converge: %s",
			    reason);
	else
		g_set_error(error, GW_ERROR, GW_ERROR_NO_CONVERGENCE,
			    "not converged within %.1f s: %s", (double)timeout_us / 1e6, reason);
	error_add_side(error, SIDE_SOURCE);
	return FALSE;
}

/* A kernel's key is never renewed, and nobody but us sees how much flows under it. The plan has left room; a guest that
 * is sent again and again may use it up. */
static gboolean
check_key(SourceRun *run, GError **error)
{
	const QmpMigrateInfo *info = &run->qemu->info;
	if (g_strcmp0(run->plan->encryption, "kernel-tls") != 0 ||
	    info->ram_transferred_bytes / run->plan->channels < TLS_KEY_BYTES)
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_TLS,
		    "more bytes were sent than are safe under one key: say more --channels");
	error_add_side(error, SIDE_SOURCE);
	return FALSE;
}

gboolean
source_precopy(SourceRun *run, GError **error)
{
	/* The hook may have taken its time, and QEMU takes a broken start badly. */
	if (!source_check(run, error))
		return FALSE;
	/* Earlier migrations of this QEMU have left a status behind. */
	run->qemu->status = QMP_MIGRATE_SETUP;
	run->qemu->stop_us = run->qemu->resume_us = run->qemu->completed_us = 0;
	if (!journal_append(run->journal, "precopy", NULL, error) ||
	    !journal_sync(run->journal, error))
		return FALSE;
	qemu_stderr_mark(&run->qemu->words);
	source_steer_begin(run);
	run->migrate_sent = TRUE;
	transport_start(run->transport);
	if (!qmp_migrate(run->qemu->qmp, run->transport->uri, error)) {
		/* Refused, nothing has begun; the channel may still be QEMU's. */
		run->migrate_sent = !qmp_error_is_refusal(*error);
		error_add_side(error, SIDE_SOURCE);
		return FALSE;
	}
	StatusWait wait = { run, has_stopped_or_ended };
	while (!has_stopped_or_ended(run->qemu->status))
		if (!wait_interval(run, &wait, error) || !check_key(run, error) ||
		    (!has_stopped_or_ended(run->qemu->status) && !check_convergence(run, error)))
			return FALSE;
	if (run->qemu->status == QMP_MIGRATE_PRE_SWITCHOVER)
		return TRUE;
	g_propagate_error(error, source_migration_error(run));
	return FALSE;
}

static void
sever_stream(gpointer data)
{
	transport_sever(data);
}

/*
 * A defect of QEMU's (10.0 was seen): when its channels of multifd break while it begins, its migration may hang in
 * "cancelling" for ever. The stream is severed and the guest goes on as if nothing were, so nothing is lost but
 * the next migration of this QEMU.
 */
static gboolean
is_stuck_cancelling(SourceRun *run)
{
	QmpStatus status;
	g_autoptr(GError) error = NULL;
	if (run->qemu->closed != NULL || run->qemu->status != QMP_MIGRATE_CANCELLING ||
	    !qmp_query_status(run->qemu->qmp, &status, &error))
		return FALSE;
	QmpRunState as_it_was = run->source->running ? QMP_RUN_RUNNING : QMP_RUN_PAUSED;
	if (status.run_state != as_it_was)
		return FALSE;
	recorder_event(run->recorder, "source", "QEMU's migration hangs in 'cancelling'", NULL,
		       g_get_real_time());
	return TRUE;
}

/* Somebody else (a monitor beside ours) may have cancelled or resumed: what counts is how it ends up. */
gboolean
source_precopy_undo(SourceRun *run, GError **error)
{
	g_autoptr(GError) stuck = NULL;
	if (!run->migrate_sent)
		return TRUE;
	if (run->qemu->closed != NULL) {
		g_propagate_error(error, g_error_copy(run->qemu->closed));
		return FALSE;
	}
	if (!qmp_migrate_status_is_final(run->qemu->status) &&
	    !qemu_cancel_migration(run->qemu, sever_stream, run->transport, &stuck) &&
	    !is_stuck_cancelling(run)) {
		g_propagate_error(error, g_steal_pointer(&stuck));
		return FALSE;
	}
	qemu_release_failed(run->qemu);
	return !run->source->running || qemu_ensure_running(run->qemu, SETTLE_TIMEOUT_MS, error);
}

static gboolean
ask_go(SourceRun *run, GError **error)
{
	int timeout_ms = MAX(GO_TIMEOUT_MS, (int)peer_timeout_ms(&run->options->peer));
	g_autoptr(JsonObject) reply = control_conn_call(run->peer->conn, CONTROL_SWITCHOVER, NULL,
							timeout_ms, run->cancellable, error);
	if (reply == NULL)
		error_add_side(error, SIDE_DESTINATION);
	return reply != NULL;
}

static gboolean
destination_has_decided(gpointer data)
{
	SourceRun *run = data;
	return run->destination_completed || source_peer_has_spoken(run);
}

/*
 * The source's QEMU is gone. If it was proven to die with everything sent, and the destination has loaded
 * everything, then there is one copy of the guest and it is theirs: better run than lost.
 */
static gboolean
accept_dead_source(SourceRun *run, GError **error)
{
	g_autoptr(GError) why = g_error_copy(run->qemu->closed);
	gboolean is_theirs =
		qemu_is_proven_gone(run->qemu, DEATH_TIMEOUT_MS) &&
		await_until(destination_has_decided, run, DEATH_TIMEOUT_MS, NULL, NULL) &&
		run->destination_completed;
	if (is_theirs)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&why));
	return FALSE;
}

static gboolean
wait_completed(SourceRun *run, GError **error)
{
	StatusWait wait = { run, qmp_migrate_status_is_final };
	while (!qmp_migrate_status_is_final(run->qemu->status)) {
		if (run->qemu->closed != NULL)
			return accept_dead_source(run, error);
		if (!wait_interval(run, &wait, error) && run->qemu->closed == NULL)
			return FALSE;
		if (run->qemu->closed != NULL)
			g_clear_error(error);
	}
	if (run->qemu->status == QMP_MIGRATE_COMPLETED)
		return TRUE;
	g_propagate_error(error, source_migration_error(run));
	return FALSE;
}

gboolean
source_switchover(SourceRun *run, GError **error)
{
	/* What was sent until the guest stopped; the answer to the last poll may be older. */
	qemu_poll_afresh(run->qemu);
	if (!ask_go(run, error))
		return FALSE;
	run->continue_us = g_get_real_time();
	if (!qmp_migrate_continue(run->qemu->qmp, error) && run->qemu->closed == NULL) {
		error_add_side(error, SIDE_SOURCE);
		return FALSE;
	}
	if (run->qemu->closed != NULL)
		g_clear_error(error);
	source_sample_take(run);
	return wait_completed(run, error);
}
