/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/plan/negotiation.h"

/* QEMU's migration parameters: which are set, where, to what and why. */

/* Adds them to the plan, whose capabilities are decided. */
void parameter_decide_all(Negotiation *self);

/* Could a plan of ours set it at the destination to this value? */
gboolean parameter_is_acceptable(const GwPlanParameter *parameter);
