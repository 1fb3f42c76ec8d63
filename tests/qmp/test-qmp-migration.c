/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * qmp-migration: units and missing fields of query-migrate, and the exact text of what is sent.
 */
#include <string.h>
#include <unistd.h>

#include "qmp/qmp-migration.h"
#include "tests/rig/qmp-probe.h"
#include "tests/rig/test-util.h"

static gboolean
parse(const char *text, QmpMigrateInfo *info, GError **error)
{
	g_autoptr(JsonNode) node = json_from_string(text, NULL);

	return qmp_migrate_info_parse(node, info, error);
}

static void
test_status_words(void)
{
	const struct {
		const char *word;
		QmpMigrateStatus status;
		gboolean final;
	} rows[] = {
		{ NULL, QMP_MIGRATE_NONE, TRUE },
		{ "none", QMP_MIGRATE_NONE, TRUE },
		{ "setup", QMP_MIGRATE_SETUP, FALSE },
		{ "wait-unplug", QMP_MIGRATE_WAIT_UNPLUG, FALSE },
		{ "active", QMP_MIGRATE_ACTIVE, FALSE },
		{ "pre-switchover", QMP_MIGRATE_PRE_SWITCHOVER, FALSE },
		{ "device", QMP_MIGRATE_DEVICE, FALSE },
		{ "completed", QMP_MIGRATE_COMPLETED, TRUE },
		{ "cancelling", QMP_MIGRATE_CANCELLING, FALSE },
		{ "cancelled", QMP_MIGRATE_CANCELLED, TRUE },
		{ "failing", QMP_MIGRATE_FAILING, FALSE },
		{ "failed", QMP_MIGRATE_FAILED, TRUE },
		{ "postcopy-active", QMP_MIGRATE_POSTCOPY, FALSE },
		{ "postcopy-recover-setup", QMP_MIGRATE_POSTCOPY, FALSE },
		{ "colo", QMP_MIGRATE_UNKNOWN, FALSE },
		{ "a-word-of-2031", QMP_MIGRATE_UNKNOWN, FALSE },
		{ "", QMP_MIGRATE_UNKNOWN, FALSE },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		QmpMigrateStatus status = qmp_migrate_status_from_string(rows[i].word);
		CU_ASSERT_EQUAL(status, rows[i].status);
		CU_ASSERT_EQUAL(qmp_migrate_status_is_final(status), rows[i].final);
	}
	for (QmpMigrateStatus s = QMP_MIGRATE_NONE; s < QMP_MIGRATE_POSTCOPY; s++)
		CU_ASSERT_EQUAL(qmp_migrate_status_from_string(qmp_migrate_status_to_string(s)), s);
}

static void
test_units(void)
{
	g_auto(QmpMigrateInfo) info;
	g_autoptr(GError) error = NULL;

	qmp_migrate_info_init(&info);
	CU_ASSERT_TRUE(parse(
		"{\"status\": \"active\", \"total-time\": 1001, \"setup-time\": 3, \"downtime\": "
		"7, "
		"\"expected-downtime\": 300, \"cpu-throttle-percentage\": 20, \"remaining\": 99, "
		"\"ram\": {\"total\": 537796608, \"transferred\": 5, \"remaining\": 6, \"mbps\": "
		"8.5, "
		"\"dirty-sync-count\": 4, \"dirty-pages-rate\": 10, \"page-size\": 4096}, "
		"\"vfio\": {\"transferred\": 77}, \"blocked-reasons\": [\"one\", 2], "
		"\"error-desc\": \"it is so\", \"new-key\": {}}",
		&info, &error));
	TEST_NO_ERROR(error);
	CU_ASSERT_EQUAL(info.status, QMP_MIGRATE_ACTIVE);
	CU_ASSERT_EQUAL(info.total_us, 1001000);
	CU_ASSERT_EQUAL(info.setup_us, 3000);
	CU_ASSERT_EQUAL(info.downtime_us, 7000);
	CU_ASSERT_EQUAL(info.expected_downtime_us, 300000);
	CU_ASSERT_EQUAL(info.throttle_percent, 20);
	CU_ASSERT_EQUAL(info.remaining_bytes, 99);
	CU_ASSERT_EQUAL(info.ram_total_bytes, 537796608);
	CU_ASSERT_EQUAL(info.ram_transferred_bytes, 5);
	CU_ASSERT_EQUAL(info.ram_remaining_bytes, 6);
	CU_ASSERT_EQUAL(info.bandwidth_bytes_per_s, 1062500);
	CU_ASSERT_EQUAL(info.passes, 4);
	CU_ASSERT_EQUAL(info.ram_dirty_bytes_per_s, 40960);
	CU_ASSERT_EQUAL(info.vfio_transferred_bytes, 77);
	TEST_STRING(info.error_desc, "it is so");
	CU_ASSERT_EQUAL_FATAL(g_strv_length(info.blocked_reasons), 2);
	TEST_STRING(info.blocked_reasons[0], "one");
}

/* Before the first migration, at the destination, after a failure: each leaves out something
 * else. */
static void
test_missing(void)
{
	const char *const texts[] = { "{}", "{\"status\": \"failed\"}",
				      "{\"status\": \"setup\", \"ram\": null}" };

	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_auto(QmpMigrateInfo) info;
		qmp_migrate_info_init(&info);
		CU_ASSERT_TRUE(parse(texts[i], &info, NULL));
		CU_ASSERT_EQUAL(info.total_us, -1);
		CU_ASSERT_EQUAL(info.ram_total_bytes, -1);
		CU_ASSERT_EQUAL(info.ram_dirty_bytes_per_s, -1);
		CU_ASSERT_EQUAL(info.bandwidth_bytes_per_s, -1);
		CU_ASSERT_EQUAL(info.vfio_transferred_bytes, -1);
		CU_ASSERT_PTR_NULL(info.error_desc);
		CU_ASSERT_PTR_NULL(info.blocked_reasons);
	}
}

static void
test_absurd_numbers(void)
{
	g_auto(QmpMigrateInfo) info;

	qmp_migrate_info_init(&info);
	CU_ASSERT_TRUE(parse("{\"total-time\": 9223372036854775807, \"downtime\": -5, "
			     "\"ram\": {\"total\": 18446744073709551615, \"mbps\": -1, "
			     "\"page-size\": 4096, \"dirty-pages-rate\": 9223372036854775807}}",
			     &info, NULL));
	CU_ASSERT_EQUAL(info.total_us, -1);
	CU_ASSERT_EQUAL(info.downtime_us, -1);
	CU_ASSERT_EQUAL(info.ram_total_bytes, -1);
	CU_ASSERT_EQUAL(info.bandwidth_bytes_per_s, -1);
	CU_ASSERT_EQUAL(info.ram_dirty_bytes_per_s, -1);
}

static void
test_wrong_types(void)
{
	const struct {
		const char *text;
		const char *words;
	} rows[] = {
		{ "[]", "query-migrate: the answer is not an object" },
		{ "{\"status\": 1}", "query-migrate: 'status' is not a string" },
		{ "{\"total-time\": \"x\"}", "'total-time' is not an integer" },
		{ "{\"ram\": []}", "'ram' is not an object" },
		{ "{\"ram\": {\"mbps\": \"fast\"}}", "'mbps' is not a number" },
		{ "{\"ram\": {\"mbps\": 1e999}}", "'mbps' is not a number" },
		{ "{\"ram\": {\"total\": {}}}", "'total' is not an integer" },
		{ "{\"vfio\": 1}", "'vfio' is not an object" },
		{ "{\"blocked-reasons\": \"x\"}", "'blocked-reasons' is not an array" },
		{ "{\"error-desc\": 7}", "'error-desc' is not a string" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(QmpMigrateInfo) info;
		g_autoptr(GError) error = NULL;
		qmp_migrate_info_init(&info);
		info.passes = 42;
		CU_ASSERT_FALSE(parse(rows[i].text, &info, &error));
		TEST_ERROR(error, QMP_ERROR, QMP_ERROR_PROTOCOL, rows[i].words);
		CU_ASSERT_EQUAL(info.passes, 42);
	}
}

static void
test_capabilities(void)
{
	const FakeStep steps[] = {
		{ .expect = "query-migrate-capabilities",
		  .result = "[{\"capability\": \"events\", \"state\": true}, {\"capability\": "
			    "\"xbzrle\", "
			    "\"state\": false}, 7]" },
		{ .expect = "migrate-set-capabilities",
		  .arguments = "{\"capabilities\":[{\"capability\":\"events\",\"state\":false}]}",
		  .result = "{}" },
		{ .expect = "query-migrate-capabilities", .result = "[{\"capability\": 1}]" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_autoptr(GError) error = NULL;
	g_autoptr(GHashTable) table = qmp_query_migrate_capabilities(client, &error);

	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(table);
	CU_ASSERT_EQUAL(g_hash_table_size(table), 2);
	CU_ASSERT_EQUAL(GPOINTER_TO_INT(g_hash_table_lookup(table, "events")), TRUE);
	CU_ASSERT_TRUE(g_hash_table_contains(table, "xbzrle"));
	g_hash_table_remove_all(table);
	g_hash_table_insert(table, g_strdup("events"), GINT_TO_POINTER(FALSE));
	CU_ASSERT_TRUE(qmp_migrate_set_capabilities(client, table, &error));
	g_autoptr(GHashTable) none = qmp_query_migrate_capabilities(client, &error);
	CU_ASSERT_PTR_NULL(none);
	TEST_ERROR(error, QMP_ERROR, QMP_ERROR_PROTOCOL, "'capability' is not a string");
	probe_end(client, qemu);
}

static void
test_yank(void)
{
	const struct {
		FakeStep step;
		gboolean has;
		const char *words; /* of the error; NULL for none */
	} rows[] = {
		{ { .result = "[]" }, FALSE, NULL },
		{ { .result = "[{\"type\": \"block-node\", \"node-name\": \"migration\"}]" },
		  FALSE,
		  NULL },
		{ { .result = "[7, {\"type\": 7}, {\"type\": \"migration\"}]" }, TRUE, NULL },
		{ { .error = "{\"class\": \"CommandNotFound\", \"desc\": \"no\"}" }, FALSE, NULL },
		{ { .error = "{\"class\": \"GenericError\", \"desc\": \"no\"}" }, FALSE, "no" },
		{ { .result = "{}" }, FALSE, "query-yank: the reply is not an array" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		FakeStep step = rows[i].step;
		step.expect = "query-yank";
		g_autoptr(FakeQemu) qemu = fake_qemu_new(&step, 1, FAKE_DEFAULT);
		QmpClient *client = probe_connect(qemu);
		g_autoptr(GError) error = NULL;
		gboolean has = TRUE;
		gboolean is_answered = qmp_migration_has_yank(client, &has, &error);
		CU_ASSERT_EQUAL(is_answered, rows[i].words == NULL);
		CU_ASSERT_EQUAL(has, rows[i].has);
		if (rows[i].words != NULL)
			CU_ASSERT_PTR_NOT_NULL(strstr(error->message, rows[i].words));
		probe_end(client, qemu);
	}
}

/* The names are QEMU's: some have a dash and some an underscore. */
static void
test_commands(void)
{
	const FakeStep steps[] = {
		{ .expect = "getfd",
		  .arguments = "{\"fdname\":\"m\"}",
		  .takes_fd = TRUE,
		  .result = "{}" },
		{ .expect = "migrate", .arguments = "{\"uri\":\"fd:m\"}", .result = "{}" },
		{ .expect = "migrate-continue",
		  .arguments = "{\"state\":\"pre-switchover\"}",
		  .result = "{}" },
		{ .expect = "migrate_cancel", .result = "{}" },
		{ .expect = "yank",
		  .oob = TRUE,
		  .arguments = "{\"instances\":[{\"type\":\"migration\"}]}",
		  .result = "{}" },
		{ .expect = "closefd", .arguments = "{\"fdname\":\"m\"}", .result = "{}" },
		{ .expect = "migrate-incoming",
		  .arguments = "{\"uri\":\"fd:m\",\"exit-on-error\":false}",
		  .result = "{}" },
		/* QEMU 7.2 */
		{ .expect = "migrate-incoming",
		  .error = "{\"class\": \"GenericError\", \"desc\": \"Parameter 'exit-on-error' is "
			   "unexpected\"}" },
		{ .expect = "migrate-incoming",
		  .arguments = "\"arguments\":{\"uri\":\"fd:m\"}",
		  .result = "{}" },
		{ .expect = "migrate-incoming",
		  .error = "{\"class\": \"GenericError\", \"desc\": \"no\"}" },
		{ .expect = "query-migrate", .result = "{\"status\": \"device\"}" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_auto(QmpMigrateInfo) info;
	int fd = dup(0);

	qmp_migrate_info_init(&info);
	CU_ASSERT_TRUE(qmp_getfd(client, "m", fd, NULL));
	CU_ASSERT_TRUE(qmp_migrate(client, "fd:m", NULL));
	CU_ASSERT_TRUE(qmp_migrate_continue(client, NULL));
	CU_ASSERT_TRUE(qmp_migrate_cancel(client, NULL));
	CU_ASSERT_TRUE(qmp_yank_migration(client, NULL));
	CU_ASSERT_TRUE(qmp_closefd(client, "m", NULL));
	CU_ASSERT_TRUE(qmp_migrate_incoming(client, "fd:m", NULL));
	CU_ASSERT_TRUE(qmp_migrate_incoming(client, "fd:m", NULL));
	CU_ASSERT_FALSE(qmp_migrate_incoming(client, "fd:m", NULL));
	CU_ASSERT_TRUE(qmp_query_migrate(client, &info, NULL));
	CU_ASSERT_EQUAL(info.status, QMP_MIGRATE_DEVICE);
	close(fd);
	probe_end(client, qemu);
}

CU_TestInfo suite_qmp_migration[] = {
	{ "words of the status", test_status_words },
	{ "units", test_units },
	{ "what is missing is -1", test_missing },
	{ "numbers that cannot be meant are missing", test_absurd_numbers },
	{ "wrong types are named", test_wrong_types },
	{ "capabilities", test_capabilities },
	{ "names and arguments of the commands", test_commands },
	{ "is a migration among what can be yanked", test_yank },
	CU_TEST_INFO_NULL,
};
