/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QmpClient: ends and references. Callbacks that close, drop the last reference or turn the loop.
 */
#include "qmp/qmp-machine.h"
#include "tests/rig/qmp-probe.h"
#include "tests/rig/test-util.h"

static void
test_remote_end_with_pending(void)
{
	const FakeStep steps[] = { { .expect = "a" }, { .expect = "b", .closes = TRUE } };
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	const char *const names[] = { "a", "b" };
	ProbeCall calls[2] = { 0 };
	g_auto(ProbeLog) log;

	probe_log_init(&log, client);
	for (guint i = 0; i < 2; i++)
		probe_start(&calls[i], client, names[i], NULL, NULL);
	for (guint i = 0; i < 2; i++) {
		probe_expect_error(&calls[i], QMP_ERROR, QMP_ERROR_CLOSED,
				   "the monitor closed the connection");
		probe_call_clear(&calls[i]);
	}
	test_turn(50);
	TEST_STRING(log.text->str, "closed");
	TEST_ERROR(log.closed, QMP_ERROR, QMP_ERROR_CLOSED, "the monitor closed the connection");
	probe_end(client, qemu);
}

typedef struct {
	GString *order;
	guint done;
} Order;

static void
on_call(GObject *source, GAsyncResult *result, gpointer data)
{
	Order *order = data;
	g_autoptr(JsonNode) reply = qmp_client_execute_finish(QMP_CLIENT(source), result, NULL);

	g_string_append_c(order->order, reply != NULL ? 'r' : 'e');
}

static void
on_closed(QmpClient *client, GError *error, gpointer data)
{
	Order *order = data;

	g_string_append_c(order->order, 'c');
}

/* ::closed comes last, even for a command that was given in the same turn as the end was found. */
static void
test_closed_comes_last(void)
{
	const FakeStep steps[] = { { .expect = "a" }, { .expect = "b", .closes = TRUE } };
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	Order order = { g_string_new(NULL), 0 };

	g_signal_connect(client, "closed", G_CALLBACK(on_closed), &order);
	qmp_client_execute_async(client, "a", NULL, NULL, NULL, on_call, &order);
	qmp_client_execute_async(client, "b", NULL, NULL, NULL, on_call, &order);
	test_turn(100);
	TEST_STRING(order.order->str, "eec");
	g_string_free(order.order, TRUE);
	probe_end(client, qemu);
}

static void
test_own_close(void)
{
	const FakeStep steps[] = { { .expect = "a" } };
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_auto(ProbeCall) a = PROBE_CALL_INIT;
	g_auto(ProbeCall) b = PROBE_CALL_INIT;
	g_auto(ProbeLog) log;

	probe_log_init(&log, client);
	probe_start(&a, client, "a", NULL, NULL);
	test_turn(20);
	qmp_client_close(client);
	qmp_client_close(client);
	CU_ASSERT_TRUE(qmp_client_is_closed(client));
	probe_expect_error(&a, QMP_ERROR, QMP_ERROR_CLOSED, "a: closed by us");
	probe_start(&b, client, "b", NULL, NULL);
	probe_expect_error(&b, QMP_ERROR, QMP_ERROR_CLOSED, "b: closed by us");
	test_turn(20);
	TEST_STRING(log.text->str, "");
	probe_end(client, qemu);
}

static gboolean is_gone;

static void
on_gone(gpointer data, GObject *where)
{
	is_gone = TRUE;
}

static void
drop(gpointer data, gpointer owner)
{
	g_object_unref(owner);
}

static void
on_call_drop(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(JsonNode) reply = qmp_client_execute_finish(QMP_CLIENT(source), result, NULL);

	drop(NULL, data);
}

static void
test_drop_in_reply(void)
{
	const FakeStep steps[] = {
		{ .expect = "a",
		  .result = "1",
		  .after = "{\"event\": \"STOP\"}{\"event\": \"STOP\"}" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);

	is_gone = FALSE;
	g_object_weak_ref(G_OBJECT(client), on_gone, NULL);
	qmp_client_execute_async(client, "a", NULL, NULL, NULL, on_call_drop, client);
	CU_ASSERT_TRUE(test_wait(&is_gone));
	probe_end(NULL, qemu);
}

static guint n_dropped;

static void
on_event_drop(QmpClient *client, const char *name, JsonObject *body, gint64 us, gpointer data)
{
	n_dropped++;
	g_object_unref(client);
}

/* The second event must not reach a handler whose owner has let go. */
static void
test_drop_in_event(void)
{
	const FakeStep steps[] = {
		{ .expect = "a",
		  .result = "1",
		  .after = "{\"event\": \"STOP\"}{\"event\": \"STOP\"}" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_auto(ProbeCall) a = PROBE_CALL_INIT;

	is_gone = FALSE;
	n_dropped = 0;
	g_object_weak_ref(G_OBJECT(client), on_gone, NULL);
	g_signal_connect(client, "event", G_CALLBACK(on_event_drop), NULL);
	probe_start(&a, client, "a", NULL, NULL);
	CU_ASSERT_TRUE(test_wait(&is_gone));
	CU_ASSERT_EQUAL(n_dropped, 1);
	probe_end(NULL, qemu);
}

static void
on_event_close(QmpClient *client, const char *name, JsonObject *body, gint64 us, gpointer data)
{
	n_dropped++;
	qmp_client_close(client);
}

static void
test_close_in_event(void)
{
	const FakeStep steps[] = {
		{ .expect = "a",
		  .before = "{\"event\": \"STOP\"}{\"event\": \"STOP\"}",
		  .result = "1" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_auto(ProbeCall) a = PROBE_CALL_INIT;

	n_dropped = 0;
	g_signal_connect(client, "event", G_CALLBACK(on_event_close), NULL);
	probe_start(&a, client, "a", NULL, NULL);
	probe_expect_error(&a, QMP_ERROR, QMP_ERROR_CLOSED, "a: closed by us");
	CU_ASSERT_EQUAL(n_dropped, 1);
	probe_end(client, qemu);
}

static void
on_closed_drop(QmpClient *client, GError *error, gpointer data)
{
	g_object_unref(client);
}

static void
test_drop_in_closed(void)
{
	const FakeStep steps[] = { { .delay_ms = 20, .closes = TRUE } };
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);

	is_gone = FALSE;
	g_object_weak_ref(G_OBJECT(client), on_gone, NULL);
	g_signal_connect(client, "closed", G_CALLBACK(on_closed_drop), NULL);
	CU_ASSERT_TRUE(test_wait(&is_gone));
	probe_end(NULL, qemu);
}

/* Nobody else holds the client: the command does, until it has ended. */
static void
test_command_keeps_client(void)
{
	const FakeStep steps[] = { { .expect = "a", .delay_ms = 50, .result = "1" } };
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_auto(ProbeCall) a = PROBE_CALL_INIT;

	is_gone = FALSE;
	g_object_weak_ref(G_OBJECT(client), on_gone, NULL);
	probe_start(&a, client, "a", NULL, NULL);
	g_object_unref(client);
	CU_ASSERT_FALSE(is_gone);
	probe_expect_int(&a, 1);
	CU_ASSERT_TRUE(test_wait(&is_gone));
	probe_end(NULL, qemu);
}

static gint64 nested_value;

static void
on_event_ask(QmpClient *client, const char *name, JsonObject *body, gint64 us, gpointer data)
{
	g_autoptr(JsonNode) reply = qmp_client_execute(client, "b", NULL, NULL, NULL);

	nested_value = reply != NULL ? json_node_get_int(reply) : -1;
}

static void
test_loop_in_event(void)
{
	const FakeStep steps[] = {
		{ .expect = "a", .before = "{\"event\": \"STOP\"}", .result = "1" },
		{ .expect = "b", .result = "2" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_auto(ProbeCall) a = PROBE_CALL_INIT;

	g_signal_connect(client, "event", G_CALLBACK(on_event_ask), NULL);
	probe_start(&a, client, "a", NULL, NULL);
	probe_expect_int(&a, 1);
	CU_ASSERT_EQUAL(nested_value, 2);
	probe_end(client, qemu);
}

static void
test_quit(void)
{
	const FakeStep orderly[] = { { .expect = "quit", .result = "{}", .closes = TRUE } };
	const FakeStep abrupt[] = { { .expect = "quit", .closes = TRUE } };
	const FakeStep refused[] = {
		{ .expect = "quit", .error = "{\"class\": \"GenericError\", \"desc\": \"no\"}" },
	};
	const FakeStep *const scripts[] = { orderly, abrupt, refused };

	for (guint i = 0; i < G_N_ELEMENTS(scripts); i++) {
		g_autoptr(FakeQemu) qemu = fake_qemu_new(scripts[i], 1, FAKE_DEFAULT);
		QmpClient *client = probe_connect(qemu);
		g_autoptr(GError) error = NULL;
		CU_ASSERT_EQUAL(qmp_quit(client, &error), i < 2);
		if (i == 2)
			TEST_ERROR(error, QMP_ERROR, QMP_ERROR_GENERIC, "quit: GenericError: no");
		probe_end(client, qemu);
	}
}

/* The peer has gone before the command is written. */
static void
test_write_to_dead(void)
{
	const FakeStep steps[] = { { .closes = TRUE } };
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_auto(ProbeCall) a = PROBE_CALL_INIT;

	TEST_STRING(fake_qemu_end(qemu), NULL);
	probe_start(&a, client, "a", NULL, NULL);
	probe_expect_error(&a, QMP_ERROR, QMP_ERROR_CLOSED, "a: the monitor closed the connection");
	probe_end(client, qemu);
}

CU_TestInfo suite_qmp_life[] = {
	{ "the monitor goes with commands pending", test_remote_end_with_pending },
	{ "closed is told after every command", test_closed_comes_last },
	{ "closing it ourselves", test_own_close },
	{ "a reply's callback drops the client", test_drop_in_reply },
	{ "an event's handler drops the client", test_drop_in_event },
	{ "an event's handler closes the client", test_close_in_event },
	{ "closed's handler drops the client", test_drop_in_closed },
	{ "a command keeps the client", test_command_keeps_client },
	{ "an event's handler runs a command", test_loop_in_event },
	{ "quit, with and without a reply", test_quit },
	{ "a command to a monitor that has gone", test_write_to_dead },
	CU_TEST_INFO_NULL,
};
