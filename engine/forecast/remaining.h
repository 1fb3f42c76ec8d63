/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/forecast/predict.h"

/* What RAM, which is the first source, and the vGPUs still have to send. Pure. */

/* Returns whether the remaining bytes are not known, or only as a bound. */
gboolean remaining_is_unknown(const PredictSource *source);
/* Returns the remaining bytes that are certain. */
double remaining_bytes_of(const PredictSource *source);
double remaining_sum_bytes(const PredictSource *sources, guint n_sources);

/* The part of it that all vGPUs can send only after the guest's stop. */
GwRange remaining_stop_copy_bytes(const PredictSource *sources, guint n_sources);

/* Finds the source with the most remaining bytes, the vGPU with the largest stop-copy, and the
 * first source that is unknown. 0, which is RAM, means none. */
guint remaining_find_largest(const PredictSource *sources, guint n_sources);
guint remaining_find_largest_stop_copy(const PredictSource *sources, guint n_sources);
guint remaining_find_unknown(const PredictSource *sources, guint n_sources);
