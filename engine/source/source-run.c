/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Walks the steps of a migration on the source, and back when one of them fails.
 *
 * The rules of the hand-over, as they show here:
 * - up to the commit any failure walks the undos backwards, and the guest runs on here;
 * - %GW_ERROR_UNKNOWN walks nothing: when nobody can know, nobody acts, and the journal stays;
 * - a commit that was refused is an ordinary failure: the destination has proven that it runs nothing.
 */
#include "engine/source/source-run.h"

#include <string.h>

#include "engine/gw-error.h"
#include "engine/util/error-host.h"
#include "engine/util/hook.h"
#include "engine/util/scoped-context.h"

#define HOOK_TIMEOUT_MS	 60000
#define DEATH_TIMEOUT_MS 2000

static const SourceStep steps[] = {
	{ "connect", source_connect, NULL },
	{ "survey", source_survey, source_survey_undo }, /* the agent ends its QEMU */
	{ "plan", source_plan, NULL },
	{ "prepare", source_prepare, NULL },
	{ "setup", source_setup, source_setup_undo },
	{ "precopy", source_precopy, source_precopy_undo }, /* cancel, and the guest runs */
	{ "switchover", source_switchover, NULL },
	{ "commit", source_commit, NULL },
	{ "cleanup", source_cleanup, NULL },
};
#define CHECK_STEPS 3 /* as far as the plan */

/* After the commit nothing can be taken back: a cancel, and a hook's no, come too late. */
static gboolean
run_step_after_commit(SourceRun *run, const SourceStep *step, GError **error)
{
	g_autoptr(GError) too_late = NULL;
	if (!hook_run(run->options->hook, step->phase, run->vm_name, "source", HOOK_TIMEOUT_MS,
		      &too_late))
		recorder_event(run->recorder, "engine", "hook failed", NULL, g_get_real_time());
	return step->run(run, error);
}

static gboolean
run_step(SourceRun *run, const SourceStep *step, GError **error)
{
	recorder_phase(run->recorder, step->phase);
	if (run->is_committed)
		return run_step_after_commit(run, step, error);
	return !g_cancellable_set_error_if_cancelled(run->cancellable, error) &&
	       hook_run(run->options->hook, step->phase, run->vm_name, "source", HOOK_TIMEOUT_MS,
			error) &&
	       step->run(run, error);
}

/* Undoes from step @last backwards; every undo is tried, the first error is kept. */
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

/* Where the guest is after a failure that was walked back. */
static GwPlace
place_after_failure(SourceRun *run, gboolean undone)
{
	if (run->qemu == NULL)
		return GW_PLACE_SOURCE; /* we never touched it */
	/* A dying process closes its monitor a moment before it is dead. */
	if (qemu_is_proven_gone(run->qemu, run->qemu->closed != NULL ? DEATH_TIMEOUT_MS : 0))
		return GW_PLACE_NONE;
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
	if (run->peer_failure != NULL && report->error_qemu_destination == NULL)
		report->error_qemu_destination = g_strdup(run->peer_failure->message);
}

/* Our QEMU has died: what broke at the other end because of it, and was heard of first, is not the reason. */
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

/* The guest goes on here; with all that was its? */
static void
look_for_reset(SourceRun *run, GError **error)
{
	g_autofree char *text = run->qemu != NULL ? source_describe_reset(run) : NULL;
	if (text != NULL)
		g_set_error(error, GW_ERROR, GW_ERROR_VGPU, "%s", text);
}

static void
fail(SourceRun *run, guint failed_step, const GError *error)
{
	GwReport *report = recorder_get_report(run->recorder);
	g_autoptr(GError) undo_error = NULL;
	report->outcome = outcome_from_error_code(gw_error_code(error));
	run->failure = error;
	if (report->outcome == GW_OUTCOME_UNKNOWN) {
		report->vm_runs_on = GW_PLACE_UNKNOWN;
		report_error(run, steps[failed_step].phase, error, NULL);
		return;
	}
	gboolean undone = roll_back(run, failed_step, &undo_error);
	report->vm_runs_on = place_after_failure(run, undone);
	if (report->vm_runs_on == GW_PLACE_SOURCE)
		look_for_reset(run, &undo_error);
	if (report->vm_runs_on == GW_PLACE_UNKNOWN)
		report->outcome = GW_OUTCOME_UNKNOWN;
	report_failure(run, steps[failed_step].phase, error, undo_error);
	if (run->journal != NULL && report->vm_runs_on != GW_PLACE_UNKNOWN)
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
		fail(run, i, error);
		return;
	}
	GwReport *report = recorder_get_report(run->recorder);
	report->outcome = GW_OUTCOME_COMPLETED;
	report->vm_runs_on = run->is_committed ? GW_PLACE_DESTINATION : GW_PLACE_SOURCE;
}

/* A check changes nothing, so what the agent did for it goes away in any case. */
static void
end_check(SourceRun *run)
{
	g_autoptr(GError) error = NULL;
	if (!source_survey_undo(run, &error))
		g_debug("check: %s", error->message);
}

static void
source_run_clear(SourceRun *run)
{
	channel_watch_free(run->watch);
	transport_free(run->transport);
	source_sample_clear(run);
	converge_free(run->converge);
	peer_free(run->peer);
	qemu_free(run->qemu);
	gw_survey_free(run->source);
	gw_survey_free(run->destination);
	gw_plan_free(run->plan);
	journal_free(run->journal);
	recorder_free(run->recorder);
	settings_free(run->former_settings);
	g_clear_error(&run->peer_failure);
	g_free(run->vm_name);
	g_free(run->session);
	g_free(run->agent_id);
	g_free(run->token);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SourceRun, source_run_clear)

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
