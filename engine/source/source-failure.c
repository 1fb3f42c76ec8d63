/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What goes into the report of what went wrong. Why a migration that QEMU failed has failed: what both QEMUs say, on their monitors and on their standard
 * error, what is known of the channel, and which vGPU all this is about.
 */
#include "engine/source/source-run.h"

#include "engine/gw-error.h"
#include "engine/util/error-host.h"
#include "engine/channel/transport.h"
#include "engine/host/vgpu-watch.h"
#include "qmp/await.h"

#define LAST_WORDS_TIMEOUT_MS 2000

gboolean
source_peer_has_spoken(gpointer data)
{
	SourceRun *run = data;
	return run->peer_failure != NULL || control_conn_get_error(run->peer->conn) != NULL;
}

void
source_report_left_over(SourceRun *run, const char *host, const GError *error)
{
	GwReport *report = recorder_get_report(run->recorder);
	recorder_event(run->recorder, "engine", error->message, NULL, g_get_real_time());
	g_free(report->left_over);
	report->left_over = g_strdup_printf("%s: %s; 'godwit recover' there makes sure of it", host,
					    error->message);
}

/* (transfer full) (nullable): of QEMU's answer and of its standard error. */
static char *
own_words(SourceRun *run)
{
	g_autoptr(GError) ignored = NULL;
	g_auto(QmpMigrateInfo) info;
	qmp_migrate_info_init(&info);
	if (run->qemu->closed != NULL || !qmp_query_migrate(run->qemu->qmp, &info, &ignored))
		qmp_migrate_info_clear(&info);
	g_autofree char *log = qemu_stderr_tail(&run->qemu->words);
	if (info.error_desc == NULL || log == NULL)
		return g_strdup(info.error_desc != NULL ? info.error_desc : log);
	return g_strdup_printf("%s: %s", info.error_desc, log);
}

/* (transfer full) (nullable): which vGPU it is about. */
static char *
blame(SourceRun *run, const char *ours, const char *theirs)
{
	char *names = vgpu_named_in(run->source->vgpus, ours);
	if (names == NULL)
		names = vgpu_named_in(run->destination->vgpus, theirs);
	if (names != NULL || !qemu_message_means(ours, QEMU_MESSAGE_CAUSE_UNNAMED))
		return names;
	g_autofree char *all = vgpu_all_names(run->source->vgpus);
	return all != NULL ? g_strdup_printf("perhaps %s: QEMU speaks so too when a driver does "
					     "not give or take its state",
					     all)
			   : NULL;
}

/* Where the driver fails an arc on the way to the stop or back from it QEMU resets the device, and tells its standard
 * error. The arc to PRE_COPY is not among them: there it goes back to RUNNING. */
char *
source_describe_reset(SourceRun *run)
{
	g_autofree char *line = qemu_stderr_find(&run->qemu->words, QEMU_MESSAGE_DEVICE_RESET);
	if (line == NULL)
		return NULL;
	g_autofree char *names =
		vgpu_named_in(run->source != NULL ? run->source->vgpus : NULL, line);
	return g_strdup_printf("source: QEMU has reset %s, what was in its vRAM is lost: %s",
			       names != NULL ? names : "a vGPU", line);
}

/* The source's QEMU often says nothing of why; the destination's words are on their way. */
GError *
source_migration_error(SourceRun *run)
{
	if (!await_until(source_peer_has_spoken, run, LAST_WORDS_TIMEOUT_MS, NULL, NULL))
		g_debug("the destination has nothing to say");
	g_autofree char *ours = own_words(run);
	const char *theirs = run->peer_failure != NULL ? run->peer_failure->message : NULL;
	g_autofree char *names = blame(run, ours, theirs);
	g_autofree char *channel = transport_get_failure(run->transport);
	g_autoptr(GString) text = g_string_new(ours != NULL ? ours : "it gives no reason");
	if (names != NULL)
		g_string_append_printf(text, " (%s)", names);
	if (channel != NULL)
		g_string_append_printf(text, "; %s", channel);
	if (theirs != NULL)
		g_string_append_printf(text, "; %s", theirs);
	g_free(run->qemu->info.error_desc);
	run->qemu->info.error_desc = g_steal_pointer(&ours);
	GError *error = g_error_new(GW_ERROR, GW_ERROR_MIGRATION, "QEMU says '%s': %s",
				    qmp_migrate_status_to_string(run->qemu->status), text->str);
	error_add_side(&error, SIDE_SOURCE);
	return error;
}
