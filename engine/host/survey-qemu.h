/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-survey.h"
#include "engine/host/qemu.h"

/* Asks an attached QEMU for everything that the plan needs; changes nothing.
 * %GW_ERROR_MONITOR_LOST. */
GwSurvey *survey_take(Qemu *qemu, GError **error);
