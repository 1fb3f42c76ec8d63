/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-number.h"

/* From what a vGPU sends while the guest runs to how fast its memory is written. Pure; see probe-rate.c. */
typedef struct {
	guint n_looks;
	gint64 first_us, last_us;
	guint64 bytes; /* at the last look */
	guint64 empty_parts;
	gboolean has_start;	 /* it was once through with all that it had */
	gint64 start_us, end_us; /* when it was for the first and for the last time */
	guint64 start_bytes, end_bytes;
} ProbeRate;

/* @bytes and @empty_parts: all that it has sent, and how often it had nothing to send, up to @time_us. */
void probe_rate_add(ProbeRate *self, gint64 time_us, guint64 bytes, guint64 empty_parts);
/* Would it get any better? */
gboolean probe_rate_is_settled(const ProbeRate *self);
/* In bytes a second. @vram_bytes: all that it has, or -1 */
GwNumber probe_rate_get(const ProbeRate *self, gint64 vram_bytes);
