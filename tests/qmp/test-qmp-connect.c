/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QmpClient: from the path of a socket to a monitor that takes commands, and each way in which that
 * fails.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "tests/rig/qmp-probe.h"
#include "tests/rig/test-util.h"
#include "tests/rig/unix-io.h"

static void
test_with_oob(void)
{
	g_autoptr(FakeQemu) qemu = fake_qemu_new(NULL, 0, FAKE_DEFAULT);
	QmpClient *client = probe_connect(qemu);

	CU_ASSERT_TRUE(qmp_client_has_oob(client));
	CU_ASSERT_FALSE(qmp_client_is_closed(client));
	CU_ASSERT_EQUAL(qmp_client_get_peer_pid(client), getpid());
	CU_ASSERT_TRUE(json_object_has_member(qmp_client_get_greeting(client), "version"));
	probe_end(client, qemu);
}

static void
test_without_oob(void)
{
	g_autoptr(FakeQemu) qemu = fake_qemu_new(NULL, 0, FAKE_NO_OOB);
	QmpClient *client = probe_connect(qemu);
	const QmpExecOptions oob = { .fd = -1, .oob = TRUE };
	g_autoptr(GError) error = NULL;

	CU_ASSERT_FALSE(qmp_client_has_oob(client));
	g_autoptr(JsonNode) reply = qmp_client_execute(client, "yank", NULL, &oob, &error);
	CU_ASSERT_PTR_NULL(reply);
	TEST_ERROR(error, QMP_ERROR, QMP_ERROR_GENERIC,
		   "yank: the monitor does not offer out-of-band");
	probe_end(client, qemu);
}

static void
test_events_and_two_greetings(void)
{
	const FakeStep steps[] = {
		{ .before = "{\"event\": \"STOP\"}\r\n{\"event\": \"RESUME\"}" },
		{ .before = FAKE_GREETING FAKE_GREETING "{\"event\": \"STOP\"}" },
		{ .expect = "qmp_capabilities", .before = "{\"event\": \"STOP\"}", .result = "{}" },
		{ .before = FAKE_GREETING },
		{ .expect = "query-x", .result = "5" },
	};
	g_autoptr(FakeQemu) qemu = fake_qemu_new(steps, G_N_ELEMENTS(steps), FAKE_NO_HANDSHAKE);
	QmpClient *client = probe_connect(qemu);
	g_auto(ProbeCall) call = PROBE_CALL_INIT;

	probe_start(&call, client, "query-x", NULL, NULL);
	probe_expect_int(&call, 5);
	probe_end(client, qemu);
}

static void
expect_failure(const char *path, guint timeout_ms, GQuark domain, int code, const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(QmpClient) client = qmp_client_connect(path, timeout_ms, NULL, &error);

	CU_ASSERT_PTR_NULL(client);
	TEST_ERROR(error, domain, code, text);
}

static void
test_busy(void)
{
	g_autofree char *folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "qmp", NULL);
	int listener = unix_io_listen(path);
	gint64 begin_us = g_get_monotonic_time();

	expect_failure(path, 200, QMP_ERROR, QMP_ERROR_BUSY,
		       "no greeting came in time: another client probably has the monitor");
	CU_ASSERT_TRUE(g_get_monotonic_time() - begin_us >= 200 * 1000);
	close(listener);
	test_folder_free(g_steal_pointer(&folder));
}

static void
test_full_queue(void)
{
	g_autofree char *folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "qmp", NULL);
	int listener = unix_io_listen(path);
	gint64 begin_us = g_get_monotonic_time();
	g_autoptr(GError) error = NULL;

	/* The kernel keeps one more than the queue of one. */
	expect_failure(path, 50, QMP_ERROR, QMP_ERROR_BUSY, "no greeting");
	expect_failure(path, 50, QMP_ERROR, QMP_ERROR_BUSY, "no greeting");
	expect_failure(path, 60000, QMP_ERROR, QMP_ERROR_BUSY,
		       "qmp': the monitor is busy: other clients already wait for it");
	CU_ASSERT_TRUE(g_get_monotonic_time() - begin_us < 10 * G_USEC_PER_SEC);
	close(listener);
	test_folder_free(g_steal_pointer(&folder));
}

static void
test_bad_paths(void)
{
	g_autofree char *folder = test_folder_new();
	g_autofree char *dead = g_build_filename(folder, "dead", NULL);
	g_autofree char *none = g_build_filename(folder, "none", NULL);
	g_autofree char *words = g_strdup_printf("connect to '%s': ", none);
	char long_path[200];

	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	close(unix_io_listen(dead));
	expect_failure(none, 1000, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, words);
	expect_failure(dead, 1000, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED, "dead");
	expect_failure(long_path, 1000, G_IO_ERROR, G_IO_ERROR_INVALID_FILENAME, "1 to 107 bytes");
	expect_failure("", 1000, G_IO_ERROR, G_IO_ERROR_INVALID_FILENAME, "1 to 107 bytes");
	test_folder_free(g_steal_pointer(&folder));
}

static gboolean
cancel(gpointer data)
{
	g_cancellable_cancel(data);
	return G_SOURCE_REMOVE;
}

static void
test_cancelled(void)
{
	g_autofree char *folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "qmp", NULL);
	int listener = unix_io_listen(path);

	for (guint early = 0; early < 2; early++) {
		g_autoptr(GCancellable) cancellable = g_cancellable_new();
		g_autoptr(GError) error = NULL;
		if (early)
			cancel(cancellable);
		else
			g_timeout_add(20, cancel, cancellable);
		g_autoptr(QmpClient) client = qmp_client_connect(path, 60000, cancellable, &error);
		CU_ASSERT_PTR_NULL(client);
		TEST_ERROR(error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "");
	}
	close(listener);
	test_folder_free(g_steal_pointer(&folder));
}

static void
check_handshake(const FakeStep *steps, gsize n, guint timeout_ms, int code, const char *text)
{
	g_autoptr(FakeQemu) qemu = fake_qemu_new(steps, n, FAKE_NO_HANDSHAKE);

	expect_failure(fake_qemu_get_path(qemu), timeout_ms, QMP_ERROR, code, text);
	TEST_STRING(fake_qemu_end(qemu), NULL);
}

static void
test_negotiation_fails(void)
{
	const FakeStep refused[] = {
		{ .before = FAKE_GREETING },
		{ .expect = "qmp_capabilities",
		  .error = "{\"class\": \"GenericError\", \"desc\": \"no\"}" },
	};
	const FakeStep silent[] = { { .before = FAKE_GREETING }, { .expect = "qmp_capabilities" } };
	const FakeStep garbage[] = { { .before = "SSH-2.0-OpenSSH_9.2\r\n" } };
	const FakeStep closed[] = { { .closes = TRUE } };

	check_handshake(refused, 2, 5000, QMP_ERROR_GENERIC, "qmp_capabilities: GenericError: no");
	check_handshake(silent, 2, 200, QMP_ERROR_TIMED_OUT, "qmp_capabilities: no reply in time");
	check_handshake(garbage, 1, 5000, QMP_ERROR_PROTOCOL, "the monitor sent invalid data");
	check_handshake(closed, 1, 5000, QMP_ERROR_CLOSED, "the monitor closed the connection");
}

/* The greeting, cut after every byte. */
static void
test_end_in_greeting(void)
{
	for (gsize len = 0; len < strlen(FAKE_GREETING) - 2; len++) {
		g_autofree char *piece = g_strndup(FAKE_GREETING, len);
		const FakeStep steps[] = { { .before = piece, .closes = TRUE } };
		g_autoptr(FakeQemu) qemu = fake_qemu_new(steps, 1, FAKE_NO_HANDSHAKE);
		expect_failure(fake_qemu_get_path(qemu), 5000, QMP_ERROR, QMP_ERROR_CLOSED,
			       len == 0 ? "the monitor closed the connection"
					: "in the middle of a message");
	}
}

static gpointer
connect_in_thread(gpointer path)
{
	g_autoptr(GMainContext) context = g_main_context_new();

	g_main_context_push_thread_default(context);
	g_autoptr(QmpClient) client = qmp_client_connect(path, 5000, NULL, NULL);
	g_autoptr(JsonNode) reply =
		client != NULL ? qmp_client_execute(client, "query-x", NULL, NULL, NULL) : NULL;
	gint64 value = reply != NULL ? json_node_get_int(reply) : -1;
	if (client != NULL)
		qmp_client_close(client);
	g_main_context_pop_thread_default(context);
	return GINT_TO_POINTER((int)value);
}

static void
test_own_context(void)
{
	const FakeStep steps[] = { { .expect = "query-x", .result = "9" } };
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	GThread *thread =
		g_thread_new("own", connect_in_thread, (gpointer)fake_qemu_get_path(qemu));

	CU_ASSERT_EQUAL(GPOINTER_TO_INT(g_thread_join(thread)), 9);
	probe_end(NULL, qemu);
}

CU_TestInfo suite_qmp_connect[] = {
	{ "out-of-band is switched on where it is offered", test_with_oob },
	{ "and not where it is not", test_without_oob },
	{ "events before the greeting, two greetings", test_events_and_two_greetings },
	{ "a monitor that somebody has is busy", test_busy },
	{ "a full queue is busy at once", test_full_queue },
	{ "paths that are no monitor", test_bad_paths },
	{ "cancelled", test_cancelled },
	{ "the negotiation fails", test_negotiation_fails },
	{ "the end comes at any byte of the greeting", test_end_in_greeting },
	{ "in a thread with a context of its own", test_own_context },
	CU_TEST_INFO_NULL,
};
