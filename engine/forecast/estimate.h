/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-sample.h"
#include "engine/forecast/predict.h"

/* Computes the numbers of the model from samples: the link's bandwidth, the guest's dirty rate and
 * the memory that it writes. Pure. */

#define ESTIMATE_PASSES 4

typedef struct {
	double bytes_per_s;	   /* the link's bandwidth while it was busy; 0: not known yet */
	guint n_steps;		   /* the number of steps in it */
	double busy_bytes, busy_s; /* of these steps; older ones count less */
	double most_bytes_per_s;   /* the highest ever seen, busy or not */
	guint n_samples;
	PredictPass passes[ESTIMATE_PASSES]; /* the longest and the newest; short ones as a mean */
	guint n_groups;			     /* groups that were ever added */
	double n_passes;		     /* the number of passes in all groups */
	double dirty_bytes,
		dirty_before_bytes; /* after the syncs of the newest group, and of the previous
				     * one */

	/* The current group. */
	gint64 began_us; /* -1: none yet */
	gint64 began_count;
	double group_bytes, group_left_bytes; /* found by its syncs, and remaining before them */

	/* Of the previous sample. */
	gint64 time_us, pass_count;
	guint n_channels;
	double left_bytes, sent_bytes; /* RAM and vGPUs; the next two: RAM's */
	double ram_left_bytes, ram_sent_bytes;
} Estimate;

void estimate_init(Estimate *self);
/* Takes the samples of one migration in their order. */
void estimate_add(Estimate *self, const GwSample *sample);
/* The guest's dirty rate changes from now on: the guest was throttled. */
void estimate_forget_passes(Estimate *self);

/* Returns whether clearly less was dirty after the newest pass than after the previous one. */
gboolean estimate_is_shrinking(const Estimate *self);

/* Not known (-1) until a few samples have been seen. */
GwRange estimate_get_bandwidth(const Estimate *self);

/* What the syncs have found, in bytes per second, by the pass that found most. The guest's dirty
 * rate for RAM is at least this. -1: no sync yet. */
gint64 estimate_min_dirty_rate(const Estimate *self);

/**
 * estimate_get_sources:
 * @sample: the newest sample; the ids in @sources belong to it
 * @sources: (out): of PREDICT_SOURCES_MAX; RAM first
 *
 * Unknown ranges are -1.
 *
 * Returns: the number of sources
 */
guint estimate_get_sources(const Estimate *self, const GwSample *sample, PredictSource *sources);
