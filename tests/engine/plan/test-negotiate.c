/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plan that a good pair of surveys makes, and what a destination makes of a plan. The issues
 * that differences make are in test-pairs.c.
 */
#include <CUnit/CUnit.h>
#include <string.h>

#include "engine/gw-error.h"
#include "engine/plan/negotiate.h"
#include "engine/data/plan-json.h"
#include "engine/data/survey-json.h"
#include "tests/rig/test-util.h"

#define CAPABILITIES \
	"\"events\",\"late-block-activate\",\"pause-before-switchover\",\"return-path\""

static const char source_text[] =
	"{\"qemu_version\":\"7.2.22\",\"target\":\"x86_64\",\"machine_type\":\"pc-q35-7.2\","
	"\"name\":\"web1\",\"uuid\":\"u1\",\"run_state\":\"running\",\"running\":true,"
	"\"ram_bytes\":67108864,\"vcpus\":2,\"migrate_status\":\"none\","
	"\"capabilities\":[" CAPABILITIES "],\"capabilities_on\":[],\"devices\":[],"
	"\"has_oob\":true}";
static const char destination_text[] =
	"{\"qemu_version\":\"10.0.2\",\"target\":\"x86_64\",\"machine_type\":\"pc-q35-7.2\","
	"\"name\":\"web1\",\"uuid\":\"u1\",\"run_state\":\"inmigrate\",\"running\":false,"
	"\"ram_bytes\":67108864,\"vcpus\":2,\"migrate_status\":\"none\","
	"\"capabilities\":[" CAPABILITIES "],\"capabilities_on\":[],\"devices\":[],"
	"\"has_oob\":true}";

/* @text with the first @from replaced by @to, read as a survey; as it is when @from is NULL. */
static GwSurvey *
survey(const char *text, const char *from, const char *to)
{
	const char *at = from != NULL ? strstr(text, from) : text;
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	g_autofree char *changed =
		g_strdup_printf("%.*s%s%s", (int)(at - text), text, from != NULL ? to : "",
				at + (from != NULL ? strlen(from) : 0));
	g_autoptr(JsonNode) node = json_from_string(changed, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(node);
	GwSurvey *self = survey_from_node(node, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(self);
	return self;
}

static const NegotiatePolicy policy = { .vm_name = "web1", .downtime_limit_us = 300000 };

/* (transfer full): those that are on there, with a space between. */
static char *
capabilities_of(const GwPlan *plan, Side host)
{
	g_auto(GStrv) names = plan_list_capabilities(plan, host);
	return g_strjoinv(" ", names);
}

static void
a_good_pair_makes_a_plan(void)
{
	g_autoptr(GwSurvey) source = survey(source_text, NULL, NULL);
	g_autoptr(GwSurvey) destination = survey(destination_text, NULL, NULL);
	const NegotiatePolicy wishes = { .vm_name = "web1",
					 .downtime_limit_us = 250000,
					 .bandwidth_bytes_per_s = 125000000,
					 .keep_source = TRUE };
	g_autoptr(GwPlan) plan = negotiate(source, destination, &wishes);

	CU_ASSERT_TRUE(gw_plan_is_possible(plan));
	CU_ASSERT_EQUAL(plan->issues->len, 0);
	TEST_STRING(plan->vm_name, "web1");
	TEST_STRING(plan->transport, "direct");
	CU_ASSERT_EQUAL(plan->channels, 1);
	CU_ASSERT_EQUAL(plan->downtime_limit_us, 250000);
	CU_ASSERT_EQUAL(plan->bandwidth_bytes_per_s, 125000000);
	CU_ASSERT_TRUE(plan->keep_source);
	CU_ASSERT_FALSE(plan->paused);
	g_autofree char *at_source = capabilities_of(plan, SIDE_SOURCE);
	g_autofree char *at_destination = capabilities_of(plan, SIDE_DESTINATION);
	TEST_STRING(at_source, "events return-path pause-before-switchover");
	TEST_STRING(at_destination, "events return-path late-block-activate");
	CU_ASSERT_TRUE(negotiate_check_destination(plan, destination, NULL));
}

static void
all_errors_are_told_in_one_line(void)
{
	g_autoptr(GwSurvey) source = survey(source_text, CAPABILITIES, "");
	g_autoptr(GwSurvey) destination = survey(destination_text, "\"vcpus\":2", "\"vcpus\":3");
	g_autoptr(GwPlan) plan = NULL;

	destination->ram_bytes = 1;
	plan = negotiate(source, destination, &policy);
	g_autofree char *text = negotiate_describe_errors(plan);
	CU_ASSERT_TRUE(g_str_has_prefix(text, "both: RAM: it has 67108864 bytes at the "
					      "source and 1 bytes at the destination; both: "));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "; source: events: QEMU has no such migration capability"));
	CU_ASSERT_PTR_NULL(strchr(text, '\n'));
}

static void
warnings_are_not_among_the_errors(void)
{
	g_autoptr(GwSurvey) source = survey(source_text, NULL, NULL);
	g_autoptr(GwSurvey) destination = survey(destination_text, NULL, NULL);
	g_autoptr(GwPlan) plan = negotiate(source, destination, &policy);

	g_ptr_array_add(plan->issues, gw_issue_new(GW_SEVERITY_WARNING, "w", "source", "s",
						   "only a warning", NULL));
	CU_ASSERT_TRUE(gw_plan_is_possible(plan));
	g_autofree char *none = negotiate_describe_errors(plan);
	TEST_STRING(none, "");
	g_ptr_array_add(plan->issues,
			gw_issue_new(GW_SEVERITY_ERROR, "e", "source", "s", "an error", NULL));
	CU_ASSERT_FALSE(gw_plan_is_possible(plan));
	g_autofree char *one = negotiate_describe_errors(plan);
	TEST_STRING(one, "source: s: an error");
}

static void
a_paused_guest_stays_paused(void)
{
	for (guint bits = 0; bits < 4; bits++) {
		g_autoptr(GwSurvey) source = survey(source_text, NULL, NULL);
		g_autoptr(GwSurvey) destination = survey(destination_text, NULL, NULL);
		NegotiatePolicy wishes = { .paused = (bits & 1) != 0 };
		source->running = (bits & 2) != 0;
		g_autoptr(GwPlan) plan = negotiate(source, destination, &wishes);
		CU_ASSERT_EQUAL(plan->paused != FALSE, bits != 2);
	}
}

/* (transfer full): the plan that the good pair makes. */
static GwPlan *
good_plan(void)
{
	g_autoptr(GwSurvey) source = survey(source_text, NULL, NULL);
	g_autoptr(GwSurvey) destination = survey(destination_text, NULL, NULL);

	return negotiate(source, destination, &policy);
}

static void
check_destination_refuses(const GwPlan *plan, const GwSurvey *own, const char *message)
{
	g_autoptr(GError) error = NULL;

	CU_ASSERT_FALSE(negotiate_check_destination(plan, own, &error));
	CU_ASSERT_TRUE_FATAL(error != NULL);
	CU_ASSERT_TRUE(g_error_matches(error, GW_ERROR, GW_ERROR_INCOMPATIBLE));
	TEST_STRING(error->message, message);
}

static void
destination_checks_the_plan_itself(void)
{
	g_autoptr(GwPlan) plan = good_plan();
	g_autoptr(GwSurvey) running = survey(destination_text, "\"inmigrate\"", "\"running\"");
	g_autoptr(GwSurvey) poor = survey(destination_text, ",\"return-path\"", "");
	g_autoptr(GwSurvey) both = survey(destination_text, ",\"return-path\"", "");

	check_destination_refuses(
		plan, running,
		"destination: QEMU: the state of the receiving QEMU is 'running', not 'inmigrate'");
	check_destination_refuses(plan, poor,
				  "destination: return-path: the plan asks for this capability, "
				  "which is not available here");
	g_clear_pointer(&both->run_state, g_free);
	check_destination_refuses(
		plan, both,
		"destination: QEMU: the state of the receiving QEMU is 'in an unknown state', not "
		"'inmigrate'; destination: return-path: the plan asks for this "
		"capability, which is not available here");
}

/* What it has got but never switches on is refused too: the peer does not choose. */
static void
destination_takes_no_capability_of_the_peers_choice(void)
{
	g_autoptr(GwSurvey) own =
		survey(destination_text, "\"events\"", "\"events\",\"postcopy-ram\"");
	static const char *const wanted[] = { "postcopy-ram", "no such capability",
					      "pause-before-switchover", "" };

	for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++) {
		g_autoptr(GwPlan) plan = good_plan();
		GwPlanCapability *first = g_ptr_array_index(plan->capabilities, 0);
		g_free(first->name);
		first->name = g_strdup(wanted[i]);
		g_autofree char *message =
			g_strdup_printf("destination: %s: the plan asks for this capability, which "
					"is not available here",
					wanted[i]);
		check_destination_refuses(plan, own, message);
	}
}

static void
destination_takes_no_parameter_of_the_peers_choice(void)
{
	static const struct {
		const char *name;
		gint64 value;
		const char *text;
		gboolean is_taken;
	} rows[] = {
		{ "multifd-channels", 4, NULL, TRUE },
		{ "multifd-channels", 256, NULL, FALSE },
		{ "multifd-channels", -1, "4", FALSE },
		{ "multifd-compression", -1, "none", TRUE },
		{ "multifd-compression", 0, NULL, FALSE },
		{ "multifd-compression", -1, "zstd", FALSE },
		{ "tls-creds", -1, "", TRUE },
		{ "tls-creds", -1, "tls0", FALSE },
		{ "mode", -1, "normal", TRUE },
		{ "mode", -1, "cpr-exec", FALSE },
		{ "cpr-exec-command", -1, "sh", FALSE },
		{ "downtime-limit", 0, NULL, FALSE },
		{ "", 0, NULL, FALSE },
		{ "x-migration-multifd-transfer", -1, "on", FALSE }, /* of no device */
	};
	g_autoptr(GwSurvey) own = survey(destination_text, NULL, NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GwPlan) plan = good_plan();
		g_autoptr(GError) error = NULL;
		GwPlanParameter *parameter = g_new0(GwPlanParameter, 1);
		parameter->name = g_strdup(rows[i].name);
		parameter->value = rows[i].value;
		parameter->text = g_strdup(rows[i].text);
		parameter->at_destination = TRUE;
		g_ptr_array_add(plan->parameters, parameter);
		CU_ASSERT_EQUAL(negotiate_check_destination(plan, own, &error), rows[i].is_taken);
		/* What it sets on its own side is no concern of ours. */
		parameter->at_destination = FALSE;
		CU_ASSERT_TRUE(negotiate_check_destination(plan, own, NULL));
	}
}

static void
destination_takes_no_other_transport(void)
{
	g_autoptr(GwSurvey) own = survey(destination_text, NULL, NULL);
	g_autoptr(GwPlan) plan = good_plan();

	plan->channels = 2;
	check_destination_refuses(
		plan, own,
		"destination: channels: the plan asks for 2 channels by 'direct', which "
		"this agent does not have");
	plan->channels = 1;
	g_free(plan->transport);
	plan->transport = g_strdup("pigeon");
	check_destination_refuses(
		plan, own,
		"destination: channels: the plan asks for 1 channels by 'pigeon', which "
		"this agent does not have");
	g_clear_pointer(&plan->transport, g_free);
	CU_ASSERT_FALSE(negotiate_check_destination(plan, own, NULL));
}

/* The host and the subject of the plan's first issue with descriptors; NULL: there is none. */
static char *
find_short_of_descriptors(const char *at_source, const char *at_destination, guint channels)
{
	g_autoptr(GwSurvey) source = survey(source_text, "\"vcpus\":2", at_source);
	g_autoptr(GwSurvey) destination = survey(destination_text, "\"vcpus\":2", at_destination);
	const NegotiatePolicy wishes = { .vm_name = "web1", .channels = channels };
	g_autoptr(GwPlan) plan = negotiate(source, destination, &wishes);
	for (guint i = 0; i < plan->issues->len; i++) {
		const GwIssue *issue = g_ptr_array_index(plan->issues, i);
		if (g_str_equal(issue->code, "descriptors"))
			return g_strdup_printf("%s %s", issue->host, issue->subject);
	}
	return NULL;
}

static void
descriptors_must_be_enough_for_the_channels(void)
{
	static const struct {
		const char *at_source, *at_destination;
		guint channels;
		const char *expected;
	} rows[] = {
		{ "\"vcpus\":2,\"qemu_descriptors\":1000", "\"vcpus\":2", 255, NULL },
		{ "\"vcpus\":2,\"qemu_descriptors\":200", "\"vcpus\":2", 255, "source QEMU" },
		{ "\"vcpus\":2,\"qemu_descriptors\":200", "\"vcpus\":2", 16, NULL },
		{ "\"vcpus\":2", "\"vcpus\":2,\"controller_descriptors\":1000", 255,
		  "destination godwit" },
		{ "\"vcpus\":2,\"controller_descriptors\":1", "\"vcpus\":2", 1, "source godwit" },
		{ "\"vcpus\":2", "\"vcpus\":2", 255, NULL },
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *found =
			find_short_of_descriptors(rows[i].at_source, rows[i].at_destination,
						  rows[i].channels);
		TEST_STRING(found, rows[i].expected);
	}
}

CU_TestInfo suite_negotiate[] = {
	{ "a good pair makes a plan", a_good_pair_makes_a_plan },
	{ "all errors are told in one line", all_errors_are_told_in_one_line },
	{ "warnings are not among the errors", warnings_are_not_among_the_errors },
	{ "a paused guest stays paused", a_paused_guest_stays_paused },
	{ "the destination checks the plan itself", destination_checks_the_plan_itself },
	{ "the destination takes no capability of the peer's choice",
	  destination_takes_no_capability_of_the_peers_choice },
	{ "the destination takes no parameter of the peer's choice",
	  destination_takes_no_parameter_of_the_peers_choice },
	{ "the destination takes no other transport", destination_takes_no_other_transport },
	{ "descriptors must be enough for the channels",
	  descriptors_must_be_enough_for_the_channels },
	CU_TEST_INFO_NULL,
};
