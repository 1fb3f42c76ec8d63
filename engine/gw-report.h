/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "engine/gw-error.h"
#include "engine/gw-plan.h"
#include "engine/gw-prediction.h"
#include "engine/gw-sample.h"

typedef enum {
	GW_OUTCOME_COMPLETED,
	GW_OUTCOME_FAILED,
	GW_OUTCOME_CANCELLED,
	GW_OUTCOME_INCOMPATIBLE,
	GW_OUTCOME_NO_CONVERGENCE,
	GW_OUTCOME_UNKNOWN,
} GwOutcome;

typedef enum {
	GW_PLACE_SOURCE,
	GW_PLACE_DESTINATION,
	GW_PLACE_NONE, /* proven to run nowhere: its QEMU has died */
	GW_PLACE_UNKNOWN,
	GW_PLACE_AS_BEFORE, /* the run ended before it saw where that is, and touched nothing */
} GwPlace;

typedef struct {
	char *name;
	gint64 start_us;
	gint64 end_us; /* -1 while the phase lasts */
} GwPhase;

/* A part of the downtime; parts follow one another and add up to it. */
typedef struct {
	char *name;
	gint64 us;
} GwPart;

/* One vGPU of the VM. */
typedef struct {
	char *id;	   /* its id in QEMU, else its UUID or PCI address */
	char *type;	   /* (nullable) */
	gint64 vram_bytes; /* its frame buffer */
	GwNumber transferred_bytes;
	GwNumber precopy_bytes;	    /* of these, the bytes sent while the guest ran */
	GwNumber stop_copy_bytes;   /* of these, the bytes sent while the guest was stopped */
	GwNumber dirty_bytes_per_s; /* the last known value */
	gint64 stopped_us; /* from its stop at the source to its start at the destination */
} GwReportVgpu;

/* One connection between the hosts, and how it is encrypted: "none", "tls" (by a process) or
 * "kernel-tls". */
typedef struct {
	char *name;	  /* "control", "channel 0" */
	char *encryption; /* at the source's end */
	char *encryption_destination;
	char *cipher; /* (nullable): "TLSv1.3 TLS_AES_128_GCM_SHA256" */
} GwReportConnection;

/* One migration from its first step to its last. Times are in microseconds from the run's start,
 * sizes in bytes. An unknown value is -1 or NULL here and absent from the JSON. */
typedef struct {
	GwOutcome outcome;
	GwPlace vm_runs_on;
	char *vm_state; /* (nullable): how the guest is there if it does not run: "is paused" */

	/* Set unless completed. */
	char *error_host; /* "source", "destination" */
	char *error_phase;
	GwError error_code;
	char *error_message;
	char *error_qemu_source; /* QEMU's own words */
	char *error_qemu_destination;
	GPtrArray *warnings; /* of char: "HOST: TEXT", what went wrong and changed nothing for the
			   * guest */
	char *left_over; /* what could not be removed at the end, with its host; NULL: nothing */

	gint64 total_us;
	gint64 setup_us;
	gint64 downtime_us;	   /* STOP on the source to RESUME on the destination */
	gint64 downtime_error_us;  /* the clock offset's uncertainty */
	gint64 downtime_qemu_us;   /* QEMU's figure */
	GPtrArray *phases;	   /* of GwPhase */
	GPtrArray *downtime_parts; /* of GwPart */

	gint64 ram_total_bytes;
	gint64 ram_transferred_bytes;
	gint64 ram_passes;
	gint64 ram_dirty_bytes_per_s; /* the last measured value */

	GPtrArray *vgpus;	/* of GwReportVgpu */
	GPtrArray *connections; /* of GwReportConnection */

	GwPrediction *first_prediction; /* (nullable): the first one that could be made */
	GwPrediction *prediction;	/* (nullable): the last one before the guest was stopped */

	GwPlan *plan;	    /* (nullable) */
	GPtrArray *samples; /* of GwSample */
	GPtrArray *events;  /* of GwEvent */
} GwReport;

#define GW_TYPE_REPORT (gw_report_get_type())
GW_API GType gw_report_get_type(void);
GW_API GwReport *gw_report_new(void);
GW_API GwReport *gw_report_copy(const GwReport *self);
GW_API void gw_report_free(GwReport *self);
/* (transfer full): the whole report, indented. */
GW_API char *gw_report_to_json(const GwReport *self);
/* Reads the text of gw_report_to_json(); %GW_ERROR_FAILED, with the field's name, for anything
 * else. */
GW_API GwReport *gw_report_from_json(const char *text, gssize len, GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwReport, gw_report_free);

GW_API const char *gw_outcome_to_string(GwOutcome outcome);
GW_API const char *gw_place_to_string(GwPlace place);
/* Where is the VM? 0: on the destination. On the source: 1 failed, 3 incompatible, 4 no
 * convergence, 5 cancelled. 6: look before you act, because it is not known, or the VM runs nowhere
 * any more. */
GW_API int gw_report_to_exit_code(const GwReport *self);
