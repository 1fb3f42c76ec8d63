/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "engine/gw-number.h"
#include "engine/gw-version.h"

/* What a quantity may be. -1: not known; as @high: there is no telling how much. */
typedef struct {
	gint64 low;
	gint64 likely;
	gint64 high;
} GwRange;

/* A part of the downtime to come; the parts follow one another and add up to it. */
typedef struct {
	char *name; /* "stop", "ram", "vgpu", "in-flight", "device-state", "load", "start" */
	char *id;   /* of a "vgpu", else NULL */
	GwRange us;
} GwPredictedPart;

/* What a migration will take, as far as the numbers tell. */
typedef struct {
	gint64 time_us; /* when it was made, since the run's start; -1: before any run */
	gint64 bandwidth_bytes_per_s;
	gint64 downtime_limit_us;	  /* what it is made for */
	gboolean converges;		  /* with that limit, as is likely */
	GwConfidence confidence;	  /* of the numbers that it is made from */
	GwRange needed_downtime_limit_us; /* the smallest with which it would end */
	GwRange passes;
	GwRange total_us; /* from then on, the downtime too */
	GwRange downtime_us;
	GPtrArray *parts; /* of GwPredictedPart */
	char *held_up_by; /* (nullable): the vGPU that takes most of the downtime; NULL: RAM does */
} GwPrediction;

#define GW_TYPE_PREDICTION (gw_prediction_get_type())
GW_API GType gw_prediction_get_type(void);
GW_API GwPrediction *gw_prediction_copy(const GwPrediction *self);
GW_API void gw_prediction_free(GwPrediction *self);
/* (transfer full): one line of JSON without its line feed. */
GW_API char *gw_prediction_to_json(const GwPrediction *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPrediction, gw_prediction_free)
