/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-sample.h"

/**
 * progress_line:
 * @sample: (nullable): NULL before the first one
 * @phase: what is going on; the sample's own when NULL
 * @width: columns that may be filled; 0 for no limit
 *
 * What is not known is "?". Where there is no room the last figures are left out, never half of one.
 *
 * Returns: (transfer full): one line without its line feed
 */
char *progress_line(const GwSample *sample, const char *phase, guint width);
