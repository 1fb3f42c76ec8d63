/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-version.h"

/* What to do when a migration cannot end within the downtime that the user allows. */
typedef enum {
	GW_ON_STALL_WAIT,     /* continue: the guest may become idle; the time-out ends it */
	GW_ON_STALL_THROTTLE, /* slow the guest's vCPUs down until its RAM converges */
	GW_ON_STALL_EXTEND,   /* allow the smallest downtime that is enough */
	GW_ON_STALL_ABORT,    /* give up and report the numbers */
} GwOnStall;

/* "wait", "throttle", "extend", "abort". */
GW_API const char *gw_on_stall_to_string(GwOnStall on_stall);
/* %FALSE for another word. */
GW_API gboolean gw_on_stall_from_string(const char *word, GwOnStall *ret_on_stall);
