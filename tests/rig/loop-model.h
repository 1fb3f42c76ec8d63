/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/forecast/converge.h"

/* QEMU's migration loop as arithmetic, in simulated time: a harness for the controller. Nothing
 * that it says is a measurement. It sends, looks at the bitmap when its estimate is below bandwidth
 * x limit, and stops the guest when the exact rest is. */

#define LOOP_VGPUS 3

typedef struct {
	double hot_bytes, bytes_per_s; /* what is written */
	double pending_bytes;	       /* sent while the guest runs; at the beginning all of it */
	double stop_bytes;	       /* at the guest's stop only */
	gboolean is_precopy;
	gboolean tells; /* a sample has what is left */
	GwConfidence confidence;
	double rate_from_s; /* a sample has its dirty rate only from then on */
	gboolean is_asked;  /* by its driver's own figure, and of its rate no more shows than the
			   * link carries */
} LoopVgpu;

typedef struct {
	double ram_bytes, hot_bytes, bytes_per_s;
	double link_bytes_per_s;
	LoopVgpu vgpus[LOOP_VGPUS];
	guint n_vgpus;
	gboolean has_switchover_bandwidth;
	double end_s;	 /* of the simulation */
	double calm_s;	 /* the guest stops writing to RAM then; 0: never */
	double burst_s;	 /* it writes to RAM for so long, and then not for as long, and so on; 0:
			 * always */
	double offset_s; /* of the first burst that is gone when the migration begins */
} LoopGuest;

typedef struct {
	gboolean ended, gave_up;
	double seconds;	   /* when it ended or was given up */
	double downtime_s; /* what had to be sent after the stop, by the link's rate */
	double most_limit_s, least_limit_s; /* that were told */
	gint64 throttle_percent;
	guint n_commands;
	char *bottleneck; /* the last that was named */
	char *reason;	  /* for giving up */
} LoopEnd;

void loop_run(const LoopGuest *guest, const ConvergePolicy *policy, LoopEnd *ret_end);
void loop_end_clear(LoopEnd *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LoopEnd, loop_end_clear);
