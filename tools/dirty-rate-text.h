/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-dirty-rate.h"

/* (transfer full): a table for people, with the prediction if there is one. */
char *dirty_rate_text(const GwDirtyRate *rate);
