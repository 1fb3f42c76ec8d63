/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-survey.h"
#include "engine/measure/probe-rate.h"
#include "engine/host/qemu.h"

/* A pre-copy that never switches over: see probe.c. */

typedef struct {
	gint64 lasted_us;
	gint64 sent_bytes;
	GArray *vgpus; /* of ProbeRate, in the order of the survey */
} ProbeResult;

void probe_result_clear(ProbeResult *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProbeResult, probe_result_clear);

/* Checks whether this QEMU can be probed. %GW_ERROR_INCOMPATIBLE with the reason. */
gboolean probe_check(const GwSurvey *survey, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/**
 * probe_run:
 * @survey: of @qemu, new, and accepted by probe_check()
 * @time_us: the longest duration; the probe ends earlier when everything is measured
 * @state_dir: for its journal
 *
 * The guest keeps running whatever happens, and QEMU's settings are restored. If they cannot be
 * restored the journal stays, and `godwit recover` restores them. Blocks and runs the main loop.
 *
 * Returns: %FALSE with %GW_ERROR_MIGRATION, %GW_ERROR_MONITOR_LOST, %GW_ERROR_STATE_DIR or
 *   %G_IO_ERROR_CANCELLED
 */
gboolean probe_run(Qemu *qemu, const GwSurvey *survey, gint64 time_us, const char *state_dir,
		   GCancellable *cancellable, ProbeResult *ret_result,
		   GError **error) G_GNUC_WARN_UNUSED_RESULT;
