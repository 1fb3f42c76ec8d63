/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Samples and events as JSON lines, both ways.
 */
#include <CUnit/CUnit.h>
#include <string.h>

#include "engine/data/sample-json.h"

/* (transfer full): every number known, each of another kind. */
static GwSample *
full_sample(void)
{
	GwSample *sample = gw_sample_new();
	sample->time_us = 1500000;
	sample->phase = "precopy";
	sample->ram_total_bytes = 100;
	sample->ram_transferred_bytes = 0;
	sample->ram_remaining_bytes = 98;
	sample->ram_dirty_bytes_per_s = 97;
	sample->passes = 3;
	sample->bandwidth_bytes_per_s = 96;
	sample->vfio_transferred_bytes = 95;
	sample->expected_downtime_us = G_MAXINT64;
	GwVgpuSample *vgpu = sample_add_vgpu(sample, "gpu0", 1000);
	vgpu->has_precopy = TRUE;
	vgpu->transferred_bytes = gw_number(95, GW_SOURCE_STREAM, GW_CONFIDENCE_MEASURED);
	vgpu->precopy_bytes = gw_number(90, GW_SOURCE_QEMU, GW_CONFIDENCE_MEASURED);
	vgpu->stop_copy_bytes = gw_number(5, GW_SOURCE_TRACE, GW_CONFIDENCE_ESTIMATED);
	vgpu->remaining_bytes = gw_number(1000, GW_SOURCE_FRAMEBUFFER, GW_CONFIDENCE_BOUND);
	vgpu->dirty_bytes_per_s = gw_number(0, GW_SOURCE_DEVICE, GW_CONFIDENCE_LOWER_BOUND);
	GwChannelSample *channel = sample_add_channel(sample, 1);
	channel->acked_bytes = 94;
	channel->unsent_bytes = 0;
	channel->rtt_us = 93;
	channel->cwnd_bytes = 92;
	channel->retransmits = 1;
	channel->delivery_bytes_per_s = 91;
	sample->downtime_limit_us = 30000;
	sample->predicted_downtime_us = gw_number(41000, GW_SOURCE_MODEL, GW_CONFIDENCE_BOUND);
	sample->predicted_left_us = gw_number(42000, GW_SOURCE_MODEL, GW_CONFIDENCE_BOUND);
	sample->held_up_by = g_strdup("gpu0");
	sample_sum(sample);
	return sample;
}

static void
full_sample_is_written_and_read(void)
{
	g_autoptr(GwSample) sample = full_sample();
	g_autofree char *text = gw_sample_to_json(sample);
	CU_ASSERT_STRING_EQUAL(
		text, "{\"time_us\":1500000,\"phase\":\"precopy\",\"ram_total_bytes\":100,"
		      "\"ram_transferred_bytes\":0,\"ram_remaining_bytes\":98,"
		      "\"ram_dirty_bytes_per_s\":97,\"passes\":3,\"bandwidth_bytes_per_s\":96,"
		      "\"vfio_transferred_bytes\":95,\"expected_downtime_us\":9223372036854775807,"
		      "\"downtime_limit_us\":30000,"
		      "\"vgpus\":[{\"id\":\"gpu0\",\"vram_bytes\":1000,\"has_precopy\":true,"
		      "\"transferred_bytes\":"
		      "{\"source\":\"stream\",\"confidence\":\"measured\",\"value\":95},\"precopy_"
		      "bytes\":"
		      "{\"source\":\"qemu\",\"confidence\":\"measured\",\"value\":90},\"stop_copy_"
		      "bytes\":"
		      "{\"source\":\"trace\",\"confidence\":\"estimated\",\"value\":5},"
		      "\"remaining_bytes\":"
		      "{\"source\":\"framebuffer\",\"confidence\":\"bound\",\"value\":1000},"
		      "\"dirty_bytes_per_s\":"
		      "{\"source\":\"device\",\"confidence\":\"lower-bound\",\"value\":0}}],"
		      "\"channels\":[{\"index\":1,\"acked_bytes\":94,\"unsent_bytes\":0,"
		      "\"rtt_us\":93,\"cwnd_bytes\":92,\"retransmits\":1,"
		      "\"delivery_bytes_per_s\":91}],"
		      "\"total_transferred_bytes\":"
		      "{\"source\":\"qemu\",\"confidence\":\"measured\",\"value\":95},"
		      "\"total_remaining_bytes\":"
		      "{\"source\":\"framebuffer\",\"confidence\":\"bound\",\"value\":1098},"
		      "\"total_dirty_bytes_per_s\":"
		      "{\"source\":\"device\",\"confidence\":\"lower-bound\",\"value\":97},"
		      "\"predicted_downtime_us\":"
		      "{\"source\":\"model\",\"confidence\":\"bound\",\"value\":41000},"
		      "\"predicted_left_us\":"
		      "{\"source\":\"model\",\"confidence\":\"bound\",\"value\":42000},"
		      "\"held_up_by\":\"gpu0\"}");
	g_autoptr(JsonNode) node = json_from_string(text, NULL);
	g_autoptr(GwSample) back = sample_from_node(node, "sample", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(back);
	g_autofree char *again = gw_sample_to_json(back);
	CU_ASSERT_STRING_EQUAL(again, text);
}

static void
copy_is_whole_and_apart(void)
{
	g_autoptr(GwSample) copy = NULL;
	g_autofree char *expected = NULL;
	{
		g_autoptr(GwSample) sample = full_sample();
		expected = gw_sample_to_json(sample);
		copy = gw_sample_copy(sample);
		sample_add_vgpu(sample, "gpu1", -1);
		sample_add_channel(sample, 2);
	}
	g_autofree char *text = gw_sample_to_json(copy);
	CU_ASSERT_STRING_EQUAL(text, expected);
}

static void
unknown_numbers_are_absent(void)
{
	g_autoptr(GwSample) sample = gw_sample_new();
	sample_add_vgpu(sample, "gpu0", -1);
	sample_sum(sample);
	g_autofree char *text = gw_sample_to_json(sample);
	CU_ASSERT_STRING_EQUAL(text, "{\"time_us\":0,\"vgpus\":[{\"id\":\"gpu0\"}]}");
	g_autoptr(JsonNode) node = json_from_string(text, NULL);
	g_autoptr(GwSample) back = sample_from_node(node, "sample", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(back);
	CU_ASSERT_PTR_NULL(back->phase);
	CU_ASSERT_EQUAL(back->ram_total_bytes, -1);
	CU_ASSERT_EQUAL(back->expected_downtime_us, -1);
	CU_ASSERT_EQUAL(back->total_remaining_bytes.value, -1);
	CU_ASSERT_EQUAL_FATAL(back->vgpus->len, 1);
	const GwVgpuSample *vgpu = g_ptr_array_index(back->vgpus, 0);
	CU_ASSERT_EQUAL(vgpu->vram_bytes, -1);
	CU_ASSERT_EQUAL(vgpu->remaining_bytes.value, -1);
}

/* One part that nobody knows makes the total unknown: it is not counted as nothing. */
static void
total_needs_every_part(void)
{
	g_autoptr(GwSample) sample = full_sample();
	sample_add_vgpu(sample, "gpu1", 1000);
	sample_sum(sample);
	CU_ASSERT_FALSE(gw_number_is_known(sample->total_transferred_bytes));
	CU_ASSERT_FALSE(gw_number_is_known(sample->total_remaining_bytes));
	CU_ASSERT_FALSE(gw_number_is_known(sample->total_dirty_bytes_per_s));
}

static void
sums_are_as_sure_as_their_parts(void)
{
	static const struct {
		GwNumber a, b, sum;
	} rows[] = {
		{ { 1, GW_SOURCE_STREAM, GW_CONFIDENCE_MEASURED },
		  { 2, GW_SOURCE_STREAM, GW_CONFIDENCE_MEASURED },
		  { 3, GW_SOURCE_STREAM, GW_CONFIDENCE_MEASURED } },
		{ { 1, GW_SOURCE_MODEL, GW_CONFIDENCE_MEASURED },
		  { 2, GW_SOURCE_STREAM, GW_CONFIDENCE_ESTIMATED },
		  { 3, GW_SOURCE_STREAM, GW_CONFIDENCE_ESTIMATED } },
		{ { 1, GW_SOURCE_FRAMEBUFFER, GW_CONFIDENCE_BOUND },
		  { 2, GW_SOURCE_MODEL, GW_CONFIDENCE_ESTIMATED },
		  { 3, GW_SOURCE_FRAMEBUFFER, GW_CONFIDENCE_BOUND } },
		{ { G_MAXINT64, GW_SOURCE_QEMU, GW_CONFIDENCE_MEASURED },
		  { 2, GW_SOURCE_QEMU, GW_CONFIDENCE_MEASURED },
		  { G_MAXINT64, GW_SOURCE_QEMU, GW_CONFIDENCE_MEASURED } },
		{ { 1, GW_SOURCE_FRAMEBUFFER, GW_CONFIDENCE_BOUND },
		  { 2, GW_SOURCE_STREAM, GW_CONFIDENCE_LOWER_BOUND },
		  { -1, GW_SOURCE_MODEL, GW_CONFIDENCE_ESTIMATED } },
		{ { -1, GW_SOURCE_QEMU, GW_CONFIDENCE_MEASURED },
		  { 2, GW_SOURCE_QEMU, GW_CONFIDENCE_MEASURED },
		  { -1, GW_SOURCE_MODEL, GW_CONFIDENCE_ESTIMATED } },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		GwNumber one = gw_number_add(rows[i].a, rows[i].b);
		GwNumber other = gw_number_add(rows[i].b, rows[i].a);
		CU_ASSERT_EQUAL(memcmp(&one, &rows[i].sum, sizeof one), 0);
		CU_ASSERT_EQUAL(memcmp(&other, &rows[i].sum, sizeof other), 0);
	}
}

static void
bad_samples_are_refused(void)
{
	static const struct {
		const char *json;
		const char *message;
	} rows[] = {
		{ "[]", "s: not an object" },
		{ "{}", "s: 'time_us' is missing" },
		{ "{\"time_us\":1.5}", "s: 'time_us' is not an integer" },
		{ "{\"time_us\":0,\"passes\":-1}", "s: 'passes' is negative or too large" },
		{ "{\"time_us\":0,\"passes\":18446744073709551615}",
		  "s: 'passes' is negative or too large" },
		{ "{\"time_us\":0,\"passes\":null}", "s: 'passes' is not an integer" },
		{ "{\"time_us\":0,\"phase\":\"Pre Copy\"}",
		  "s: 'phase' is not the name of a phase" },
		{ "{\"time_us\":0,\"phase\":\"abcdefghijklmnopqrstuvwxyz\"}",
		  "s: 'phase' is too long" },
		{ "{\"time_us\":0,\"vgpus\":{}}", "s: 'vgpus' is not an array" },
		{ "{\"time_us\":0,\"vgpus\":[7]}", "s: vgpus[0]: not an object" },
		{ "{\"time_us\":0,\"vgpus\":[{\"id\":\"a\"},{}]}", "s: vgpus[1]: 'id' is missing" },
		{ "{\"time_us\":0,\"total_remaining_bytes\":5}",
		  "s: 'total_remaining_bytes' is not an object" },
		{ "{\"time_us\":0,\"total_remaining_bytes\":{\"value\":1}}",
		  "s: total_remaining_bytes: 'source' is missing" },
		{ "{\"time_us\":0,\"total_remaining_bytes\":{\"value\":1,\"source\":\"guess\","
		  "\"confidence\":\"measured\"}}",
		  "s: total_remaining_bytes: 'source' has an unknown word" },
		{ "{\"time_us\":0,\"total_remaining_bytes\":{\"value\":-1,\"source\":\"qemu\","
		  "\"confidence\":\"measured\"}}",
		  "s: total_remaining_bytes: 'value' is negative or too large" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(JsonNode) node = json_from_string(rows[i].json, NULL);
		g_autoptr(GError) error = NULL;
		CU_ASSERT_PTR_NULL(sample_from_node(node, "s", &error));
		CU_ASSERT_PTR_NOT_NULL_FATAL(error);
		CU_ASSERT_STRING_EQUAL(error->message, rows[i].message);
	}
}

static void
event_is_written_and_read(void)
{
	g_autoptr(GwEvent) event =
		gw_event_new(-7, "source", "MIGRATION", "{ \"status\" : \"active\" }");
	g_autofree char *text = gw_event_to_json(event);
	CU_ASSERT_STRING_EQUAL(text, "{\"event\":\"MIGRATION\",\"time_us\":-7,\"host\":\"source\","
				     "\"data\":{\"status\":\"active\"}}");
	g_autoptr(JsonNode) node = json_from_string(text, NULL);
	g_autoptr(GwEvent) back = event_from_node(node, "event", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(back);
	g_autofree char *again = gw_event_to_json(back);
	CU_ASSERT_STRING_EQUAL(again, text);
}

static void
event_data_that_is_no_object_is_left_out(void)
{
	static const char *const data[] = { "7", "[1]", "\"x\"", "{", "", "null" };
	for (gsize i = 0; i < G_N_ELEMENTS(data); i++) {
		g_autoptr(GwEvent) event = gw_event_new(1, "engine", "hook", data[i]);
		g_autofree char *text = gw_event_to_json(event);
		CU_ASSERT_STRING_EQUAL(text,
				       "{\"event\":\"hook\",\"time_us\":1,\"host\":\"engine\"}");
	}
}

static void
bytes_that_are_no_text_do_not_break_the_json(void)
{
	g_autoptr(GwEvent) event = gw_event_new(1, "engine",
						"a\xff"
						"b\n\"",
						NULL);
	g_autofree char *text = gw_event_to_json(event);
	g_autoptr(JsonNode) node = json_from_string(text, NULL);
	g_autoptr(GwEvent) back = event_from_node(node, "event", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(back);
	CU_ASSERT_STRING_EQUAL(back->name, "a\xef\xbf\xbd"
					   "b\n\"");
}

CU_TestInfo suite_sample[] = {
	{ "a full sample is written and read", full_sample_is_written_and_read },
	{ "a copy is whole and apart", copy_is_whole_and_apart },
	{ "a total needs every part", total_needs_every_part },
	{ "sums are as sure as their parts", sums_are_as_sure_as_their_parts },
	{ "unknown numbers are absent", unknown_numbers_are_absent },
	{ "bad samples are refused, the field named", bad_samples_are_refused },
	{ "an event is written and read", event_is_written_and_read },
	{ "event data that is no object is left out", event_data_that_is_no_object_is_left_out },
	{ "bytes that are no text do not break the JSON",
	  bytes_that_are_no_text_do_not_break_the_json },
	CU_TEST_INFO_NULL,
};
