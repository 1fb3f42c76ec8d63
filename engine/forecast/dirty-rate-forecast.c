/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a measured dirty rate means for a migration that has not begun. */
#include "engine/forecast/dirty-rate-forecast.h"

#define MEASURED_OFF 0.1
#define MIGRATING_FACTOR \
	3 /* a guest was seen to write up to 3 times as much while it is
			    * migrated */

static void
set_ram(const GwDirtyRate *self, PredictSource *source)
{
	gint64 rate = self->ram_dirty_bytes_per_s.value;
	source->pending_bytes = predict_exactly(self->ram_total_bytes);
	source->dirty_bytes_per_s = predict_about(rate, MEASURED_OFF);
	if (rate >= 0)
		source->dirty_bytes_per_s.high = MIN(rate, G_MAXINT64 / 4) * MIGRATING_FACTOR;
	source->hot_bytes = predict_about(self->ram_hot_bytes.value, MEASURED_OFF);
	source->stop_bytes = predict_exactly(0);
	source->confidence = GW_CONFIDENCE_ESTIMATED;
}

/* Only earlier migrations of this type are known: what they sent is likely, and the frame buffer is
 * the maximum. */
static void
set_learned(const GwDirtyRateVgpu *vgpu, GwRange sent_per_mille, PredictSource *source)
{
	double bytes = (double)vgpu->stop_bytes.value / 1000;
	source->stop_bytes = (GwRange){ (gint64)(bytes * (double)sent_per_mille.low),
					(gint64)(bytes * (double)sent_per_mille.likely),
					vgpu->stop_bytes.value };
	source->confidence = GW_CONFIDENCE_ESTIMATED;
}

/* With a dirty rate the vGPU is sent while the guest runs. Without one all of it may be dirty when
 * the guest stops: this is never too little. */
static void
set_vgpu(const GwDirtyRateVgpu *vgpu, GwRange sent_per_mille, PredictSource *source)
{
	GwNumber rate = vgpu->dirty_bytes_per_s, stop = vgpu->stop_bytes;
	gint64 all_bytes = vgpu->vram_bytes >= 0 ? vgpu->vram_bytes : stop.value;
	gboolean is_sent_running = gw_number_is_known(rate);
	source->id = vgpu->id;
	source->pending_bytes = predict_exactly(is_sent_running ? all_bytes : 0);
	source->hot_bytes = predict_exactly(is_sent_running ? all_bytes : 0);
	source->dirty_bytes_per_s = predict_exactly(0);
	source->stop_bytes = predict_exactly(0);
	source->confidence = is_sent_running ? rate.confidence : stop.confidence;
	if (is_sent_running && rate.confidence == GW_CONFIDENCE_LOWER_BOUND)
		source->dirty_bytes_per_s = (GwRange){ rate.value, rate.value, -1 };
	else if (is_sent_running)
		source->dirty_bytes_per_s = predict_about(rate.value, MEASURED_OFF);
	else if (stop.confidence == GW_CONFIDENCE_BOUND && sent_per_mille.likely >= 0)
		set_learned(vgpu, sent_per_mille, source);
	else if (stop.confidence == GW_CONFIDENCE_BOUND)
		source->stop_bytes = predict_at_most(stop.value);
	else
		source->stop_bytes = predict_about(stop.value, MEASURED_OFF);
}

static GwPrediction *
predict_at(const GwDirtyRate *self, const Learned *learned, gint64 bandwidth_bytes_per_s,
	   gint64 max_downtime_us)
{
	PredictSource sources[PREDICT_SOURCES_MAX];
	guint n = MIN(self->vgpus->len, VGPU_MAX);
	for (guint i = 0; i <= n; i++)
		sources[i] = (PredictSource){ .device_bytes_per_s = predict_exactly(-1) };
	set_ram(self, &sources[0]);
	for (guint i = 0; i < n; i++)
		set_vgpu(g_ptr_array_index(self->vgpus, i), learned->sent_per_mille[i],
			 &sources[1 + i]);
	PredictTerms terms = learned->terms;
	terms.bandwidth_bytes_per_s = predict_exactly(bandwidth_bytes_per_s);
	terms.max_downtime_us = max_downtime_us;
	return predict(&terms, sources, n + 1);
}

void
dirty_rate_conclude(GwDirtyRate *self, const Learned *learned, gint64 bandwidth_bytes_per_s,
		    gint64 max_downtime_us)
{
	self->total_dirty_bytes_per_s = self->ram_dirty_bytes_per_s;
	for (guint i = 0; i < self->vgpus->len; i++) {
		const GwDirtyRateVgpu *vgpu = g_ptr_array_index(self->vgpus, i);
		self->total_dirty_bytes_per_s =
			gw_number_add(self->total_dirty_bytes_per_s, vgpu->dirty_bytes_per_s);
	}
	gw_prediction_free(self->prediction);
	self->prediction =
		bandwidth_bytes_per_s > 0
			? predict_at(self, learned, bandwidth_bytes_per_s, max_downtime_us)
			: NULL;
}
