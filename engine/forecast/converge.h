/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/forecast/estimate.h"
#include "engine/gw-stall.h"

/* The controller of a migration. It takes samples, and says what QEMU must be told and when to give
 * up. Pure: converge.c has the rules. */
typedef struct Converge Converge;

typedef struct {
	gint64 max_downtime_us; /* the longest downtime that the user allows */
	GwOnStall on_stall;
	gboolean can_throttle; /* QEMU's auto-converge is switched on */
	gboolean guest_runs;   /* a paused guest has no downtime */
	/* What is known of this pair of hosts. The bandwidth while the guest runs, and the limits,
	 * are not read. */
	PredictTerms terms;
} ConvergePolicy;

/* What to change; -1: nothing. */
typedef struct {
	gint64 downtime_limit_us;
	gint64 switchover_bytes_per_s; /* the bandwidth for QEMU's calculation, if QEMU has that
				        * parameter */
	gint64 throttle_percent;
	gboolean give_up; /* converge_get_reason() tells why */
} ConvergeAdvice;

/* The limit that QEMU gets before the migration begins: see converge.c. */
gint64 converge_first_limit_us(gint64 max_downtime_us, gboolean guest_runs);

Converge *converge_new(const ConvergePolicy *policy);
void converge_free(Converge *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Converge, converge_free);

/* The limit that QEMU has now. */
gint64 converge_get_limit_us(const Converge *self);

/* Takes the samples of one pre-copy in their order, at the rate at which they were taken.
 * @ret_advice is always set. */
void converge_step(Converge *self, const GwSample *sample, ConvergeAdvice *ret_advice);

/* (transfer none) (nullable): the prediction from the last sample; NULL while a number is missing
 * for it. */
const GwPrediction *converge_get_prediction(const Converge *self);
/* (transfer none) (nullable): "ram" or the vGPU that prevents the switchover; NULL: none yet. */
const char *converge_get_bottleneck(const Converge *self);
/* (transfer full): a text for people, with the numbers: what prevents the switchover. */
char *converge_get_reason(const Converge *self);
