/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* How far the peer's wall clock is from ours, from round trips over the control connection. Pure. */
typedef struct {
	gboolean known;
	gint64 offset_us; /* peer's clock minus ours */
	gint64 error_us;  /* the offset is right to within this, whatever the two paths were like */
} Clock;

/**
 * clock_add:
 * @sent_us: our clock when the question left
 * @peer_us: the peer's clock when it answered
 * @received_us: our clock when the answer came
 *
 * The peer's instant lies between the other two, so the middle is wrong by half the round trip at most:
 * the shortest round trip gives the best offset (Cristian, 1989). Impossible times are ignored.
 */
void clock_add(Clock *self, gint64 sent_us, gint64 peer_us, gint64 received_us);

/* The peer's instant on our clock; the same number while nothing is known. An instant that no clock can show
 * is moved to the nearest that one can. */
gint64 clock_to_ours(const Clock *self, gint64 peer_us);
