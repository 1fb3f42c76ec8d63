/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-number.h"

/* Computes how fast a vGPU's memory is written, from what the vGPU sends while the guest runs.
 * Pure; see probe-rate.c. */
typedef struct {
	guint n_looks;
	gint64 first_us, last_us;
	guint64 bytes; /* at the last sample */
	guint64 empty_parts;
	gboolean has_start;	 /* it had sent everything at least once */
	gint64 start_us, end_us; /* when it had sent everything, for the first and the last time */
	guint64 start_bytes, end_bytes;
} ProbeRate;

/* @bytes and @empty_parts: all bytes that it has sent, and how often it had nothing to send, until
 *   @time_us. */
void probe_rate_add(ProbeRate *self, gint64 time_us, guint64 bytes, guint64 empty_parts);
/* Returns whether more time would not improve the rate. */
gboolean probe_rate_is_settled(const ProbeRate *self);
/* Returns the rate in bytes per second. @vram_bytes: all its memory, or -1. */
GwNumber probe_rate_get(const ProbeRate *self, gint64 vram_bytes);
