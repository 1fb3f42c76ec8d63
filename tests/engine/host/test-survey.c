/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The survey as data, what a peer may send in its place, and what this host says of itself.
 */
#include <CUnit/CUnit.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "engine/data/survey-json.h"
#include "engine/host/survey-host.h"

static const char survey_text[] =
	"{\"qemu_version\":\"7.2.22\",\"target\":\"x86_64\",\"machine_type\":\"pc-q35-7.2\","
	"\"accelerator\":\"kvm\",\"cpu_model\":\"host\","
	"\"name\":\"web1\",\"uuid\":\"u\",\"run_state\":\"running\","
	"\"migrate_status\":\"none\",\"incoming\":\"tcp:a:1\",\"supervisor\":\"runsv\",\"running\":"
	"true,\"ram_bytes\":67108864,"
	"\"resident_bytes\":4096,\"vcpus\":2,\"no_shutdown\":true,\"has_oob\":true,\"is_indirect\":"
	"true,"
	"\"parameters\":{\"tls-creds\":\"\"},\"machine\":{\"smp.cpus\":\"2\"},"
	"\"cpu\":{\"phys-bits\":\"40\"},\"cpu_features\":{\"00000001.0.EDX\":\"ff\"},"
	"\"topology\":{\"0\":\"core-id=0\"},\"memory_devices\":{\"dimm0\":\"slot=0\"},"
	"\"shared_memory\":{\"/dev/shm/m\":\"file b 1 2\"},"
	"\"blocked_reasons\":[\"because\"],\"capabilities\":[\"events\",\"return-path\"],"
	"\"capabilities_on\":[],\"jobs\":[\"j (mirror)\"],\"exports\":[\"e (nbd)\"],\"viommus\":[],"
	"\"ram_blocks\":[{\"name\":\"pc.ram\",\"used_bytes\":1,\"max_bytes\":2}],"
	"\"devices\":[{\"path\":\"02.0\",\"id\":\"vga\",\"type\":\"VGA\","
	"\"properties\":{\"edid\":\"true\"}}],"
	"\"disks\":[{\"device\":\"disk0\",\"node\":\"n0\",\"file\":\"/f\",\"base\":\"/b\","
	"\"format\":\"raw\",\"size_bytes\":7,\"written_bytes\":3,"
	"\"read_only\":false,\"deleted\":true,\"identity\":\"nfs nas:/vms 9\","
	"\"base_identity\":\"nfs nas:/vms 8\",\"digest\":\"7 d1\","
	"\"limits\":{\"iops\":\"5\"},\"bitmaps\":{\"b0\":\"persistent\"}}],\"vgpus\":[],"
	"\"host\":{\"host_name\":\"a\",\"kernel\":\"6\",\"arch\":\"x86_64\","
	"\"memory_available_bytes\":5}}";

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
	CU_ASSERT_STRING_EQUAL(text, "{\"running\":false,\"has_oob\":false}");
}

static const struct {
	const char *from;
	const char *to;
	const char *message;
} spoilt[] = {
	{ "\"7.2.22\"", "7", "survey: 'qemu_version' is not a string" },
	{ "\"running\":true,", "", "survey: 'running' is missing" },
	{ "\"running\":true", "\"running\":\"yes\"", "survey: 'running' is not true or false" },
	{ "67108864", "-67108864", "survey: 'ram_bytes' is negative or too large" },
	{ "67108864", "99999999999999999999", "survey: 'ram_bytes' is negative or too large" },
	{ "67108864", "1e3", "survey: 'ram_bytes' is not an integer" },
	{ "\"vcpus\":2", "\"vcpus\":65537", "survey: 'vcpus' is too large" },
	{ "[\"because\"]", "\"because\"", "survey: 'blocked_reasons' is not an array" },
	{ "[\"events\",\"return-path\"]", "null", "survey: 'capabilities' is not an array" },
	{ "[\"events\",\"return-path\"]", "[[]]",
	  "survey: 'capabilities' has an item that is not a short string" },
	{ "\"has_oob\":true", "\"has_oob\":null", "survey: 'has_oob' is not true or false" },
	{ "{\"tls-creds\":\"\"}", "[]", "survey: 'parameters' is not an object" },
	{ "\"tls-creds\":\"\"", "\"tls-creds\":7",
	  "survey: 'parameters' has a member that is not a short string" },
	{ "{\"smp.cpus\":\"2\"}", "7", "survey: 'machine' is not an object" },
	{ "\"00000001.0.EDX\":\"ff\"", "\"x\":{}",
	  "survey: 'cpu_features' has a member that is not a short string" },
	{ "\"no_shutdown\":true", "\"no_shutdown\":\"x\"",
	  "survey: 'no_shutdown' is not true or false" },
	{ "[\"j (mirror)\"]", "{}", "survey: 'jobs' is not an array" },
	{ "[{\"name\":\"pc.ram\"", "[7,{\"name\":\"pc.ram\"",
	  "survey.ram_blocks[0]: not an object" },
	{ "\"used_bytes\":1", "\"used_bytes\":-1",
	  "survey.ram_blocks[0]: 'used_bytes' is negative or too large" },
	{ "\"max_bytes\":2", "\"other\":2", "survey.ram_blocks[0]: 'max_bytes' is missing" },
	{ "\"path\":\"02.0\",", "", "survey.devices[0]: 'path' is missing" },
	{ "\"type\":\"VGA\"", "\"type\":null", "survey.devices[0]: 'type' is not a string" },
	{ "{\"edid\":\"true\"}", "[]", "survey.devices[0]: 'properties' is not an object" },
	{ "\"read_only\":false", "\"read_only\":0",
	  "survey.disks[0]: 'read_only' is not true or false" },
	{ "\"size_bytes\":7", "\"size_bytes\":\"7\"",
	  "survey.disks[0]: 'size_bytes' is not an integer" },
	{ "\"vgpus\":[]", "\"vgpus\":[7]", "survey: vgpu: not an object" },
	{ "\"host\":{", "\"host\":7,\"x\":{", "survey: 'host' is not an object" },
	{ "\"kernel\":\"6\"", "\"kernel\":6", "survey.host: 'kernel' is not a string" },
};

static void
spoilt_surveys_are_refused(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(spoilt); i++) {
		const char *at = strstr(survey_text, spoilt[i].from);
		CU_ASSERT_PTR_NOT_NULL_FATAL(at);
		g_autofree char *text =
			g_strdup_printf("%.*s%s%s", (int)(at - survey_text), survey_text,
					spoilt[i].to, at + strlen(spoilt[i].from));
		g_autoptr(GError) error = NULL;
		CU_ASSERT_PTR_NULL(parse(text, &error));
		CU_ASSERT_TRUE_FATAL(g_error_matches(error, GW_ERROR, GW_ERROR_PROTOCOL));
		CU_ASSERT_STRING_EQUAL(error->message, spoilt[i].message);
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
a_survey_that_is_too_long_leaves_properties_out(void)
{
	g_autoptr(GwSurvey) survey = parse(survey_text, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(survey);
	g_autoptr(JsonNode) whole = survey_to_bounded_node(survey, sizeof survey_text);
	g_autofree char *text = json_to_string(whole, FALSE);
	CU_ASSERT_STRING_EQUAL(text, survey_text);
	g_autoptr(JsonNode) cut = survey_to_bounded_node(survey, sizeof survey_text - 20);
	g_autofree char *shorter = json_to_string(cut, FALSE);
	CU_ASSERT_PTR_NULL(strstr(shorter, "edid"));
	CU_ASSERT_PTR_NOT_NULL(strstr(shorter, "\"type\":\"VGA\""));
}

/* This test is no QEMU, but it has a command line and memory. */
static void
the_kernel_knows_processes(void)
{
	CU_ASSERT_EQUAL(survey_host_no_shutdown(getpid()), GW_TRISTATE_NO);
	CU_ASSERT_EQUAL(survey_host_no_shutdown(0), GW_TRISTATE_UNKNOWN);
	CU_ASSERT_TRUE(survey_host_resident_bytes(getpid()) > 65536);
	CU_ASSERT_EQUAL(survey_host_resident_bytes(0), 0);
}

static const struct {
	const char *words;
	GwTristate answer;
} command_lines[] = {
	{ "sleep 9", GW_TRISTATE_NO },
	{ "sleep 9 -no-shutdown", GW_TRISTATE_YES },
	{ "sleep 9 --no-shutdown", GW_TRISTATE_YES },
	{ "sleep 9 -action reboot=shutdown,shutdown=pause", GW_TRISTATE_YES },
	{ "sleep 9 -no-shutdown -action shutdown=poweroff", GW_TRISTATE_NO },
	{ "sleep 9 -name no-shutdown", GW_TRISTATE_NO },
};

static void
a_command_line_tells_of_shutdown(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(command_lines); i++) {
		/* A shell that only waits has these as its own arguments. */
		g_auto(GStrv) words = g_strsplit(command_lines[i].words, " ", -1);
		g_autoptr(GPtrArray) argv = g_ptr_array_new();
		GPid pid = 0;
		int in = -1;
		g_ptr_array_add(argv, (gpointer) "/bin/sh");
		g_ptr_array_add(argv, (gpointer) "-c");
		g_ptr_array_add(argv, (gpointer) "read line");
		for (guint w = 0; words[w] != NULL; w++)
			g_ptr_array_add(argv, words[w]);
		g_ptr_array_add(argv, NULL);
		CU_ASSERT_TRUE_FATAL(g_spawn_async_with_pipes(NULL, (char **)argv->pdata, NULL,
							      G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
							      &pid, &in, NULL, NULL, NULL));
		CU_ASSERT_EQUAL(survey_host_no_shutdown(pid), command_lines[i].answer);
		close(in);
		waitpid(pid, NULL, 0);
	}
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
	{ "a survey that is too long leaves properties out",
	  a_survey_that_is_too_long_leaves_properties_out },
	{ "the kernel knows processes", the_kernel_knows_processes },
	{ "a command line tells of shutdown", a_command_line_tells_of_shutdown },
	{ "the host says what the kernel says", host_says_what_the_kernel_says },
	CU_TEST_INFO_NULL,
};
