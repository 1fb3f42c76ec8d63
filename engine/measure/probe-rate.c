/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Computes the dirty rate of a vGPU from the bytes that it sends in a pre-copy that never ends.
 *
 * What is written is sent. At some moments the device has nothing to send; QEMU then makes an empty
 * section, because the driver's read() returned ENOMSG. At such a moment everything that was
 * written has been sent. So between two such moments
 *
 *	bytes written and sent again = bytes sent
 *
 * and the rate is measured. If a device always has more to send, it is written faster than QEMU
 * reads it, or is still in its first pass. Of what it has sent, only its whole memory can have been
 * there from the start; all the rest was written since. That gives a lower bound, (bytes - vRAM) /
 * time. With time the bound approaches the rate at which QEMU reads.
 */
#include "engine/measure/probe-rate.h"

#define MIN_US	   (G_USEC_PER_SEC / 2) /* the least time between two moments, for a rate */
#define SETTLED_US (3 * G_USEC_PER_SEC) /* samples are 100 ms apart: 3 % at each end */

void
probe_rate_add(ProbeRate *self, gint64 time_us, guint64 bytes, guint64 empty_parts)
{
	gboolean is_through = self->n_looks > 0 && empty_parts > self->empty_parts;
	if (self->n_looks++ == 0)
		self->first_us = time_us;
	self->last_us = time_us;
	self->bytes = bytes;
	/* A sample in the middle of a section finds one empty section less than before; the next
	 * sample would find it again. */
	self->empty_parts = MAX(self->empty_parts, empty_parts);
	if (!is_through)
		return;
	if (!self->has_start) {
		self->start_us = time_us;
		self->start_bytes = bytes;
	}
	self->has_start = TRUE;
	self->end_us = time_us;
	self->end_bytes = bytes;
}

static gint64
span_us(const ProbeRate *self)
{
	return self->has_start ? self->end_us - self->start_us : 0;
}

gboolean
probe_rate_is_settled(const ProbeRate *self)
{
	return span_us(self) >= SETTLED_US;
}

static gint64
rate(guint64 bytes, gint64 us)
{
	return (gint64)MIN((double)bytes / (double)us * G_USEC_PER_SEC, 9e18);
}

GwNumber
probe_rate_get(const ProbeRate *self, gint64 vram_bytes)
{
	gint64 lasted_us = self->last_us - self->first_us;
	if (span_us(self) >= MIN_US)
		return gw_number(rate(self->end_bytes - self->start_bytes, span_us(self)),
				 GW_SOURCE_STREAM, GW_CONFIDENCE_MEASURED);
	if (vram_bytes < 0 || lasted_us < MIN_US || self->bytes <= (guint64)vram_bytes)
		return GW_NUMBER_UNKNOWN;
	return gw_number(rate(self->bytes - (guint64)vram_bytes, lasted_us), GW_SOURCE_STREAM,
			 GW_CONFIDENCE_LOWER_BOUND);
}
