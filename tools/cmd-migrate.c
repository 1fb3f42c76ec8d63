/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwit migrate: runs one session and shows it. The session does the work in its own thread. This
 * file only handles signals, prints, and returns the exit code.
 *
 * With --json or --events - stdout carries JSON alone. Text for people then goes to stderr.
 * Failures always go to stderr. The first SIGINT, SIGTERM or SIGHUP cancels. Later ones change
 * nothing: until the guest is safe, the only right thing to do is to wait.
 */
#include <stdio.h>
#include <string.h>

#include "engine/gw-recover.h"
#include "tools/events.h"
#include "tools/stop-signals.h"
#include "tools/output.h"
#include "tools/progress-view.h"
#include "tools/report-text.h"
#include "tools/session-options.h"
#include "tools/terminal-sanitize.h"

typedef struct {
	SessionOptions session;
	char *report;
	char *events;
	char *progress;
	gboolean json;
} MigrateOptions;

typedef struct {
	GMainLoop *loop;
	GCancellable *cancellable;
	FILE *people;
	ProgressView *view;
	Events *events; /* (nullable) */
	GwReport *report;
} Run;

static void
on_phase(GwSession *session, const char *name, gpointer data)
{
	Run *run = data;
	progress_view_phase(run->view, name);
}

static void
on_sample(GwSession *session, const GwSample *sample, gpointer data)
{
	Run *run = data;
	progress_view_sample(run->view, sample);
	events_sample(run->events, sample);
}

static void
on_event(GwSession *session, const GwEvent *event, gpointer data)
{
	Run *run = data;
	events_event(run->events, event);
}

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
	gboolean again = g_cancellable_is_cancelled(run->cancellable);
	progress_view_break(run->view);
	fprintf(run->people, again ? "still waiting for the guest to be safe\n"
				   : "cancelling: waiting for the guest to be safe\n");
	fflush(run->people);
	g_cancellable_cancel(run->cancellable);
	return G_SOURCE_CONTINUE;
}

static void
run_session(Run *run, GwSession *session)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	run->loop = loop;
	run->cancellable = cancellable;
	StopSignals signals;
	stop_signals_begin(&signals, on_signal, run);
	g_signal_connect(session, "phase", G_CALLBACK(on_phase), run);
	g_signal_connect(session, "sample", G_CALLBACK(on_sample), run);
	g_signal_connect(session, "event", G_CALLBACK(on_event), run);
	gw_session_run_async(session, cancellable, on_finished, run);
	g_main_loop_run(loop);
	g_signal_handlers_disconnect_by_data(session, run);
	stop_signals_end(&signals);
}

/* The exit code says where the VM is. Output that is lost does not change that, so it is told on
 * stderr only. */
static void
write_report(const MigrateOptions *options, const Run *run)
{
	g_autofree char *json = gw_report_to_json(run->report);
	g_autoptr(GError) error = NULL;
	if (options->report != NULL && !output_write(options->report, json, &error))
		fprintf(stderr, "godwit migrate: cannot write the report: %s\n", error->message);
	if (options->json)
		puts(json);
	g_autofree char *summary = report_text_summary(run->report);
	fputs(summary, run->report->outcome == GW_OUTCOME_COMPLETED ? run->people : stderr);
}

/* Checks the place of the report before the migration begins: at the end an error would be too
 * late. */
static int
check_outputs(const MigrateOptions *options)
{
	gboolean events_on_stdout = g_strcmp0(options->events, "-") == 0;
	if (options->json && events_on_stdout)
		return cmd_usage("--json and '--events -' both want stdout: "
				 "give one of them a file");
	if (options->report == NULL)
		return 0;
	g_autoptr(GError) error = NULL;
	if (output_check(options->report, &error))
		return 0;
	return cmd_usage("--report: cannot write %s", error->message);
}

/* What an earlier session of this VM has left is settled first. Where that cannot be done, the
 * session itself finds out whether the guest is here. */
static void
settle_older(const SessionOptions *options, FILE *people)
{
	g_autofree char *path = NULL;
	g_autofree char *name = NULL;
	if (monitor_from_options(options->vm, options->qmp, &path, &name) != 0)
		return;
	const char *const names[] = { path, name, NULL };
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) found =
		gw_recover(options->state_dir, names, GW_ASSUME_NOTHING, options->tls_dir, &error);
	for (guint i = 0; found != NULL && i < found->len; i++) {
		const GwRecovered *item = g_ptr_array_index(found, i);
		g_autofree char *text = terminal_sanitize(g_strdup(item->text));
		if (item->acted || (!item->settled && !item->busy))
			fprintf(people, "session %s of this VM is %s: %s\n", item->session,
				item->settled ? "settled" : "not settled", text);
	}
	fflush(people);
}

static int
migrate(gpointer data, char **arguments)
{
	MigrateOptions *options = data;
	int exit_code = check_outputs(options);
	g_autoptr(GwSession) session = NULL;
	if (exit_code == 0)
		exit_code = session_options_apply(&options->session, &session);
	if (exit_code != 0)
		return exit_code;

	GError *error = NULL;
	gboolean json_on_stdout = options->json || g_strcmp0(options->events, "-") == 0;
	FILE *people = json_on_stdout ? stderr : stdout;
	g_autoptr(ProgressView) view = progress_view_new(options->progress, people, &error);
	g_autoptr(Events) events = NULL;
	if (view == NULL || !events_open(options->events, &events, &error))
		return cmd_fail(EXIT_USAGE, error);

	Run run = { .people = people, .view = view, .events = events };
	settle_older(&options->session, people);
	run_session(&run, session);
	progress_view_break(view);
	write_report(options, &run);
	exit_code = gw_report_to_exit_code(run.report);
	gw_report_free(run.report);
	events_tell_lost(events);
	cmd_printed(exit_code);
	return exit_code;
}

#define AT(member) G_STRUCT_OFFSET(MigrateOptions, member)

static const CmdOption options[] = {
	{ "report", AT(report), "FILE", "Write the report to this file, as JSON" },
	{ "events", AT(events), "FILE|-", "Write events and samples as JSON lines (-: to stdout)" },
	{ "progress", AT(progress), "WORD", "How to show progress: auto, bar, plain or none" },
	{ "json", AT(json), NULL, "Print the report on stdout, as JSON" },
	{ NULL },
};

const Cmd verb_migrate = {
	.name = "migrate",
	.arguments = "",
	.summary = "Move a running VM to another host",
	.detail = "Give --to, and either --qmp or --vm. The destination must run godwitd or\n"
		  "'godwit receive'. Ctrl-C cancels, and waits until the guest is safe.\n",
	.options = options,
	.more_options = session_options,
	.options_size = sizeof(MigrateOptions),
	.run = migrate,
};
