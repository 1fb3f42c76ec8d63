/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See loop-model.h. Time goes in steps of 5 ms; a sample is taken every 100 ms.
 */
#include "tests/rig/loop-model.h"

#include <math.h>
#include <string.h>

#include "engine/data/sample-json.h"

#define STEP_S	 0.005
#define SAMPLE_S 0.1

typedef struct {
	const LoopGuest *guest;
	LoopVgpu vgpus[LOOP_VGPUS];
	double now_s, synced_s;
	double ram_left;
	double limit_s, told_bytes_per_s;
	double sent, sent_vfio;
	double window_s, window_sent, qemu_bytes_per_s;
	double throttle; /* what is left of the guest's writing */
	gint64 passes;
} Loop;

static double
ram_rate(const Loop *loop)
{
	gboolean calm = loop->guest->calm_s > 0 && loop->now_s > loop->guest->calm_s;
	double turn_s = 2 * loop->guest->burst_s;
	gboolean rests = turn_s > 0 &&
			 fmod(loop->now_s + loop->guest->offset_s, turn_s) >= loop->guest->burst_s;
	return calm || rests ? 0 : loop->guest->bytes_per_s * loop->throttle;
}

static double
take(double *left, double *room)
{
	double bytes = MIN(*left, *room);
	*left -= bytes;
	*room -= bytes;
	return bytes;
}

static void
send_step(Loop *loop)
{
	double room = loop->guest->link_bytes_per_s * STEP_S;
	double bytes = take(&loop->ram_left, &room);
	for (guint i = 0; i < loop->guest->n_vgpus; i++) {
		double sent = take(&loop->vgpus[i].pending_bytes, &room);
		loop->sent_vfio += sent;
		bytes += sent;
	}
	loop->sent += bytes;
	loop->window_sent += bytes;
	loop->now_s += STEP_S;
	if (loop->now_s - loop->window_s < 0.1)
		return;
	loop->qemu_bytes_per_s = loop->window_sent / (loop->now_s - loop->window_s);
	loop->window_s = loop->now_s;
	loop->window_sent = 0;
}

/* What is written falls on pages that are dirty already, too. */
static void
dirty_more(double *left, double hot_bytes, double bytes_per_s, double seconds)
{
	double clean = MAX(hot_bytes - *left, 0) / MAX(hot_bytes, 1);
	*left += clean * predict_growth(hot_bytes, bytes_per_s, seconds);
}

/* Finds what was written since the last look. */
static void
look_at_bitmap(Loop *loop)
{
	double seconds = loop->now_s - loop->synced_s;
	const LoopGuest *guest = loop->guest;
	dirty_more(&loop->ram_left, guest->hot_bytes, ram_rate(loop), seconds);
	for (guint i = 0; i < guest->n_vgpus; i++) {
		LoopVgpu *vgpu = &loop->vgpus[i];
		if (vgpu->is_precopy)
			dirty_more(&vgpu->pending_bytes, vgpu->hot_bytes, vgpu->bytes_per_s,
				   seconds);
	}
	loop->synced_s = loop->now_s;
	loop->passes++;
}

static double
left(const Loop *loop, gboolean exact)
{
	double bytes = loop->ram_left;
	for (guint i = 0; i < loop->guest->n_vgpus; i++)
		bytes += loop->vgpus[i].pending_bytes + (exact ? loop->vgpus[i].stop_bytes : 0);
	return bytes;
}

/* Does QEMU stop the guest now? */
static gboolean
decide(Loop *loop)
{
	double rate = loop->told_bytes_per_s > 0 ? loop->told_bytes_per_s : loop->qemu_bytes_per_s;
	double threshold = rate * loop->limit_s;
	if (left(loop, FALSE) >= threshold && left(loop, FALSE) > 0)
		return FALSE;
	look_at_bitmap(loop);
	return left(loop, TRUE) < threshold;
}

/* What its driver says is left, and what shows of its rate where that is more than is ever sent. */
static void
ask(const Loop *loop, const LoopVgpu *from, GwVgpuSample *vgpu)
{
	double bytes = from->pending_bytes;
	dirty_more(&bytes, from->hot_bytes, from->bytes_per_s, loop->now_s - loop->synced_s);
	vgpu->remaining_bytes = gw_number((gint64)bytes, GW_SOURCE_DEVICE, GW_CONFIDENCE_MEASURED);
	double shown = MIN(from->bytes_per_s, loop->guest->link_bytes_per_s);
	vgpu->dirty_bytes_per_s =
		gw_number((gint64)shown, GW_SOURCE_DEVICE, GW_CONFIDENCE_LOWER_BOUND);
}

static GwSample *
make_sample(const Loop *loop)
{
	GwSample *sample = gw_sample_new();
	sample->time_us = (gint64)(loop->now_s * 1e6);
	sample->phase = "precopy";
	sample->ram_total_bytes = (gint64)loop->guest->ram_bytes;
	sample->ram_remaining_bytes = (gint64)loop->ram_left;
	sample->ram_transferred_bytes = (gint64)(loop->sent - loop->sent_vfio);
	sample->vfio_transferred_bytes = loop->guest->n_vgpus > 0 ? (gint64)loop->sent_vfio : -1;
	sample->bandwidth_bytes_per_s = (gint64)loop->qemu_bytes_per_s;
	sample->passes = loop->passes;
	for (guint i = 0; i < loop->guest->n_vgpus; i++) {
		static const char *const ids[LOOP_VGPUS] = { "gpu0", "gpu1", "gpu2" };
		const LoopVgpu *from = &loop->vgpus[i];
		GwVgpuSample *vgpu =
			sample_add_vgpu(sample, ids[i],
					(gint64)MAX(from->stop_bytes, from->hot_bytes));
		vgpu->has_precopy = from->is_precopy;
		if (!from->tells)
			continue;
		vgpu->remaining_bytes = gw_number((gint64)(from->is_precopy ? from->pending_bytes
									    : from->stop_bytes),
						  GW_SOURCE_TRACE, from->confidence);
		if (from->is_precopy && loop->now_s >= from->rate_from_s)
			vgpu->dirty_bytes_per_s = gw_number((gint64)from->bytes_per_s,
							    GW_SOURCE_TRACE, from->confidence);
		if (from->is_asked)
			ask(loop, from, vgpu);
	}
	return sample;
}

static void
note(LoopEnd *end, const Loop *loop, const Converge *converge)
{
	end->most_limit_s = MAX(end->most_limit_s, loop->limit_s);
	end->least_limit_s = MIN(end->least_limit_s, loop->limit_s);
	if (converge_get_bottleneck(converge) == NULL)
		return;
	g_free(end->bottleneck);
	end->bottleneck = g_strdup(converge_get_bottleneck(converge));
}

/* Returns: whether it is given up */
static gboolean
consult(Loop *loop, Converge *converge, LoopEnd *end)
{
	g_autoptr(GwSample) sample = make_sample(loop);
	ConvergeAdvice advice;
	converge_step(converge, sample, &advice);
	if (advice.downtime_limit_us >= 0)
		loop->limit_s = (double)advice.downtime_limit_us / 1e6;
	if (advice.switchover_bytes_per_s >= 0 && loop->guest->has_switchover_bandwidth)
		loop->told_bytes_per_s = (double)advice.switchover_bytes_per_s;
	if (advice.throttle_percent >= 0) {
		loop->throttle = 1 - (double)advice.throttle_percent / 100;
		end->throttle_percent = advice.throttle_percent;
	}
	if (advice.downtime_limit_us >= 0 || advice.throttle_percent >= 0 ||
	    (advice.switchover_bytes_per_s >= 0 && loop->guest->has_switchover_bandwidth))
		end->n_commands++;
	note(end, loop, converge);
	end->gave_up = advice.give_up;
	if (advice.give_up)
		end->reason = converge_get_reason(converge);
	return advice.give_up;
}

void
loop_run(const LoopGuest *guest, const ConvergePolicy *policy, LoopEnd *ret_end)
{
	g_autoptr(Converge) converge = converge_new(policy);
	Loop loop = { .guest = guest, .ram_left = guest->ram_bytes, .throttle = 1, .passes = 1 };
	memcpy(loop.vgpus, guest->vgpus, sizeof loop.vgpus);
	loop.limit_s = (double)converge_get_limit_us(converge) / 1e6;
	*ret_end = (LoopEnd){ .most_limit_s = loop.limit_s, .least_limit_s = loop.limit_s };
	double sampled_s = 0;
	while (loop.now_s < guest->end_s && !ret_end->ended && !ret_end->gave_up) {
		send_step(&loop);
		ret_end->ended = decide(&loop);
		if (ret_end->ended || loop.now_s - sampled_s < SAMPLE_S)
			continue;
		sampled_s = loop.now_s;
		if (consult(&loop, converge, ret_end))
			break;
	}
	ret_end->seconds = loop.now_s;
	ret_end->downtime_s = left(&loop, TRUE) / guest->link_bytes_per_s;
}

void
loop_end_clear(LoopEnd *self)
{
	g_clear_pointer(&self->bottleneck, g_free);
	g_clear_pointer(&self->reason, g_free);
}
