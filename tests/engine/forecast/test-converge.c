/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The controller against a model of QEMU's loop: scenes with what is to come of them, and laws that
 * hold for any guest. The model is arithmetic; what the controller is worth on QEMU is measured by
 * scripts/bench.
 */
#include <CUnit/CUnit.h>
#include <math.h>
#include <string.h>

#include "engine/forecast/converge.h"
#include "engine/data/sample-json.h"
#include "tests/rig/loop-model.h"
#include "tests/rig/test-util.h"

#define MIB  (1024.0 * 1024)
#define GIB  (1024.0 * MIB)
#define LINK (115 * MIB) /* about 1 Gbit/s */
#define RUNS 400

static ConvergePolicy
policy_of(double max_s, GwOnStall on_stall)
{
	ConvergePolicy policy = { .max_downtime_us = (gint64)(max_s * 1e6),
				  .on_stall = on_stall,
				  .can_throttle = TRUE,
				  .guest_runs = TRUE };
	predict_terms_init(&policy.terms);
	return policy;
}

static LoopGuest
guest_of(double ram_bytes, double hot_bytes, double bytes_per_s)
{
	return (LoopGuest){ .ram_bytes = ram_bytes,
			    .hot_bytes = hot_bytes,
			    .bytes_per_s = bytes_per_s,
			    .link_bytes_per_s = LINK,
			    .has_switchover_bandwidth = TRUE,
			    .end_s = 600 };
}

static LoopVgpu
stop_copy(double bytes)
{
	return (LoopVgpu){ .stop_bytes = bytes, .tells = TRUE };
}

static LoopVgpu
precopy(double bytes, double hot_bytes, double bytes_per_s)
{
	return (LoopVgpu){ .pending_bytes = bytes,
			   .hot_bytes = hot_bytes,
			   .bytes_per_s = bytes_per_s,
			   .is_precopy = TRUE,
			   .tells = TRUE };
}

/* The rows of the comparison of policies in which plain RAM is moved: ends soon, and with little
 * downtime. */
static void
ram_ends_with_the_least_downtime(void)
{
	static const struct {
		double hot, rate, max_s, seconds, downtime_s;
	} rows[] = {
		{ 4096, 0, 1.05, 36.5, 0.035 }, { 512, .35, 1.05, 42.5, 0.05 },
		{ 512, .7, 1.05, 47, 0.07 },	{ 64, 1.0, 1.05, 40, 0.25 },
		{ 96, 1.7, 1.05, 42, 0.85 },	{ 512, .35, 0.02, 60, 0.02 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		LoopGuest guest = guest_of(4 * GIB, rows[i].hot * MIB, rows[i].rate * LINK);
		ConvergePolicy policy = policy_of(rows[i].max_s, GW_ON_STALL_ABORT);
		g_auto(LoopEnd) end;
		loop_run(&guest, &policy, &end);
		CU_ASSERT_TRUE(end.ended);
		CU_ASSERT_TRUE(end.downtime_s <= rows[i].downtime_s);
		CU_ASSERT_TRUE(end.seconds <= rows[i].seconds);
		CU_ASSERT_TRUE(end.most_limit_s <= rows[i].max_s);
		if (!end.ended || end.downtime_s > rows[i].downtime_s ||
		    end.seconds > rows[i].seconds)
			fprintf(stderr, "row %zu: %s after %.1f s, %.3f s, limit %.3f\n", i,
				end.ended ? "ended" : "not", end.seconds, end.downtime_s,
				end.most_limit_s);
	}
}

static void
hopeless_ram_is_given_up_with_the_numbers(void)
{
	LoopGuest guest = guest_of(4 * GIB, 512 * MIB, 1.7 * LINK);
	ConvergePolicy policy = policy_of(1.05, GW_ON_STALL_ABORT);
	g_auto(LoopEnd) end;
	loop_run(&guest, &policy, &end);
	CU_ASSERT_TRUE(end.gave_up);
	CU_ASSERT_TRUE(end.seconds < 70);
	TEST_STRING(end.bottleneck, "ram");
	CU_ASSERT_PTR_NOT_NULL_FATAL(end.reason);
	CU_ASSERT_PTR_NOT_NULL(strstr(end.reason, "a downtime of 1050 ms is allowed, about 2"));
	CU_ASSERT_PTR_NOT_NULL(strstr(end.reason, "115 MiB/s are sent; RAM has "));
}

/* All of it is dirty at each look: how often it is written does not show. */
static void
a_rate_that_cannot_be_told_is_a_bound(void)
{
	LoopGuest guest = guest_of(4 * GIB, 64 * MIB, 5 * LINK);
	ConvergePolicy policy = policy_of(0.2, GW_ON_STALL_ABORT);
	g_auto(LoopEnd) end;
	loop_run(&guest, &policy, &end);
	CU_ASSERT_TRUE(end.gave_up);
	CU_ASSERT_PTR_NOT_NULL_FATAL(end.reason);
	CU_ASSERT_PTR_NOT_NULL(strstr(end.reason, " left and at least 1"));
	CU_ASSERT_PTR_NOT_NULL(strstr(end.reason, " MiB/s are written to it"));
}

/* Its rests are just long enough for all that a burst has left: one of them is met, with little
 * downtime. */
static void
bursts_end_in_a_rest(void)
{
	static const double links[] = { 115 * MIB, 104 * MIB, 90 * MIB };
	for (guint i = 0; i < 20 * G_N_ELEMENTS(links); i++) {
		LoopGuest guest = guest_of(512 * MIB, 256 * MIB, 202 * MIB);
		guest.link_bytes_per_s = links[i / 20];
		guest.burst_s = 2.048;
		guest.offset_s = i % 20 * guest.burst_s / 10;
		ConvergePolicy policy = policy_of(1.05, GW_ON_STALL_ABORT);
		g_auto(LoopEnd) end;
		loop_run(&guest, &policy, &end);
		CU_ASSERT_TRUE(end.ended);
		CU_ASSERT_TRUE(end.seconds < 12);
		CU_ASSERT_TRUE(end.downtime_s < 0.15);
	}
}

static void
wait_waits_and_takes_its_chance(void)
{
	LoopGuest guest = guest_of(4 * GIB, 512 * MIB, 1.7 * LINK);
	ConvergePolicy policy = policy_of(1.05, GW_ON_STALL_WAIT);
	g_auto(LoopEnd) end, later;
	loop_run(&guest, &policy, &end);
	CU_ASSERT_FALSE(end.ended);
	CU_ASSERT_FALSE(end.gave_up);
	guest.calm_s = 200;
	loop_run(&guest, &policy, &later);
	CU_ASSERT_TRUE(later.ended);
	CU_ASSERT_TRUE(later.seconds > 200 && later.seconds < 210);
	CU_ASSERT_TRUE(later.downtime_s < 1.05);
}

static void
extend_allows_what_is_needed_and_no_more(void)
{
	LoopGuest guest = guest_of(4 * GIB, 512 * MIB, 1.7 * LINK);
	ConvergePolicy policy = policy_of(1.05, GW_ON_STALL_EXTEND);
	g_auto(LoopEnd) end;
	loop_run(&guest, &policy, &end);
	CU_ASSERT_TRUE(end.ended);
	CU_ASSERT_TRUE(end.downtime_s > 1.05 && end.downtime_s < 4.5);
	CU_ASSERT_TRUE(end.seconds < 80);
}

static void
throttle_slows_ram_within_the_maximum(void)
{
	LoopGuest guest = guest_of(4 * GIB, 512 * MIB, 1.7 * LINK);
	ConvergePolicy policy = policy_of(1.05, GW_ON_STALL_THROTTLE);
	g_auto(LoopEnd) end, refused;
	loop_run(&guest, &policy, &end);
	CU_ASSERT_TRUE(end.ended);
	CU_ASSERT_TRUE(end.downtime_s <= 1.05);
	CU_ASSERT_TRUE(end.throttle_percent >= 20 && end.throttle_percent <= 80);
	policy.can_throttle = FALSE;
	loop_run(&guest, &policy, &refused);
	CU_ASSERT_TRUE(refused.gave_up);
	CU_ASSERT_EQUAL(refused.throttle_percent, 0);
}

static void
throttle_does_not_slow_a_gpu(void)
{
	LoopGuest guest = guest_of(1 * GIB, 64 * MIB, 0.2 * LINK);
	ConvergePolicy policy = policy_of(1.05, GW_ON_STALL_THROTTLE);
	guest.n_vgpus = 1;
	guest.vgpus[0] = precopy(2 * GIB, 2 * GIB, 2 * LINK);
	g_auto(LoopEnd) end;
	loop_run(&guest, &policy, &end);
	CU_ASSERT_TRUE(end.gave_up);
	CU_ASSERT_EQUAL(end.throttle_percent, 0);
	TEST_STRING(end.bottleneck, "gpu0");
	CU_ASSERT_PTR_NOT_NULL(strstr(end.reason, "vGPU 'gpu0' has "));
}

/* 400 MiB over 115 MiB/s are 3.5 s: the limit is just that, told as soon as it is known. */
static void
stop_copy_sets_the_limit(void)
{
	LoopGuest guest = guest_of(1 * GIB, 64 * MIB, 0.2 * LINK);
	ConvergePolicy policy = policy_of(5, GW_ON_STALL_ABORT);
	guest.n_vgpus = 1;
	guest.vgpus[0] = stop_copy(400 * MIB);
	g_auto(LoopEnd) end;
	loop_run(&guest, &policy, &end);
	CU_ASSERT_TRUE(end.ended);
	CU_ASSERT_TRUE(end.seconds < 12);
	CU_ASSERT_TRUE(end.downtime_s >= 3.47 && end.downtime_s < 3.9);
	CU_ASSERT_TRUE(end.n_commands < 20);
}

/* Three samples after the link's rate is known, long before RAM is through. */
static void
debt_beyond_the_maximum_is_told_at_once(void)
{
	LoopGuest guest = guest_of(16 * GIB, 64 * MIB, 0);
	ConvergePolicy policy = policy_of(1, GW_ON_STALL_ABORT);
	guest.n_vgpus = 2;
	guest.vgpus[0] = stop_copy(20 * MIB);
	guest.vgpus[1] = stop_copy(400 * MIB);
	g_auto(LoopEnd) end;
	loop_run(&guest, &policy, &end);
	CU_ASSERT_TRUE(end.gave_up);
	CU_ASSERT_TRUE(end.seconds < 1.2);
	TEST_STRING(end.bottleneck, "gpu1");
	CU_ASSERT_PTR_NOT_NULL(strstr(end.reason, "vGPU 'gpu1' has 400 MiB left, which can be sent "
						  "only after the guest stops"));
}

/* No source tells, or only the frame buffer: the limit climbs to within a quarter of the least that
 * works. */
static void
limit_climbs_where_nobody_tells(void)
{
	for (guint bound = 0; bound < 2; bound++) {
		LoopGuest guest = guest_of(64 * MIB, 1 * MIB, 0);
		ConvergePolicy policy = policy_of(5, GW_ON_STALL_ABORT);
		guest.n_vgpus = 1;
		guest.vgpus[0] = stop_copy(100 * MIB);
		guest.vgpus[0].tells = bound;
		guest.vgpus[0].confidence = GW_CONFIDENCE_BOUND;
		g_auto(LoopEnd) end;
		loop_run(&guest, &policy, &end);
		CU_ASSERT_TRUE(end.ended);
		CU_ASSERT_TRUE(end.most_limit_s < 100 * MIB / LINK * 1.27);
		CU_ASSERT_TRUE(end.seconds < 8);
		TEST_STRING(end.bottleneck, "gpu0");
	}
}

static void
dark_vgpu_beyond_the_maximum_is_given_up(void)
{
	LoopGuest guest = guest_of(64 * MIB, 1 * MIB, 0);
	ConvergePolicy policy = policy_of(0.3, GW_ON_STALL_ABORT);
	guest.n_vgpus = 1;
	guest.vgpus[0] = stop_copy(100 * MIB);
	guest.vgpus[0].tells = FALSE;
	g_auto(LoopEnd) end;
	loop_run(&guest, &policy, &end);
	CU_ASSERT_TRUE(end.gave_up);
	CU_ASSERT_TRUE(end.seconds < 6);
	CU_ASSERT_PTR_NOT_NULL(strstr(end.reason, "vGPU 'gpu0' does not report how much remains"));
}

/* RAM is done with, the vGPU writes on: it is named, and its plateau is what sets the limit. */
static void
vram_that_does_not_converge_is_named(void)
{
	LoopGuest guest = guest_of(256 * MIB, 16 * MIB, 0.05 * LINK);
	ConvergePolicy policy = policy_of(2, GW_ON_STALL_ABORT);
	guest.n_vgpus = 1;
	guest.vgpus[0] = precopy(512 * MIB, 150 * MIB, 1.5 * LINK);
	g_auto(LoopEnd) end;
	loop_run(&guest, &policy, &end);
	CU_ASSERT_TRUE(end.ended);
	CU_ASSERT_TRUE(end.downtime_s <= 2);
	TEST_STRING(end.bottleneck, "gpu0");
}

/* Its rate is hidden by what is dirty already: what stays dirty shows, and sets the limit within
 * seconds, or ends it. */
static void
vram_that_stands_sets_the_limit(void)
{
	for (guint i = 0; i < 2; i++) {
		LoopGuest guest = guest_of(256 * MIB, 16 * MIB, 0.05 * LINK);
		ConvergePolicy policy = policy_of(i == 0 ? 10 : 0.5, GW_ON_STALL_ABORT);
		guest.n_vgpus = 1;
		guest.vgpus[0] = precopy(256 * MIB, 256 * MIB, 2 * LINK);
		guest.vgpus[0].is_asked = TRUE;
		g_auto(LoopEnd) end;
		loop_run(&guest, &policy, &end);
		CU_ASSERT_EQUAL(end.ended, i == 0);
		CU_ASSERT_EQUAL(end.gave_up, i == 1);
		CU_ASSERT_TRUE(end.seconds < 25);
		CU_ASSERT_TRUE(i == 1 || end.downtime_s < 3);
	}
}

/* Written in turn as fast as the link carries: what is left goes up for 25 s and down for 15, as in
 * the lab. A limit that follows it only upwards is always too late, and RAM, which gets next to
 * none of the link, stands beside it. */
static void
vram_that_goes_up_and_down_ends(void)
{
	const double period_s = 40, rise_s = 25, low = 3.0 * MIB, high = 10.0 * MIB;
	ConvergePolicy policy = policy_of(60, GW_ON_STALL_ABORT);
	g_autoptr(Converge) converge = converge_new(&policy);
	gboolean fits = FALSE;
	double seconds = 0.15;
	for (; seconds < 2 * period_s && !fits; seconds += 0.15) {
		double at_s = fmod(seconds, period_s);
		double part =
			at_s < rise_s ? at_s / rise_s : (period_s - at_s) / (period_s - rise_s);
		g_autoptr(GwSample) sample = gw_sample_new();
		sample->time_us = (gint64)(seconds * 1e6);
		sample->ram_total_bytes = 32 * MIB;
		sample->ram_remaining_bytes = 4 * MIB;
		sample->ram_transferred_bytes = 30 * MIB + (gint64)(0.1 * MIB * seconds);
		sample->vfio_transferred_bytes = 16 * MIB + (gint64)(1.9 * MIB * seconds);
		sample->bandwidth_bytes_per_s = 2 * MIB;
		sample->passes = 2 + (gint64)(seconds / 3.5);
		GwVgpuSample *vgpu = sample_add_vgpu(sample, "gpu0", 16 * MIB);
		vgpu->has_precopy = TRUE;
		vgpu->remaining_bytes = gw_number((gint64)(low + part * (high - low)),
						  GW_SOURCE_DEVICE, GW_CONFIDENCE_MEASURED);
		vgpu->dirty_bytes_per_s =
			gw_number(MIB / 2, GW_SOURCE_DEVICE, GW_CONFIDENCE_LOWER_BOUND);
		ConvergeAdvice advice;
		converge_step(converge, sample, &advice);
		double left = (double)(sample->ram_remaining_bytes + vgpu->remaining_bytes.value);
		fits = left <= (double)converge_get_limit_us(converge) / 1e6 * 2 * MIB;
		CU_ASSERT_FALSE(advice.give_up);
	}
	CU_ASSERT_TRUE(fits);
	CU_ASSERT_TRUE(converge_get_limit_us(converge) < 9 * G_USEC_PER_SEC);
}

/* One that is only just caught up with does not stand, and its downtime stays small. */
static void
vram_that_shrinks_does_not_stand(void)
{
	LoopGuest guest = guest_of(256 * MIB, 16 * MIB, 0.05 * LINK);
	ConvergePolicy policy = policy_of(10, GW_ON_STALL_ABORT);
	guest.n_vgpus = 1;
	guest.vgpus[0] = precopy(256 * MIB, 256 * MIB, 0.5 * LINK);
	guest.vgpus[0].is_asked = TRUE;
	g_auto(LoopEnd) end;
	loop_run(&guest, &policy, &end);
	CU_ASSERT_TRUE(end.ended);
	CU_ASSERT_TRUE(end.downtime_s < 0.1);
}

/* A vGPU's debt is known at once, and what the rest will take only after a pass: QEMU has to wait
 * for that. */
static void
nothing_is_allowed_before_it_is_predicted(void)
{
	ConvergePolicy policy = policy_of(60, GW_ON_STALL_ABORT);
	g_autoptr(Converge) converge = converge_new(&policy);
	for (guint i = 0; i < 12; i++) {
		g_autoptr(GwSample) sample = gw_sample_new();
		sample->time_us = 100000 * (i + 1);
		sample->ram_total_bytes = GIB;
		sample->ram_transferred_bytes = (gint64)(0.1 * LINK * i);
		sample->ram_remaining_bytes = GIB - sample->ram_transferred_bytes;
		sample->vfio_transferred_bytes = 0;
		sample->bandwidth_bytes_per_s = (gint64)LINK;
		sample->passes = i < 10 ? 1 : 2;
		GwVgpuSample *vgpu = sample_add_vgpu(sample, "gpu0", 400 * MIB);
		vgpu->remaining_bytes =
			gw_number(400 * MIB, GW_SOURCE_TRACE, GW_CONFIDENCE_MEASURED);
		ConvergeAdvice advice;
		converge_step(converge, sample, &advice);
		CU_ASSERT_EQUAL(advice.downtime_limit_us > 1000000, i == 10);
		CU_ASSERT_EQUAL(converge_get_prediction(converge) != NULL, i >= 10);
	}
}

/* Early in the first pass all that a vGPU has is left and nobody knows its rate: it will be sent,
 * so that is no debt. */
static void
vram_of_the_first_pass_is_no_debt(void)
{
	LoopGuest guest = guest_of(256 * MIB, 16 * MIB, 0.05 * LINK);
	ConvergePolicy policy = policy_of(0.3, GW_ON_STALL_ABORT);
	guest.n_vgpus = 1;
	guest.vgpus[0] = precopy(1 * GIB, 2 * MIB, 0.01 * LINK);
	guest.vgpus[0].rate_from_s = 3;
	g_auto(LoopEnd) end;
	loop_run(&guest, &policy, &end);
	CU_ASSERT_TRUE(end.ended);
	CU_ASSERT_TRUE(end.seconds > 3);
}

static void
old_qemu_is_told_no_bandwidth(void)
{
	LoopGuest guest = guest_of(1 * GIB, 64 * MIB, 0.5 * LINK);
	guest.has_switchover_bandwidth = FALSE;
	ConvergePolicy policy = policy_of(0.3, GW_ON_STALL_ABORT);
	g_auto(LoopEnd) end;
	loop_run(&guest, &policy, &end);
	CU_ASSERT_TRUE(end.ended);
	CU_ASSERT_TRUE(end.downtime_s <= 0.12);
}

static void
paused_guest_gets_the_whole_limit(void)
{
	ConvergePolicy policy = policy_of(0.3, GW_ON_STALL_ABORT);
	policy.guest_runs = FALSE;
	g_autoptr(Converge) converge = converge_new(&policy);
	CU_ASSERT_TRUE(converge_get_limit_us(converge) > 250000);
	LoopGuest guest = guest_of(256 * MIB, 16 * MIB, 0);
	guest.n_vgpus = 1;
	guest.vgpus[0] = stop_copy(400 * MIB);
	guest.end_s = 30;
	g_auto(LoopEnd) end;
	loop_run(&guest, &policy, &end);
	CU_ASSERT_FALSE(end.gave_up);
}

/* Whatever the guest is: see the assertions. */
static void
laws_hold_for_any_guest(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(11);
	for (guint run = 0; run < RUNS; run++) {
		double hot = MIB * pow(2, g_rand_double_range(rand, 0, 10));
		double max_s = pow(10, g_rand_double_range(rand, -2, 1));
		LoopGuest guest = guest_of(GIB, hot, g_rand_double_range(rand, 0, 2) * LINK);
		guest.has_switchover_bandwidth = g_rand_boolean(rand);
		guest.end_s = 60;
		guest.n_vgpus = (guint)g_rand_int_range(rand, 0, 3);
		double debt = 0;
		for (guint i = 0; i < guest.n_vgpus; i++) {
			guest.vgpus[i] = stop_copy(MIB * pow(2, g_rand_double_range(rand, 0, 10)));
			debt += guest.vgpus[i].stop_bytes;
		}
		ConvergePolicy policy = policy_of(max_s, (GwOnStall)g_rand_int_range(rand, 0, 4));
		g_auto(LoopEnd) end;
		loop_run(&guest, &policy, &end);
		CU_ASSERT_TRUE(end.least_limit_s > 0);
		if (policy.on_stall != GW_ON_STALL_EXTEND)
			CU_ASSERT_TRUE(end.most_limit_s <= max_s + 1e-6);
		if (policy.on_stall != GW_ON_STALL_THROTTLE)
			CU_ASSERT_EQUAL(end.throttle_percent, 0);
		if (policy.on_stall == GW_ON_STALL_WAIT)
			CU_ASSERT_FALSE(end.gave_up);
		if (end.ended && policy.on_stall != GW_ON_STALL_EXTEND)
			CU_ASSERT_TRUE(end.downtime_s <= max_s * 1.1);
		/* Nothing is given up that half of the allowed time would do for. */
		double writes = predict_growth(hot, guest.bytes_per_s, MAX(max_s / 2, 0.06));
		gboolean is_easy = (debt + writes) / LINK < max_s / 2;
		if (is_easy && guest.has_switchover_bandwidth) {
			CU_ASSERT_TRUE(end.ended);
			CU_ASSERT_FALSE(end.gave_up);
			if (!end.ended)
				fprintf(stderr,
					"run %u: hot %.1f rate %.2f max %.3f debt %.1f: %.1f s, "
					"limit %.3f\n",
					run, hot / MIB, guest.bytes_per_s / LINK, max_s, debt / MIB,
					end.seconds, end.most_limit_s);
		}
		/* A debt that the link cannot carry in time is told within a second of knowing. */
		if (debt / LINK > max_s * 1.3 && policy.on_stall == GW_ON_STALL_ABORT)
			CU_ASSERT_TRUE(end.gave_up && end.seconds < 1.2);
	}
}

/* Numbers that no QEMU would say: nothing breaks, nothing absurd is told. */
static void
absurd_samples_are_survived(void)
{
	static const gint64 values[] = { -1, 0, 1, 4096, G_GINT64_CONSTANT(1) << 40, G_MAXINT64 };
	g_autoptr(GRand) rand = g_rand_new_with_seed(12);
	ConvergePolicy policy = policy_of(0.3, GW_ON_STALL_WAIT);
	g_autoptr(Converge) converge = converge_new(&policy);
	for (guint run = 0; run < 5000; run++) {
		g_autoptr(GwSample) sample = gw_sample_new();
		gint64 *fields[] = { &sample->time_us,
				     &sample->ram_total_bytes,
				     &sample->ram_transferred_bytes,
				     &sample->ram_remaining_bytes,
				     &sample->ram_dirty_bytes_per_s,
				     &sample->passes,
				     &sample->bandwidth_bytes_per_s,
				     &sample->vfio_transferred_bytes };
		for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
			*fields[i] = values[g_rand_int_range(rand, 0, G_N_ELEMENTS(values))];
		GwVgpuSample *vgpu = sample_add_vgpu(sample, "gpu0", values[run % 6]);
		vgpu->has_precopy = run % 2 == 0;
		vgpu->remaining_bytes =
			gw_number(values[g_rand_int_range(rand, 0, 6)], GW_SOURCE_TRACE, run % 4);
		vgpu->dirty_bytes_per_s =
			gw_number(values[g_rand_int_range(rand, 0, 6)], GW_SOURCE_TRACE, run % 4);
		ConvergeAdvice advice;
		converge_step(converge, sample, &advice);
		CU_ASSERT_TRUE(
			advice.downtime_limit_us == -1 ||
			(advice.downtime_limit_us > 0 && advice.downtime_limit_us <= 300000));
		CU_ASSERT_TRUE(advice.switchover_bytes_per_s >= -1);
		g_autofree char *reason = converge_get_reason(converge);
		CU_ASSERT_PTR_NOT_NULL(reason);
	}
}

CU_TestInfo suite_converge[] = {
	{ "RAM ends with the least downtime", ram_ends_with_the_least_downtime },
	{ "hopeless RAM is given up with the numbers", hopeless_ram_is_given_up_with_the_numbers },
	{ "a rate that cannot be told is a bound", a_rate_that_cannot_be_told_is_a_bound },
	{ "bursts end in a rest", bursts_end_in_a_rest },
	{ "wait waits and takes its chance", wait_waits_and_takes_its_chance },
	{ "extend allows what is needed and no more", extend_allows_what_is_needed_and_no_more },
	{ "throttle slows RAM within the maximum", throttle_slows_ram_within_the_maximum },
	{ "throttle does not slow a GPU", throttle_does_not_slow_a_gpu },
	{ "a stop-copy sets the limit", stop_copy_sets_the_limit },
	{ "a debt beyond the maximum is told at once", debt_beyond_the_maximum_is_told_at_once },
	{ "the limit climbs where nobody tells", limit_climbs_where_nobody_tells },
	{ "a dark vGPU beyond the maximum is given up", dark_vgpu_beyond_the_maximum_is_given_up },
	{ "vRAM that does not converge is named", vram_that_does_not_converge_is_named },
	{ "vRAM of the first pass is no debt", vram_of_the_first_pass_is_no_debt },
	{ "an old QEMU is told no bandwidth", old_qemu_is_told_no_bandwidth },
	{ "a paused guest gets the whole limit", paused_guest_gets_the_whole_limit },
	{ "laws hold for any guest", laws_hold_for_any_guest },
	{ "absurd samples are survived", absurd_samples_are_survived },
	{ "nothing is allowed before it is predicted", nothing_is_allowed_before_it_is_predicted },
	{ "vRAM that stands sets the limit", vram_that_stands_sets_the_limit },
	{ "vRAM that goes up and down ends", vram_that_goes_up_and_down_ends },
	{ "vRAM that shrinks does not stand", vram_that_shrinks_does_not_stand },
	CU_TEST_INFO_NULL,
};
