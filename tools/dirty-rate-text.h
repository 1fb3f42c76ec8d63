/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-dirty-rate.h"

/* (transfer full): as a table for people, and what a migration would take if that is known. */
char *dirty_rate_text(const GwDirtyRate *rate);
