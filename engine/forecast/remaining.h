/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/forecast/predict.h"

/* What RAM, the first of the sources, and the vGPUs have left to send. Pure. */

/* Only a bound, or nothing, is known of what it has left. */
gboolean rest_is_dark(const PredictSource *source);
/* As much of it as is certain. */
double rest_bytes(const PredictSource *source);
double rest_of_all_bytes(const PredictSource *sources, guint n_sources);

/* Of that, what all vGPUs can send only when the guest has stopped. */
GwRange rest_debt_bytes(const PredictSource *sources, guint n_sources);

/* Which one has most of it left, and which of the vGPUs owes most; the first that is dark. 0, which is RAM: none. */
guint rest_find_most(const PredictSource *sources, guint n_sources);
guint rest_find_debtor(const PredictSource *sources, guint n_sources);
guint rest_find_dark(const PredictSource *sources, guint n_sources);
