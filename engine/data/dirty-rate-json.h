/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-dirty-rate.h"
#include "engine/forecast/learning.h"

/* The private side of GwDirtyRate. */

/* (transfer full): nothing is known in it. */
GwDirtyRate *dirty_rate_new(void);
/* (transfer none): likewise. */
GwDirtyRateVgpu *
dirty_rate_add_vgpu(GwDirtyRate *self, const char *id, const char *type, gint64 vram_bytes);

/* Computes the total, and the prediction if there is a bandwidth. @learned: of these vGPUs. Pure. */
void dirty_rate_conclude(GwDirtyRate *self, const Learned *learned, gint64 bandwidth_bytes_per_s,
			 gint64 max_downtime_us);

/* Blocks; dirty-rate-run.c. Returns as gw_dirty_rate_finish(). */
GwDirtyRate *
dirty_rate_run(const GwDirtyRateOptions *options, GCancellable *cancellable, GError **error);
