/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * qmp-schema: reading real answers, kept in data/qmp/, and answers that lie.
 */
#include "qmp/qmp-schema.h"
#include "tests/qmp-probe.h"
#include "tests/test-util.h"

static QmpSchema *
load(const char *name)
{
	g_autofree char *path = g_build_filename(TEST_DATA, "qmp", name, NULL);
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autoptr(GError) error = NULL;

	CU_ASSERT_TRUE(json_parser_load_from_file(parser, path, &error));
	TEST_NO_ERROR(error);
	QmpSchema *schema = qmp_schema_new(json_parser_get_root(parser), &error);
	TEST_NO_ERROR(error);
	g_assert_nonnull(schema);
	return schema;
}

static void
test_7_2(void)
{
	g_autoptr(QmpSchema) schema = load("schema-7.2.json");

	CU_ASSERT_TRUE(qmp_schema_has_command(schema, "migrate"));
	CU_ASSERT_TRUE(qmp_schema_has_argument(schema, "migrate", "uri"));
	CU_ASSERT_FALSE(qmp_schema_has_argument(schema, "migrate", "channels"));
	CU_ASSERT_FALSE(qmp_schema_has_argument(schema, "migrate-incoming", "exit-on-error"));
	CU_ASSERT_FALSE(qmp_schema_has_argument(schema, "migrate-set-parameters",
						"avail-switchover-bandwidth"));
	CU_ASSERT_TRUE(qmp_schema_has_event(schema, "MIGRATION"));
	CU_ASSERT_FALSE(qmp_schema_has_event(schema, "VFIO_MIGRATION"));
}

static void
test_10_0(void)
{
	g_autoptr(QmpSchema) schema = load("schema-10.0.json");

	CU_ASSERT_TRUE(qmp_schema_has_argument(schema, "migrate", "channels"));
	CU_ASSERT_TRUE(qmp_schema_has_argument(schema, "migrate-incoming", "exit-on-error"));
	CU_ASSERT_TRUE(qmp_schema_has_argument(schema, "migrate-set-parameters",
					       "avail-switchover-bandwidth"));
	CU_ASSERT_TRUE(qmp_schema_has_event(schema, "VFIO_MIGRATION"));
}

static void
test_kinds_are_apart(void)
{
	g_autoptr(QmpSchema) schema = load("schema-7.2.json");

	CU_ASSERT_FALSE(qmp_schema_has_command(schema, "STOP"));
	CU_ASSERT_FALSE(qmp_schema_has_event(schema, "stop"));
	CU_ASSERT_FALSE(qmp_schema_has_command(schema, "1"));
	CU_ASSERT_FALSE(qmp_schema_has_argument(schema, "no-such", "uri"));
}

static void
test_bad_answers(void)
{
	const struct {
		const char *text;
		const char *words;
	} rows[] = {
		{ "{}", "query-qmp-schema: the answer is not an array" },
		{ "7", "the answer is not an array" },
		{ "[{\"meta-type\": \"command\"}]", "no 'name'" },
		{ "[{\"name\": 1, \"meta-type\": \"command\"}]", "'name' is not a string" },
		{ "[{\"name\": \"a\", \"meta-type\": \"command\"}]", "no 'arg-type'" },
		{ "[{\"name\": \"a\", \"meta-type\": \"command\", \"arg-type\": \"1\"}, {\"name\": "
		  "\"1\", "
		  "\"meta-type\": \"object\", \"members\": 1}]",
		  "'members' is not an array" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(JsonNode) node = json_from_string(rows[i].text, NULL);
		g_autoptr(GError) error = NULL;
		g_autoptr(QmpSchema) schema = qmp_schema_new(node, &error);
		CU_ASSERT_PTR_NULL(schema);
		TEST_ERROR(error, QMP_ERROR, QMP_ERROR_PROTOCOL, rows[i].words);
	}
}

static void
test_device_property(void)
{
	const FakeStep steps[] = {
		{ .expect = "device-list-properties",
		  .arguments = "{\"typename\":\"vfio-pci\"}",
		  .result = "[7, {\"type\": \"x\"}, {\"name\": \"enable-migration\"}]" },
		{ .expect = "device-list-properties", .result = "[]" },
		{ .expect = "device-list-properties",
		  .error = "{\"class\": \"DeviceNotFound\", \"desc\": \"Device 'x' not found\"}" },
		{ .expect = "device-list-properties", .result = "{}" },
		{ .expect = "device-list-properties",
		  .error = "{\"class\": \"GenericError\", \"desc\": \"no\"}" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	const struct {
		gboolean ok;
		gboolean has;
	} expected[] = {
		{ TRUE, TRUE }, { TRUE, FALSE }, { TRUE, FALSE }, { FALSE, FALSE }, { FALSE, FALSE }
	};

	for (gsize i = 0; i < G_N_ELEMENTS(expected); i++) {
		g_autoptr(GError) error = NULL;
		gboolean has = !expected[i].has;
		gboolean ok = qmp_device_has_property(client, "vfio-pci", "enable-migration", &has,
						      &error);
		CU_ASSERT_EQUAL(ok, expected[i].ok);
		CU_ASSERT_EQUAL(error == NULL, expected[i].ok);
		CU_ASSERT_EQUAL(has, ok ? expected[i].has : !expected[i].has);
	}
	probe_end(client, qemu);
}

CU_TestInfo suite_qmp_schema[] = {
	{ "QEMU 7.2", test_7_2 },
	{ "QEMU 10.0", test_10_0 },
	{ "commands, events and types are apart", test_kinds_are_apart },
	{ "answers that lie", test_bad_answers },
	{ "a device's property", test_device_property },
	CU_TEST_INFO_NULL,
};
