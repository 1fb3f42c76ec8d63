/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Samples and events as JSON lines, both ways.
 */
#include <CUnit/CUnit.h>

#include "engine/sample-json.h"

static GwSample
full_sample(void)
{
	return (GwSample){ .time_us = 1500000,
			   .phase = "precopy",
			   .ram_total_bytes = 100,
			   .ram_transferred_bytes = 0,
			   .ram_remaining_bytes = 98,
			   .ram_dirty_bytes_per_s = 97,
			   .passes = 3,
			   .bandwidth_bytes_per_s = 96,
			   .vfio_transferred_bytes = 95,
			   .expected_downtime_us = G_MAXINT64 };
}

static void
full_sample_is_written_and_read(void)
{
	GwSample sample = full_sample();
	g_autofree char *text = gw_sample_to_json(&sample);
	CU_ASSERT_STRING_EQUAL(
		text,
		"{\"time_us\":1500000,\"phase\":\"precopy\",\"ram_total_bytes\":100,"
		"\"ram_transferred_bytes\":0,\"ram_remaining_bytes\":98,"
		"\"ram_dirty_bytes_per_s\":97,\"passes\":3,\"bandwidth_bytes_per_s\":96,"
		"\"vfio_transferred_bytes\":95,\"expected_downtime_us\":9223372036854775807}");
	g_autoptr(JsonNode) node = json_from_string(text, NULL);
	g_autoptr(GwSample) back = sample_from_node(node, "sample", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(back);
	g_autofree char *again = gw_sample_to_json(back);
	CU_ASSERT_STRING_EQUAL(again, text);
}

static void
unknown_numbers_are_absent(void)
{
	GwSample sample;
	gw_sample_init(&sample);
	g_autofree char *text = gw_sample_to_json(&sample);
	CU_ASSERT_STRING_EQUAL(text, "{\"time_us\":0}");
	g_autoptr(JsonNode) node = json_from_string(text, NULL);
	g_autoptr(GwSample) back = sample_from_node(node, "sample", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(back);
	CU_ASSERT_PTR_NULL(back->phase);
	CU_ASSERT_EQUAL(back->ram_total_bytes, -1);
	CU_ASSERT_EQUAL(back->expected_downtime_us, -1);
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
	{ "unknown numbers are absent", unknown_numbers_are_absent },
	{ "bad samples are refused, the field named", bad_samples_are_refused },
	{ "an event is written and read", event_is_written_and_read },
	{ "event data that is no object is left out", event_data_that_is_no_object_is_left_out },
	{ "bytes that are no text do not break the JSON",
	  bytes_that_are_no_text_do_not_break_the_json },
	CU_TEST_INFO_NULL,
};
