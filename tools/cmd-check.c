/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwit check: asks both hosts and prints the plan of a migration, or everything that stands in its way.
 * Nothing is changed on either.
 */
#include <glib-unix.h>
#include <stdio.h>
#include <unistd.h>

#include "tools/plan-text.h"
#include "tools/report-text.h"
#include "tools/session-options.h"

typedef struct {
	SessionOptions session;
	gboolean all;
	gboolean json;
} CheckOptions;

typedef struct {
	GMainLoop *loop;
	GCancellable *cancellable;
	GwReport *report;
} Run;

static void
on_finished(GObject *session, GAsyncResult *result, gpointer data)
{
	Run *run = data;
	run->report = gw_session_finish(GW_SESSION(session), result);
	g_main_loop_quit(run->loop);
}

static gboolean
on_signal(gpointer data)
{
	Run *run = data;
	g_cancellable_cancel(run->cancellable);
	return G_SOURCE_CONTINUE;
}

/* (transfer full) */
static GwReport *
run_check(GwSession *session)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	Run run = { .loop = loop, .cancellable = cancellable };
	guint interrupt = g_unix_signal_add(SIGINT, on_signal, &run);
	guint terminate = g_unix_signal_add(SIGTERM, on_signal, &run);
	gw_session_check_async(session, cancellable, on_finished, &run);
	g_main_loop_run(loop);
	g_source_remove(interrupt);
	g_source_remove(terminate);
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
	g_autoptr(GwReport) report = run_check(session);
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
	{ "all", G_STRUCT_OFFSET(CheckOptions, all), NULL, "Tell of what is left off too, and why",
	  NULL },
	{ "json", G_STRUCT_OFFSET(CheckOptions, json), NULL, "Print the plan as JSON", NULL },
	{ NULL },
};

const Cmd verb_check = {
	.name = "check",
	.arguments = "",
	.summary = "Tell whether a VM can be moved, and how",
	.detail = "Takes the options of 'godwit migrate' and touches nothing.\n",
	.options = options,
	.more_options = session_options,
	.options_size = sizeof(CheckOptions),
	.run = check,
};
