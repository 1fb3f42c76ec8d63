/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-dirty-rate.h"

/* The private side of GwDirtyRate. */

/* (transfer full): all numbers are unknown. */
GwDirtyRate *dirty_rate_new(void);
/* (transfer none): all numbers are unknown. */
GwDirtyRateVgpu *
dirty_rate_add_vgpu(GwDirtyRate *self, const char *id, const char *type, gint64 vram_bytes);
