/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/plan/negotiation.h"

/* Makes warnings of the errors whose codes the user lets pass; what else was to be let pass is an error. The last
 * step: it sees all that the rules found. The codes are in gw-plan.h: gw_code_can_be_allowed(). */
void allowable_apply(Negotiation *self);
