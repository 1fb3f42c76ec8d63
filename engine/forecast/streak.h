/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Something that holds from sample to sample. All 0: it does not. */
typedef struct {
	guint n_samples;
	double since_us;
	double since_passes;
} Streak;

/* Counts on while it @holds, and begins anew otherwise. @now_us and @passes are the sample's. */
void streak_update(Streak *self, gboolean holds, double now_us, double passes);

/* Returns: whether it holds, for @us and @passes at least. */
gboolean
streak_lasted(const Streak *self, double now_us, double now_passes, double us, double passes);
