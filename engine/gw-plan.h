/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-prediction.h"
#include "engine/gw-version.h"

typedef enum {
	GW_SEVERITY_WARNING,
	GW_SEVERITY_ERROR,
} GwSeverity;

/* One thing that stands in the way. */
typedef struct {
	GwSeverity severity;
	gboolean is_allowed; /* it was an error, and the user let it pass by its code */
	char *code;	     /* stable: "machine-type" */
	char *host;	     /* "source", "destination" or "both" */
	char *subject;	     /* what it is about: a capability, a device, a file */
	char *text;	     /* for people */
	char *remedy;	     /* what to change; may be NULL */
} GwIssue;

/* How one of QEMU's migration capabilities will be, and why. */
typedef struct {
	char *name; /* "multifd" */
	gboolean at_source;
	gboolean at_destination;
	char *reason;
} GwPlanCapability;

/* A value that will be set, and why: one of QEMU's migration parameters, or a property of devices. */
typedef struct {
	char *name;   /* "downtime-limit" */
	char *device; /* (nullable): of all devices of this type */
	gint64 value; /* in QEMU's own unit; -1: it is a text */
	char *text;   /* (nullable) */
	gboolean at_source;
	gboolean at_destination;
	char *reason;
} GwPlanParameter;

/* What will be done. It goes to the peer, which checks it again by itself. */
typedef struct {
	char *vm_name;
	char *source;	   /* (nullable): its host and QEMU, for people: "a, QEMU 7.2.22" */
	char *destination; /* (nullable): likewise */
	char *transport;   /* "direct" */
	char *encryption; /* (nullable): of the source end of its channels: "none", "tls" or "kernel-tls" */
	guint channels;
	GPtrArray *capabilities; /* of GwPlanCapability; all that are not in it are switched off */
	GPtrArray *parameters;	 /* of GwPlanParameter */
	gint64 downtime_limit_us;
	gint64 bandwidth_bytes_per_s; /* 0: no limit */
	gboolean paused;	      /* leave the guest paused at the destination */
	gboolean keep_source;
	GPtrArray *issues; /* of GwIssue; warnings only in a plan that can be carried out */
	GwPrediction *
		prediction; /* (nullable): what it will take, by who has measured; not sent to the peer */
} GwPlan;

GW_API void gw_plan_free(GwPlan *self);
GW_API char *gw_plan_to_json(const GwPlan *self);
/* Is there no error among its issues? */
GW_API gboolean gw_plan_is_possible(const GwPlan *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPlan, gw_plan_free)

/* May the user let errors of @code pass? Only where that can be sound. */
GW_API gboolean gw_code_can_be_allowed(const char *code);
/* (transfer full): all such codes, with a space between. */
GW_API char *gw_codes_that_can_be_allowed(void);

GW_API const char *gw_severity_to_string(GwSeverity severity);
