/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A vGPU that is written faster than the link carries never has less left, and what it is written at does not show:
 * most of it falls on what is dirty already. So the model, which goes by rates, sees an end where there is none. What
 * shows is the rest itself: in the time in which all of it could have been sent it has not become less. Its least in
 * that time is what will have to go with the guest stopped. Once that was so, the least of each further window is, less
 * or more: a GPU that writes its memory in turn, as fast as the link carries, has what is left go up and down for ever, and
 * a limit that is taken back each time it goes down is never met. If it really writes less, a window shows that too.
 *
 * Only what is sent while the guest runs, and only after it was sent once; where less than an estimate is known of what is
 * left nothing can be told.
 */
#include "engine/forecast/vram-plateau.h"

#define MIN_WINDOW_US  (2 * G_USEC_PER_SEC)
#define PROGRESS_RATIO 0.9

/* Of all that have pre-copy; -1: not known, or they are not through their memory once. */
static double
left_bytes(const GwSample *sample)
{
	double bytes = 0, vram_bytes = 0;
	for (guint i = 0; i < sample->vgpus->len; i++) {
		const GwVgpuSample *vgpu = g_ptr_array_index(sample->vgpus, i);
		if (!vgpu->has_precopy)
			continue;
		if (!gw_number_is_known(vgpu->remaining_bytes) || vgpu->vram_bytes < 0 ||
		    vgpu->remaining_bytes.confidence > GW_CONFIDENCE_ESTIMATED)
			return -1;
		bytes += (double)vgpu->remaining_bytes.value;
		vram_bytes += (double)vgpu->vram_bytes;
	}
	return (double)sample->vfio_transferred_bytes < vram_bytes ? -1 : bytes;
}

static void
begin(VramPlateau *self, gint64 now_us, double bytes, double before_bytes)
{
	self->began_us = now_us;
	self->least_bytes = bytes;
	self->before_bytes = before_bytes;
}

void
vram_plateau_add(VramPlateau *self, const GwSample *sample, double bytes_per_s)
{
	double bytes = left_bytes(sample), now_us = (double)sample->time_us;
	if (bytes < 0 || bytes_per_s <= 0 || sample->time_us <= 0) {
		*self = (VramPlateau){ .began_us = 0 };
		return;
	}
	if (self->began_us == 0) {
		begin(self, sample->time_us, bytes, 0);
		return;
	}
	self->least_bytes = MIN(self->least_bytes, bytes);
	double window_us = MAX(MIN_WINDOW_US, bytes / bytes_per_s * G_USEC_PER_SEC);
	if (now_us - (double)self->began_us < window_us)
		return;
	gboolean stands =
		self->before_bytes > 0 && self->least_bytes >= PROGRESS_RATIO * self->before_bytes;
	self->bytes = stands || self->bytes > 0 ? self->least_bytes : 0;
	begin(self, sample->time_us, bytes, self->least_bytes);
}
