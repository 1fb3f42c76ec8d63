/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/plan/negotiation.h"

/* QEMU's migration capabilities: which are switched on, where and why. */

/* Adds to the plan, whose transport and channels are decided, what will be of each capability that at least
 * one side has, and an issue for what is needed or asked for and cannot be. */
void capability_decide_all(Negotiation *self);

/* Adds an issue for each that is on now and must not be. */
void capability_check_refused(Negotiation *self);

/* Does any plan of ours switch it on there? */
gboolean capability_may_be_on(const char *name, Side host);
