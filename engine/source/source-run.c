/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Runs the steps of a migration on the source, and undoes them when one of them fails.
 *
 * The rules of the hand-over, as far as they concern this file:
 * - up to the commit any failure undoes the steps backwards, and the guest runs on here;
 * - %GW_ERROR_UNKNOWN undoes nothing: when nobody can know, nobody acts, and the journal stays;
 * - a refused commit is an ordinary failure: the destination has proven that it does not run the
 *   guest.
 */
#include "engine/source/source-run.h"

#include <string.h>

#include "engine/data/report-json.h"
#include "engine/gw-error.h"
#include "engine/source/source-commit.h"
#include "engine/source/source-failure.h"
#include "engine/source/source-ownership.h"
#include "engine/source/source-precopy.h"
#include "engine/source/source-prepare.h"
#include "engine/util/error-host.h"
#include "engine/util/hook.h"
#include "engine/util/scoped-context.h"

typedef struct {
	const char *phase;
	gboolean (*run)(SourceRun *run, GError **error);
	/* (nullable): also for a step that failed half-way */
	gboolean (*undo)(SourceRun *run, GError **error);
} SourceStep;

static const SourceStep steps[] = {
	{ "connect", source_connect, NULL },
	{ "survey", source_survey, source_survey_undo }, /* the agent ends its QEMU */
	{ "plan", source_plan, NULL },
	{ "prepare", source_prepare, source_prepare_undo },
	{ "setup", source_setup, source_setup_undo },
	{ "precopy", source_precopy, source_precopy_undo }, /* cancel, and the guest runs */
	{ "switchover", source_switchover, NULL },
	{ "commit", source_commit, NULL },
	{ "cleanup", source_cleanup, NULL },
};
#define CHECK_STEPS 3 /* up to the plan */

/* After the commit nothing can be undone: a cancel and a failed hook are too late. */
static gboolean
run_step_after_commit(SourceRun *run, const SourceStep *step, GError **error)
{
	g_autoptr(GError) too_late = NULL;
	if (!hook_run(run->options->hook, step->phase, run->vm_name, side_to_string(SIDE_SOURCE),
		      HOOK_TIMEOUT_MS, &too_late))
		recorder_event(run->recorder, "engine", "hook failed", NULL,
			       g_get_monotonic_time());
	return step->run(run, error);
}

/* In these two phases the guest is stopped: their hooks are a part of its downtime. */
static gboolean
run_hook(SourceRun *run, const char *hook, const char *phase, GError **error)
{
	gint64 begin_us = g_get_monotonic_time();
	if (!hook_run(hook, phase, run->vm_name, side_to_string(SIDE_SOURCE), HOOK_TIMEOUT_MS,
		      error))
		return FALSE;
	gint64 lasted_us = hook != NULL ? g_get_monotonic_time() - begin_us : 0;
	if (strcmp(phase, "switchover") == 0)
		run->switchover.go_hook_us += lasted_us;
	else if (strcmp(phase, "commit") == 0)
		run->switchover.commit_hook_us += lasted_us;
	return TRUE;
}

static gboolean
run_step(SourceRun *run, const SourceStep *step, GError **error)
{
	recorder_phase(run->recorder, step->phase);
	if (run->commit.is_committed)
		return run_step_after_commit(run, step, error);
	const char *hook =
		run->check_only ? NULL : run->options->hook; /* a check touches nothing */
	return !g_cancellable_set_error_if_cancelled(run->cancellable, error) &&
	       run_hook(run, hook, step->phase, error) && step->run(run, error);
}

/* Undoes the steps from @last backwards. Every undo is tried; the first error is kept. */
static gboolean
roll_back(SourceRun *run, guint last, GError **error)
{
	gboolean undone = TRUE;
	recorder_phase(run->recorder, "rollback");
	for (guint i = last + 1; i > 0; i--) {
		const SourceStep *step = &steps[i - 1];
		g_autoptr(GError) local_error = NULL;
		if (step->undo == NULL || step->undo(run, &local_error))
			continue;
		if (undone)
			g_propagate_prefixed_error(error, g_steal_pointer(&local_error),
						   "undoing %s: ", step->phase);
		undone = FALSE;
	}
	return undone;
}

/*
 * Has somebody else moved the guest away? Our own migration never began then, and has left nothing
 * open. One of ours that was undone may leave "postmigrate" too: QEMU 7.2 says so for a guest that
 * stood still.
 */
static gboolean
has_left(SourceRun *run)
{
	QmpStatus status;
	g_autoptr(GError) unknown = NULL;
	if (run->precopy.migrate_sent)
		return FALSE;
	if (g_error_matches(run->failure, GW_ERROR, GW_ERROR_HANDED_OVER))
		return TRUE;
	return run->ownership.is_here && run->qemu->closed == NULL &&
	       qmp_query_status(run->qemu->qmp, &status, &unknown) &&
	       status.run_state == QMP_RUN_POSTMIGRATE;
}

/* Where the guest is after a rollback. */
static GwPlace
place_after_failure(SourceRun *run, gboolean undone)
{
	if (run->qemu == NULL)
		return source_own_guess_place(run);
	/* A process that dies closes its monitor a moment before it is gone. */
	if (qemu_is_proven_gone(run->qemu, run->qemu->closed != NULL ? QEMU_DEATH_TIMEOUT_MS : 0))
		return GW_PLACE_NONE;
	if (!run->ownership.is_here && run->journal == NULL)
		return GW_PLACE_AS_BEFORE;
	return undone && run->qemu->closed == NULL ? GW_PLACE_SOURCE : GW_PLACE_UNKNOWN;
}

static void
report_error(SourceRun *run, const char *phase, const GError *error, const GError *undo_error)
{
	GwReport *report = recorder_get_report(run->recorder);
	Side side = error_is_at(error, SIDE_DESTINATION) ? SIDE_DESTINATION : SIDE_SOURCE;
	report->error_code = gw_error_code(error);
	report->error_host = g_strdup(side_to_string(side));
	report->error_phase = g_strdup(phase);
	report->error_message =
		undo_error == NULL
			? g_strdup(error->message)
			: g_strdup_printf("%s; and then: %s", error->message, undo_error->message);
	if (run->qemu != NULL && report->error_qemu_source == NULL)
		report->error_qemu_source = run->qemu->info.error_desc != NULL
						    ? g_strdup(run->qemu->info.error_desc)
						    : qemu_stderr_tail(&run->qemu->words);
	if (run->notices.failure != NULL && report->error_qemu_destination == NULL)
		report->error_qemu_destination = g_strdup(error_peek_text(run->notices.failure));
}

/* When our QEMU dies the destination fails too, and its error may arrive first: that error is
 * not the reason. */
static gboolean
is_consequence(SourceRun *run, const GError *error)
{
	GwReport *report = recorder_get_report(run->recorder);
	return report->vm_runs_on == GW_PLACE_NONE && report->outcome == GW_OUTCOME_FAILED &&
	       !g_error_matches(error, GW_ERROR, GW_ERROR_REFUSED) &&
	       error_is_at(error, SIDE_DESTINATION);
}

static void
report_failure(SourceRun *run, const char *phase, const GError *error, const GError *undo_error)
{
	g_autoptr(GError) death = NULL;
	if (is_consequence(run, error))
		death = g_error_new(GW_ERROR, GW_ERROR_MONITOR_LOST, "QEMU has died (%s)",
				    error->message);
	error_add_side(&death, SIDE_SOURCE);
	report_error(run, phase, death != NULL ? death : error, undo_error);
}

/* The guest runs on here: has it lost the contents of a vGPU? */
static void
check_for_reset(SourceRun *run, GError **error)
{
	g_autofree char *text = run->qemu != NULL ? source_describe_reset(run) : NULL;
	if (text != NULL)
		g_set_error(error, GW_ERROR, GW_ERROR_VGPU, "%s", text);
}

/* How the guest is here, unless it runs. */
static void
report_state(SourceRun *run)
{
	QmpStatus status;
	g_autoptr(GError) unknown = NULL;
	if (run->qemu != NULL && qmp_query_status(run->qemu->qmp, &status, &unknown))
		recorder_get_report(run->recorder)->vm_state =
			g_strdup(run_state_describe(status.run_state));
}

/* The agent may have said that somebody has started the guest there. Then that is what counts, and
 * not why this side gives up. */
static const GError *
choose_cause(const SourceRun *run, const GError *error)
{
	const GError *failure = run->notices.failure;
	return g_error_matches(failure, GW_ERROR, GW_ERROR_UNKNOWN) ? failure : error;
}

static void
fail(SourceRun *run, guint failed_step, const GError *error)
{
	GwReport *report = recorder_get_report(run->recorder);
	g_autoptr(GError) undo_error = NULL;
	g_autoptr(GError) record_error = NULL;
	report->outcome = outcome_from_error_code(gw_error_code(error));
	run->failure = error;
	if (g_error_matches(error, GW_ERROR, GW_ERROR_UNKNOWN)) {
		report->vm_runs_on = GW_PLACE_UNKNOWN;
		report_error(run, steps[failed_step].phase, error, NULL);
		return;
	}
	gboolean undone = roll_back(run, failed_step, &undo_error);
	gboolean left = has_left(run);
	report->vm_runs_on = left ? GW_PLACE_UNKNOWN : place_after_failure(run, undone);
	gboolean is_settled = left || report->vm_runs_on != GW_PLACE_UNKNOWN;
	if (report->vm_runs_on == GW_PLACE_SOURCE) {
		check_for_reset(run, &undo_error);
		report_state(run);
	} else if (report->vm_runs_on == GW_PLACE_UNKNOWN)
		report->outcome = GW_OUTCOME_UNKNOWN;
	if (is_settled && !source_own_undo(run, &record_error))
		source_report_left_over(run, SIDE_SOURCE, record_error);
	report_failure(run, steps[failed_step].phase, error, undo_error);
	if (run->journal != NULL && record_error == NULL && is_settled)
		journal_remove(run->journal);
	run->failure = NULL;
}

static void
run_steps(SourceRun *run, guint n_steps)
{
	for (guint i = 0; i < n_steps; i++) {
		g_autoptr(GError) error = NULL;
		if (run_step(run, &steps[i], &error))
			continue;
		fail(run, i, choose_cause(run, error));
		return;
	}
	GwReport *report = recorder_get_report(run->recorder);
	report->outcome = GW_OUTCOME_COMPLETED;
	report->vm_runs_on = run->commit.is_committed ? GW_PLACE_DESTINATION : GW_PLACE_SOURCE;
}

/* A check changes nothing: the agent ends what it started for it, whatever the outcome. */
static void
end_check(SourceRun *run)
{
	g_autoptr(GError) error = NULL;
	if (!source_survey_undo(run, &error))
		g_debug("check: %s", error->message);
}

GwReport *
source_run(const SourceOptions *options, gboolean check_only, GCancellable *cancellable,
	   const RecorderListener *listener, gpointer data)
{
	g_auto(PrivateContext) context = private_context_push();
	g_auto(SourceRun)
		run = { .options = options, .check_only = check_only, .cancellable = cancellable };
	run.recorder = recorder_new(listener, data);
	run.session = g_uuid_string_random();
	run.vm_name = g_strdup(options->vm_name);

	run_steps(&run, check_only ? CHECK_STEPS : G_N_ELEMENTS(steps));
	GwReport *report = recorder_get_report(run.recorder);
	if (check_only && report->outcome == GW_OUTCOME_COMPLETED)
		end_check(&run);
	report->plan = g_steal_pointer(&run.plan);
	return recorder_finish(run.recorder);
}
