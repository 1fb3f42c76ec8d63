/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The offset between two hosts' clocks. The guest stops by the source's clock and continues by the
 * destination's. The pause between the two is worth printing only with the error of this
 * conversion. The error grows with time because the clocks drift. But over a migration of a minute
 * 100 ppm are only 6 ms, and only where NTP is broken, so the best round trip of the whole run is
 * kept.
 */
#include "engine/control/clock.h"

/* About the year 11000. The peer may send any instant: below this one a sum of a few cannot
 * overflow. */
#define MAX_INSTANT_US (G_GINT64_CONSTANT(1) << 58)

void
clock_add(Clock *self, gint64 sent_us, gint64 peer_us, gint64 received_us)
{
	gint64 error_us = (received_us - sent_us + 1) / 2;
	if (received_us < sent_us || peer_us < 0 || peer_us > MAX_INSTANT_US)
		return;
	gint64 offset_us = peer_us - (sent_us + (received_us - sent_us) / 2);
	/* Both are right within their errors, unless a clock drifts or was set. */
	if (self->known)
		self->drift_us = MAX(self->drift_us,
				     ABS(offset_us - self->offset_us) - error_us - self->error_us);
	if (self->known && self->error_us <= error_us)
		return;

	self->known = TRUE;
	self->error_us = error_us;
	self->offset_us = offset_us;
}

gint64
clock_to_ours(const Clock *self, gint64 peer_us)
{
	gint64 instant_us = CLAMP(peer_us, 0, MAX_INSTANT_US);
	return self->known ? instant_us - self->offset_us : instant_us;
}
