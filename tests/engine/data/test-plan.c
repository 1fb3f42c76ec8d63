/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plan as data, and what a peer may send in its place.
 */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "engine/data/plan-json.h"
#include "tests/rig/golden.h"
#include "tools/plan-text.h"

static void
add_capability(GwPlan *plan, const char *name, gboolean at_source, gboolean at_destination,
	       const char *reason)
{
	const GwPlanCapability capability = { g_strdup(name), at_source, at_destination,
					      g_strdup(reason) };
	g_ptr_array_add(plan->capabilities, g_memdup2(&capability, sizeof capability));
}

static void
add_parameter(GwPlan *plan, const char *name, gint64 value, const char *text,
	      gboolean at_destination)
{
	const GwPlanParameter parameter = { .name = g_strdup(name),
					    .value = value,
					    .text = g_strdup(text),
					    .at_source = TRUE,
					    .at_destination = at_destination,
					    .reason = g_strdup("because") };
	g_ptr_array_add(plan->parameters, g_memdup2(&parameter, sizeof parameter));
}

static GwPlan *
make_plan(void)
{
	GwPlan *plan = gw_plan_new();
	plan->vm_name = g_strdup("web1");
	plan->source = g_strdup("a, QEMU 7.2.22");
	plan->destination = g_strdup("b, QEMU 10.0.13");
	plan->transport = g_strdup("direct");
	add_capability(plan, "events", TRUE, TRUE, "QEMU tells of each change by itself");
	add_capability(plan, "return-path", TRUE, FALSE, "a reason");
	add_capability(plan, "multifd", FALSE, FALSE, "there is one channel");
	add_parameter(plan, "downtime-limit", 300, NULL, FALSE);
	add_parameter(plan, "tls-creds", -1, "", TRUE);
	plan->downtime_limit_us = 300000;
	plan->bandwidth_bytes_per_s = 1250000000;
	plan->paused = TRUE;
	g_ptr_array_add(plan->issues, gw_issue_new(GW_SEVERITY_WARNING, "ram-size", "destination",
						   NULL, "little memory is free", NULL));
	return plan;
}

static void
add_error(GwPlan *plan)
{
	g_ptr_array_add(plan->issues, gw_issue_new(GW_SEVERITY_ERROR, "machine-type", "both",
						   "pc-q35-7.2", "the machine types differ",
						   "start both with the same -machine"));
}

static void
warnings_do_not_stop_a_plan(void)
{
	g_autoptr(GwPlan) plan = make_plan();
	CU_ASSERT_TRUE(gw_plan_is_possible(plan));
	add_error(plan);
	CU_ASSERT_FALSE(gw_plan_is_possible(plan));
}

static void
plan_is_as_promised(void)
{
	g_autoptr(GwPlan) plan = make_plan();
	g_autofree char *possible = plan_text(plan, PLAN_TEXT_PLAIN);
	golden_check("report/plan-possible.txt", possible);
	g_autofree char *all = plan_text(plan, PLAN_TEXT_ALL);
	golden_check("report/plan-all.txt", all);
	add_error(plan);
	plan->bandwidth_bytes_per_s = 0;
	g_autofree char *json = gw_plan_to_json(plan);
	golden_check("report/plan.json", json);
	g_autofree char *impossible = plan_text(plan, PLAN_TEXT_PLAIN);
	golden_check("report/plan-impossible.txt", impossible);
	g_autofree char *coloured = plan_text(plan, PLAN_TEXT_COLOURS | PLAN_TEXT_ALL);
	golden_check("report/plan-colours.txt", coloured);
}

/* What a peer or QEMU says may have a terminal's commands in it, and several lines. */
static void
words_of_others_are_made_harmless(void)
{
	g_autoptr(GwPlan) plan = gw_plan_new();
	plan->vm_name = g_strdup("we\033[31mb1");
	plan->transport = g_strdup("di\033rect");
	add_capability(plan, "ev\033ents", TRUE, TRUE, "rea\033son");
	add_parameter(plan, "x\033", -1, "y\033", TRUE);
	g_ptr_array_add(plan->issues, gw_issue_new(GW_SEVERITY_WARNING, "c\033", "h\033", "s\033",
						   "one\ntwo\033", "r\033"));
	g_autofree char *text = plan_text(plan, PLAN_TEXT_ALL);
	CU_ASSERT_PTR_NULL(strchr(text, '\033'));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "one two?"));
}

static void
colours_are_for_terminals(void)
{
	g_autofree char *path = g_build_filename(TEST_DATA, "report", "plan.json", NULL);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(plan_text_flags_for(fd), PLAN_TEXT_PLAIN);
	close(fd);
}

static void
plan_is_read_as_it_was_written(void)
{
	g_autoptr(GwPlan) plan = make_plan();
	add_error(plan);
	g_autofree char *text = gw_plan_to_json(plan);
	g_autoptr(JsonNode) node = gw_plan_to_json_node(plan);
	g_autoptr(GwPlan) back = gw_plan_from_json_node(node, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(back);
	g_autoptr(GwPlan) copy = gw_plan_copy(back);
	g_autofree char *again = gw_plan_to_json(copy);
	CU_ASSERT_STRING_EQUAL(again, text);
}

static const char json_text[] =
	"{\"transport\":\"direct\",\"channels\":1,\"downtime_limit_us\":1,\"paused\":false,"
	"\"keep_source\":false,"
	"\"capabilities\":[{\"name\":\"x\",\"source\":true,\"destination\":false}],"
	"\"parameters\":[{\"name\":\"y\",\"value\":3,\"source\":true,\"destination\":false}],"
	"\"issues\":[{\"severity\":\"error\",\"code\":\"c\",\"host\":\"h\",\"text\":\"t\"}]}";

/* (transfer full): json_text with the first @from replaced by @to, parsed. */
static JsonNode *
spoil(const char *from, const char *to)
{
	const char *at = strstr(json_text, from);
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	g_autofree char *text = g_strdup_printf("%.*s%s%s", (int)(at - json_text), json_text, to,
						at + strlen(from));
	JsonNode *node = json_from_string(text, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(node);
	return node;
}

static void
spoilt_plans_are_refused(void)
{
	static const struct {
		const char *from;
		const char *to;
		const char *message;
	} rows[] = {
		{ "\"transport\":\"direct\"", "\"transport\":7",
		  "plan: 'transport' is not a string" },
		{ "\"transport\":\"direct\",", "", "plan: 'transport' is missing" },
		{ "\"channels\":1", "\"channels\":0", "plan: 'channels' is not between 1 and 256" },
		{ "\"channels\":1", "\"channels\":257",
		  "plan: 'channels' is not between 1 and 256" },
		{ "\"channels\":1", "\"channels\":\"1\"", "plan: 'channels' is not an integer" },
		{ "\"downtime_limit_us\":1", "\"downtime_limit_us\":-1",
		  "plan: 'downtime_limit_us' is negative or too large" },
		{ "\"paused\":false", "\"paused\":0", "plan: 'paused' is not true or false" },
		{ "\"keep_source\":false,", "", "plan: 'keep_source' is missing" },
		{ "\"capabilities\":[", "\"capabilities\":7,\"a\":[",
		  "plan: 'capabilities' is not an array" },
		{ "\"capabilities\":", "\"a\":", "plan: 'capabilities' is missing" },
		{ "[{\"name\":\"x\"", "[[],{\"name\":\"x\"",
		  "plan.capabilities[0]: not an object" },
		{ "\"name\":\"x\",", "", "plan.capabilities[0]: 'name' is missing" },
		{ "\"x\",\"source\":true", "\"x\",\"source\":1",
		  "plan.capabilities[0]: 'source' is not true or false" },
		{ "\"parameters\":", "\"a\":", "plan: 'parameters' is missing" },
		{ "\"value\":3,", "", "plan.parameters[0]: 'value' is missing" },
		{ "\"value\":3", "\"value\":-3",
		  "plan.parameters[0]: 'value' is negative or too large" },
		{ "\"value\":3", "\"value\":3,\"text\":\"a\"",
		  "plan.parameters[0]: 'value' must not be there together with a 'text'" },
		{ "\"value\":3", "\"text\":3", "plan.parameters[0]: 'text' is not a string" },
		{ "[{\"severity\"", "[7,{\"severity\"", "plan.issues[0]: not an object" },
		{ "\"severity\":\"error\"", "\"severity\":\"fatal\"",
		  "plan.issues[0]: 'severity' is neither 'warning' nor 'error'" },
		{ "\"code\":\"c\",", "", "plan.issues[0]: 'code' is missing" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(JsonNode) node = spoil(rows[i].from, rows[i].to);
		g_autoptr(GError) error = NULL;
		CU_ASSERT_PTR_NULL(gw_plan_from_json_node(node, &error));
		CU_ASSERT_TRUE_FATAL(g_error_matches(error, GW_ERROR, GW_ERROR_PROTOCOL));
		CU_ASSERT_STRING_EQUAL(error->message, rows[i].message);
	}
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(gw_plan_from_json_node(NULL, &error));
	CU_ASSERT_STRING_EQUAL(error->message, "plan: not an object");
}

static void
members_of_a_newer_peer_are_passed_over(void)
{
	g_autoptr(JsonNode) node = spoil("\"channels\":1", "\"channels\":1,\"vgpus\":[{}]");
	g_autoptr(GwPlan) plan = gw_plan_from_json_node(node, NULL);
	CU_ASSERT_PTR_NOT_NULL(plan);
}

static void
huge_plans_are_refused(void)
{
	g_autoptr(GwPlan) plan = make_plan();
	g_autoptr(GError) error = NULL;
	for (int i = 0; i < 1024; i++)
		add_error(plan);
	g_autoptr(JsonNode) many = gw_plan_to_json_node(plan);
	CU_ASSERT_PTR_NULL(gw_plan_from_json_node(many, &error));
	CU_ASSERT_STRING_EQUAL(error->message, "plan: 'issues' has too many items");

	g_clear_error(&error);
	g_ptr_array_set_size(plan->issues, 0);
	g_free(plan->vm_name);
	plan->vm_name = g_strnfill(257, 'x');
	g_autoptr(JsonNode) long_name = gw_plan_to_json_node(plan);
	CU_ASSERT_PTR_NULL(gw_plan_from_json_node(long_name, &error));
	CU_ASSERT_STRING_EQUAL(error->message, "plan: 'vm_name' is too long");
}

CU_TestInfo suite_plan[] = {
	{ "warnings do not stop a plan", warnings_do_not_stop_a_plan },
	{ "a plan is printed as promised", plan_is_as_promised },
	{ "words of others are made harmless", words_of_others_are_made_harmless },
	{ "colours are for terminals", colours_are_for_terminals },
	{ "a plan is read as it was written", plan_is_read_as_it_was_written },
	{ "spoilt plans are refused, the field named", spoilt_plans_are_refused },
	{ "members of a newer peer are passed over", members_of_a_newer_peer_are_passed_over },
	{ "huge plans are refused", huge_plans_are_refused },
	CU_TEST_INFO_NULL,
};
