/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-survey.h"
#include "engine/measure/probe-rate.h"
#include "engine/host/qemu.h"

/* A dry pre-copy: see probe.c. */

typedef struct {
	gint64 lasted_us;
	gint64 sent_bytes;
	GArray *vgpus; /* of ProbeRate, as the survey has them */
} ProbeResult;

void probe_result_clear(ProbeResult *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProbeResult, probe_result_clear);

/* Can this QEMU be probed? %GW_ERROR_INCOMPATIBLE with the reason. */
gboolean probe_check(const GwSurvey *survey, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/**
 * probe_run:
 * @survey: of @qemu, fresh, and probe_check() is content with it
 * @time_us: how long it may last; it ends before when all is measured
 * @state_dir: for its journal
 *
 * The guest runs on whatever becomes of it, and QEMU's settings are as they were; if they cannot be put back the
 * journal stays, and `godwit recover` does it. Blocks and turns the loop.
 *
 * Returns: %FALSE with %GW_ERROR_MIGRATION, %GW_ERROR_MONITOR_LOST, %GW_ERROR_STATE_DIR or %G_IO_ERROR_CANCELLED
 */
gboolean probe_run(Qemu *qemu, const GwSurvey *survey, gint64 time_us, const char *state_dir,
		   GCancellable *cancellable, ProbeResult *ret_result,
		   GError **error) G_GNUC_WARN_UNUSED_RESULT;
