/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-sample.h"

/* What happened from one sample of a migration to the next. @before: (nullable): if there is none,
 * nothing happened. Pure. */

/* QEMU's syncs of the dirty bitmap; 0 if a sample does not know its passes. */
gint64 sample_delta_syncs(const GwSample *before, const GwSample *now);
/* Returns whether a vGPU still sends memory for the first time. @bytes_per_s: the link's
 * bandwidth. */
gboolean sample_delta_is_busy(const GwSample *before, const GwSample *now, double bytes_per_s);
