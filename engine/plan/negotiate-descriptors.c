/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Has each process enough descriptors for the plan's channels? A QEMU without them fails in the
 * middle of the migration, and so does a relay. What is not known is not an obstacle.
 */
#include "engine/plan/negotiate-rules.h"

/* Of ours for each channel: the connection and two copies of it, QEMU's end, two pipes, and a pair
 * of sockets where TLS is not in the kernel. */
#define OURS_PER_CHANNEL 10
#define OURS_BESIDES	 24
/* Of QEMU's: the channel, and a copy of it while it is set up. */
#define QEMU_PER_CHANNEL 2
#define QEMU_BESIDES	 8

static void
check(Negotiation *self, Side side, const char *subject, guint n_free, guint n_needed)
{
	if (n_free == 0 || n_free >= n_needed)
		return;
	negotiation_error(self, "descriptors", sides_of(side), subject,
			  "raise its limit (ulimit -n, LimitNOFILE=) or use fewer --channels",
			  "%u channels need %u more descriptors, and only %u are left",
			  self->plan->channels, n_needed, n_free);
}

void
negotiate_descriptors(Negotiation *self)
{
	guint n_channels = self->plan->channels + 1; /* QEMU's main channel */
	for (guint side = 0; side < N_SIDES; side++) {
		const GwSurvey *survey = self->surveys[side];
		check(self, (Side)side, "godwit", survey->controller_descriptors,
		      n_channels * OURS_PER_CHANNEL + OURS_BESIDES);
		check(self, (Side)side, "QEMU", survey->qemu_descriptors,
		      n_channels * QEMU_PER_CHANNEL + QEMU_BESIDES);
	}
}
