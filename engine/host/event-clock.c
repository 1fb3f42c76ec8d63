/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU stamps its events by the wall clock, which somebody may set at any time: a guest that stood
 * still for 6 ms then had a downtime of 90 s. We read an event right after QEMU has sent it. So its
 * age is small, and a stamp that says otherwise is not believed.
 */
#include "engine/host/event-clock.h"

#define SET_US		   5000 /* more than NTP slews within a second */
#define MAX_AGE_US	   (2 * G_USEC_PER_SEC)
#define MIN_GUESS_ERROR_US 5000 /* a socket and a wake-up of ours */

gboolean
event_clock_tick(EventClock *self, gint64 wall_us, gint64 monotonic_us)
{
	gint64 offset_us = wall_us - monotonic_us;
	gint64 slew_us = (monotonic_us - self->seen_us) / 1000;
	gboolean was_set =
		self->seen_us != 0 && ABS(offset_us - self->offset_us) > MAX(SET_US, slew_us);
	self->offset_us = offset_us;
	self->seen_us = monotonic_us;
	return was_set;
}

gint64
event_clock_stamp(EventClock *self, gint64 stamp_us, gint64 wall_us, gint64 monotonic_us)
{
	/* While we did not run the event may have waited. */
	gint64 blind_us = self->seen_us != 0 ? monotonic_us - self->seen_us : 0;
	gboolean was_set = event_clock_tick(self, wall_us, monotonic_us);
	gint64 age_us = stamp_us > 0 && stamp_us <= wall_us ? wall_us - stamp_us : -1;
	self->error_us = 0;
	if (!was_set && age_us >= 0 && age_us <= MAX_AGE_US)
		return monotonic_us - age_us;
	self->error_us = MAX(MIN_GUESS_ERROR_US, blind_us);
	return monotonic_us;
}
