/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-prediction.h"
#include "engine/data/vgpu-json.h"

/* Predicts a migration: one model for guest RAM and each vGPU. Pure; predict.c has the formulas and
 * their sources. */

#define PREDICT_SOURCES_MAX (1 + VGPU_MAX)

/* RAM, or a vGPU. Every range except the last must be known. */
typedef struct {
	const char *id;	       /* (borrowed): the vGPU's; NULL: RAM */
	GwRange pending_bytes; /* remaining now, to be sent while the guest runs */
	GwRange dirty_bytes_per_s;
	GwRange hot_bytes;	    /* written again and again: a pass never leaves more */
	GwRange stop_bytes;	    /* can be sent only after the guest's stop */
	GwRange device_bytes_per_s; /* how fast its drivers save and load; -1: as fast as the
				     * link */
	GwConfidence confidence;    /* of all these numbers */
} PredictSource;

/* What all sources share. */
typedef struct {
	GwRange bandwidth_bytes_per_s;	/* while the guest runs */
	GwRange switchover_bytes_per_s; /* after the guest's stop; -1: the same */
	gint64 max_downtime_us;		/* the longest downtime that may be allowed */
	gint64 limit_us;		/* QEMU's limit; -1: the smallest that works */
	GwRange stop_us;		/* from the guest's stop to the first byte */
	GwRange in_flight_bytes;
	GwRange device_state_bytes; /* of all devices except vGPUs */
	GwRange load_us;
	GwRange start_us;	    /* from the last byte loaded to the guest's start */
	GwRange device_bytes_per_s; /* of the vGPUs without a speed: as for a source */
} PredictTerms;

/* Sets the fixed costs for a host that has learned nothing yet. Sets nothing else. */
void predict_terms_init(PredictTerms *self);
/* Does the same for a VM with vGPUs of unknown types. */
void predict_terms_init_vgpus(PredictTerms *self);

/* All three are @value; -1 for an unknown number, here and below. */
GwRange predict_exactly(gint64 value);
/* @value, and @part of it less and more: 0.1 for 10 %. */
GwRange predict_about(gint64 value, double part);
/* From 0 to @value; @value is the likely one. */
GwRange predict_at_most(gint64 value);

/**
 * predict:
 * @sources: RAM first
 *
 * Returns: (transfer full) (nullable): NULL when a necessary number is not known, or there is no
 *   bandwidth
 */
GwPrediction *predict(const PredictTerms *terms, const PredictSource *sources, guint n_sources);

/* ---- the parts of the model, for the controller ---- */

/* Returns how many bytes of a hot set of @hot bytes are dirty after @seconds of random writes at
 * @rate bytes a second. */
double predict_growth(double hot, double rate, double seconds);

/* One pass over the memory: how long it took, how much the sync at its end found newly dirty, and
 * how much of the older dirty memory still had to be sent then. */
typedef struct {
	double seconds;
	double found_bytes;
	double left_bytes;
} PredictPass;

/**
 * predict_fit:
 * @passes: at least one, in any order
 * @most_bytes: the largest possible hot set
 *
 * Finds the hot set and the dirty rate that explain what the passes left dirty.
 */
void predict_fit(const PredictPass *passes, guint n_passes, double most_bytes,
		 double *ret_hot_bytes, double *ret_bytes_per_s);
