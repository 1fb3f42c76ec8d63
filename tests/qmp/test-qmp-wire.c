/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * qmp-wire: each kind of message, what is skipped, what is refused, and the text of a command.
 */
#include <string.h>

#include "qmp/qmp-error.h"
#include "qmp/qmp-wire.h"
#include "tests/rig/test-util.h"

static QmpMessage
parse(const char *text)
{
	QmpMessage message = { .kind = QMP_MESSAGE_UNKNOWN };
	g_autoptr(GError) error = NULL;

	CU_ASSERT_TRUE(qmp_wire_parse(text, strlen(text), &message, &error));
	TEST_NO_ERROR(error);
	return message;
}

static void
test_greeting(void)
{
	g_auto(QmpMessage) with =
		parse("{\"QMP\": {\"version\": {}, \"capabilities\": [\"x\", \"oob\"]}}");
	g_auto(QmpMessage) without = parse("{\"QMP\": {\"capabilities\": [1, {}]}}");

	CU_ASSERT_EQUAL(with.kind, QMP_MESSAGE_GREETING);
	CU_ASSERT_TRUE(with.has_oob);
	CU_ASSERT_TRUE(JSON_NODE_HOLDS_OBJECT(with.body));
	CU_ASSERT_EQUAL(without.kind, QMP_MESSAGE_GREETING);
	CU_ASSERT_FALSE(without.has_oob);
}

static void
test_return(void)
{
	g_auto(QmpMessage) message = parse("{\"return\": [1], \"id\": 17, \"new\": 1}");
	g_auto(QmpMessage) null = parse("{\"return\": null, \"id\": 18}");

	CU_ASSERT_EQUAL(message.kind, QMP_MESSAGE_RETURN);
	CU_ASSERT_EQUAL(message.id, 17);
	CU_ASSERT_TRUE(JSON_NODE_HOLDS_ARRAY(message.body));
	CU_ASSERT_PTR_NOT_NULL(null.body);
}

static void
test_foreign_ids(void)
{
	const char *const ids[] = { "\"7\"", "-1", "1.5",  "null",
				    "{}",    "[]", "true", "18446744073709551615" };

	for (gsize i = 0; i < G_N_ELEMENTS(ids); i++) {
		g_autofree char *text = g_strdup_printf("{\"return\": {}, \"id\": %s}", ids[i]);
		g_auto(QmpMessage) message = parse(text);
		CU_ASSERT_EQUAL(message.id, 0);
	}
}

static void
test_error_classes(void)
{
	const struct {
		const char *class;
		QmpError code;
	} rows[] = {
		{ "GenericError", QMP_ERROR_GENERIC },
		{ "CommandNotFound", QMP_ERROR_COMMAND_NOT_FOUND },
		{ "DeviceNotFound", QMP_ERROR_DEVICE_NOT_FOUND },
		{ "KVMMissingCap", QMP_ERROR_GENERIC },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = g_strdup_printf(
			"{\"error\": {\"class\": \"%s\", \"desc\": \"it's so\"}, \"id\": 3}",
			rows[i].class);
		g_autofree char *words = g_strdup_printf("%s: it's so", rows[i].class);
		g_auto(QmpMessage) message = parse(text);
		CU_ASSERT_EQUAL(message.kind, QMP_MESSAGE_ERROR);
		CU_ASSERT_EQUAL(message.id, 3);
		TEST_ERROR(message.error, QMP_ERROR, (int)rows[i].code, words);
	}
}

static void
test_error_without_words(void)
{
	g_auto(QmpMessage) message = parse("{\"error\": {}}");

	CU_ASSERT_EQUAL(message.id, 0);
	TEST_ERROR(message.error, QMP_ERROR, QMP_ERROR_GENERIC, "no reason given");
}

static void
test_event(void)
{
	g_auto(QmpMessage) message =
		parse("{\"event\": \"STOP\", \"data\": {\"a\": 1}, \"timestamp\": "
		      "{\"seconds\": 1700000000, \"microseconds\": 42}}");
	g_auto(QmpMessage) bare = parse("{\"event\": \"NEW\"}");
	g_auto(QmpMessage) clockless =
		parse("{\"event\": \"X\", \"timestamp\": {\"seconds\": -1, \"microseconds\": -1}}");

	CU_ASSERT_EQUAL(message.kind, QMP_MESSAGE_EVENT);
	TEST_STRING(message.name, "STOP");
	CU_ASSERT_EQUAL(message.timestamp_us, G_GINT64_CONSTANT(1700000000000042));
	CU_ASSERT_TRUE(JSON_NODE_HOLDS_OBJECT(message.body));
	CU_ASSERT_EQUAL(bare.kind, QMP_MESSAGE_EVENT);
	CU_ASSERT_PTR_NULL(bare.body);
	CU_ASSERT_EQUAL(bare.timestamp_us, 0);
	CU_ASSERT_EQUAL(clockless.timestamp_us, 0);
}

static void
test_unknown(void)
{
	g_auto(QmpMessage) message = parse("{\"hello\": [1, 2]}");

	CU_ASSERT_EQUAL(message.kind, QMP_MESSAGE_UNKNOWN);
}

static void
test_refused(void)
{
	const char *const texts[] = {
		"",
		"[]",
		"{",
		"{\"return\": }",
		"{\"QMP\": 1}",
		"{\"QMP\": {\"capabilities\": {}}}",
		"{\"error\": \"x\"}",
		"{\"error\": {\"desc\": 1}}",
		"{\"error\": {\"class\": []}}",
		"{\"event\": null}",
		"{\"event\": 1}",
		"{\"event\": \"A\", \"data\": 1}",
		"{\"event\": \"A\", \"timestamp\": 1}",
		"{\"event\": \"A\", \"timestamp\": {\"seconds\": \"x\"}}",
		"{\"return\": \"\xff\"}",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(GError) error = NULL;
		QmpMessage message = { .kind = QMP_MESSAGE_UNKNOWN };
		CU_ASSERT_FALSE(qmp_wire_parse(texts[i], strlen(texts[i]), &message, &error));
		TEST_ERROR(error, QMP_ERROR, QMP_ERROR_PROTOCOL, "not QMP: ");
		CU_ASSERT_PTR_NULL(message.body);
	}
}

static void
test_command(void)
{
	g_autoptr(JsonNode) arguments = json_from_string("{\"a\":\"x\\n\\\"\"}", NULL);
	g_autofree char *plain = qmp_wire_command("query-status", NULL, 1, FALSE);
	g_autofree char *oob = qmp_wire_command("yank", arguments, 2, TRUE);

	TEST_STRING(plain, "{\"execute\":\"query-status\",\"id\":1}\n");
	TEST_STRING(oob, "{\"exec-oob\":\"yank\",\"arguments\":{\"a\":\"x\\n\\\"\"},\"id\":2}\n");
}

/* The limit that qmp-client.c uses, on a stack much smaller than any of ours. */
static gpointer
parse_deep(gpointer data)
{
	g_autoptr(GString) text = g_string_new("{\"return\":");
	QmpMessage *message = data;

	for (guint i = 1; i < 1024; i++)
		g_string_append_c(text, '[');
	for (guint i = 1; i < 1024; i++)
		g_string_append_c(text, ']');
	g_string_append_c(text, '}');
	gboolean ok = qmp_wire_parse(text->str, text->len, message, NULL);
	qmp_message_clear(message);
	return GINT_TO_POINTER(ok);
}

static void
test_deep_on_small_stack(void)
{
	QmpMessage message = { .kind = QMP_MESSAGE_UNKNOWN };
	pthread_attr_t attributes;
	pthread_t thread;
	void *ok = NULL;

	pthread_attr_init(&attributes);
	CU_ASSERT_EQUAL_FATAL(pthread_attr_setstacksize(&attributes, 512 * 1024), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, &attributes, parse_deep, &message), 0);
	pthread_join(thread, &ok);
	pthread_attr_destroy(&attributes);
	CU_ASSERT_PTR_NOT_NULL(ok);
}

CU_TestInfo suite_qmp_wire[] = {
	{ "greeting", test_greeting },
	{ "return", test_return },
	{ "an id that cannot be ours is none", test_foreign_ids },
	{ "classes of errors keep QEMU's words", test_error_classes },
	{ "an error without words", test_error_without_words },
	{ "event", test_event },
	{ "an unknown object is no failure", test_unknown },
	{ "nonsense is refused", test_refused },
	{ "text of a command", test_command },
	{ "1024 levels fit a stack of 512 KiB", test_deep_on_small_stack },
	CU_TEST_INFO_NULL,
};
