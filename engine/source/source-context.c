/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the steps of a migration share on the source. It calls no step.
 */
#include "engine/source/source-context.h"

#include "engine/gw-error.h"
#include "engine/util/error-host.h"
#include "engine/util/hook.h"
#include "engine/util/json-fields.h"

/* The transport first: its threads push into the stream's reader. QEMU's last events still come
 * while its monitor is closed, so what they look at must be NULL by then. */
void
source_run_clear(SourceRun *run)
{
	channel_watch_free(run->channels.watch);
	transport_free(run->channels.transport);
	g_clear_pointer(&run->sampling.pending, vgpu_pending_free);
	g_clear_pointer(&run->sampling.account, account_free);
	g_clear_pointer(&run->sampling.stream, gw_stream_reader_free);
	g_clear_pointer(&run->sampling.taps, g_free);
	converge_free(run->convergence.controller);
	peer_free(run->peer);
	qemu_free(run->qemu);
	gw_survey_free(run->surveys.source);
	gw_survey_free(run->surveys.destination);
	gw_plan_free(run->plan);
	journal_free(run->journal);
	recorder_free(run->recorder);
	settings_free(run->former_settings);
	g_clear_error(&run->notices.failure);
	g_free(run->vm_name);
	g_free(run->ownership.name);
	vm_lock_free(run->ownership.lock);
	g_free(run->session);
	g_free(run->agent_id);
	g_free(run->channels.token);
}

gboolean
source_check(SourceRun *run, GError **error)
{
	if (run->notices.failure != NULL) {
		g_propagate_error(error, g_error_copy(run->notices.failure));
		return FALSE;
	}
	const GError *lost = control_conn_get_error(run->peer->conn);
	if (lost == NULL)
		return qemu_check(run->qemu, QEMU_SILENCE_MS, error);
	g_set_error(error, GW_ERROR, (gint)gw_error_code(lost), "%s", lost->message);
	error_add_side(error, SIDE_DESTINATION);
	return FALSE;
}

void
source_fail_silent(const GError *cause, GError **error)
{
	g_set_error(error, GW_ERROR, GW_ERROR_MONITOR_LOST, "%s", cause->message);
	error_add_side(error, SIDE_SOURCE);
}

gboolean
source_query_status(SourceRun *run, QmpStatus *ret_status, GError **error)
{
	g_autoptr(GError) cause = NULL;
	if (qmp_query_status(run->qemu->qmp, ret_status, &cause))
		return TRUE;
	source_fail_silent(cause, error);
	return FALSE;
}

/* The peer is not trusted: no hook takes longer than this. */
gint64
source_read_hook_us(JsonObject *reply)
{
	return CLAMP(fields_peek_int(reply, "hook_us", 0), 0, HOOK_TIMEOUT_MS * 1000LL);
}

gboolean
source_was_live_here(const SourceRun *run)
{
	return run->qemu->run.is_live && run->qemu->run.cause == QMP_RUN_RUNNING;
}
