/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-sample.h"

/* The part of the vGPUs' memory that stays dirty, however much of it is sent: see vram-plateau.c.
 * All 0: nothing is known. Pure. */
typedef struct {
	gint64 began_us; /* of the current window; 0: none */
	double least_bytes;
	double before_bytes; /* the minimum of the previous window; 0: there was none */
	double bytes;	     /* the plateau; 0: none, or the bytes still fall */
} VramPlateau;

/* Takes the samples of one migration in their order. @bytes_per_s: the link's bandwidth; 0 or less:
 * not known. */
void vram_plateau_add(VramPlateau *self, const GwSample *sample, double bytes_per_s);
