/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record of a run: what is kept, what is thinned out, and that its memory is bounded whatever a
 * peer or QEMU sends.
 */
#include <CUnit/CUnit.h>
#include <string.h>

#include "engine/data/sample-json.h"
#include "engine/record/recorder.h"
#include "tests/rig/test-util.h"

typedef struct {
	GString *phases;
	guint n_samples;
	guint n_events;
	char *last_sample; /* (owned): its JSON */
} Heard;

static void
on_phase(const char *name, gpointer data)
{
	Heard *heard = data;

	g_string_append_printf(heard->phases, "%s ", name);
}

static void
on_sample(const GwSample *sample, gpointer data)
{
	Heard *heard = data;

	heard->n_samples++;
	g_free(heard->last_sample);
	heard->last_sample = gw_sample_to_json(sample);
}

static void
on_event(const GwEvent *event, gpointer data)
{
	Heard *heard = data;

	CU_ASSERT_PTR_NOT_NULL(event->name);
	heard->n_events++;
}

static const RecorderListener listener = { on_phase, on_sample, on_event };

static void
heard_clear(Heard *heard)
{
	g_string_free(heard->phases, TRUE);
	g_free(heard->last_sample);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Heard, heard_clear);

static void
phases_follow_one_another(void)
{
	g_auto(Heard) heard = { .phases = g_string_new(NULL) };
	g_autoptr(Recorder) recorder = recorder_new(&listener, &heard);

	CU_ASSERT_PTR_NULL(recorder_get_phase(recorder));
	CU_ASSERT_EQUAL(recorder_phase_start_us(recorder, "setup"), -1);
	recorder_phase(recorder, "setup");
	TEST_STRING(recorder_get_phase(recorder), "setup");
	g_usleep(2000);
	recorder_phase(recorder, "precopy");
	recorder_phase(recorder, "setup");
	TEST_STRING(heard.phases->str, "setup precopy setup ");

	g_autoptr(GwReport) report = recorder_finish(recorder);
	CU_ASSERT_EQUAL_FATAL(report->phases->len, 3);
	gint64 end_us = 0;
	for (guint i = 0; i < 3; i++) {
		const GwPhase *phase = g_ptr_array_index(report->phases, i);
		CU_ASSERT_TRUE(phase->start_us >= end_us);
		CU_ASSERT_TRUE(phase->end_us >= phase->start_us);
		CU_ASSERT_TRUE(i == 0 || phase->start_us == end_us);
		end_us = phase->end_us;
	}
	const GwPhase *first = g_ptr_array_index(report->phases, 0);
	CU_ASSERT_TRUE(first->end_us - first->start_us >= 2000);
	CU_ASSERT_EQUAL(end_us, report->total_us);
}

static void
a_phase_begins_where_it_came_first(void)
{
	g_auto(Heard) heard = { .phases = g_string_new(NULL) };
	g_autoptr(Recorder) recorder = recorder_new(&listener, &heard);

	recorder_phase(recorder, "precopy");
	gint64 start_us = recorder_phase_start_us(recorder, "precopy");
	g_usleep(1000);
	recorder_phase(recorder, "rollback");
	recorder_phase(recorder, "precopy");
	CU_ASSERT_TRUE(start_us >= 0);
	CU_ASSERT_EQUAL(recorder_phase_start_us(recorder, "precopy"), start_us);
}

static void
a_run_with_nothing_in_it_has_a_report(void)
{
	g_auto(Heard) heard = { .phases = g_string_new(NULL) };
	g_autoptr(Recorder) recorder = recorder_new(&listener, &heard);
	g_autoptr(GwReport) report = recorder_finish(recorder);

	CU_ASSERT_PTR_NOT_NULL_FATAL(report);
	CU_ASSERT_TRUE(report->total_us >= 0);
	CU_ASSERT_EQUAL(report->phases->len + report->samples->len + report->events->len, 0);
	CU_ASSERT_EQUAL(report->downtime_us, -1);
}

/* What the forecast has decided on is what is shown and kept: neither summed again nor given
 * another time. */
static void
a_sample_is_kept_as_it_is(void)
{
	g_auto(Heard) heard = { .phases = g_string_new(NULL) };
	g_autoptr(Recorder) recorder = recorder_new(&listener, &heard);
	g_autoptr(GwSample) sample = gw_sample_new();

	sample->time_us = 123456789;
	sample->phase = "precopy";
	sample->ram_remaining_bytes = 4096;
	GwVgpuSample *vgpu = sample_add_vgpu(sample, "gpu0", 1 << 20);
	vgpu->remaining_bytes = gw_number(1 << 20, GW_SOURCE_FRAMEBUFFER, GW_CONFIDENCE_BOUND);
	sample->total_remaining_bytes = gw_number(9000, GW_SOURCE_QEMU, GW_CONFIDENCE_ESTIMATED);
	g_autofree char *before = gw_sample_to_json(sample);
	recorder_phase(recorder, "switchover");
	recorder_sample(recorder, sample);

	const GPtrArray *samples = recorder_get_report(recorder)->samples;
	CU_ASSERT_EQUAL_FATAL(samples->len, 1);
	g_autofree char *kept = gw_sample_to_json(g_ptr_array_index(samples, 0));
	TEST_STRING(kept, before);
	TEST_STRING(heard.last_sample, before);
}

/* The listener hears all; what is kept is bounded, in order, and spread over the whole run. */
static void
samples_are_bounded_however_long_it_takes(void)
{
	enum { N = 60000 };
	g_auto(Heard) heard = { .phases = g_string_new(NULL) };
	g_autoptr(Recorder) recorder = recorder_new(&listener, &heard);
	g_autoptr(GwSample) sample = gw_sample_new();
	guint most = 0;

	recorder_phase(recorder, "precopy");
	for (gint64 i = 0; i < N; i++) {
		sample->passes = i;
		recorder_sample(recorder, sample);
		most = MAX(most, recorder_get_report(recorder)->samples->len);
	}
	CU_ASSERT_TRUE(most <= 4096);
	CU_ASSERT_EQUAL(heard.n_samples, N);

	const GPtrArray *kept = recorder_get_report(recorder)->samples;
	CU_ASSERT_TRUE(kept->len >= 2048);
	gint64 last = -1;
	for (guint i = 0; i < kept->len; i++) {
		const GwSample *one = g_ptr_array_index(kept, i);
		CU_ASSERT_TRUE(one->passes > last);
		CU_ASSERT_TRUE(one->passes - last <= N / 1000);
		last = one->passes;
	}
	CU_ASSERT_TRUE(N - last <= N / 1000);
}

static void
events_are_kept_with_their_words(void)
{
	g_auto(Heard) heard = { .phases = g_string_new(NULL) };
	g_autoptr(Recorder) recorder = recorder_new(&listener, &heard);
	g_autoptr(JsonObject) data = json_object_new();
	gint64 now_us = g_get_monotonic_time();

	json_object_set_string_member(data, "status", "active");
	recorder_event(recorder, "source", "MIGRATION", data, now_us);
	recorder_event(recorder, "destination", "RESUME", NULL, now_us + 5000000);
	const GPtrArray *events = recorder_get_report(recorder)->events;
	CU_ASSERT_EQUAL_FATAL(events->len, 2);
	const GwEvent *first = g_ptr_array_index(events, 0);
	const GwEvent *second = g_ptr_array_index(events, 1);
	TEST_STRING(first->host, "source");
	TEST_STRING(first->name, "MIGRATION");
	TEST_STRING(first->data, "{\"status\":\"active\"}");
	CU_ASSERT_PTR_NULL(second->data);
	CU_ASSERT_TRUE(first->time_us >= 0 && first->time_us < 5000000);
	CU_ASSERT_EQUAL(second->time_us - first->time_us, 5000000);
	CU_ASSERT_EQUAL(heard.n_events, 2);
}

/* A stuck migration tells of 30,000 passes in a second. One in 100 ms stays; other kinds all
 * stay. */
static void
a_flood_of_passes_is_thinned_out(void)
{
	g_auto(Heard) heard = { .phases = g_string_new(NULL) };
	g_autoptr(Recorder) recorder = recorder_new(&listener, &heard);
	gint64 now_us = g_get_monotonic_time();

	for (gint64 i = 0; i < 30000; i++)
		recorder_event(recorder, "source", "MIGRATION_PASS", NULL, now_us + i * 33);
	const GPtrArray *events = recorder_get_report(recorder)->events;
	CU_ASSERT_TRUE(events->len >= 9 && events->len <= 11);
	CU_ASSERT_EQUAL(heard.n_events, events->len);
	recorder_event(recorder, "source", "STOP", NULL, now_us + 990000);
	recorder_event(recorder, "source", "RESUME", NULL, now_us + 990001);
	CU_ASSERT_EQUAL(heard.n_events, events->len);
	const GwEvent *last = g_ptr_array_index(events, events->len - 1);
	TEST_STRING(last->name, "RESUME");
}

static void
events_are_bounded_in_number(void)
{
	g_auto(Heard) heard = { .phases = g_string_new(NULL) };
	g_autoptr(Recorder) recorder = recorder_new(&listener, &heard);

	for (guint i = 0; i < 10000; i++)
		recorder_event(recorder, "destination", "RTC_CHANGE", NULL, g_get_monotonic_time());
	CU_ASSERT_EQUAL(heard.n_events, 10000);
	CU_ASSERT_EQUAL(recorder_get_report(recorder)->events->len, 4096);
}

/* A peer may put nearly a MiB into each of them. */
static void
events_are_bounded_in_bytes(void)
{
	g_auto(Heard) heard = { .phases = g_string_new(NULL) };
	g_autoptr(Recorder) recorder = recorder_new(&listener, &heard);
	g_autoptr(JsonObject) data = json_object_new();
	g_autofree char *padding = g_strnfill(1000 * 1000, 'x');
	gsize bytes = 0;

	json_object_set_string_member(data, "x", padding);
	for (guint i = 0; i < 64; i++) {
		recorder_event(recorder, "destination", "NOISE", data, g_get_monotonic_time());
		recorder_event(recorder, "destination", padding, NULL, g_get_monotonic_time());
	}
	recorder_event(recorder, "destination", "RESUME", NULL, g_get_monotonic_time());
	const GPtrArray *events = recorder_get_report(recorder)->events;
	for (guint i = 0; i < events->len; i++) {
		const GwEvent *event = g_ptr_array_index(events, i);
		bytes += strlen(event->name) + (event->data != NULL ? strlen(event->data) : 0);
	}
	CU_ASSERT_TRUE(bytes <= 8 * 1024 * 1024);
	const GwEvent *last = g_ptr_array_index(events, events->len - 1);
	TEST_STRING(last->name, "RESUME");
}

/* Any instant that a peer or QEMU may name: UBSan watches. */
static void
absurd_instants_do_no_harm(void)
{
	static const gint64 instants[] = { G_MININT64, G_MAXINT64, G_MININT64, -1, 0, G_MAXINT64 };
	g_auto(Heard) heard = { .phases = g_string_new(NULL) };
	g_autoptr(Recorder) recorder = recorder_new(&listener, &heard);

	for (gsize i = 0; i < G_N_ELEMENTS(instants); i++) {
		recorder_event(recorder, "source", "STOP", NULL, instants[i]);
		recorder_event(recorder, "source", "MIGRATION_PASS", NULL, instants[i]);
	}
	CU_ASSERT_TRUE(heard.n_events >= G_N_ELEMENTS(instants));
	CU_ASSERT_TRUE(recorder_at_us(recorder, G_MININT64) < 0);
	CU_ASSERT_TRUE(recorder_at_us(recorder, G_MAXINT64) > 0);
}

static void
wall_clock_and_run_agree(void)
{
	g_auto(Heard) heard = { .phases = g_string_new(NULL) };
	g_autoptr(Recorder) recorder = recorder_new(&listener, &heard);
	gint64 at_us = recorder_at_us(recorder, g_get_monotonic_time());
	gint64 now_us = recorder_now_us(recorder);

	CU_ASSERT_TRUE(ABS(now_us - at_us) < 1000000);
	CU_ASSERT_TRUE(now_us >= 0);
}

CU_TestInfo suite_recorder[] = {
	{ "phases follow one another", phases_follow_one_another },
	{ "a phase begins where it came first", a_phase_begins_where_it_came_first },
	{ "a run with nothing in it has a report", a_run_with_nothing_in_it_has_a_report },
	{ "a sample is kept as it is", a_sample_is_kept_as_it_is },
	{ "samples are bounded however long it takes", samples_are_bounded_however_long_it_takes },
	{ "events are kept with their words", events_are_kept_with_their_words },
	{ "a flood of passes is thinned out", a_flood_of_passes_is_thinned_out },
	{ "events are bounded in number", events_are_bounded_in_number },
	{ "events are bounded in bytes", events_are_bounded_in_bytes },
	{ "absurd instants do no harm", absurd_instants_do_no_harm },
	{ "the wall clock and the run agree", wall_clock_and_run_agree },
	CU_TEST_INFO_NULL,
};
