/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reports: written as the design lays down, read back exactly, refused when they are something
 * else, and shown to people. Golden files are compared whole.
 */
#include <CUnit/CUnit.h>
#include <string.h>

#include "engine/gw-event.h"
#include "engine/data/plan-json.h"
#include "engine/data/prediction-json.h"
#include "engine/data/report-json.h"
#include "engine/data/sample-json.h"
#include "tests/rig/golden.h"
#include "tools/report-html.h"
#include "tools/report-text.h"

static void
add_samples(GwReport *report)
{
	for (int i = 0; i < 5; i++) {
		GwSample *sample = gw_sample_new();
		sample->time_us = 100000 + i * 200000;
		sample->phase = "precopy";
		sample->ram_total_bytes = 1 << 30;
		sample->ram_remaining_bytes = (1 << 30) >> i;
		sample->bandwidth_bytes_per_s = i == 2 ? -1 : 100000000 + i * 1000000;
		/* The first is only a bound. */
		sample_add_vgpu(sample, "gpu0", 2147483648)->remaining_bytes =
			gw_number(2147483648 >> i, GW_SOURCE_TRACE,
				  i == 0 ? GW_CONFIDENCE_BOUND : GW_CONFIDENCE_MEASURED);
		g_ptr_array_add(report->samples, sample);
	}
}

static void
add_predictions(GwReport *report)
{
	g_autoptr(GwPrediction) prediction = prediction_new();
	prediction->time_us = 400000;
	prediction->converges = TRUE;
	prediction->confidence = GW_CONFIDENCE_BOUND;
	prediction->bandwidth_bytes_per_s = 125000000;
	prediction->needed_downtime_limit_us = (GwRange){ 0, 30000, 90000 };
	prediction->total_us = (GwRange){ 600000, 800000, -1 };
	prediction->downtime_us = (GwRange){ 20000, 44000, 90000 };
	prediction_add_part(prediction, "ram", NULL, (GwRange){ 10000, 24000, 30000 });
	prediction_add_part(prediction, "vgpu", "gpu0", (GwRange){ 10000, 20000, 60000 });
	prediction->held_up_by = g_strdup("gpu0");
	report_take_prediction(report, prediction);
	prediction->time_us = 1000000;
	report_take_prediction(report, prediction);
	report_take_prediction(report, NULL);
}

static GwReport *
make_completed(void)
{
	GwReport *report = gw_report_new();
	report->outcome = GW_OUTCOME_COMPLETED;
	report->vm_runs_on = GW_PLACE_DESTINATION;
	report->total_us = 1234567;
	report->setup_us = 54321;
	report->downtime_us = 41234;
	report->downtime_error_us = 310;
	report->downtime_qemu_us = 38000;
	report_add_phase(report, "connect", 0, 20000);
	report_add_phase(report, "precopy", 20000, 1100000);
	report_add_phase(report, "cleanup", 1100000, -1);
	GwReportVgpu *vgpu = report_add_vgpu(report, "gpu0", "nvidia-63", 2147483648);
	vgpu->transferred_bytes = gw_number(2150000000, GW_SOURCE_QEMU, GW_CONFIDENCE_MEASURED);
	vgpu->precopy_bytes = gw_number(2100000000, GW_SOURCE_QEMU, GW_CONFIDENCE_ESTIMATED);
	vgpu->stop_copy_bytes = gw_number(50000000, GW_SOURCE_MODEL, GW_CONFIDENCE_ESTIMATED);
	vgpu->dirty_bytes_per_s = gw_number(0, GW_SOURCE_STREAM, GW_CONFIDENCE_LOWER_BOUND);
	vgpu->stopped_us = 61000;
	report_add_vgpu(report, "gpu1", NULL, -1);
	report_add_part(report, "stop to pre-switchover", 1234);
	report_add_part(report, "rest", 25000);
	report_add_part(report, "hook", 15000);
	report->ram_total_bytes = 1 << 30;
	report->ram_transferred_bytes = 1200000000;
	report->ram_passes = 4;
	report->ram_dirty_bytes_per_s = 0;
	add_predictions(report);
	report->plan = gw_plan_new();
	report->plan->vm_name = g_strdup("web<1>");
	report->plan->transport = g_strdup("direct");
	report->plan->downtime_limit_us = 300000;
	add_samples(report);
	g_ptr_array_add(report->events, gw_event_new(1000000, "source", "STOP", NULL));
	g_ptr_array_add(report->events,
			gw_event_new(-5, "destination", "MIGRATION", "{\"status\":\"active\"}"));
	return report;
}

static GwReport *
make_failed(void)
{
	GwReport *report = gw_report_new();
	report->outcome = GW_OUTCOME_FAILED;
	report->vm_runs_on = GW_PLACE_SOURCE;
	report->error_host = g_strdup("destination");
	report->error_phase = g_strdup("precopy");
	report->error_code = GW_ERROR_MIGRATION;
	report->error_message = g_strdup("destination: QEMU failed the migration\nof course");
	report->error_qemu_source = g_strdup("Unable to write to socket: Broken pipe");
	report->error_qemu_destination = g_strdup("qemu: load of migration failed\nqemu: \"bye\"");
	report->vm_state = g_strdup("is paused, as it was");
	report_add_warning(report, "destination", "QEMU did not say RESUME after 'cont'");
	report_add_warning(report, "destination", "the disk\nis full");
	report->left_over = g_strdup("destination: remove 'c0b26072': it is still there");
	report->total_us = 300000;
	return report;
}

static GwReport *
make_unknown(void)
{
	GwReport *report = gw_report_new();
	report->error_host = g_strdup("source");
	report->error_phase = g_strdup("commit");
	report->error_code = GW_ERROR_UNKNOWN;
	report->error_message = g_strdup("the agent was lost before it answered");
	return report;
}

static GwReport *
make_incompatible(void)
{
	GwReport *report = gw_report_new();
	report->outcome = GW_OUTCOME_INCOMPATIBLE;
	report->vm_runs_on = GW_PLACE_SOURCE;
	report->error_code = GW_ERROR_INCOMPATIBLE;
	report->error_message = g_strdup("2 issues stand in the way");
	report->plan = gw_plan_new();
	report->plan->transport = g_strdup("direct");
	g_ptr_array_add(report->plan->issues,
			gw_issue_new(GW_SEVERITY_ERROR, "machine-type", "both", "pc-q35-7.2",
				     "the machine types differ", "use the same -machine"));
	g_ptr_array_add(report->plan->issues, gw_issue_new(GW_SEVERITY_ERROR, "blocked", "source",
							   NULL, "QEMU says no", NULL));
	return report;
}

static GwReport *
make_cancelled(void)
{
	GwReport *report = gw_report_new();
	report->outcome = GW_OUTCOME_CANCELLED;
	report->vm_runs_on = GW_PLACE_SOURCE;
	report->error_code = GW_ERROR_CANCELLED;
	report->error_message = g_strdup("Operation was cancelled");
	report->error_qemu_destination = g_strdup("load of migration failed");
	report->total_us = 2010000;
	return report;
}

typedef GwReport *(*Make)(void);

static const struct {
	const char *name;
	Make make;
} reports[] = {
	{ "completed", make_completed }, { "failed", make_failed },
	{ "unknown", make_unknown },	 { "incompatible", make_incompatible },
	{ "cancelled", make_cancelled }, { "empty", gw_report_new },
};

static void
json_is_as_promised(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(reports); i++) {
		g_autoptr(GwReport) report = reports[i].make();
		g_autofree char *name = g_strdup_printf("report/%s.json", reports[i].name);
		g_autofree char *json = gw_report_to_json(report);
		golden_check(name, json);
	}
}

static void
report_is_read_as_it_was_written(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(reports); i++) {
		g_autoptr(GwReport) report = reports[i].make();
		g_autofree char *json = gw_report_to_json(report);
		g_autoptr(GError) error = NULL;
		g_autoptr(GwReport) back = gw_report_from_json(json, -1, &error);
		CU_ASSERT_PTR_NULL(error);
		CU_ASSERT_PTR_NOT_NULL_FATAL(back);
		g_autoptr(GwReport) copy = gw_report_copy(back);
		g_autofree char *again = gw_report_to_json(copy);
		CU_ASSERT_STRING_EQUAL(again, json);
	}
}

/* A report cut anywhere is an error, and never a report. */
static void
truncated_reports_are_refused(void)
{
	g_autoptr(GwReport) report = make_completed();
	g_autofree char *json = gw_report_to_json(report);
	gsize len = strlen(json);
	for (gsize n = 0; n < len; n++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GwReport) cut = gw_report_from_json(json, (gssize)n, &error);
		CU_ASSERT_PTR_NULL(cut);
		CU_ASSERT_TRUE(g_error_matches(error, GW_ERROR, GW_ERROR_FAILED));
	}
}

/* Every member in turn becomes something else: that is an error which names it, or it reads back
 * the same. */
static void
spoil_members(JsonObject *object, JsonNode *root, guint *n_refused)
{
	g_autoptr(GList) names = json_object_get_members(object);
	for (GList *at = names; at != NULL; at = at->next) {
		g_autofree char *name = g_strdup(at->data); /* setting a member frees its name */
		g_autoptr(JsonNode) kept = json_node_copy(json_object_get_member(object, name));
		json_object_set_double_member(object, name, 0.5);
		g_autofree char *text = json_to_string(root, FALSE);
		g_autoptr(GError) error = NULL;
		g_autoptr(GwReport) spoilt = gw_report_from_json(text, -1, &error);
		g_autofree char *quoted = g_strdup_printf("'%s'", name);
		CU_ASSERT_PTR_NULL(spoilt);
		CU_ASSERT_PTR_NOT_NULL_FATAL(error);
		CU_ASSERT_PTR_NOT_NULL(strstr(error->message, quoted));
		*n_refused += 1;
		json_object_set_member(object, name, json_node_copy(kept));
	}
}

static void
wrong_types_are_refused(void)
{
	guint n_refused = 0;
	for (gsize i = 0; i < G_N_ELEMENTS(reports); i++) {
		g_autoptr(GwReport) report = reports[i].make();
		g_autofree char *json = gw_report_to_json(report);
		g_autoptr(JsonNode) root = json_from_string(json, NULL);
		JsonObject *object = json_node_get_object(root);
		spoil_members(object, root, &n_refused);
		static const char *const inner[] = { "error", "ram", "plan" };
		for (gsize k = 0; k < G_N_ELEMENTS(inner); k++)
			if (json_object_has_member(object, inner[k]))
				spoil_members(json_object_get_object_member(object, inner[k]), root,
					      &n_refused);
	}
	CU_ASSERT_TRUE(n_refused > 60);
}

static void
hostile_files_are_refused(void)
{
	g_autofree char *deep = g_strnfill(200000, '[');
	g_autofree char *nested = g_strdup_printf("{\"a\":%s", deep);
	const struct {
		const char *text;
		const char *message;
	} rows[] = {
		{ "", "empty" },
		{ "\n", "empty" },
		{ "[1]", "" },
		{ "hello", "" },
		{ "{}", "'godwit' is missing" },
		{ nested, "" },
		{ "{\"godwit\":\"1\",\"outcome\":\"great\",\"vm_runs_on\":\"source\"}",
		  "'outcome' is not an outcome" },
		{ "{\"godwit\":\"1\",\"outcome\":\"failed\",\"vm_runs_on\":\"moon\"}",
		  "'vm_runs_on' is not a place" },
		{ "{\"godwit\":\"1\",\"outcome\":\"failed\",\"vm_runs_on\":\"none\","
		  "\"total_us\":-1}",
		  "'total_us' is negative" },
		{ "{\"godwit\":\"1\",\"outcome\":\"failed\",\"vm_runs_on\":\"none\","
		  "\"samples\":[{\"time_us\":0},{}]}",
		  "samples[1]: 'time_us' is missing" },
		{ "{\"godwit\":\"1\",\"outcome\":\"failed\",\"vm_runs_on\":\"none\","
		  "\"phases\":[{\"name\":\"x\",\"start_us\":0,\"end_us\":null}]}",
		  "phases[0]: 'end_us' is not an integer" },
		{ "{\"godwit\":\"\xff\xfe\"}", "" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GwReport) report = gw_report_from_json(rows[i].text, -1, &error);
		CU_ASSERT_PTR_NULL(report);
		CU_ASSERT_TRUE_FATAL(g_error_matches(error, GW_ERROR, GW_ERROR_FAILED));
		CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "not a report of a migration: "));
		CU_ASSERT_PTR_NOT_NULL(strstr(error->message, rows[i].message));
	}
}

static void
text_is_as_promised(void)
{
	g_autoptr(GString) summaries = g_string_new(NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(reports); i++) {
		g_autoptr(GwReport) report = reports[i].make();
		g_autofree char *summary = report_text_summary(report);
		g_string_append_printf(summaries, "--- %s\n%s", reports[i].name, summary);
	}
	golden_check("report/summaries.txt", summaries->str);
	g_autoptr(GwReport) completed = make_completed();
	g_autofree char *full = report_text_full(completed);
	golden_check("report/full.txt", full);
}

static void
words_of_a_peer_do_not_steer_the_terminal(void)
{
	g_autoptr(GwReport) report = make_failed();
	g_free(report->error_message);
	report->error_message = g_strdup("\033[2J\xc2\x9b"
					 "31m\rcompleted \x7f\t\xc3\xa4");
	g_autofree char *text = report_text_summary(report);
	CU_ASSERT_TRUE(g_str_has_prefix(text, "failed: ?[2J?31m?completed ?\t\xc3\xa4\n"));
}

static void
page_is_as_promised(void)
{
	g_autoptr(GwReport) completed = make_completed();
	g_autofree char *page = report_html(completed);
	golden_check("report/completed.html", page);
	CU_ASSERT_PTR_NULL(strstr(page, "web<1>"));
	CU_ASSERT_PTR_NULL(strstr(page, "http"));
	g_autoptr(GwReport) empty = gw_report_new();
	CU_ASSERT_PTR_NULL(report_svg(empty));
}

static void
long_runs_stay_small(void)
{
	g_autoptr(GwReport) report = gw_report_new();
	report->total_us = 100000000;
	for (int i = 0; i < 100000; i++) {
		GwSample *sample = gw_sample_new();
		sample->time_us = i * 1000LL;
		sample->ram_remaining_bytes = i;
		g_ptr_array_add(report->samples, sample);
	}
	g_autofree char *svg = report_svg(report);
	CU_ASSERT_PTR_NOT_NULL_FATAL(svg);
	CU_ASSERT_TRUE(strlen(svg) < 10000);
}

static void
exit_codes_tell_where_the_vm_is(void)
{
	static const struct {
		GwOutcome outcome;
		GwPlace place;
		int exit_code;
	} cases[] = {
		{ GW_OUTCOME_COMPLETED, GW_PLACE_DESTINATION, 0 },
		{ GW_OUTCOME_FAILED, GW_PLACE_SOURCE, 1 },
		{ GW_OUTCOME_FAILED, GW_PLACE_NONE, 6 },
		{ GW_OUTCOME_FAILED, GW_PLACE_UNKNOWN, 6 },
		{ GW_OUTCOME_FAILED, GW_PLACE_AS_BEFORE, 1 },
		{ GW_OUTCOME_CANCELLED, GW_PLACE_AS_BEFORE, 5 },
		{ GW_OUTCOME_INCOMPATIBLE, GW_PLACE_SOURCE, 3 },
		{ GW_OUTCOME_NO_CONVERGENCE, GW_PLACE_SOURCE, 4 },
		{ GW_OUTCOME_CANCELLED, GW_PLACE_SOURCE, 5 },
		{ GW_OUTCOME_CANCELLED, GW_PLACE_NONE, 6 },
		{ GW_OUTCOME_UNKNOWN, GW_PLACE_UNKNOWN, 6 },
	};
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GwReport) report = gw_report_new();
		report->outcome = cases[i].outcome;
		report->vm_runs_on = cases[i].place;
		CU_ASSERT_EQUAL(gw_report_to_exit_code(report), cases[i].exit_code);
	}
}

static void
error_words_go_both_ways(void)
{
	for (GwError code = GW_ERROR_FAILED; code <= GW_ERROR_CANCELLED; code++) {
		const char *word = gw_error_code_to_string(code);
		CU_ASSERT_PTR_NOT_NULL_FATAL(word);
		CU_ASSERT_EQUAL(gw_error_code_from_string(word), code);
	}
	CU_ASSERT_EQUAL(gw_error_code_from_string("no such word"), GW_ERROR_FAILED);
	CU_ASSERT_EQUAL(gw_error_code_from_string(NULL), GW_ERROR_FAILED);
	CU_ASSERT_STRING_EQUAL(gw_error_code_to_string((GwError)999), "failed");
}

/* Every code that has no outcome of its own is a plain failure. */
static void
outcome_follows_from_the_code(void)
{
	for (guint i = 0; i <= GW_ERROR_CANCELLED; i++) {
		GwOutcome expected = i == GW_ERROR_CANCELLED	    ? GW_OUTCOME_CANCELLED
				     : i == GW_ERROR_INCOMPATIBLE   ? GW_OUTCOME_INCOMPATIBLE
				     : i == GW_ERROR_NO_CONVERGENCE ? GW_OUTCOME_NO_CONVERGENCE
				     : i == GW_ERROR_UNKNOWN	    ? GW_OUTCOME_UNKNOWN
				     : i == GW_ERROR_HANDED_OVER    ? GW_OUTCOME_UNKNOWN
								    : GW_OUTCOME_FAILED;
		CU_ASSERT_EQUAL(outcome_from_error_code((GwError)i), expected);
	}
}

CU_TestInfo suite_report[] = {
	{ "the outcome follows from the code", outcome_follows_from_the_code },
	{ "the JSON is as promised", json_is_as_promised },
	{ "a report is read as it was written", report_is_read_as_it_was_written },
	{ "truncated reports are refused", truncated_reports_are_refused },
	{ "wrong types are refused, the field named", wrong_types_are_refused },
	{ "hostile files are refused", hostile_files_are_refused },
	{ "the text is as promised", text_is_as_promised },
	{ "words of a peer do not steer the terminal", words_of_a_peer_do_not_steer_the_terminal },
	{ "the page is as promised", page_is_as_promised },
	{ "long runs stay small", long_runs_stay_small },
	{ "exit codes tell where the VM is", exit_codes_tell_where_the_vm_is },
	{ "error words go both ways", error_words_go_both_ways },
	CU_TEST_INFO_NULL,
};
