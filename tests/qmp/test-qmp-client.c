/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QmpClient: commands, their replies in every shape and order, events between them, time-outs,
 * cancels.
 */
#include "tests/rig/qmp-probe.h"
#include "tests/rig/test-util.h"

#define GENERIC_ERROR "{\"class\": \"GenericError\", \"desc\": \"it is so\"}"

static void
test_interleaved_events(void)
{
	const FakeStep steps[] = {
		{ .expect = "query-x",
		  .before =
			  "{\"event\": \"STOP\"}{\"event\": \"MIGRATION\", \"data\": {\"status\": "
			  "\"device\"}}\r\n",
		  .result = "1",
		  .after = "{\"event\": \"RESUME\", \"timestamp\": {\"seconds\": 5, "
			   "\"microseconds\": 7}}" },
		{ .expect = "query-y", .result = "2" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_auto(ProbeCall) x = PROBE_CALL_INIT;
	g_auto(ProbeCall) y = PROBE_CALL_INIT;
	g_auto(ProbeLog) log;

	probe_log_init(&log, client);
	probe_start(&x, client, "query-x", NULL, NULL);
	probe_start(&y, client, "query-y", NULL, NULL);
	probe_expect_int(&x, 1);
	probe_expect_int(&y, 2);
	TEST_STRING(log.text->str, "STOP MIGRATION:device RESUME");
	CU_ASSERT_EQUAL(log.last_timestamp_us, 5000007);
	probe_end(client, qemu);
}

static void
test_replies_out_of_order(void)
{
	const FakeStep steps[] = {
		{ .expect = "a" },
		{ .expect = "b" },
		{ .expect = "c",
		  .before = "{\"return\": 2, \"id\": @2}",
		  .result = "3",
		  .after = "{\"return\": 1, \"id\": @1}" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	const char *const names[] = { "a", "b", "c" };
	ProbeCall calls[3] = { PROBE_CALL_INIT, PROBE_CALL_INIT, PROBE_CALL_INIT };

	for (guint i = 0; i < 3; i++)
		probe_start(&calls[i], client, names[i], NULL, NULL);
	for (guint i = 0; i < 3; i++) {
		probe_expect_int(&calls[i], i + 1);
		probe_call_clear(&calls[i]);
	}
	probe_end(client, qemu);
}

static void
test_shapes_of_replies(void)
{
	const FakeStep steps[] = {
		{ .expect = "a", .after = "\r\n {\n  \"return\" :\n 1,\n\t\"id\":@1\n}\n" },
		{ .expect = "b",
		  .before = "{\"x\": [{\"return\": 3}]}",
		  .result = "2",
		  .after = "{}{\"return\": 7}{\"return\": 7, \"id\": \"b\"}"
			   "{\"return\": 7, \"id\": 999999}" },
		{ .expect = "c", .after = "{\"id\": @3, \"new\": {\"}\": \"{\"}, \"return\": 3}" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	const char *const names[] = { "a", "b", "c" };

	for (guint i = 0; i < 3; i++) {
		g_auto(ProbeCall) call = PROBE_CALL_INIT;
		probe_start(&call, client, names[i], NULL, NULL);
		probe_expect_int(&call, i + 1);
	}
	probe_end(client, qemu);
}

static void
test_errors(void)
{
	const FakeStep steps[] = {
		{ .expect = "a", .error = GENERIC_ERROR },
		{ .expect = "b",
		  .error =
			  "{\"class\": \"CommandNotFound\", \"desc\": \"The command b has not been "
			  "found\"}" },
		{ .expect = "c", .result = "3" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_auto(ProbeCall) a = PROBE_CALL_INIT;
	g_auto(ProbeCall) b = PROBE_CALL_INIT;
	g_auto(ProbeCall) c = PROBE_CALL_INIT;

	probe_start(&a, client, "a", NULL, NULL);
	probe_start(&b, client, "b", NULL, NULL);
	probe_start(&c, client, "c", NULL, NULL);
	probe_expect_error(&a, QMP_ERROR, QMP_ERROR_GENERIC, "a: GenericError: it is so");
	probe_expect_error(&b, QMP_ERROR, QMP_ERROR_COMMAND_NOT_FOUND,
			   "b: CommandNotFound: The command b has not been found");
	CU_ASSERT_TRUE(qmp_error_is_refusal(a.error) && qmp_error_is_refusal(b.error));
	CU_ASSERT_FALSE(qmp_error_is_closed(a.error) || qmp_error_is_timeout(a.error));
	probe_expect_int(&c, 3);
	probe_end(client, qemu);
}

static void
test_error_without_id(void)
{
	const FakeStep steps[] = {
		{ .before = "{\"error\": " GENERIC_ERROR "}" },
		{ .expect = "a" },
		{ .expect = "b", .before = "{\"error\": " GENERIC_ERROR "}", .result = "2" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_auto(ProbeCall) a = PROBE_CALL_INIT;
	g_auto(ProbeCall) b = PROBE_CALL_INIT;

	test_turn(50);
	probe_start(&a, client, "a", NULL, NULL);
	probe_start(&b, client, "b", NULL, NULL);
	probe_expect_error(&a, QMP_ERROR, QMP_ERROR_GENERIC, "a: GenericError: it is so");
	probe_expect_int(&b, 2);
	probe_end(client, qemu);
}

static void
test_timeout(void)
{
	const FakeStep steps[] = {
		{ .expect = "a", .delay_ms = 200, .result = "1" },
		{ .expect = "b", .result = "2" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	const QmpExecOptions soon = { .fd = -1, .timeout_ms = 50 };
	g_auto(ProbeCall) a = PROBE_CALL_INIT;
	g_auto(ProbeCall) b = PROBE_CALL_INIT;

	probe_start(&a, client, "a", &soon, NULL);
	probe_expect_error(&a, QMP_ERROR, QMP_ERROR_TIMED_OUT, "a: no reply in time");
	CU_ASSERT_TRUE(qmp_error_is_timeout(a.error));
	CU_ASSERT_FALSE(qmp_client_is_closed(client));
	probe_start(&b, client, "b", NULL, NULL);
	probe_expect_int(&b, 2);
	test_turn(50);
	CU_ASSERT_EQUAL(a.times, 1);
	probe_end(client, qemu);
}

static void
test_default_timeout(void)
{
	const FakeStep steps[] = { { .expect = "a" } };
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_auto(ProbeCall) a = PROBE_CALL_INIT;

	qmp_client_set_timeout(client, 50);
	probe_start(&a, client, "a", NULL, NULL);
	probe_expect_error(&a, QMP_ERROR, QMP_ERROR_TIMED_OUT, "a: ");
	probe_end(client, qemu);
}

static gboolean
cancel(gpointer data)
{
	g_cancellable_cancel(data);
	return G_SOURCE_REMOVE;
}

static void
test_cancel(void)
{
	const FakeStep steps[] = {
		{ .expect = "a", .delay_ms = 150, .result = "1" },
		{ .expect = "b", .result = "2" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	g_auto(ProbeCall) a = PROBE_CALL_INIT;
	g_auto(ProbeCall) never = PROBE_CALL_INIT;
	g_auto(ProbeCall) b = PROBE_CALL_INIT;

	g_timeout_add(30, cancel, cancellable);
	probe_start(&a, client, "a", NULL, cancellable);
	probe_expect_error(&a, G_IO_ERROR, G_IO_ERROR_CANCELLED, "");
	probe_start(&never, client, "never", NULL, cancellable);
	probe_expect_error(&never, G_IO_ERROR, G_IO_ERROR_CANCELLED, "");
	probe_start(&b, client, "b", NULL, NULL);
	probe_expect_int(&b, 2);
	probe_end(client, qemu);
}

static void
test_garbage(void)
{
	const FakeStep steps[] = { { .expect = "a", .after = "{\"return\": }", .closes = TRUE } };
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_auto(ProbeCall) a = PROBE_CALL_INIT;
	g_auto(ProbeCall) b = PROBE_CALL_INIT;
	g_auto(ProbeLog) log;

	probe_log_init(&log, client);
	probe_start(&a, client, "a", NULL, NULL);
	probe_expect_error(&a, QMP_ERROR, QMP_ERROR_CLOSED,
			   "a: the monitor sent invalid data: not JSON");
	CU_ASSERT_TRUE(qmp_client_is_closed(client));
	test_turn(20);
	TEST_STRING(log.text->str, "closed");
	TEST_ERROR(log.closed, QMP_ERROR, QMP_ERROR_PROTOCOL, "invalid data");
	probe_start(&b, client, "b", NULL, NULL);
	probe_expect_error(&b, QMP_ERROR, QMP_ERROR_CLOSED, "b: the monitor sent invalid data");
	probe_end(client, qemu);
}

/* A reply, cut after every byte. */
static void
test_end_in_reply(void)
{
	const char reply[] = "{\"return\": {\"a\": \"\\\"}\"}, \"id\": 71}";

	for (gsize len = 0; len < strlen(reply); len++) {
		g_autofree char *piece = g_strndup(reply, len);
		const FakeStep steps[] = { { .expect = "a", .after = piece, .closes = TRUE } };
		g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
		QmpClient *client = probe_connect(qemu);
		g_auto(ProbeCall) a = PROBE_CALL_INIT;
		probe_start(&a, client, "a", NULL, NULL);
		probe_expect_error(&a, QMP_ERROR, QMP_ERROR_CLOSED,
				   "a: the monitor closed the connection");
		CU_ASSERT_TRUE(qmp_error_is_closed(a.error));
		probe_end(client, qemu);
	}
}

static void
test_arguments(void)
{
	const FakeStep steps[] = {
		{ .expect = "a",
		  .arguments = "\"arguments\":{\"x\":[1,\"y\\\"\"]}",
		  .result = "1" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonNode) reply =
		qmp_client_execute(client, "a", json_from_string("{\"x\": [1, \"y\\\"\"]}", NULL),
				   NULL, &error);

	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL(reply);
	probe_end(client, qemu);
}

CU_TestInfo suite_qmp_client[] = {
	{ "events between a command and its reply", test_interleaved_events },
	{ "replies out of order", test_replies_out_of_order },
	{ "pretty printed, several in a line, unknown keys and ids", test_shapes_of_replies },
	{ "errors keep QEMU's words", test_errors },
	{ "an error without id is for the oldest command", test_error_without_id },
	{ "a late reply is dropped, the connection is good", test_timeout },
	{ "the client's own time-out", test_default_timeout },
	{ "cancel", test_cancel },
	{ "nonsense closes", test_garbage },
	{ "the end comes at any byte of a reply", test_end_in_reply },
	{ "arguments", test_arguments },
	CU_TEST_INFO_NULL,
};
