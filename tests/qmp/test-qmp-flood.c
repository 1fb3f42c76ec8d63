/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QmpClient under load: very many events, very large replies, and a loop that has other work.
 */
#include <string.h>
#include <sys/resource.h>

#include "tests/rig/qmp-probe.h"
#include "tests/rig/test-util.h"

#define EVENT                                                                              \
	"{\"timestamp\": {\"seconds\": 1732353600, \"microseconds\": 123456}, \"event\": " \
	"\"MIGRATION_PASS\", \"data\": {\"pass\": 12345}}\r\n"

#define MIB (1024 * 1024)

/* ASan keeps what was freed: there the peak says nothing. */
#if defined(__SANITIZE_ADDRESS__)
#define MORE_KIB_MAX (1024 * 1024)
#else
#define MORE_KIB_MAX (16 * 1024)
#endif

/* (transfer full) */
static char *
many_events(guint n)
{
	char *text = g_malloc(n * strlen(EVENT) + 1);

	for (guint i = 0; i < n; i++)
		memcpy(text + i * strlen(EVENT), EVENT, strlen(EVENT));
	text[n * strlen(EVENT)] = '\0';
	return text;
}

static long
peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static gboolean
tick(gpointer data)
{
	guint *ticks = data;

	(*ticks)++;
	return G_SOURCE_CONTINUE;
}

static void
test_events(void)
{
	const guint n = test_under_valgrind() ? 5000 : 300000;
	g_autofree char *text = many_events(n);
	const FakeStep steps[] = {
		/* No '@' is in there: the filling in of ids is not what is measured. */
		{ .expect = "a", .before = text, .result = "1" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	const QmpExecOptions patient = { .fd = -1, .timeout_ms = 100000 };
	g_auto(ProbeCall) a = PROBE_CALL_INIT;
	g_auto(ProbeLog) log;
	guint ticks = 0;

	probe_log_init(&log, client);
	guint timer = g_timeout_add(10, tick, &ticks);
	probe_start(&a, client, "a", &patient, NULL);
	while (log.n_events == 0)
		g_main_context_iteration(NULL, TRUE);
	long kib = peak_kib();
	gint64 begin_us = g_get_monotonic_time();
	while (!a.done)
		g_main_context_iteration(NULL, TRUE);
	gint64 us = g_get_monotonic_time() - begin_us;
	probe_expect_int(&a, 1);
	CU_ASSERT_EQUAL(log.n_events, n);
	/* valgrind has a time and a memory of its own. */
	CU_ASSERT_TRUE(test_under_valgrind() || ticks >= us / 10000 / 4);
	CU_ASSERT_TRUE(test_under_valgrind() || peak_kib() - kib < MORE_KIB_MAX);
	printf("\n    %.0f events a second, %u ticks of 10 ms in %.0f ms, %ld KiB more ",
	       n / (us / 1e6), ticks, us / 1e3, peak_kib() - kib);
	g_source_remove(timer);
	probe_end(client, qemu);
}

/* (transfer full): a string literal of @bytes in all, with its quotes */
static char *
string_of(gsize bytes)
{
	char *text = g_strnfill(bytes, 'x');

	text[0] = text[bytes - 1] = '"';
	return text;
}

static void
test_large_reply(void)
{
	const gsize bytes = test_under_valgrind() ? 4 * MIB : 15 * MIB;
	g_autofree char *text = string_of(bytes);
	const FakeStep steps[] = {
		{ .expect = "a", .result = text },
		{ .expect = "b", .result = "2" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	const QmpExecOptions patient = { .fd = -1, .timeout_ms = 100000 };
	g_autoptr(GError) error = NULL;
	g_auto(ProbeCall) b = PROBE_CALL_INIT;

	g_autoptr(JsonNode) reply = qmp_client_execute(client, "a", NULL, &patient, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
	CU_ASSERT_EQUAL(strlen(json_node_get_string(reply)), bytes - 2);
	probe_start(&b, client, "b", NULL, NULL);
	probe_expect_int(&b, 2);
	probe_end(client, qemu);
}

static void
test_endless_reply(void)
{
	g_autofree char *text = string_of(17 * MIB);
	const FakeStep steps[] = { { .expect = "a", .result = text, .closes = TRUE } };
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	const QmpExecOptions patient = { .fd = -1, .timeout_ms = 100000 };
	g_autoptr(GError) error = NULL;

	g_autoptr(JsonNode) reply = qmp_client_execute(client, "a", NULL, &patient, &error);
	CU_ASSERT_PTR_NULL(reply);
	TEST_ERROR(error, QMP_ERROR, QMP_ERROR_CLOSED, "too many bytes");
	probe_end(client, qemu);
}

static void
test_deep_reply(void)
{
	/* The object around them is the 1024th level. */
	g_autofree char *opening = g_strnfill(1023, '[');
	g_autofree char *closing = g_strnfill(1023, ']');
	g_autofree char *text = g_strconcat(opening, closing, NULL);
	const FakeStep steps[] = { { .expect = "a", .result = text } };
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_autoptr(GError) error = NULL;

	g_autoptr(JsonNode) reply = qmp_client_execute(client, "a", NULL, NULL, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_TRUE(reply != NULL && JSON_NODE_HOLDS_ARRAY(reply));
	probe_end(client, qemu);
}

static void
test_too_deep_reply(void)
{
	g_autofree char *text = g_strnfill(1024, '[');
	const FakeStep steps[] = { { .expect = "a", .result = text, .closes = TRUE } };
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_auto(ProbeCall) a = PROBE_CALL_INIT;

	probe_start(&a, client, "a", NULL, NULL);
	probe_expect_error(&a, QMP_ERROR, QMP_ERROR_CLOSED, "nested too deep");
	probe_end(client, qemu);
}

CU_TestInfo suite_qmp_flood[] = {
	{ "300,000 events, bounded memory, the loop goes on", test_events },
	{ "a reply of 15 MiB", test_large_reply },
	{ "a reply beyond the limit", test_endless_reply },
	{ "a reply of 1024 levels", test_deep_reply },
	{ "a reply of 1025 levels is refused", test_too_deep_reply },
	CU_TEST_INFO_NULL,
};
