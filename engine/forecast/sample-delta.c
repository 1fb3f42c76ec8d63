/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compares two samples. If the remaining bytes of a vGPU are not known, it counts as in its first
 * pass while two things hold: less was sent of all vGPUs than their vRAM, and a part of the link is
 * used by them.
 */
#include "engine/forecast/sample-delta.h"

#define BUSY 0.1 /* of the bandwidth of the link */

gint64
sample_delta_syncs(const GwSample *before, const GwSample *now)
{
	if (before == NULL || before->passes < 0 || now->passes < 0)
		return 0;
	return now->passes - before->passes;
}

gboolean
sample_delta_is_busy(const GwSample *before, const GwSample *now, double bytes_per_s)
{
	double vram_bytes = 0;
	for (guint i = 0; i < now->vgpus->len; i++) {
		const GwVgpuSample *vgpu = g_ptr_array_index(now->vgpus, i);
		vram_bytes += (double)MAX(vgpu->vram_bytes, 0);
	}
	if (before == NULL || (double)now->vfio_transferred_bytes >= vram_bytes)
		return FALSE;
	double sent_bytes =
		(double)now->vfio_transferred_bytes - (double)before->vfio_transferred_bytes;
	double seconds = ((double)now->time_us - (double)before->time_us) / G_USEC_PER_SEC;
	return sent_bytes > BUSY * bytes_per_s * seconds;
}
