/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/forecast/estimate.h"
#include "engine/gw-stall.h"

/* The controller of a migration: fed with samples, it says what QEMU is to be told, and when to give up. Pure: see
 * converge.c for its rules. */
typedef struct Converge Converge;

typedef struct {
	gint64 max_downtime_us; /* that the user allows */
	GwOnStall on_stall;
	gboolean can_throttle; /* QEMU's auto-converge is switched on */
	gboolean guest_runs;   /* one that stands still has no downtime */
	/* What is known of this host pair. Its bandwidth while the guest runs, and its limits, are not read. */
	PredictTerms terms;
} ConvergePolicy;

/* -1: as it is. */
typedef struct {
	gint64 downtime_limit_us;
	gint64 switchover_bytes_per_s; /* what QEMU shall reckon with, where it has that parameter */
	gint64 throttle_percent;
	gboolean give_up; /* converge_get_reason() tells why */
} ConvergeAdvice;

/* What QEMU is told before it begins: see converge.c. */
gint64 converge_first_limit_us(gint64 max_downtime_us, gboolean guest_runs);

Converge *converge_new(const ConvergePolicy *policy);
void converge_free(Converge *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Converge, converge_free);

/* What QEMU is told now. */
gint64 converge_get_limit_us(const Converge *self);

/* The samples of one pre-copy in their order, the same pace as they were taken. @ret_advice is always set. */
void converge_step(Converge *self, const GwSample *sample, ConvergeAdvice *ret_advice);

/* (transfer none) (nullable): made from the last sample; NULL while a number that it takes is not known. */
const GwPrediction *converge_get_prediction(const Converge *self);
/* (transfer none) (nullable): "ram", or the vGPU without which the migration could end now; NULL: none yet. */
const char *converge_get_bottleneck(const Converge *self);
/* (transfer full): with the numbers, for people; what stands in the way of an end. */
char *converge_get_reason(const Converge *self);
