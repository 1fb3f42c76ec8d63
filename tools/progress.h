/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-sample.h"

/**
 * progress_line:
 * @sample: (nullable): NULL before the first sample
 * @phase: (nullable): the current phase; NULL for the phase of @sample
 * @width: the number of columns; 0 for no limit
 *
 * An unknown figure is "?". A line that is too short for all figures drops the last ones; it never
 * cuts a figure.
 *
 * Returns: (transfer full): one line without a line feed
 */
char *progress_line(const GwSample *sample, const char *phase, guint width);
