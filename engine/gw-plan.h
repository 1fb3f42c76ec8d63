/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-prediction.h"
#include "engine/gw-version.h"

typedef enum {
	GW_SEVERITY_WARNING,
	GW_SEVERITY_ERROR,
} GwSeverity;

/* One obstacle to the migration. */
typedef struct {
	GwSeverity severity;
	gboolean is_allowed; /* an error that the user allowed by its code */
	char *code;	     /* stable: "machine-type" */
	char *host;	     /* "source", "destination" or "both" */
	char *subject;	     /* what it concerns: a capability, a device, a file */
	char *text;	     /* for people */
	char *remedy;	     /* what to change; may be NULL */
} GwIssue;

/* How one of QEMU's migration capabilities will be set, and why. */
typedef struct {
	char *name; /* "multifd" */
	gboolean at_source;
	gboolean at_destination;
	char *reason;
} GwPlanCapability;

/* A value that will be set, and why: a migration parameter of QEMU, or a property of devices. */
typedef struct {
	char *name;   /* "downtime-limit" */
	char *device; /* (nullable): the type of the devices; set on all of them */
	gint64 value; /* in QEMU's own unit; -1: the value is @text */
	char *text;   /* (nullable) */
	gboolean at_source;
	gboolean at_destination;
	char *reason;
} GwPlanParameter;

/* What will be done. The plan is sent to the peer, which checks it again by itself. */
typedef struct {
	char *vm_name;
	char *source;	   /* (nullable): the host and its QEMU, for people: "a, QEMU 7.2.22" */
	char *destination; /* (nullable): likewise */
	char *transport;   /* "direct" */
	/* (nullable): at the source end of its channels: "none", "tls" or "kernel-tls". */
	char *encryption;
	guint channels;
	GPtrArray *capabilities; /* of GwPlanCapability; all others are switched off */
	GPtrArray *parameters;	 /* of GwPlanParameter */
	gint64 downtime_limit_us;
	gint64 bandwidth_bytes_per_s; /* 0: no limit */
	gboolean paused;	      /* leave the guest paused at the destination */
	gboolean keep_source;
	GPtrArray *issues;	  /* of GwIssue; only warnings in a plan that can be executed */
	GwPrediction *prediction; /* (nullable): from a measurement; not sent to the peer */
} GwPlan;

GW_API void gw_plan_free(GwPlan *self);
GW_API char *gw_plan_to_json(const GwPlan *self);
/* Does the plan have no issue that is an error? */
GW_API gboolean gw_plan_is_possible(const GwPlan *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPlan, gw_plan_free);

/* May the user allow errors by @word, which is "CODE" or "CODE:SUBJECT"? Only those where that can
 * be safe. Errors of disks and exports can only be allowed for one subject. */
GW_API gboolean gw_code_can_be_allowed(const char *word);
/* (transfer full): all codes that can be allowed, separated by spaces; "CODE:SUBJECT" where it
 * needs one. */
GW_API char *gw_codes_that_can_be_allowed(void);

GW_API const char *gw_severity_to_string(GwSeverity severity);
