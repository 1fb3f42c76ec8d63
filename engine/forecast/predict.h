/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-prediction.h"
#include "engine/data/vgpu-json.h"

/* What a migration will take: one model for guest RAM and each vGPU. Pure; the formulas and where they come from
 * are in predict.c. */

#define PREDICT_SOURCES_MAX (1 + VGPU_MAX)

/* RAM, or a vGPU. Each range must be known but for the last. */
typedef struct {
	const char *id;	       /* (borrowed): the vGPU's; NULL: RAM */
	GwRange pending_bytes; /* to be sent while the guest runs, as of now */
	GwRange dirty_bytes_per_s;
	GwRange hot_bytes;	    /* what is written again and again: a pass never leaves more */
	GwRange stop_bytes;	    /* can be sent only when the guest has stopped */
	GwRange device_bytes_per_s; /* how fast its drivers save and load; -1: as fast as the link */
	GwConfidence confidence;    /* of all these */
} PredictSource;

/* What they share. */
typedef struct {
	GwRange bandwidth_bytes_per_s;	/* while the guest runs */
	GwRange switchover_bytes_per_s; /* when it has stopped; -1: the same */
	gint64 max_downtime_us;		/* the most that may be allowed */
	gint64 limit_us;		/* what QEMU is told; -1: the smallest that will work */
	GwRange stop_us;		/* from the guest's stop to the first byte */
	GwRange in_flight_bytes;
	GwRange device_state_bytes; /* of all devices that are no vGPU */
	GwRange load_us;
	GwRange start_us;	    /* from the last byte loaded to the guest's start */
	GwRange device_bytes_per_s; /* of the vGPUs that do not say: as for a source */
} PredictTerms;

/* Fixed costs where nothing has been learned, nothing else. */
void predict_terms_init(PredictTerms *self);
/* The same of a VM with vGPUs, of whose types nothing is known. */
void predict_terms_init_vgpus(PredictTerms *self);

/* All three of it; -1 for what is not known, here and below. */
GwRange predict_exactly(gint64 value);
/* @value, and a part of it less and more: 0.1 for 10 %. */
GwRange predict_about(gint64 value, double part);
/* Nothing to @value, which is as likely as it gets. */
GwRange predict_at_most(gint64 value);

/**
 * predict:
 * @sources: RAM first
 *
 * Returns: (transfer full) (nullable): NULL when a number that it takes is not known, or there is no bandwidth
 */
GwPrediction *predict(const PredictTerms *terms, const PredictSource *sources, guint n_sources);

/* ---- the parts of the model, for the controller ---- */

/* Bytes of a hot set of @hot that are dirty after @seconds of writing @rate bytes a second at random in it. */
double predict_growth(double hot, double rate, double seconds);

/* One pass over the memory: how long it took, how much the look at its end found newly dirty, and how much of what had
 * been dirty before was still to be sent then. */
typedef struct {
	double seconds;
	double found_bytes;
	double left_bytes;
} PredictPass;

/**
 * predict_fit:
 * @passes: at least one, in any order
 * @most_bytes: the hot set is never bigger
 *
 * Which hot set and which rate explain what the passes left dirty.
 */
void predict_fit(const PredictPass *passes, guint n_passes, double most_bytes,
		 double *ret_hot_bytes, double *ret_bytes_per_s);
