/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A condition that holds from sample to sample. All 0: it does not hold. */
typedef struct {
	guint n_samples;
	double since_us;
	double since_passes;
} Streak;

/* Counts while @holds is %TRUE, and begins again otherwise. @now_us and @passes are those of the
 * sample. */
void streak_update(Streak *self, gboolean holds, double now_us, double passes);

/* Returns whether it has held for at least @us and @passes. */
gboolean
streak_lasted(const Streak *self, double now_us, double now_passes, double us, double passes);
