/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What samples tell of the link and of the guest's writing.
 */
#include <CUnit/CUnit.h>
#include <math.h>
#include <string.h>

#include "engine/forecast/estimate.h"
#include "engine/data/sample-json.h"
#include "tests/rig/test-util.h"

#define MIB	G_GINT64_CONSTANT(1048576)
#define LINK	(100 * MIB)
#define STEP_US 100000

/* A guest whose memory goes over the link; the test says what each look finds. */
typedef struct {
	Estimate dirty;
	gint64 time_us, passes, left, sent;
	PredictSource sources[PREDICT_SOURCES_MAX];
} Scene;

static void
scene_init(Scene *self, gint64 left)
{
	*self = (Scene){ .passes = 1, .left = left };
	estimate_init(&self->dirty);
}

/* (transfer full) */
static GwSample *
sample_of(const Scene *self, gint64 bytes_per_s)
{
	GwSample *sample = gw_sample_new();
	sample->time_us = self->time_us;
	sample->ram_total_bytes = 4096 * MIB;
	sample->ram_remaining_bytes = self->left;
	sample->ram_transferred_bytes = self->sent;
	sample->passes = self->passes;
	sample->bandwidth_bytes_per_s = bytes_per_s;
	return sample;
}

static void
step(Scene *self, gint64 sent, gint64 zeros, gint64 found, gint64 looks)
{
	g_autoptr(GwSample) sample = sample_of(self, sent * G_USEC_PER_SEC / STEP_US);
	estimate_add(&self->dirty, sample);
	estimate_get_sources(&self->dirty, sample, self->sources);
	self->time_us += STEP_US;
	self->left += found - sent - zeros;
	self->sent += sent;
	self->passes += looks;
}

static gboolean
is_about(GwRange range, gint64 expected)
{
	if (range.low <= expected && expected <= range.high &&
	    fabs((double)(range.likely - expected)) <= 0.1 * (double)expected)
		return TRUE;
	fprintf(stderr, "%" G_GINT64_FORMAT " is not about %" G_GINT64_FORMAT "\n", range.likely,
		expected);
	return FALSE;
}

static void
link_is_measured_only_while_it_is_busy(void)
{
	Scene scene;
	scene_init(&scene, 1000 * MIB);
	CU_ASSERT_EQUAL(estimate_get_bandwidth(&scene.dirty).likely, -1);
	for (guint i = 0; i < 50; i++)
		step(&scene, LINK / 10, 0, 0, 0);
	CU_ASSERT_TRUE(is_about(estimate_get_bandwidth(&scene.dirty), LINK));
	scene.left = MIB;
	for (guint i = 0; i < 50; i++)
		step(&scene, 1000, 0, 1000, 5000);
	CU_ASSERT_TRUE(is_about(estimate_get_bandwidth(&scene.dirty), LINK));
}

/* Lumps, as on a slow link: what QEMU says of its last window is anything from a tenth to twice the
 * truth. */
static void
lumps_are_taken_together(void)
{
	Scene scene;
	scene_init(&scene, 1000 * MIB);
	static const gint64 lumps[] = { 1, 3, 20, 0, 26, 10, 2, 18, 17, 3 };
	for (guint i = 0; i < 40; i++) {
		step(&scene, lumps[i % G_N_ELEMENTS(lumps)] * MIB, 0, 0, 0);
		double off = (double)estimate_get_bandwidth(&scene.dirty).likely - LINK;
		CU_ASSERT_TRUE(i < 15 || fabs(off) < 0.15 * LINK);
	}
}

/* As by QEMU's counts in 8 of 10 samples nothing went, and in the others a block for each: what is
 * acknowledged is told. */
static void
what_is_acknowledged_is_what_counts(void)
{
	Scene scene;
	scene_init(&scene, 1000 * MIB);
	for (guint i = 0; i < 60; i++) {
		g_autoptr(GwSample) sample = sample_of(&scene, LINK / 2);
		guint n_channels =
			i < 20 ? 1 : 2; /* the second begins with what it had before it was seen */
		for (guint k = 0; k < n_channels; k++)
			sample_add_channel(sample, k)->acked_bytes =
				(i + 1) * LINK / 10 / n_channels;
		estimate_add(&scene.dirty, sample);
		gint64 told = estimate_get_bandwidth(&scene.dirty).likely;
		CU_ASSERT_TRUE(i < 5 || (told > LINK * 0.99 && told < LINK * 1.01));
		scene.time_us += STEP_US;
		gint64 sent = i % 5 == 4 ? LINK / 2 : 0;
		scene.sent += sent;
		scene.left -= sent;
	}
}

/* Zeroes are passed over as fast as QEMU can look, and next to nothing is sent meanwhile. */
static void
zeroes_do_not_slow_the_link(void)
{
	Scene scene;
	scene_init(&scene, 4000 * MIB);
	for (guint i = 0; i < 20; i++)
		step(&scene, LINK / 10, 0, 0, 0);
	for (guint i = 0; i < 10; i++)
		step(&scene, MIB, 200 * MIB, 0, 0);
	CU_ASSERT_TRUE(is_about(estimate_get_bandwidth(&scene.dirty), LINK));
}

/* The link has become slower: known in some seconds. */
static void
a_slower_link_is_seen(void)
{
	Scene scene;
	scene_init(&scene, 4000 * MIB);
	for (guint i = 0; i < 50; i++)
		step(&scene, LINK / 10, 0, 0, 0);
	for (guint i = 0; i < 80; i++)
		step(&scene, LINK / 100, 0, 0, 0);
	CU_ASSERT_TRUE(fabs((double)estimate_get_bandwidth(&scene.dirty).likely - LINK / 10.0) <
		       LINK / 20.0);
}

/* A guest of 20 MiB is gone in two windows: what was seen is the least that the link can do. */
static void
small_guest_shows_what_was_seen(void)
{
	Scene scene;
	scene_init(&scene, 20 * MIB);
	step(&scene, 8 * MIB, 0, 0, 0);
	step(&scene, 8 * MIB, 0, 0, 0);
	for (guint i = 0; i < 5; i++)
		step(&scene, 100, 0, 100, 1);
	GwRange range = estimate_get_bandwidth(&scene.dirty);
	CU_ASSERT_EQUAL(range.likely, 80 * MIB);
	CU_ASSERT_EQUAL(range.high, -1);
}

/* The first pass has 500 MiB of zeroes, which cost nothing: they are not taken for something
 * written. */
static void
passes_tell_the_rate(void)
{
	Scene scene;
	scene_init(&scene, 700 * MIB);
	for (guint i = 0; i < 20; i++)
		step(&scene, LINK / 10, 25 * MIB, 0, 0);
	/* 40 MiB/s on a set without end: 0.4 of what was sent is found each time. */
	gint64 left = 80 * MIB;
	step(&scene, 0, 0, left, 1);
	CU_ASSERT_EQUAL(scene.sources[0].dirty_bytes_per_s.likely, -1);
	CU_ASSERT_EQUAL(estimate_min_dirty_rate(&scene.dirty), -1);
	for (guint pass = 0; pass < 6; pass++) {
		guint steps = (guint)(left / (LINK / 10));
		for (guint i = 0; i < steps; i++)
			step(&scene, LINK / 10, 0, 0, 0);
		left = steps * 4 * MIB + 4 * MIB;
		step(&scene, 0, 0, left, 1);
	}
	step(&scene, 0, 0, 0, 0);
	CU_ASSERT_TRUE(is_about(scene.sources[0].dirty_bytes_per_s, 40 * MIB));
	CU_ASSERT_TRUE(
		is_about(predict_about(estimate_min_dirty_rate(&scene.dirty), 0.1), 40 * MIB));
}

/* Thousands of looks a second, each finding next to nothing: what they find together counts. */
static void
storm_of_looks_tells_the_rate(void)
{
	Scene scene;
	scene_init(&scene, 5 * MIB);
	for (guint i = 0; i < 40; i++)
		step(&scene, 2 * MIB, 0, 2 * MIB, 3000);
	CU_ASSERT_TRUE(is_about(scene.sources[0].dirty_bytes_per_s, 20 * MIB));
	CU_ASSERT_TRUE(scene.dirty.n_passes > 50000);
}

static void
forgotten_passes_count_no_more(void)
{
	Scene scene;
	scene_init(&scene, 5 * MIB);
	for (guint i = 0; i < 40; i++)
		step(&scene, 2 * MIB, 0, 2 * MIB, 3000);
	estimate_forget_passes(&scene.dirty);
	step(&scene, MIB, 0, MIB, 3000);
	CU_ASSERT_EQUAL(scene.sources[0].dirty_bytes_per_s.likely, -1);
	for (guint i = 0; i < 40; i++)
		step(&scene, MIB, 0, MIB, 3000);
	CU_ASSERT_TRUE(is_about(scene.sources[0].dirty_bytes_per_s, 10 * MIB));
}

static const struct {
	gboolean has_precopy;
	GwNumber left, rate;
	GwRange pending, stop;
	GwConfidence confidence;
} vgpu_rows[] = {
	/* Sent while the guest runs. */
	{ TRUE,
	  { 1000, GW_SOURCE_TRACE, GW_CONFIDENCE_MEASURED },
	  { 10, GW_SOURCE_TRACE, GW_CONFIDENCE_ESTIMATED },
	  { 950, 1000, 1050 },
	  { 0, 0, 0 },
	  GW_CONFIDENCE_ESTIMATED },
	/* The same before its rate is known. */
	{ TRUE,
	  { 1000, GW_SOURCE_TRACE, GW_CONFIDENCE_MEASURED },
	  { -1, GW_SOURCE_MODEL, GW_CONFIDENCE_ESTIMATED },
	  { 950, 1000, 1050 },
	  { 0, 0, 0 },
	  GW_CONFIDENCE_MEASURED },
	/* Only when it has stopped. */
	{ FALSE,
	  { 1000, GW_SOURCE_DEVICE, GW_CONFIDENCE_MEASURED },
	  { -1, GW_SOURCE_MODEL, GW_CONFIDENCE_ESTIMATED },
	  { 0, 0, 0 },
	  { 950, 1000, 1050 },
	  GW_CONFIDENCE_MEASURED },
	/* Its frame buffer at most. */
	{ TRUE,
	  { 1000, GW_SOURCE_FRAMEBUFFER, GW_CONFIDENCE_BOUND },
	  { -1, GW_SOURCE_MODEL, GW_CONFIDENCE_ESTIMATED },
	  { 0, 0, 0 },
	  { 0, 1000, 1000 },
	  GW_CONFIDENCE_BOUND },
	/* Nobody knows. */
	{ FALSE,
	  { -1, GW_SOURCE_MODEL, GW_CONFIDENCE_ESTIMATED },
	  { -1, GW_SOURCE_MODEL, GW_CONFIDENCE_ESTIMATED },
	  { 0, 0, 0 },
	  { -1, -1, -1 },
	  GW_CONFIDENCE_ESTIMATED },
};

static void
vgpus_are_what_their_numbers_are(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(vgpu_rows); i++) {
		Scene scene;
		scene_init(&scene, MIB);
		g_autoptr(GwSample) sample = sample_of(&scene, 0);
		GwVgpuSample *vgpu = sample_add_vgpu(sample, "gpu0", 2000);
		vgpu->has_precopy = vgpu_rows[i].has_precopy;
		vgpu->remaining_bytes = vgpu_rows[i].left;
		vgpu->dirty_bytes_per_s = vgpu_rows[i].rate;
		estimate_add(&scene.dirty, sample);
		CU_ASSERT_EQUAL(estimate_get_sources(&scene.dirty, sample, scene.sources), 2);
		const PredictSource *source = &scene.sources[1];
		TEST_STRING(source->id, "gpu0");
		CU_ASSERT_EQUAL(memcmp(&source->pending_bytes, &vgpu_rows[i].pending,
				       sizeof(GwRange)),
				0);
		CU_ASSERT_EQUAL(memcmp(&source->stop_bytes, &vgpu_rows[i].stop, sizeof(GwRange)),
				0);
		CU_ASSERT_EQUAL(source->confidence, vgpu_rows[i].confidence);
		CU_ASSERT_EQUAL(source->hot_bytes.likely, 2000);
	}
}

CU_TestInfo suite_estimate[] = {
	{ "the link is measured only while it is busy", link_is_measured_only_while_it_is_busy },
	{ "lumps are taken together", lumps_are_taken_together },
	{ "what is acknowledged is what counts", what_is_acknowledged_is_what_counts },
	{ "zeroes do not slow the link", zeroes_do_not_slow_the_link },
	{ "a slower link is seen", a_slower_link_is_seen },
	{ "a small guest shows what was seen", small_guest_shows_what_was_seen },
	{ "passes tell the rate", passes_tell_the_rate },
	{ "a storm of looks tells the rate", storm_of_looks_tells_the_rate },
	{ "forgotten passes count no more", forgotten_passes_count_no_more },
	{ "vGPUs are what their numbers are", vgpus_are_what_their_numbers_are },
	CU_TEST_INFO_NULL,
};
