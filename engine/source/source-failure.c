/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the report says of a failure. Why QEMU has failed a migration: what both QEMUs say on their
 * monitors and on their standard error, what is known of the channel, and which vGPU it concerns.
 */
#include "engine/source/source-failure.h"

#include "engine/gw-error.h"
#include "engine/host/vgpu-watch.h"
#include "engine/util/error-host.h"
#include "qmp/await.h"

#define LAST_WORDS_TIMEOUT_MS 2000

gboolean
source_peer_has_failed(gpointer data)
{
	SourceRun *run = data;
	return run->notices.failure != NULL || control_conn_get_error(run->peer->conn) != NULL;
}

void
source_report_left_over(SourceRun *run, Side side, const GError *error)
{
	GwReport *report = recorder_get_report(run->recorder);
	recorder_event(run->recorder, "engine", error->message, NULL, g_get_monotonic_time());
	g_free(report->left_over);
	report->left_over = g_strdup_printf("%s: %s; 'godwit recover' there makes sure of it",
					    side_to_string(side), error->message);
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

/* (transfer full) (nullable): the names of the vGPUs that it concerns, unless the agent says
 * them. */
static char *
find_vgpus(SourceRun *run, const char *ours, const char *theirs)
{
	char *names = vgpu_named_in(run->surveys.source->vgpus, ours);
	g_autofree char *said = vgpu_named_in(run->surveys.destination->vgpus, theirs);
	if (names != NULL || said != NULL || !qemu_message_means(ours, QEMU_MESSAGE_CAUSE_UNNAMED))
		return names;
	g_autofree char *all = vgpu_all_names(run->surveys.source->vgpus);
	return all != NULL ? g_strdup_printf("perhaps %s: QEMU says so too when a driver fails to "
					     "save or load its state",
					     all)
			   : NULL;
}

/* When the driver fails to stop the device, or to let it run again, QEMU resets the device and
 * says so on its standard error. A failure to enter PRE_COPY is no reset: the device goes back
 * to RUNNING. */
char *
source_describe_reset(SourceRun *run)
{
	g_autofree char *line = qemu_stderr_find(&run->qemu->words, QEMU_MESSAGE_DEVICE_RESET);
	if (line == NULL)
		return NULL;
	const GwSurvey *survey = run->surveys.source;
	g_autofree char *names = vgpu_named_in(survey != NULL ? survey->vgpus : NULL, line);
	return g_strdup_printf("source: QEMU has reset %s, what was in its vRAM is lost: %s",
			       names != NULL ? names : "a vGPU", line);
}

/* The source's QEMU often gives no reason, but the destination's words may still arrive. */
GError *
source_migration_error(SourceRun *run)
{
	if (!await_until(source_peer_has_failed, run, LAST_WORDS_TIMEOUT_MS, NULL, NULL))
		g_debug("the destination gives no reason");
	g_autofree char *ours = own_words(run);
	const char *theirs = run->notices.failure != NULL ? run->notices.failure->message : NULL;
	g_autofree char *names = find_vgpus(run, ours, theirs);
	g_autofree char *channel = transport_get_failure(run->channels.transport);
	g_autoptr(GString) text = g_string_new(ours != NULL ? ours : "it gives no reason");
	if (names != NULL)
		g_string_append_printf(text, " (%s)", names);
	if (qemu_message_means(ours, QEMU_MESSAGE_NOT_RUN_YET))
		g_string_append(text, "; the guest has not run since it came here, and QEMU sends "
				      "its vGPUs only after it has: 'cont' and 'stop' it first");
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

GError *
source_channel_error(SourceRun *run)
{
	if (!await_until(source_peer_has_failed, run, LAST_WORDS_TIMEOUT_MS, NULL, NULL))
		g_debug("the destination gives no reason");
	g_autofree char *failure = transport_get_failure(run->channels.transport);
	const char *channel = failure != NULL ? failure : "a data channel is lost";
	const GError *theirs = run->notices.failure != NULL
				       ? run->notices.failure
				       : control_conn_get_error(run->peer->conn);
	GError *error = theirs != NULL ? g_error_new(GW_ERROR, (gint)gw_error_code(theirs),
						     "%s; %s", error_peek_text(theirs), channel)
				       : g_error_new(GW_ERROR, GW_ERROR_PEER_LOST, "%s", channel);
	error_add_side(&error, SIDE_DESTINATION);
	return error;
}
