/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwit check: asks both hosts and prints the plan of a migration, or everything that prevents it.
 * It changes nothing on either host.
 */
#include <stdio.h>
#include <unistd.h>

#include "engine/gw-dirty-rate.h"
#include "tools/loop.h"
#include "tools/plan-text.h"
#include "tools/report-text.h"
#include "tools/session-options.h"

typedef struct {
	SessionOptions session;
	gboolean all;
	gboolean json;
} CheckOptions;

#define MEASURE_US (3 * G_USEC_PER_SEC)

typedef struct {
	GMainLoop *loop;
	GCancellable *cancellable;
	GwReport *report;
	GwDirtyRate *rate; /* (nullable) */
} Run;

static void
on_finished(GObject *session, GAsyncResult *result, gpointer data)
{
	Run *run = data;
	run->report = gw_session_finish(GW_SESSION(session), result);
	g_main_loop_quit(run->loop);
}

static void
on_measured(GObject *source, GAsyncResult *result, gpointer data)
{
	Run *run = data;
	g_autoptr(GError) error = NULL;
	run->rate = gw_dirty_rate_finish(result, &error);
	if (error != NULL)
		fprintf(stderr, "godwit: cannot make a prediction: %s\n", error->message);
	g_main_loop_quit(run->loop);
}

/* A prediction needs two things: a measured dirty rate, and a bandwidth that the user gives. */
static void
predict(Run *run, const SessionOptions *options)
{
	GwPlan *plan = run->report->plan;
	g_autofree char *qmp = NULL;
	g_autofree char *name = NULL;
	if (plan == NULL || plan->bandwidth_bytes_per_s <= 0 || !gw_plan_is_possible(plan) ||
	    monitor_from_options(options->vm, options->qmp, &qmp, &name) != 0)
		return;
	GwDirtyRateOptions wanted = { .qmp_path = qmp,
				      .time_us = MEASURE_US,
				      .bandwidth_bytes_per_s = plan->bandwidth_bytes_per_s,
				      .downtime_limit_us = plan->downtime_limit_us,
				      .state_dir = options->state_dir };
	gw_dirty_rate_async(&wanted, run->cancellable, on_measured, run);
	loop_run(run->loop, run->cancellable);
	if (run->rate != NULL)
		plan->prediction = g_steal_pointer(&run->rate->prediction);
	gw_dirty_rate_free(run->rate);
}

/* (transfer full) */
static GwReport *
run_check(GwSession *session, const SessionOptions *options)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	Run run = { .loop = loop, .cancellable = cancellable };
	gw_session_check_async(session, cancellable, on_finished, &run);
	loop_run(loop, cancellable);
	predict(&run, options);
	return run.report;
}

static int
check(gpointer data, char **arguments)
{
	CheckOptions *options = data;
	g_autoptr(GwSession) session = NULL;
	int exit_code = session_options_apply(&options->session, &session);
	if (exit_code != 0)
		return exit_code;
	g_autoptr(GwReport) report = run_check(session, &options->session);
	gboolean planned = report->plan != NULL;
	PlanTextFlags flags =
		plan_text_flags_for(STDOUT_FILENO) | (options->all ? PLAN_TEXT_ALL : 0);
	g_autofree char *text = planned && options->json ? gw_plan_to_json(report->plan)
				: options->json		 ? gw_report_to_json(report)
				: planned		 ? plan_text(report->plan, flags)
							 : report_text_summary(report);
	fputs(text, planned || options->json ? stdout : stderr);
	if (options->json)
		putchar('\n');
	if (planned)
		return cmd_printed(gw_plan_is_possible(report->plan) ? 0 : EXIT_INCOMPATIBLE);
	return cmd_printed(gw_report_to_exit_code(report));
}

static const CmdOption options[] = {
	{ "all", G_STRUCT_OFFSET(CheckOptions, all), NULL, "Also list what stays off, and why" },
	{ "json", G_STRUCT_OFFSET(CheckOptions, json), NULL, "Print the plan as JSON" },
	{ NULL },
};

const Cmd verb_check = {
	.name = "check",
	.arguments = "",
	.summary = "Check whether a VM can be migrated, and how",
	.detail = "Takes the options of 'godwit migrate' and changes nothing. With --bandwidth it "
		  "measures\n"
		  "for a few seconds how fast memory is written, and predicts the time and the "
		  "downtime.\n"
		  "Exit code 0: it can be migrated. 3: it cannot. 1: no plan could be made.\n"
		  "6: the VM was handed over to another host before.\n",
	.options = options,
	.more_options = session_options,
	.options_size = sizeof(CheckOptions),
	.run = check,
};
