/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/forecast/predict.h"

/* What RAM, the first of the sources, and the vGPUs have left to send. Pure. */

/* Only a bound, or nothing, is known of what it has left. */
gboolean remaining_is_unknown(const PredictSource *source);
/* As much of it as is certain. */
double remaining_bytes_of(const PredictSource *source);
double remaining_sum_bytes(const PredictSource *sources, guint n_sources);

/* Of that, what all vGPUs can send only when the guest has stopped. */
GwRange remaining_stop_copy_bytes(const PredictSource *sources, guint n_sources);

/* Which one has most of it left, and which of the vGPUs owes most; the first that is dark. 0, which is RAM: none. */
guint remaining_find_largest(const PredictSource *sources, guint n_sources);
guint remaining_find_largest_stop_copy(const PredictSource *sources, guint n_sources);
guint remaining_find_unknown(const PredictSource *sources, guint n_sources);
