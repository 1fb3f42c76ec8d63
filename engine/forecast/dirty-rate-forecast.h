/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/forecast/learning.h"
#include "engine/gw-dirty-rate.h"

/* Computes the total, and the prediction if there is a bandwidth. @learned: what is known of these
 * vGPUs. Pure. */
void dirty_rate_conclude(GwDirtyRate *self, const Learned *learned, gint64 bandwidth_bytes_per_s,
			 gint64 max_downtime_us);
