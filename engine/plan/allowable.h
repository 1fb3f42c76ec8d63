/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/plan/negotiation.h"

/* Turns the errors whose codes the user allows into warnings. A code that cannot be allowed is an
 * error, one that allows nothing a warning. Other errors that can be allowed for one subject get
 * the words for that into their remedy. This is the last step, so it sees everything that the rules
 * found. The codes are in gw-plan.h: gw_code_can_be_allowed(). */
void allowable_apply(Negotiation *self);
