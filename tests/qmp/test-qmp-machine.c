/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * qmp-machine: each call with a good answer, and with answers that lie.
 */
#include "qmp/qmp-machine.h"
#include "tests/rig/qmp-probe.h"
#include "tests/rig/test-util.h"

static void
test_run_states(void)
{
	for (QmpRunState s = QMP_RUN_RUNNING; s <= QMP_RUN_OTHER; s++)
		CU_ASSERT_EQUAL(qmp_run_state_from_string(qmp_run_state_to_string(s)), s);
	CU_ASSERT_EQUAL(qmp_run_state_from_string("colo"), QMP_RUN_OTHER);
	CU_ASSERT_EQUAL(qmp_run_state_from_string(NULL), QMP_RUN_OTHER);
}

static void
test_good_answers(void)
{
	const FakeStep steps[] = {
		{ .expect = "query-status",
		  .result = "{\"status\": \"prelaunch\", \"running\": false}" },
		{ .expect = "cont", .result = "{}" },
		{ .expect = "stop", .result = "{}" },
		{ .expect = "query-name", .result = "{\"name\": \"web1\"}" },
		{ .expect = "query-name", .result = "{}" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	QmpStatus status = { QMP_RUN_OTHER, TRUE };
	g_autoptr(GError) error = NULL;

	CU_ASSERT_TRUE(qmp_query_status(client, &status, NULL));
	CU_ASSERT_EQUAL(status.run_state, QMP_RUN_PRELAUNCH);
	CU_ASSERT_FALSE(status.running);
	CU_ASSERT_TRUE(qmp_cont(client, NULL) && qmp_stop(client, NULL));
	g_autofree char *name = qmp_query_name(client, NULL);
	TEST_STRING(name, "web1");
	g_autofree char *no_name = qmp_query_name(client, &error);
	CU_ASSERT_PTR_NULL(no_name);
	TEST_NO_ERROR(error);
	g_autofree char *version = qmp_version_string(client);
	TEST_STRING(version, "7.2.22 (Debian)");
	probe_end(client, qemu);
}

static void
test_version_missing(void)
{
	g_autoptr(FakeQemu) qemu = fake_qemu_new(NULL, 0, FAKE_NO_OOB);
	QmpClient *client = probe_connect(qemu);
	g_autofree char *version = qmp_version_string(client);

	TEST_STRING(version, "unknown");
	probe_end(client, qemu);
}

/* %TRUE when the call, chosen by the command it sends, failed. */
static gboolean
fails(QmpClient *client, const char *command, GError **error)
{
	QmpStatus status;

	if (g_str_equal(command, "query-status"))
		return !qmp_query_status(client, &status, error);
	g_autofree char *text = qmp_query_name(client, error);
	return text == NULL;
}

static void
test_bad_answers(void)
{
	const struct {
		const char *command;
		const char *answer;
		const char *words;
	} rows[] = {
		{ "query-status", "[]", "query-status: the answer is not an object" },
		{ "query-status", "{\"running\": true}", "query-status: no 'status'" },
		{ "query-status", "{\"status\": \"x\", \"running\": 1}",
		  "'running' is not true or false" },
		{ "query-name", "{\"name\": 1}", "query-name: 'name' is not a string" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const FakeStep steps[] = { { .expect = rows[i].command,
					     .result = rows[i].answer } };
		g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
		QmpClient *client = probe_connect(qemu);
		g_autoptr(GError) error = NULL;
		CU_ASSERT_TRUE(fails(client, rows[i].command, &error));
		TEST_ERROR(error, QMP_ERROR, QMP_ERROR_PROTOCOL, rows[i].words);
		probe_end(client, qemu);
	}
}

CU_TestInfo suite_qmp_machine[] = {
	{ "words of the run state", test_run_states },
	{ "good answers", test_good_answers },
	{ "a greeting without a version", test_version_missing },
	{ "answers that lie", test_bad_answers },
	CU_TEST_INFO_NULL,
};
