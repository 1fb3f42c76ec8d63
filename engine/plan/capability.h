/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/plan/negotiation.h"

/* QEMU's migration capabilities: which ones are switched on, where and why. */

/* Decides each capability that at least one side has, and adds the decisions to the plan, whose
 * transport and channels are decided already. Adds an issue for each one that is needed or asked
 * for and not available. */
void capability_decide_all(Negotiation *self);

/* Adds an issue for each capability that is on now and must not be. */
void capability_check_refused(Negotiation *self);

/* Returns whether any plan of ours switches it on at @host. */
gboolean capability_may_be_on(const char *name, Side host);
