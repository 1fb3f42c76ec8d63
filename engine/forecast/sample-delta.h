/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-sample.h"

/* What happened from one sample of a migration to the next. @before: (nullable): none, and nothing did. Pure. */

/* QEMU's looks at what is left; none where either sample does not know its passes. */
gint64 sample_delta_syncs(const GwSample *before, const GwSample *now);
/* Does a vGPU still send memory that it never sent before? @bytes_per_s: of the link. */
gboolean sample_delta_is_busy(const GwSample *before, const GwSample *now, double bytes_per_s);
