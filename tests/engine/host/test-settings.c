/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a plan changes of a QEMU, and how it comes back: at once, and out of a journal.
 */
#include "engine/host/settings.h"
#include "qmp/qmp-parameters.h"
#include "tests/rig/qmp-probe.h"
#include "tests/rig/test-util.h"

#define CAPABILITIES                                        \
	"[{\"capability\": \"events\", \"state\": false}, " \
	"{\"capability\": \"xbzrle\", \"state\": true}]"
#define PARAMETERS "{\"downtime-limit\": 300, \"tls-creds\": \"mine\", \"multifd-channels\": 2}"
#define NO_DEVICES "[]"
#define DEVICES                                                 \
	"[{\"name\": \"type\", \"type\": \"string\"}, "         \
	"{\"name\": \"gpu0\", \"type\": \"child<vfio-pci>\"}, " \
	"{\"name\": \"net0\", \"type\": \"child<virtio-net-pci>\"}]"

static void
add_parameter(GwPlan *plan, const char *device, const char *name, gint64 value, const char *text)
{
	GwPlanParameter *parameter = g_new0(GwPlanParameter, 1);

	parameter->name = g_strdup(name);
	parameter->device = g_strdup(device);
	parameter->value = value;
	parameter->text = g_strdup(text);
	parameter->at_source = TRUE;
	g_ptr_array_add(plan->parameters, parameter);
}

/* Two parameters, one of which this QEMU has not got, a property, and a capability. */
static GwPlan *
make_plan(void)
{
	GwPlan *plan = gw_plan_new();
	GwPlanCapability *events = g_new0(GwPlanCapability, 1);

	events->name = g_strdup("events");
	events->at_source = TRUE;
	g_ptr_array_add(plan->capabilities, events);
	add_parameter(plan, NULL, "downtime-limit", 50, NULL);
	add_parameter(plan, NULL, "tls-creds", -1, "");
	add_parameter(plan, "vfio-pci", "x-migration-multifd-transfer", -1, "on");
	return plan;
}

#define SAVE                                                                          \
	{ .expect = "query-migrate-capabilities", .result = CAPABILITIES },           \
		{ .expect = "query-migrate-parameters", .result = PARAMETERS },       \
		{ .expect = "qom-list", .result = DEVICES },                          \
		{ .expect = "qom-list", .result = NO_DEVICES },                       \
	{                                                                             \
		.expect = "qom-get",                                                  \
		.arguments = "{\"path\":\"/machine/peripheral/"                       \
			     "gpu0\",\"property\":\"x-migration-multifd-transfer\"}", \
		.result = "\"auto\""                                                  \
	}

/* It has the rest of a migration that failed, and then not any more. */
#define UNTIDY                                                                                  \
	{ .expect = "query-migrate", .result = "{\"status\":\"failed\"}" },                     \
		{ .expect = "query-yank",                                                       \
		  .result = "[{\"type\":\"chardev\",\"id\":\"a\"},{\"type\":\"migration\"}]" }, \
		{ .expect = "query-migrate", .result = "{\"status\":\"failed\"}" },             \
	{                                                                                       \
		.expect = "query-yank", .result = "[{\"type\":\"chardev\",\"id\":\"a\"}]"       \
	}

#define RESTORE                                                                                 \
	{ .expect = "query-migrate", .result = "{}" },                                          \
		{ .expect = "migrate-set-capabilities",                                         \
		  .arguments = "{\"capability\":\"xbzrle\",\"state\":true}",                    \
		  .result = "{}" },                                                             \
		{ .expect = "migrate-set-parameters",                                           \
		  .arguments = "\"arguments\":{\"downtime-limit\":300,\"tls-creds\":\"mine\"}", \
		  .result = "{}" },                                                             \
	{                                                                                       \
		.expect = "qom-set", .arguments = "\"value\":\"auto\"", .result = "{}"          \
	}

static void
what_is_set_comes_back(void)
{
	const FakeStep steps[] = {
		SAVE,
		UNTIDY,
		{ .expect = "qom-list", .result = DEVICES },
		{ .expect = "qom-list", .result = NO_DEVICES },
		{ .expect = "qom-set",
		  .arguments =
			  "{\"path\":\"/machine/peripheral/"
			  "gpu0\",\"property\":\"x-migration-multifd-transfer\",\"value\":\"on\"}",
		  .result = "{}" },
		{ .expect = "migrate-set-capabilities",
		  .arguments = "{\"capability\":\"xbzrle\",\"state\":false}",
		  .result = "{}" },
		{ .expect = "migrate-set-parameters",
		  .arguments = "\"arguments\":{\"downtime-limit\":50,\"tls-creds\":\"\"}",
		  .result = "{}" },
		RESTORE,
	};
	g_autoptr(FakeQemu) fake = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(fake);
	Qemu qemu = { .host = "source", .qmp = client };
	g_autoptr(GwPlan) plan = make_plan();
	g_autoptr(GError) error = NULL;
	g_autoptr(Settings) former = settings_save(&qemu, plan, SIDE_SOURCE, &error);

	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(former);
	CU_ASSERT_TRUE(settings_apply(former, &qemu, plan, SIDE_SOURCE, &error));
	CU_ASSERT_TRUE(settings_restore(former, &qemu, &error));
	TEST_NO_ERROR(error);
	probe_end(client, fake);
}

static void
a_journal_brings_it_back_too(void)
{
	const FakeStep steps[] = { SAVE, RESTORE };
	g_autoptr(FakeQemu) fake = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(fake);
	Qemu qemu = { .host = "source", .qmp = client };
	g_autofree char *folder = test_folder_new();
	g_autoptr(GwPlan) plan = make_plan();
	g_autoptr(Settings) former = settings_save(&qemu, plan, SIDE_SOURCE, NULL);
	g_autoptr(Journal) journal = journal_create(folder, "session", SIDE_SOURCE, NULL, NULL);
	JsonObject *facts = json_object_new();

	CU_ASSERT_PTR_NOT_NULL_FATAL(former);
	CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
	CU_ASSERT_PTR_NULL(settings_from_journal(journal));
	settings_add_facts(former, facts);
	CU_ASSERT_TRUE(journal_append(journal, JOURNAL_SETUP, facts, NULL));
	g_clear_pointer(&journal, journal_free);
	journal = journal_open(folder, "session", SIDE_SOURCE, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
	g_autoptr(Settings) found = settings_from_journal(journal);
	CU_ASSERT_PTR_NOT_NULL_FATAL(found);
	CU_ASSERT_TRUE(settings_restore(found, &qemu, NULL));
	journal_remove(journal);
	test_folder_free(g_steal_pointer(&folder));
	probe_end(client, fake);
}

/* One that is refused keeps none of the others from coming back, and is told. */
static void
each_is_tried(void)
{
	const FakeStep steps[] = {
		SAVE,
		{ .expect = "query-migrate", .result = "{}" },
		{ .expect = "migrate-set-capabilities",
		  .error = "{\"class\": \"GenericError\", \"desc\": \"the first\"}" },
		{ .expect = "migrate-set-parameters",
		  .error = "{\"class\": \"GenericError\", \"desc\": \"the second\"}" },
		{ .expect = "qom-set", .arguments = "\"value\":\"auto\"", .result = "{}" },
	};
	g_autoptr(FakeQemu) fake = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(fake);
	Qemu qemu = { .host = "source", .qmp = client };
	g_autoptr(GwPlan) plan = make_plan();
	g_autoptr(Settings) former = settings_save(&qemu, plan, SIDE_SOURCE, NULL);
	g_autoptr(GError) error = NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(former);
	CU_ASSERT_FALSE(settings_restore(former, &qemu, &error));
	TEST_ERROR(error, QMP_ERROR, QMP_ERROR_GENERIC, "the first");
	probe_end(client, fake);
}

/* With 10.0 and several channels a capability that changes between these two ends QEMU. */
static void
not_before_qemu_is_tidy(void)
{
	const FakeStep steps[] = {
		SAVE,
		UNTIDY,
		{ .expect = "migrate-set-capabilities", .result = "{}" },
		{ .expect = "migrate-set-parameters", .result = "{}" },
		{ .expect = "qom-set", .result = "{}" },
	};
	g_autoptr(FakeQemu) fake = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(fake);
	Qemu qemu = { .host = "source", .qmp = client };
	g_autoptr(GwPlan) plan = make_plan();
	g_autoptr(Settings) former = settings_save(&qemu, plan, SIDE_SOURCE, NULL);
	g_autoptr(GError) error = NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(former);
	CU_ASSERT_TRUE(settings_restore(former, &qemu, &error));
	TEST_NO_ERROR(error);
	probe_end(client, fake);
}

/* Nothing is asked of the object tree where no property is set. */
static void
the_other_side_is_left_alone(void)
{
	const FakeStep steps[] = {
		{ .expect = "query-migrate-capabilities", .result = CAPABILITIES },
		{ .expect = "query-migrate-parameters", .result = PARAMETERS },
		{ .expect = "query-migrate", .result = "{}" },
		{ .expect = "migrate-set-capabilities",
		  .arguments = "{\"capability\":\"events\",\"state\":false}",
		  .result = "{}" },
	};
	g_autoptr(FakeQemu) fake = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(fake);
	Qemu qemu = { .host = "destination", .qmp = client };
	g_autoptr(GwPlan) plan = make_plan();
	g_autoptr(Settings) former = settings_save(&qemu, plan, SIDE_DESTINATION, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(former);
	CU_ASSERT_TRUE(settings_apply(former, &qemu, plan, SIDE_DESTINATION, NULL));
	probe_end(client, fake);
}

CU_TestInfo suite_settings[] = {
	{ "what is set comes back", what_is_set_comes_back },
	{ "a journal brings it back too", a_journal_brings_it_back_too },
	{ "each is tried", each_is_tried },
	{ "not before QEMU is tidy", not_before_qemu_is_tidy },
	{ "the other side is left alone", the_other_side_is_left_alone },
	CU_TEST_INFO_NULL,
};
