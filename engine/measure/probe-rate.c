/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dirty rate of a vGPU from the bytes that it sends in a pre-copy without an end.
 *
 * What is written is sent. Whenever the device had nothing to send (QEMU makes an empty section then: the driver's
 * read() said ENOMSG), all that had been written was sent; so between two such moments
 *
 *	bytes written and sent again = bytes sent
 *
 * and the rate is measured. A device that always has more to send is written faster than QEMU reads it, or is
 * still at its first pass. Of what it sent by then only its whole memory can have been there from the start; all
 * that is more was written since. That makes a lower bound, (bytes - vRAM) / time, which comes near the rate at which
 * it is read as time goes by.
 */
#include "engine/measure/probe-rate.h"

#define MIN_US	   (G_USEC_PER_SEC / 2) /* between two moments, to make a rate */
#define SETTLED_US (3 * G_USEC_PER_SEC) /* looks are 100 ms apart: 3 % at either end */

void
probe_rate_add(ProbeRate *self, gint64 time_us, guint64 bytes, guint64 empty_parts)
{
	gboolean is_through = self->n_looks > 0 && empty_parts > self->empty_parts;
	if (self->n_looks++ == 0)
		self->first_us = time_us;
	self->last_us = time_us;
	self->bytes = bytes;
	/* A look in the midst of a part finds one less than before: the next would find it again. */
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
