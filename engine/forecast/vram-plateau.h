/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-sample.h"

/* What of the vGPUs' memory stays dirty however much of it is sent: see vram-plateau.c. All 0: nothing is known. Pure. */
typedef struct {
	gint64 began_us; /* of the window that is being seen; 0: none */
	double least_bytes;
	double before_bytes; /* the least of the window before; 0: there was none */
	double bytes;	     /* what stands; 0: none, or it still gets less */
} VramPlateau;

/* The samples of one migration in their order. @bytes_per_s: what the link carries; not above 0: not known. */
void vram_plateau_add(VramPlateau *self, const GwSample *sample, double bytes_per_s);
