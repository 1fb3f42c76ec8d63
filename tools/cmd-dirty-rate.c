/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwit dirty-rate: measures how fast a VM's memory is written, and predicts a migration. SIGINT
 * cancels; the verb then waits until the guest's QEMU has its old settings again.
 */
#include <stdio.h>

#include "engine/gw-error.h"
#include "tools/cmd.h"
#include "tools/dirty-rate-text.h"
#include "tools/loop.h"
#include "tools/units.h"

typedef struct {
	char *qmp;
	char *time;
	char *bandwidth;
	char *downtime_limit;
	char *state_dir;
	gboolean probe;
	gboolean json;
} DirtyRateOptions;

typedef struct {
	GMainLoop *loop;
	GwDirtyRate *rate; /* (nullable) */
	GError *error;
} Run;

static void
on_finished(GObject *source, GAsyncResult *result, gpointer data)
{
	Run *run = data;
	run->rate = gw_dirty_rate_finish(result, &run->error);
	g_main_loop_quit(run->loop);
}

static void
measure(Run *run, const GwDirtyRateOptions *options)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	run->loop = loop;
	gw_dirty_rate_async(options, cancellable, on_finished, run);
	loop_run(loop, cancellable);
}

static gboolean
parse(const DirtyRateOptions *from, GwDirtyRateOptions *to, GError **error)
{
	to->qmp_path = from->qmp;
	to->state_dir = from->state_dir;
	to->probe = from->probe;
	if ((from->time != NULL && !units_parse_duration(from->time, &to->time_us, error)) ||
	    (from->bandwidth != NULL &&
	     !units_parse_rate(from->bandwidth, &to->bandwidth_bytes_per_s, error)) ||
	    (from->downtime_limit != NULL &&
	     !units_parse_duration(from->downtime_limit, &to->downtime_limit_us, error)))
		return FALSE;
	if (to->time_us == 0 ||
	    (to->time_us >= G_USEC_PER_SEC && to->time_us <= 60 * G_USEC_PER_SEC))
		return TRUE;
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
		    "--time: '%s' is not between 1s and 60s", from->time);
	return FALSE;
}

static int
exit_code_of(const GError *error)
{
	switch (gw_error_code(error)) {
	case GW_ERROR_CANCELLED:
		return EXIT_CANCELLED;
	case GW_ERROR_INCOMPATIBLE:
		return EXIT_INCOMPATIBLE;
	default:
		return EXIT_FAILURE;
	}
}

static int
run(gpointer data, char **arguments)
{
	DirtyRateOptions *options = data;
	GwDirtyRateOptions wanted = { 0 };
	GError *error = NULL;
	if (options->qmp == NULL)
		return cmd_usage("say which VM: --qmp SOCK");
	if (!parse(options, &wanted, &error))
		return cmd_fail(EXIT_USAGE, error);
	Run run = { .loop = NULL };
	measure(&run, &wanted);
	if (run.rate == NULL)
		return cmd_fail(exit_code_of(run.error), run.error);
	g_autoptr(GwDirtyRate) rate = run.rate;
	g_autofree char *text = options->json ? gw_dirty_rate_to_json(rate) : dirty_rate_text(rate);
	fputs(text, stdout);
	if (options->json)
		putchar('\n');
	return cmd_printed(0);
}

#define AT(member) G_STRUCT_OFFSET(DirtyRateOptions, member)

static const CmdOption options[] = {
	{ "qmp", AT(qmp), "SOCK", "The monitor of the QEMU" },
	{ "time", AT(time), "TIME", "How long to measure, 1s to 60s (10s)" },
	{ "bandwidth", AT(bandwidth), "RATE", "Predict a migration at this bandwidth" },
	{ "downtime-limit", AT(downtime_limit), "TIME", "The longest pause in it (300ms)" },
	{ "probe", AT(probe), NULL, "Measure vGPUs too, by a migration that never switches over" },
	{ "state-dir", AT(state_dir), "DIR", "Where the probe's journal is kept" },
	{ "json", AT(json), NULL, "Print the result as JSON" },
	{ NULL },
};

const Cmd verb_dirty_rate = {
	.name = "dirty-rate",
	.arguments = "",
	.summary = "Measure how fast a VM's memory is written, vGPUs included",
	.detail = "Without --probe nothing is changed, but writes by a vGPU's engines are not "
		  "seen.\n"
		  "The probe slows the guest down and never stops it. It takes at most --time "
		  "again.\n",
	.options = options,
	.options_size = sizeof(DirtyRateOptions),
	.run = run,
};
