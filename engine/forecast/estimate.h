/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-sample.h"
#include "engine/forecast/predict.h"

/* From samples to the numbers of the model: how fast the link is, how fast and on how much memory the guest writes. Pure. */

#define ESTIMATE_PASSES 4

typedef struct {
	double bytes_per_s;	   /* of the link while it was busy; 0: not known yet */
	guint n_steps;		   /* that went into it */
	double busy_bytes, busy_s; /* in them, the older ones faded */
	double most_bytes_per_s;   /* that were ever seen, busy or not */
	guint n_samples;
	PredictPass
		passes[ESTIMATE_PASSES]; /* the longest, and the newest; of brief ones the mean */
	guint n_groups;			 /* that were ever put there */
	double n_passes;		 /* that are in them, all together */
	double dirty_bytes,
		dirty_before_bytes; /* after the looks of the newest group, and of the one before */

	/* The group that is being seen. */
	gint64 began_us; /* -1: none yet */
	gint64 began_count;
	double group_bytes, group_left_bytes; /* found by its looks, and left before them */

	/* Of the sample before. */
	gint64 time_us, pass_count;
	guint n_channels;
	double left_bytes, sent_bytes; /* RAM and vGPUs; the next two: RAM's */
	double ram_left_bytes, ram_sent_bytes;
} Estimate;

void estimate_init(Estimate *self);
/* The samples of one migration in their order. */
void estimate_add(Estimate *self, const GwSample *sample);
/* The guest writes at another rate from now on: it has been throttled. */
void estimate_forget_passes(Estimate *self);

/* Was clearly less dirty after the newest pass than after the one before? */
gboolean estimate_is_shrinking(const Estimate *self);

/* Not known (-1) until a few samples have been seen. */
GwRange estimate_get_bandwidth(const Estimate *self);

/* What the looks have found, bytes a second, by the pass that found most: the guest writes no less to RAM. -1: no look. */
gint64 estimate_min_dirty_rate(const Estimate *self);

/**
 * estimate_get_sources:
 * @sample: the newest; the ids in @sources are its
 * @sources: (out): of PREDICT_SOURCES_MAX; RAM first
 *
 * Ranges of what nobody knows are -1.
 *
 * Returns: how many
 */
guint estimate_get_sources(const Estimate *self, const GwSample *sample, PredictSource *sources);
