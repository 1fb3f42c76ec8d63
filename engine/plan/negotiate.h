/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-plan.h"
#include "engine/gw-stall.h"
#include "engine/gw-survey.h"

/* What the user wants; a part of the input of a plan. All zero: nothing special. */
typedef struct {
	const char *vm_name;
	const char *transport; /* (nullable): a transport's name; NULL: the plan's choice */
	guint channels;	       /* 0: the plan's choice */
	gboolean encrypted;    /* we encrypt the channels */
	gboolean account;      /* count the stream's bytes by device */
	const char *const
		*allowed; /* (nullable): errors that are let pass: "CODE", "CODE:SUBJECT" */
	const char *const *capabilities; /* (nullable): the names of the capabilities that the
					  * user asks for */
	GwOnStall on_stall;
	gint64 downtime_limit_us;
	gint64 bandwidth_bytes_per_s;  /* 0: no limit */
	gint64 switchover_bytes_per_s; /* the network's bandwidth in the switchover; 0: not known */
	gboolean paused;
	gboolean keep_source;
} NegotiatePolicy;

/**
 * negotiate:
 *
 * Pure: makes a plan from two surveys and the user's wishes. The plan has all issues at once. If no
 * issue is an error (gw_plan_is_possible()) the plan can be carried out.
 */
GwPlan *
negotiate(const GwSurvey *source, const GwSurvey *destination, const NegotiatePolicy *policy);

/* The destination's own check of a plan from the peer, against what it knows of its QEMU: the same
 * rules, for its half. @survey is new. %GW_ERROR_INCOMPATIBLE with everything that is wrong. */
gboolean negotiate_check_destination(const GwPlan *plan, const GwSurvey *survey,
				     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* (transfer full): all errors of @plan in one line, for people. */
char *negotiate_describe_errors(const GwPlan *plan);
/* Sets %GW_ERROR_INCOMPATIBLE with all errors, at the host of the first one. */
void negotiate_set_error(const GwPlan *plan, GError **error);
