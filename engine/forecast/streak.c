/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long a condition has held: in samples, in time, and in passes over the guest's memory. One
 * sample proves nothing about a guest, and many samples within one pass are only one observation.
 */
#include "engine/forecast/streak.h"

void
streak_update(Streak *self, gboolean holds, double now_us, double passes)
{
	if (self->n_samples == 0 || !holds) {
		self->since_us = now_us;
		self->since_passes = passes;
	}
	self->n_samples = holds ? self->n_samples + 1 : 0;
}

gboolean
streak_lasted(const Streak *self, double now_us, double now_passes, double us, double passes)
{
	return self->n_samples > 0 && now_us - self->since_us >= us &&
	       now_passes - self->since_passes >= passes;
}
