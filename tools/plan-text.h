/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-plan.h"

typedef enum {
	PLAN_TEXT_PLAIN = 0,
	PLAN_TEXT_COLOURS = 1 << 0, /* for a terminal */
	PLAN_TEXT_ALL = 1 << 1,	    /* also what is not switched on, and why */
} PlanTextFlags;

/* (transfer full): a plan for people: what will be done, or everything that stands in the way. Ends with a line feed. */
char *plan_text(const GwPlan *plan, PlanTextFlags flags);
/* Only the issues, a few lines each, behind what is in @out. */
void plan_text_add_issues(GString *out, const GwPlan *plan, PlanTextFlags flags);

/* What suits @fd: colours on a terminal that has them, unless NO_COLOR (no-color.org) is set. */
PlanTextFlags plan_text_flags_for(int fd);
