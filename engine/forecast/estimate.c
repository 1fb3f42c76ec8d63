/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the samples of a migration say about its link and its guest.
 *
 * The link: what the peer's host has acknowledged from one sample to the next, averaged over the
 * last seconds. If the kernel does not report that, it is what QEMU says it has sent. QEMU's figure
 * is wrong by what the socket holds, and by a block of 1 MiB of a vGPU, which counts when all of it
 * is sent. QEMU's own bandwidth covers its last window of 100 ms; on a slow link it is half or
 * twice the truth. Each figure is the link's bandwidth only while there was something to send. With
 * nothing to send it falls to nearly 0, and a limit that is computed from it is then never met
 * (facts seen with vGPUs: "0 bytes remaining", forever). So a step counts only if more remained
 * than it could send. It does not count if most of the pages were zeroes, which cost the link
 * nothing.
 *
 * The guest: each sync of the dirty bitmap ends a pass. The model's hot set and dirty rate are
 * fitted to two numbers of each pass: how long it took, and how much was found dirty at its end.
 * What was found dirty is the growth of remaining plus sent, from the sample before the sync to the
 * sample after it: between syncs this sum does not change. Samples are 100 ms apart, so short
 * passes are grouped until they make half a second. QEMU's own dirty-pages-rate is the same ratio
 * for one pass only, so it is far too low after a long pass; it is not used.
 *
 * What remains of a vGPU with pre-copy is sent while the guest runs, whether its dirty rate is
 * known or not. Early in the first pass the rate is never known, and it may be anything up to the
 * link's bandwidth. What remains of a vGPU without pre-copy is sent only after the guest's stop.
 */
#include "engine/forecast/estimate.h"

#include <math.h>

#define US_PER_S 1e6
#define WINDOW_S 0.1 /* QEMU's window */
#define MEMORY_S 2.0 /* what was sent earlier counts little */
#define ZEROES	 4.0 /* times what was sent: mostly zero pages */
#define FEW	 3   /* steps, samples */
#define SHRUNK	 0.8
#define GROUP_S	 0.5

/* The usual error of each number, as a part of it. */
#define BANDWIDTH_OFF 0.1
#define RAM_LEFT_OFF  0.02
#define FITTED_OFF    0.1
#define ONE_PASS_OFF  0.5

void
estimate_init(Estimate *self)
{
	*self = (Estimate){ .began_us = -1 };
}

void
estimate_forget_passes(Estimate *self)
{
	self->n_groups = 0;
	self->n_passes = 0;
	self->began_us = -1;
}

/* The bytes that could be sent now. */
static double
sendable_bytes(const GwSample *sample)
{
	double bytes = (double)MAX(sample->ram_remaining_bytes, 0);
	for (guint i = 0; i < sample->vgpus->len; i++) {
		const GwVgpuSample *vgpu = g_ptr_array_index(sample->vgpus, i);
		if (vgpu->has_precopy && gw_number_is_known(vgpu->remaining_bytes))
			bytes += (double)vgpu->remaining_bytes.value;
	}
	return bytes;
}

/* The bytes that were sent, by QEMU's counts. */
static double
counted_bytes(const GwSample *sample)
{
	return (double)MAX(sample->ram_transferred_bytes, 0) +
	       (double)MAX(sample->vfio_transferred_bytes, 0);
}

static double
sent_bytes_of(const GwSample *sample)
{
	double acked = 0;
	for (guint i = 0; i < sample->channels->len; i++) {
		const GwChannelSample *channel = g_ptr_array_index(sample->channels, i);
		if (channel->acked_bytes < 0)
			return counted_bytes(sample);
		acked += (double)channel->acked_bytes;
	}
	return acked > 0 ? acked : counted_bytes(sample);
}

/* Returns 0 if there is no earlier sample, or if the earlier one had fewer channels, as at the
 * beginning: the sums are then not comparable. */
static double
seconds_since(const Estimate *self, const GwSample *sample)
{
	if (self->n_samples == 0 || sample->channels->len != self->n_channels)
		return 0;
	return ((double)sample->time_us - (double)self->time_us) / US_PER_S;
}

static void
add_step(Estimate *self, const GwSample *sample, double left_bytes, double sent_bytes)
{
	double seconds = seconds_since(self, sample), sent = sent_bytes - self->sent_bytes;
	double least = MIN(left_bytes, self->left_bytes);
	double link = self->n_steps > 0 ? self->bytes_per_s : self->most_bytes_per_s;
	if (self->sent_bytes <= 0 || seconds <= 0 || sent < 0)
		return;
	if (least < MAX(sent, link * seconds) || self->left_bytes - left_bytes > ZEROES * sent)
		return;
	double kept = exp(-seconds / MEMORY_S);
	self->busy_bytes = kept * self->busy_bytes + sent;
	self->busy_s = kept * self->busy_s + seconds;
	self->bytes_per_s = self->busy_bytes / self->busy_s;
	self->n_steps++;
}

/* A small guest never keeps the link busy for a whole step. The same is true for a guest whose
 * memory is all sent after its stop. */
static void
note_most(Estimate *self, const GwSample *sample, double sent_bytes)
{
	double seconds = seconds_since(self, sample);
	double rate = seconds >= WINDOW_S / 2 ? (sent_bytes - self->sent_bytes) / seconds : 0;
	self->most_bytes_per_s =
		MAX(self->most_bytes_per_s, MAX(rate, (double)sample->bandwidth_bytes_per_s));
}

/* The longest pass shows the size of the hot set: passes of equal length cannot separate its size
 * from its dirty rate. */
static void
keep_pass(Estimate *self, PredictPass pass)
{
	PredictPass *newest = &self->passes[1 + (self->n_groups - 1) % (ESTIMATE_PASSES - 1)];
	PredictPass *longest = &self->passes[0];
	if (self->n_groups == 0) {
		*longest = pass;
	} else if (pass.seconds > longest->seconds) {
		*newest = *longest;
		*longest = pass;
	} else {
		*newest = pass;
	}
	self->n_groups++;
}

static void
end_group(Estimate *self, const GwSample *sample)
{
	double count = MAX((double)sample->passes - (double)self->began_count, 1);
	double seconds = ((double)sample->time_us - (double)self->began_us) / US_PER_S;
	if (seconds < GROUP_S)
		return;
	self->dirty_before_bytes = self->n_groups > 0 ? self->dirty_bytes : 0;
	self->dirty_bytes = (self->group_bytes + self->group_left_bytes) / count;
	keep_pass(self, (PredictPass){ seconds / count, self->group_bytes / count,
				       self->group_left_bytes / count });
	self->n_passes += count;
	self->began_us = -1;
}

/* A group begins with a sync, or with the very first sample. */
static void
add_looks(Estimate *self, const GwSample *sample)
{
	gboolean is_first = self->n_samples == 0 && sample->passes <= 1;
	gboolean has_looked = self->n_samples > 0 && sample->passes > self->pass_count;
	if (sample->passes < 0 || sample->ram_remaining_bytes < 0)
		return;
	if (has_looked && self->began_us >= 0) {
		double found = (double)sample->ram_remaining_bytes - self->ram_left_bytes +
			       (double)sample->ram_transferred_bytes - self->ram_sent_bytes;
		self->group_bytes += MAX(found, 0);
		self->group_left_bytes += self->ram_left_bytes;
		end_group(self, sample);
	}
	if ((has_looked || is_first) && self->began_us < 0) {
		self->began_us = sample->time_us;
		self->began_count = sample->passes;
		self->group_bytes = self->group_left_bytes = 0;
	}
	self->pass_count = sample->passes;
	self->ram_left_bytes = (double)sample->ram_remaining_bytes;
	self->ram_sent_bytes = (double)sample->ram_transferred_bytes;
}

void
estimate_add(Estimate *self, const GwSample *sample)
{
	double left_bytes = sendable_bytes(sample), sent_bytes = sent_bytes_of(sample);
	note_most(self, sample, sent_bytes);
	add_step(self, sample, left_bytes, sent_bytes);
	add_looks(self, sample);
	self->n_samples++;
	self->time_us = sample->time_us;
	self->left_bytes = left_bytes;
	self->sent_bytes = sent_bytes;
	self->n_channels = sample->channels->len;
}

gboolean
estimate_is_shrinking(const Estimate *self)
{
	return self->n_groups > 1 && self->dirty_bytes < SHRUNK * self->dirty_before_bytes;
}

GwRange
estimate_get_bandwidth(const Estimate *self)
{
	if (self->n_steps >= FEW && self->bytes_per_s >= 1)
		return predict_about((gint64)self->bytes_per_s, BANDWIDTH_OFF);
	gint64 most = self->n_samples >= FEW ? (gint64)self->most_bytes_per_s : 0;
	return most > 0 ? (GwRange){ most, most, -1 } : predict_exactly(-1);
}

gint64
estimate_min_dirty_rate(const Estimate *self)
{
	double most = -1;
	for (guint i = 0; i < MIN(self->n_groups, ESTIMATE_PASSES); i++) {
		const PredictPass *pass = &self->passes[i];
		if (pass->seconds > 0)
			most = MAX(most, pass->found_bytes / pass->seconds);
	}
	return (gint64)most;
}

static void
set_ram(const Estimate *self, const GwSample *sample, PredictSource *ram)
{
	ram->pending_bytes = predict_about(sample->ram_remaining_bytes, RAM_LEFT_OFF);
	ram->stop_bytes = predict_exactly(0);
	ram->confidence = GW_CONFIDENCE_ESTIMATED;
	guint n = MIN(self->n_groups, ESTIMATE_PASSES);
	double hot_bytes = -1, bytes_per_s = -1;
	if (n > 0)
		predict_fit(self->passes, n, (double)MAX(sample->ram_total_bytes, 1), &hot_bytes,
			    &bytes_per_s);
	double off = n > 1 ? FITTED_OFF : ONE_PASS_OFF;
	ram->hot_bytes = predict_about((gint64)hot_bytes, off);
	ram->dirty_bytes_per_s = predict_about((gint64)bytes_per_s, off);
}

/* Returns the range of a number with this confidence. */
static GwRange
range_of(GwNumber number)
{
	static const double off[] = {
		[GW_CONFIDENCE_MEASURED] = 0.05,
		[GW_CONFIDENCE_ESTIMATED] = 0.3,
	};
	if (!gw_number_is_known(number))
		return predict_exactly(-1);
	if (number.confidence == GW_CONFIDENCE_BOUND)
		return predict_at_most(number.value);
	if (number.confidence == GW_CONFIDENCE_LOWER_BOUND)
		return (GwRange){ number.value, number.value, -1 };
	return predict_about(number.value, off[number.confidence]);
}

static GwRange
vgpu_rate(const Estimate *self, const GwVgpuSample *vgpu)
{
	if (gw_number_is_known(vgpu->dirty_bytes_per_s))
		return range_of(vgpu->dirty_bytes_per_s);
	return (GwRange){ 0, 0, (gint64)self->bytes_per_s };
}

static void
set_vgpu(const Estimate *self, const GwVgpuSample *vgpu, PredictSource *source)
{
	GwRange left = range_of(vgpu->remaining_bytes);
	gboolean has_rate = gw_number_is_known(vgpu->dirty_bytes_per_s);
	/* If only a bound is known, all of it may remain at the stop. */
	gboolean is_sent =
		vgpu->has_precopy && vgpu->remaining_bytes.confidence != GW_CONFIDENCE_BOUND;
	source->id = vgpu->id;
	source->pending_bytes = is_sent ? left : predict_exactly(0);
	source->stop_bytes = is_sent ? predict_exactly(0) : left;
	source->dirty_bytes_per_s = is_sent ? vgpu_rate(self, vgpu) : predict_exactly(0);
	source->hot_bytes = predict_at_most(vgpu->vram_bytes >= 0 ? vgpu->vram_bytes : left.high);
	source->hot_bytes.low = source->hot_bytes.likely;
	source->confidence =
		MAX(vgpu->remaining_bytes.confidence,
		    has_rate ? vgpu->dirty_bytes_per_s.confidence : GW_CONFIDENCE_MEASURED);
}

guint
estimate_get_sources(const Estimate *self, const GwSample *sample, PredictSource *sources)
{
	guint n = MIN(sample->vgpus->len, VGPU_MAX);
	for (guint i = 0; i <= n; i++)
		sources[i] = (PredictSource){ .device_bytes_per_s = predict_exactly(-1) };
	set_ram(self, sample, &sources[0]);
	for (guint i = 0; i < n; i++)
		set_vgpu(self, g_ptr_array_index(sample->vgpus, i), &sources[1 + i]);
	return n + 1;
}
