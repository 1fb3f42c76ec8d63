/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QmpClient: what is written when, and descriptors with their commands.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/rig/qmp-probe.h"
#include "tests/rig/test-util.h"

#define LONG_BYTES (2 * 1024 * 1024)

static const QmpExecOptions oob = { .fd = -1, .oob = TRUE };
static const QmpExecOptions soon = { .fd = -1, .timeout_ms = 50 };

static gboolean
is_same_file(int a, int b)
{
	struct stat x;
	struct stat y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static void
test_oob_overtakes(void)
{
	FakeStep steps[11] = { 0 };
	g_autoptr(FakeQemu) qemu = NULL;
	ProbeCall calls[9] = { 0 };
	g_auto(ProbeCall) yank = PROBE_CALL_INIT;

	for (guint i = 0; i < 8; i++)
		steps[i].expect = "slow";
	steps[8] = (FakeStep){
		.expect = "yank", .oob = TRUE, .result = "7", .after = "{\"return\": 0, \"id\": @1}"
	};
	steps[9] = (FakeStep){ .expect = "slow",
			       .result = "8",
			       .after = "{\"return\": 1, \"id\": @2}{\"return\": 2, \"id\": @3}"
					"{\"return\": 3, \"id\": @4}{\"return\": 4, \"id\": @5}"
					"{\"return\": 5, \"id\": @6}{\"return\": 6, \"id\": @7}"
					"{\"return\": 7, \"id\": @8}" };
	qemu = fake_qemu_new(steps, 10, FAKE_DEFAULT);
	QmpClient *client = probe_connect(qemu);
	for (guint i = 0; i < 9; i++)
		probe_start(&calls[i], client, "slow", NULL, NULL);
	probe_start(&yank, client, "yank", &oob, NULL);
	probe_expect_int(&yank, 7);
	for (guint i = 0; i < 9; i++) {
		probe_expect_int(&calls[i], i);
		probe_call_clear(&calls[i]);
	}
	probe_end(client, qemu);
}

/* Eight time-outs fill what QEMU takes; the ninth command is never sent. */
static void
test_deaf_monitor(void)
{
	FakeStep steps[9] = { 0 };
	ProbeCall calls[9] = { 0 };
	g_auto(ProbeCall) yank = PROBE_CALL_INIT;

	for (guint i = 0; i < 8; i++)
		steps[i].expect = "poll";
	steps[8] = (FakeStep){ .expect = "query-yank", .oob = TRUE, .result = "1" };
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	for (guint i = 0; i < 9; i++) {
		probe_start(&calls[i], client, i < 8 ? "poll" : "never", &soon, NULL);
		probe_expect_error(&calls[i], QMP_ERROR, QMP_ERROR_TIMED_OUT, "");
		probe_call_clear(&calls[i]);
	}
	probe_start(&yank, client, "query-yank", &oob, NULL);
	probe_expect_int(&yank, 1);
	probe_end(client, qemu);
}

static void
test_descriptor(void)
{
	const FakeStep steps[] = {
		{ .expect = "getfd", .takes_fd = TRUE, .result = "1" },
		{ .expect = "x", .result = "2" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	FILE *file = tmpfile();
	const QmpExecOptions options = { .fd = fileno(file) };
	g_auto(ProbeCall) getfd = PROBE_CALL_INIT;
	g_auto(ProbeCall) x = PROBE_CALL_INIT;

	probe_start(&getfd, client, "getfd", &options, NULL);
	probe_start(&x, client, "x", NULL, NULL);
	probe_expect_int(&getfd, 1);
	probe_expect_int(&x, 2);
	probe_end(client, qemu);
	CU_ASSERT_TRUE(is_same_file(fake_qemu_get_fd(qemu, 0), fileno(file)));
	fclose(file);
}

/* QEMU keeps one descriptor: the second may not come before the first getfd was answered. */
static void
test_descriptors_one_by_one(void)
{
	const FakeStep steps[] = {
		{ .expect = "getfd", .takes_fd = TRUE, .delay_ms = 100, .result = "1" },
		{ .expect = "getfd", .takes_fd = TRUE, .result = "2" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	FILE *files[2] = { tmpfile(), tmpfile() };
	ProbeCall calls[2] = { 0 };

	for (guint i = 0; i < 2; i++) {
		const QmpExecOptions options = { .fd = fileno(files[i]) };
		probe_start(&calls[i], client, "getfd", &options, NULL);
	}
	probe_expect_int(&calls[0], 1);
	CU_ASSERT_FALSE(calls[1].done);
	probe_expect_int(&calls[1], 2);
	probe_end(client, qemu);
	for (guint i = 0; i < 2; i++) {
		CU_ASSERT_TRUE(is_same_file(fake_qemu_get_fd(qemu, i), fileno(files[i])));
		probe_call_clear(&calls[i]);
		fclose(files[i]);
	}
}

/* The command is larger than the socket's buffer: the descriptor goes with its first byte. */
static void
test_descriptor_with_partial_writes(void)
{
	const FakeStep steps[] = {
		{ .expect = "getfd", .takes_fd = TRUE, .result = "1" },
		{ .expect = "x", .result = "2" },
	};
	g_autoptr(FakeQemu) qemu = fake_qemu_new(steps, 2, FAKE_SLOW_READER);
	QmpClient *client = probe_connect(qemu);
	g_autofree char *name = g_strnfill(LONG_BYTES, 'n');
	JsonNode *arguments = json_from_string("{}", NULL);
	FILE *file = tmpfile();
	const QmpExecOptions options = { .fd = fileno(file) };
	g_autoptr(GError) error = NULL;
	g_auto(ProbeCall) x = PROBE_CALL_INIT;

	json_object_set_string_member(json_node_get_object(arguments), "fdname", name);
	g_autoptr(JsonNode) reply =
		qmp_client_execute(client, "getfd", arguments, &options, &error);
	TEST_NO_ERROR(error);
	probe_start(&x, client, "x", NULL, NULL);
	probe_expect_int(&x, 2);
	probe_end(client, qemu);
	CU_ASSERT_TRUE(is_same_file(fake_qemu_get_fd(qemu, 0), fileno(file)));
	fclose(file);
}

static void
test_bad_descriptor(void)
{
	const FakeStep steps[] = { { .expect = "x", .result = "2" } };
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	const QmpExecOptions options = { .fd = 100000 };
	g_auto(ProbeCall) getfd = PROBE_CALL_INIT;
	g_auto(ProbeCall) x = PROBE_CALL_INIT;

	probe_start(&getfd, client, "getfd", &options, NULL);
	CU_ASSERT_TRUE(test_wait(&getfd.done));
	CU_ASSERT_PTR_NOT_NULL_FATAL(getfd.error);
	CU_ASSERT_TRUE(g_str_has_prefix(getfd.error->message, "getfd: "));
	probe_start(&x, client, "x", NULL, NULL);
	probe_expect_int(&x, 2);
	probe_end(client, qemu);
}

/* A command that was given up while half of it was written is finished all the same. */
static void
test_timeout_in_partial_write(void)
{
	const FakeStep steps[] = {
		{ .expect = "long", .result = "1" },
		{ .expect = "x", .result = "2" },
	};
	g_autoptr(FakeQemu) qemu = fake_qemu_new(steps, 2, FAKE_SLOW_READER);
	QmpClient *client = probe_connect(qemu);
	g_autofree char *text = g_strnfill(LONG_BYTES, 'n');
	JsonNode *arguments = json_from_string("{}", NULL);
	g_autoptr(GError) error = NULL;
	g_auto(ProbeCall) x = PROBE_CALL_INIT;

	json_object_set_string_member(json_node_get_object(arguments), "text", text);
	g_autoptr(JsonNode) reply = qmp_client_execute(client, "long", arguments, &soon, &error);
	TEST_ERROR(error, QMP_ERROR, QMP_ERROR_TIMED_OUT, "long: no reply in time");
	probe_start(&x, client, "x", NULL, NULL);
	probe_expect_int(&x, 2);
	probe_end(client, qemu);
}

CU_TestInfo suite_qmp_order[] = {
	{ "out of band overtakes", test_oob_overtakes },
	{ "a deaf monitor still gets out-of-band commands", test_deaf_monitor },
	{ "a descriptor goes with its command", test_descriptor },
	{ "descriptors go one by one", test_descriptors_one_by_one },
	{ "a descriptor with partial writes", test_descriptor_with_partial_writes },
	{ "a bad descriptor fails its command only", test_bad_descriptor },
	{ "given up while half written", test_timeout_in_partial_write },
	CU_TEST_INFO_NULL,
};
