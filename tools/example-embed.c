/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The smallest program that migrates a VM through the library: example-embed SOCK HOST
 *
 * Everything happens in the main loop. Nothing blocks, and the program needs no threads.
 */
#include <stdio.h>

#include <engine/godwit.h>

static void
on_sample(GwSession *session, const GwSample *sample, gpointer data)
{
	printf("%s: %" G_GINT64_FORMAT " bytes left\n", sample->phase, sample->ram_remaining_bytes);
}

static void
on_finished(GObject *session, GAsyncResult *result, gpointer loop)
{
	g_autoptr(GwReport) report = gw_session_finish(GW_SESSION(session), result);
	printf("%s, the VM runs on: %s\n", gw_outcome_to_string(report->outcome),
	       gw_place_to_string(report->vm_runs_on));
	if (report->error_message != NULL)
		printf("%s\n", report->error_message);
	g_main_loop_quit(loop);
}

int
main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(GwSession) session = gw_session_new(argv[1], argv[2], 0);
	gw_session_set_downtime_limit(session, 100000); /* microseconds */
	g_signal_connect(session, "sample", G_CALLBACK(on_sample), NULL);
	gw_session_run_async(session, NULL, on_finished, loop);
	g_main_loop_run(loop);
	return 0;
}
