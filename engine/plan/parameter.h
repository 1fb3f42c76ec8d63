/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/plan/negotiation.h"

/* QEMU's migration parameters: which ones are set, where, to what value and why. */

/* Adds them to the plan, whose capabilities are decided already. */
void parameter_decide_all(Negotiation *self);

/* Returns whether a plan of ours could set it at the destination to this value. */
gboolean parameter_is_acceptable(const GwPlanParameter *parameter);
