/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "engine/gw-number.h"
#include "engine/gw-version.h"

/* The range of a quantity. -1: not known; as @high: no upper bound. */
typedef struct {
	gint64 low;
	gint64 likely;
	gint64 high;
} GwRange;

/* A part of the predicted downtime; the parts follow one another and add up to it. */
typedef struct {
	char *name; /* "stop", "ram", "vgpu", "in-flight", "device-state", "load", "start" */
	char *id;   /* of a "vgpu", else NULL */
	GwRange us;
} GwPredictedPart;

/* What a migration will need, as far as the numbers tell. */
typedef struct {
	gint64 time_us; /* time of the prediction, since the run's start; -1: before any run */
	gint64 bandwidth_bytes_per_s;
	gint64 downtime_limit_us;	  /* the limit that it assumes */
	gboolean converges;		  /* probably, with that limit */
	GwConfidence confidence;	  /* of the numbers behind it */
	GwRange needed_downtime_limit_us; /* the smallest with which the migration would end */
	GwRange passes;
	GwRange total_us; /* from @time_us on, including the downtime */
	GwRange downtime_us;
	GPtrArray *parts; /* of GwPredictedPart */
	char *held_up_by; /* (nullable): the vGPU with most of the downtime; NULL: RAM */
} GwPrediction;

#define GW_TYPE_PREDICTION (gw_prediction_get_type())
GW_API GType gw_prediction_get_type(void);
GW_API GwPrediction *gw_prediction_copy(const GwPrediction *self);
GW_API void gw_prediction_free(GwPrediction *self);
/* (transfer full): one line of JSON without its line feed. */
GW_API char *gw_prediction_to_json(const GwPrediction *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPrediction, gw_prediction_free);
