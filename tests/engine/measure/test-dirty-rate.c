/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dirty rate: QEMU's answers, the rate of a vGPU out of what a probe sent, what is concluded,
 * and how it is told.
 */
#include <CUnit/CUnit.h>
#include <string.h>

#include "engine/gw-error.h"
#include "engine/data/dirty-rate-json.h"
#include "engine/forecast/dirty-rate-forecast.h"
#include "engine/measure/probe-rate.h"
#include "engine/measure/ram-rate.h"
#include "qmp/qmp-dirty-rate.h"
#include "tests/rig/golden.h"
#include "tests/rig/qmp-probe.h"
#include "tests/rig/test-util.h"
#include "tools/dirty-rate-text.h"

#define MIB	G_GINT64_CONSTANT(1048576)
#define GIB	(1024 * MIB)
#define LOOK_US 100000

/* ---- QEMU ---- */

static void
commands_are_as_qemu_has_them(void)
{
	const FakeStep steps[] = {
		{ .expect = "query-kvm", .result = "{\"enabled\": false, \"present\": true}" },
		{ .expect = "calc-dirty-rate",
		  .arguments = "{\"calc-time\":1,\"sample-pages\":4096}",
		  .result = "{}" },
		{ .expect = "query-dirty-rate",
		  .result = "{\"status\": \"measuring\", \"dirty-rate\": -1, \"start-time\": 5}" },
		{ .expect = "query-dirty-rate",
		  .result = "{\"status\": \"measured\", \"dirty-rate\": 35, \"calc-time\": 1}" },
		{ .expect = "calc-dirty-rate",
		  .arguments = "{\"calc-time\":2,\"mode\":\"dirty-bitmap\"}",
		  .error = "{\"class\": \"GenericError\", \"desc\": \"the dirty rate is already "
			   "being measured.\"}" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	gboolean kvm = TRUE;
	gint64 rate = 0;
	CU_ASSERT_TRUE(qmp_query_kvm(client, &kvm, NULL));
	CU_ASSERT_FALSE(kvm);
	CU_ASSERT_TRUE(qmp_calc_dirty_rate(client, 1, QMP_DIRTY_SAMPLING, 4096, NULL));
	CU_ASSERT_TRUE(qmp_query_dirty_rate(client, &rate, NULL));
	CU_ASSERT_EQUAL(rate, -1);
	CU_ASSERT_TRUE(qmp_query_dirty_rate(client, &rate, NULL));
	CU_ASSERT_EQUAL(rate, 35 * MIB);
	CU_ASSERT_FALSE(qmp_calc_dirty_rate(client, 2, QMP_DIRTY_BITMAP, 4096, NULL));
	probe_end(client, qemu);
}

/* QEMU measures for one client at a time; its words were recorded from 7.2 and 10.0. */
static void
another_clients_measurement_is_told_as_busy(void)
{
	const FakeStep steps[] = {
		{ .expect = "query-kvm", .result = "{\"enabled\": false, \"present\": true}" },
		{ .expect = "calc-dirty-rate",
		  .error = "{\"class\": \"GenericError\", \"desc\": \"the dirty rate is already "
			   "being measured.\"}" },
	};
	g_autoptr(FakeQemu) fake = FAKE_QEMU(steps);
	g_autoptr(GError) error = NULL;
	Qemu qemu = { .qmp = probe_connect(fake) };
	RamRate rate;
	CU_ASSERT_FALSE(
		ram_rate_measure(&qemu, G_USEC_PER_SEC, 1 << 26, NULL, NULL, NULL, &rate, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_BUSY, "already being measured");
	probe_end(qemu.qmp, fake);
}

static void
answers_that_lie_are_errors(void)
{
	static const struct {
		const char *answer;
		const char *text;
	} rows[] = {
		{ "[]", "query-dirty-rate: " },
		{ "{}", "no 'status'" },
		{ "{\"status\": \"measured\"}", "no 'dirty-rate'" },
		{ "{\"status\": \"measured\", \"dirty-rate\": -5}", "'dirty-rate'" },
		{ "{\"status\": \"measured\", \"dirty-rate\": \"much\"}", "'dirty-rate'" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const FakeStep steps[] = { { .expect = "query-dirty-rate",
					     .result = rows[i].answer } };
		g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
		QmpClient *client = probe_connect(qemu);
		g_autoptr(GError) error = NULL;
		gint64 rate = 0;
		CU_ASSERT_FALSE(qmp_query_dirty_rate(client, &rate, &error));
		TEST_ERROR(error, QMP_ERROR, QMP_ERROR_PROTOCOL, rows[i].text);
		probe_end(client, qemu);
	}
}

/* ---- the rate of a vGPU ---- */

/* A vGPU of 64 MiB that is written @rate bytes a second, read at most at @link bytes a second for
 * @seconds. */
static GwNumber
probe(gint64 rate, gint64 link, double seconds)
{
	ProbeRate self = { 0 };
	double left = 64 * MIB, sent = 0;
	guint64 empty = 0;
	for (gint64 us = 0; us <= (gint64)(seconds * 1e6); us += LOOK_US) {
		probe_rate_add(&self, us, (guint64)sent, empty);
		double step_s = LOOK_US / 1e6, room = (double)link * step_s;
		left = MIN(left + (double)rate * step_s, 64 * MIB);
		double bytes = MIN(left, room);
		left -= bytes;
		sent += bytes;
		empty += left <= 0;
	}
	return probe_rate_get(&self, 64 * MIB);
}

static void
rate_of_a_vgpu_is_what_it_sends_again(void)
{
	static const struct {
		gint64 rate, link;
		double seconds;
		gint64 expected;
		GwConfidence confidence;
	} rows[] = {
		{ 0, 200 * MIB, 3, 0, GW_CONFIDENCE_MEASURED },
		{ 10 * MIB, 200 * MIB, 3, 10 * MIB, GW_CONFIDENCE_MEASURED },
		{ 150 * MIB, 200 * MIB, 5, 150 * MIB, GW_CONFIDENCE_MEASURED },
		/* Twice what it is read at: (200 x 5 - 64) / 5. */
		{ 400 * MIB, 200 * MIB, 5, 187 * MIB, GW_CONFIDENCE_LOWER_BOUND },
		/* Not through once. */
		{ 10 * MIB, 20 * MIB, 2, -1, GW_CONFIDENCE_ESTIMATED },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		GwNumber made = probe(rows[i].rate, rows[i].link, rows[i].seconds);
		CU_ASSERT_EQUAL(made.confidence, rows[i].confidence);
		CU_ASSERT_TRUE(ABS(made.value - rows[i].expected) <= rows[i].expected / 50);
		CU_ASSERT_TRUE(made.confidence != GW_CONFIDENCE_LOWER_BOUND ||
			       made.value <= rows[i].rate);
	}
}

/* Nothing is known of one that never came up in the stream, or whose size nobody tells. */
static void
silent_vgpus_stay_unknown(void)
{
	ProbeRate none = { 0 };
	CU_ASSERT_EQUAL(probe_rate_get(&none, 64 * MIB).value, -1);
	ProbeRate busy = { 0 };
	for (gint64 us = 0; us < 5000000; us += LOOK_US)
		probe_rate_add(&busy, us, (guint64)us * 100, 0);
	CU_ASSERT_EQUAL(probe_rate_get(&busy, -1).value, -1);
	CU_ASSERT_FALSE(probe_rate_is_settled(&busy));
}

/* Looks that fall in the midst of a part count one empty part less; when it has ended there is none
 * more. */
static void
a_part_under_way_is_no_empty_one(void)
{
	ProbeRate busy = { 0 };
	for (guint i = 0; i < 50; i++)
		probe_rate_add(&busy, (gint64)i * LOOK_US, (guint64)i * MIB, 1 - i % 2);
	CU_ASSERT_FALSE(probe_rate_is_settled(&busy));
	CU_ASSERT_EQUAL(probe_rate_get(&busy, 64 * MIB).value, -1);
}

/* ---- what is told ---- */

/* (transfer full) */
static GwDirtyRate *
make_rate(gboolean probed)
{
	GwDirtyRate *rate = dirty_rate_new();
	rate->lasted_us = 10 * G_USEC_PER_SEC;
	rate->ram_total_bytes = 4 * GIB;
	rate->ram_dirty_bytes_per_s = gw_number(20 * MIB, GW_SOURCE_QEMU, GW_CONFIDENCE_ESTIMATED);
	rate->ram_hot_bytes = gw_number(512 * MIB, GW_SOURCE_MODEL, GW_CONFIDENCE_ESTIMATED);
	rate->ram_method = g_strdup("page-sampling");
	GwDirtyRateVgpu *vgpu = dirty_rate_add_vgpu(rate, "gpu0", "nvidia-63", 2 * GIB);
	vgpu->stop_bytes = gw_number(600 * MIB, GW_SOURCE_DEVICE, GW_CONFIDENCE_MEASURED);
	vgpu->method = g_strdup(probed ? "probe" : "data-size");
	if (probed)
		vgpu->dirty_bytes_per_s =
			gw_number(30 * MIB, GW_SOURCE_STREAM, GW_CONFIDENCE_MEASURED);
	rate->probe_us = probed ? 5 * G_USEC_PER_SEC : -1;
	rate->probe_sent_bytes = probed ? 7 * GIB : -1;
	return rate;
}

/* Nothing has been learned. */
static void
conclude(GwDirtyRate *rate, gint64 bandwidth_bytes_per_s, gint64 max_downtime_us)
{
	g_autoptr(GPtrArray) learning = learning_new();
	Learned learned;
	learning_look_up(learning, NULL, &learned);
	dirty_rate_conclude(rate, &learned, bandwidth_bytes_per_s, max_downtime_us);
}

/* (transfer full): with one more vGPU of which nobody tells but its size. */
static GwDirtyRate *
make_dark(void)
{
	GwDirtyRate *rate = make_rate(FALSE);
	GwDirtyRateVgpu *vgpu = dirty_rate_add_vgpu(rate, "gpu1", NULL, GIB);
	vgpu->stop_bytes = gw_number(GIB, GW_SOURCE_FRAMEBUFFER, GW_CONFIDENCE_BOUND);
	vgpu->method = g_strdup("framebuffer");
	vgpu->note = g_strdup("only a probe shows what its engines write");
	return rate;
}

static void
total_is_known_when_every_part_is(void)
{
	g_autoptr(GwDirtyRate) probed = make_rate(TRUE);
	g_autoptr(GwDirtyRate) passive = make_rate(FALSE);
	conclude(probed, 0, 300000);
	conclude(passive, 0, 300000);
	CU_ASSERT_EQUAL(probed->total_dirty_bytes_per_s.value, 50 * MIB);
	CU_ASSERT_EQUAL(probed->total_dirty_bytes_per_s.confidence, GW_CONFIDENCE_ESTIMATED);
	CU_ASSERT_FALSE(gw_number_is_known(passive->total_dirty_bytes_per_s));
	CU_ASSERT_PTR_NULL(probed->prediction);
}

static void
prediction_takes_what_is_known(void)
{
	g_autoptr(GwDirtyRate) probed = make_rate(TRUE);
	g_autoptr(GwDirtyRate) passive = make_rate(FALSE);
	g_autoptr(GwDirtyRate) dark = make_dark();
	g_autoptr(GwDirtyRate) unknown = make_rate(FALSE);
	dirty_rate_add_vgpu(unknown, "gpu1", NULL, -1)->method = g_strdup("none");
	conclude(probed, 125000000, 300000);
	conclude(passive, 125000000, 300000);
	conclude(dark, 125000000, 300000);
	conclude(unknown, 125000000, 300000);
	/* 50 of 119 MiB/s are written: it converges. */
	CU_ASSERT_TRUE(probed->prediction->converges);
	/* 600 MiB all at once are five seconds. */
	CU_ASSERT_FALSE(passive->prediction->converges);
	TEST_STRING(passive->prediction->held_up_by, "gpu0");
	CU_ASSERT_TRUE(passive->prediction->needed_downtime_limit_us.likely > 5000000);
	CU_ASSERT_EQUAL(dark->prediction->confidence, GW_CONFIDENCE_BOUND);
	CU_ASSERT_PTR_NULL(unknown->prediction);
}

static void
text_and_json_are_as_promised(void)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GString) json = g_string_new(NULL);
	for (guint i = 0; i < 3; i++) {
		g_autoptr(GwDirtyRate) made = i < 2 ? make_rate(i == 1) : make_dark();
		conclude(made, i == 0 ? 0 : 125000000, 10 * G_USEC_PER_SEC);
		g_autoptr(GwDirtyRate) copy = gw_dirty_rate_copy(made);
		g_autofree char *table = dirty_rate_text(copy);
		g_autofree char *object = gw_dirty_rate_to_json(copy);
		g_string_append_printf(text, "--- %u\n%s", i, table);
		g_string_append_printf(json, "%s\n", object);
	}
	golden_check("dirty-rate/tables.txt", text->str);
	golden_check("dirty-rate/rates.json", json->str);
}

/* Absent from the JSON, "?" on the screen; never 0. What is at least so much is told as such. */
static void
unknown_is_no_number(void)
{
	g_autoptr(GwDirtyRate) rate = dirty_rate_new();
	GwDirtyRateVgpu *vgpu = dirty_rate_add_vgpu(rate, "gpu0", NULL, -1);
	rate->ram_method = g_strdup("page-sampling");
	vgpu->method = g_strdup("none");
	conclude(rate, 125000000, 300000);
	g_autofree char *json = gw_dirty_rate_to_json(rate);
	g_autofree char *text = dirty_rate_text(rate);
	static const char *const names[] = { "value", "bytes", "prediction", "probe", "lasted" };
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
		CU_ASSERT_PTR_NULL(strstr(json, names[i]));
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	CU_ASSERT_EQUAL_FATAL(g_strv_length(lines), 5);
	for (guint i = 1; i < 4; i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(lines[i], " ?                ?  "));

	g_autoptr(GwDirtyRate) slow = make_rate(TRUE);
	vgpu = g_ptr_array_index(slow->vgpus, 0);
	vgpu->dirty_bytes_per_s.confidence = GW_CONFIDENCE_LOWER_BOUND;
	conclude(slow, 125000000, 300000);
	g_autofree char *least = dirty_rate_text(slow);
	CU_ASSERT_PTR_NOT_NULL(strstr(least, "\u2265 30.0 MiB/s"));
	CU_ASSERT_PTR_NOT_NULL(strstr(least, "a migration at 119 MiB/s, at least"));
}

CU_TestInfo suite_dirty_rate[] = {
	{ "commands are as QEMU has them", commands_are_as_qemu_has_them },
	{ "another client's measurement is told as busy",
	  another_clients_measurement_is_told_as_busy },
	{ "answers that lie are errors", answers_that_lie_are_errors },
	{ "the rate of a vGPU is what it sends again", rate_of_a_vgpu_is_what_it_sends_again },
	{ "silent vGPUs stay unknown", silent_vgpus_stay_unknown },
	{ "a part under way is no empty one", a_part_under_way_is_no_empty_one },
	{ "the total is known when every part is", total_is_known_when_every_part_is },
	{ "a prediction takes what is known", prediction_takes_what_is_known },
	{ "unknown is no number", unknown_is_no_number },
	{ "text and JSON are as promised", text_and_json_are_as_promised },
	CU_TEST_INFO_NULL,
};
