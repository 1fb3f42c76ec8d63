/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What an input costs: the peak of the heap, and the processor time of the thread. */
typedef struct {
	gsize heap_before_bytes;
	gint64 cpu_before_us;
} Cost;

void cost_begin(Cost *self);
/* Ends the process where an input of @size bytes has cost more than it may: @heap_factor bytes of
 * heap a byte and a fixed part for what is made for any input; @cpu_us_per_kib of processor time
 * likewise. */
void cost_end(const Cost *self, gsize size, gsize heap_factor, gsize cpu_us_per_kib);
