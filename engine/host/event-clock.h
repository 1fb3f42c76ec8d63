/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Moves the stamps of one QEMU's events from the wall clock to the monotonic clock. Pure. */
typedef struct {
	gint64 offset_us; /* wall clock minus monotonic clock at @seen_us */
	gint64 seen_us;	  /* monotonic: when we last ran; 0: never */
	gint64 error_us;  /* by how much the last stamp may be wrong; 0: it is exact */
} EventClock;

/* To be called often, at least once a second: a clock that was set in between shows in the offset.
 * Returns whether it was set. */
gboolean event_clock_tick(EventClock *self, gint64 wall_us, gint64 monotonic_us);

/**
 * event_clock_stamp:
 * @stamp_us: QEMU's wall clock at the event @wall_us, @monotonic_us: both clocks now, as it is read
 *
 * Returns: when it happened, by the monotonic clock. Where the stamp cannot be right (the clock was
 *   set, or QEMU has another one) that is now, and @error_us says by how much this may be wrong.
 */
gint64 event_clock_stamp(EventClock *self, gint64 stamp_us, gint64 wall_us, gint64 monotonic_us);
