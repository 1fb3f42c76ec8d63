/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The survey as data, what a peer may send in its place, and what this host says of itself.
 */
#include <CUnit/CUnit.h>
#include <string.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "engine/survey-data.h"

static const char survey_text[] =
	"{\"qemu_version\":\"7.2.22\",\"target\":\"x86_64\",\"machine_type\":\"pc-q35-7.2\","
	"\"name\":\"web1\",\"uuid\":\"u\",\"run_state\":\"running\",\"running\":true,"
	"\"ram_bytes\":67108864,\"vcpus\":2,\"migrate_status\":\"none\","
	"\"blocked_reasons\":[\"because\"],\"capabilities\":[\"events\",\"return-path\"],"
	"\"capabilities_on\":[],\"has_exit_on_error\":false,\"has_oob\":true}";

static GwSurvey *
parse(const char *text, GError **error)
{
	g_autoptr(JsonNode) node = json_from_string(text, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(node);
	return survey_from_node(node, error);
}

static void
survey_is_read_as_it_was_written(void)
{
	g_autoptr(GwSurvey) survey = parse(survey_text, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(survey);
	CU_ASSERT_STRING_EQUAL(survey->machine_type, "pc-q35-7.2");
	CU_ASSERT_EQUAL(survey->ram_bytes, 67108864);
	CU_ASSERT_TRUE(survey->running);
	CU_ASSERT_EQUAL(g_strv_length(survey->capabilities), 2);
	JsonNode *node = survey_to_node(survey);
	g_autofree char *again = json_to_string(node, FALSE);
	json_node_unref(node);
	CU_ASSERT_STRING_EQUAL(again, survey_text);
}

static void
what_is_not_known_is_absent(void)
{
	g_autoptr(GwSurvey) survey = g_new0(GwSurvey, 1);
	JsonNode *node = survey_to_node(survey);
	g_autofree char *text = json_to_string(node, FALSE);
	json_node_unref(node);
	CU_ASSERT_STRING_EQUAL(text,
			       "{\"running\":false,\"has_exit_on_error\":false,\"has_oob\":false}");
}

static void
spoilt_surveys_are_refused(void)
{
	static const struct {
		const char *from;
		const char *to;
		const char *message;
	} rows[] = {
		{ "\"7.2.22\"", "7", "survey: 'qemu_version' is not a string" },
		{ "\"running\":true,", "", "survey: 'running' is missing" },
		{ "\"running\":true", "\"running\":\"yes\"",
		  "survey: 'running' is not true or false" },
		{ "67108864", "-67108864", "survey: 'ram_bytes' is negative or too large" },
		{ "67108864", "99999999999999999999",
		  "survey: 'ram_bytes' is negative or too large" },
		{ "67108864", "1e3", "survey: 'ram_bytes' is not an integer" },
		{ "\"vcpus\":2", "\"vcpus\":65537", "survey: 'vcpus' is beyond all measure" },
		{ "[\"because\"]", "\"because\"", "survey: 'blocked_reasons' is not an array" },
		{ "[\"events\",\"return-path\"]", "null",
		  "survey: 'capabilities' is not an array" },
		{ "[\"events\",\"return-path\"]", "[[]]",
		  "survey: 'capabilities' has an item that is not a short string" },
		{ "\"has_oob\":true", "\"has_oob\":null",
		  "survey: 'has_oob' is not true or false" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const char *at = strstr(survey_text, rows[i].from);
		CU_ASSERT_PTR_NOT_NULL_FATAL(at);
		g_autofree char *text =
			g_strdup_printf("%.*s%s%s", (int)(at - survey_text), survey_text,
					rows[i].to, at + strlen(rows[i].from));
		g_autoptr(GError) error = NULL;
		CU_ASSERT_PTR_NULL(parse(text, &error));
		CU_ASSERT_TRUE_FATAL(g_error_matches(error, GW_ERROR, GW_ERROR_PROTOCOL));
		CU_ASSERT_STRING_EQUAL(error->message, rows[i].message);
	}
}

static void
what_is_no_survey_is_refused(void)
{
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(parse("[]", &error));
	CU_ASSERT_STRING_EQUAL(error->message, "survey: not an object");
	g_clear_error(&error);
	CU_ASSERT_PTR_NULL(parse("{}", &error));
	CU_ASSERT_STRING_EQUAL(error->message, "survey: 'running' is missing");
	g_clear_error(&error);
	CU_ASSERT_PTR_NULL(survey_from_node(NULL, &error));
	CU_ASSERT_STRING_EQUAL(error->message, "survey: not an object");
}

static void
long_lists_are_refused(void)
{
	g_autoptr(GwSurvey) survey = parse(survey_text, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(survey);
	g_strfreev(survey->capabilities);
	survey->capabilities = g_new0(char *, 258);
	for (int i = 0; i < 257; i++)
		survey->capabilities[i] = g_strdup("x");
	g_autoptr(JsonNode) node = survey_to_node(survey);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(survey_from_node(node, &error));
	CU_ASSERT_STRING_EQUAL(error->message, "survey: 'capabilities' has too many items");
}

static void
host_says_what_the_kernel_says(void)
{
	char name[256] = "";
	CU_ASSERT_EQUAL(gethostname(name, sizeof name - 1), 0);
	g_autoptr(GwHostSurvey) host = gw_survey_host();
	CU_ASSERT_STRING_EQUAL(host->host_name, name);
	CU_ASSERT_TRUE(host->memory_available_bytes > 1024 * 1024);
	g_autofree char *text = gw_host_survey_to_json(host);
	g_autoptr(JsonNode) node = json_from_string(text, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(node);
	JsonObject *object = json_node_get_object(node);
	CU_ASSERT_STRING_EQUAL(json_object_get_string_member(object, "host_name"), name);
	CU_ASSERT_EQUAL(json_object_get_int_member(object, "memory_available_bytes"),
			(gint64)host->memory_available_bytes);
}

CU_TestInfo suite_survey[] = {
	{ "a survey is read as it was written", survey_is_read_as_it_was_written },
	{ "what is not known is absent", what_is_not_known_is_absent },
	{ "spoilt surveys are refused, the field named", spoilt_surveys_are_refused },
	{ "what is no survey at all is refused", what_is_no_survey_is_refused },
	{ "long lists are refused", long_lists_are_refused },
	{ "the host says what the kernel says", host_says_what_the_kernel_says },
	CU_TEST_INFO_NULL,
};
