/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-report.h"

/* Returns what the user can do next after this outcome; NULL when there is nothing to say. */
const char *advice_for(const GwReport *report);
/* Returns what the user can do about an error; NULL for a code that does not exist. */
const char *advice_for_code(GwError code);
