/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* How far the peer's clock is from ours, from round trips over the control connection. Pure. */
typedef struct {
	gboolean known;
	gint64 offset_us; /* peer's clock minus ours */
	gint64 drift_us;  /* by how much later answers contradict this one */
	gint64 error_us;  /* the largest possible error of the offset, for any two paths */
} Clock;

/**
 * clock_add:
 * @sent_us: our clock when the request was sent
 * @peer_us: the peer's clock when it answered
 * @received_us: our clock when the answer arrived
 *
 * The peer's instant is between the other two, so the middle is wrong by at most half the round
 * trip: the shortest round trip gives the best offset (Cristian, 1989). Impossible times are
 * ignored.
 */
void clock_add(Clock *self, gint64 sent_us, gint64 peer_us, gint64 received_us);

/* Converts the peer's instant to our clock; returns the same number while nothing is known. An
 * instant that no clock can show is moved to the nearest one that a clock can show. */
gint64 clock_to_ours(const Clock *self, gint64 peer_us);
