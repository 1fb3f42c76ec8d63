/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A vGPU that is dirtied faster than the link drains it never shrinks, and its dirty rate cannot be
 * seen: most writes hit memory that is dirty already. So the model, which uses rates, predicts an
 * end where there is none. The remaining bytes do show it: in the time in which all of them could
 * have been sent they have not fallen. Their minimum in that time must then be sent in the
 * stop-copy. After that the minimum of each further window counts, whether it is higher or lower:
 * if a GPU rewrites its memory in turn, as fast as the link carries, the remaining bytes go up and
 * down forever, and a limit that follows each fall is never met. If the GPU really writes less, a
 * later window shows that too.
 *
 * This uses only vGPUs with pre-copy, and only after their memory was sent once. If the remaining
 * bytes are known worse than as an estimate, it says nothing.
 */
#include "engine/forecast/vram-plateau.h"

#define MIN_WINDOW_US  (2 * G_USEC_PER_SEC)
#define PROGRESS_RATIO 0.9

/* The sum of all vGPUs with pre-copy; -1: not known, or one is still in its first pass. */
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
