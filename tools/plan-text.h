/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-plan.h"

typedef enum {
	PLAN_TEXT_PLAIN = 0,
	PLAN_TEXT_COLOURS = 1 << 0, /* for a terminal */
	PLAN_TEXT_ALL = 1 << 1,	    /* also what stays off, and why */
} PlanTextFlags;

/* (transfer full): a plan for people: what will be done, or everything that prevents it. Ends with
 * a line feed. */
char *plan_text(const GwPlan *plan, PlanTextFlags flags);
/* Appends to @out what was decided, with the issues: a plan that was carried out needs no
 * verdict. */
void plan_text_add_decisions(GString *out, const GwPlan *plan, PlanTextFlags flags);
/* Appends only the issues to @out, a few lines each. */
void plan_text_add_issues(GString *out, const GwPlan *plan, PlanTextFlags flags);

/* Returns the flags that suit @fd: colours on a terminal that has them, unless NO_COLOR
 * (no-color.org) is set. */
PlanTextFlags plan_text_flags_for(int fd);
