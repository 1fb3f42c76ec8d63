/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Migration parameters as a set: read, picked, set and put back.
 */
#include "qmp/qmp-parameters.h"
#include "tests/rig/qmp-probe.h"
#include "tests/rig/test-util.h"

static QmpParameters *
from_text(const char *text)
{
	g_autoptr(JsonNode) node = json_from_string(text, NULL);
	return qmp_parameters_from_node(node);
}

/* (transfer full): "name=value name=value". */
static char *
describe(const QmpParameters *parameters)
{
	GString *text = g_string_new(NULL);
	g_auto(GStrv) names = qmp_parameters_list(parameters);

	for (guint i = 0; names[i] != NULL; i++) {
		g_autofree char *value = qmp_parameters_get_text(parameters, names[i]);
		g_string_append_printf(text, "%s%s=%s", i > 0 ? " " : "", names[i], value);
	}
	return g_string_free(text, FALSE);
}

static void
what_cannot_be_set_is_passed_over(void)
{
	static const struct {
		const char *text;
		const char *expected;
	} rows[] = {
		{ "{\"b\": 7, \"a\": \"x\", \"c\": true, \"d\": false}", "a=x b=7 c=on d=off" },
		{ "{\"list\": [], \"null\": null, \"object\": {}, \"real\": 1.5, \"ok\": 0}",
		  "ok=0" },
		{ "{}", "" },
		{ "[]", "" },
		{ "7", "" },
		{ "null", "" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(QmpParameters) parameters = from_text(rows[i].text);
		g_autofree char *described = describe(parameters);
		TEST_STRING(described, rows[i].expected);
	}
	g_autoptr(QmpParameters) none = qmp_parameters_from_node(NULL);
	CU_ASSERT_PTR_NULL(qmp_parameters_get_text(none, "x"));
}

static void
picked_are_those_that_others_name(void)
{
	g_autoptr(QmpParameters) all = from_text("{\"a\": 1, \"b\": \"two\", \"c\": true}");
	g_autoptr(QmpParameters) wanted = qmp_parameters_new();

	qmp_parameters_set_int(wanted, "b", 9);
	qmp_parameters_set_string(wanted, "c", "x");
	qmp_parameters_set_int(wanted, "not there", 1);
	g_autoptr(QmpParameters) picked = qmp_parameters_pick(all, wanted);
	g_autofree char *described = describe(picked);
	TEST_STRING(described, "b=two c=on");
}

static void
a_journal_gives_back_what_it_was_given(void)
{
	g_autoptr(QmpParameters) set = from_text("{\"a\": 1, \"b\": \"\", \"c\": true}");
	g_autoptr(JsonNode) node = qmp_parameters_to_node(set);
	g_autofree char *text = json_to_string(node, FALSE);
	g_autoptr(QmpParameters) back = from_text(text);
	g_autofree char *described = describe(back);

	TEST_STRING(described, "a=1 b= c=on");
}

static void
one_call_sets_all(void)
{
	const FakeStep steps[] = {
		{ .expect = "query-migrate-parameters",
		  .result =
			  "{\"downtime-limit\": 300, \"tls-creds\": \"x\", \"of-a-newer\": [1]}" },
		{ .expect = "migrate-set-parameters",
		  .arguments = "\"arguments\":{\"downtime-limit\":300,\"tls-creds\":\"x\"}",
		  .result = "{}" },
		{ .expect = "migrate-set-parameters",
		  .error = "{\"class\": \"GenericError\", \"desc\": \"out of range\"}" },
		{ .expect = "query-migrate-parameters", .result = "[]" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_autoptr(QmpParameters) none = qmp_parameters_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(QmpParameters) all = qmp_parameters_query(client, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	CU_ASSERT_TRUE(qmp_parameters_apply(all, client, NULL));
	CU_ASSERT_TRUE(qmp_parameters_apply(none, client, NULL)); /* no call */
	CU_ASSERT_FALSE(qmp_parameters_apply(all, client, &error));
	TEST_ERROR(error, QMP_ERROR, QMP_ERROR_GENERIC, "out of range");
	g_clear_error(&error);
	g_autoptr(QmpParameters) bad = qmp_parameters_query(client, &error);
	CU_ASSERT_PTR_NULL(bad);
	TEST_ERROR(error, QMP_ERROR, QMP_ERROR_PROTOCOL, "query-migrate-parameters: ");
	probe_end(client, qemu);
}

static void
a_limit_is_never_rounded_to_less(void)
{
	CU_ASSERT_EQUAL(qmp_downtime_limit(0), 0);
	CU_ASSERT_EQUAL(qmp_downtime_limit(1), 1);
	CU_ASSERT_EQUAL(qmp_downtime_limit(1000), 1);
	CU_ASSERT_EQUAL(qmp_downtime_limit(1001), 2);
	CU_ASSERT_EQUAL(qmp_downtime_limit(-1), -1);
	CU_ASSERT_EQUAL(qmp_downtime_limit(G_MAXINT64), G_MAXINT64 / 1000 + 1);
}

CU_TestInfo suite_qmp_parameters[] = {
	{ "what cannot be set is passed over", what_cannot_be_set_is_passed_over },
	{ "picked are those that others name", picked_are_those_that_others_name },
	{ "a journal gives back what it was given", a_journal_gives_back_what_it_was_given },
	{ "one call sets all", one_call_sets_all },
	{ "a limit is never rounded to less", a_limit_is_never_rounded_to_less },
	CU_TEST_INFO_NULL,
};
