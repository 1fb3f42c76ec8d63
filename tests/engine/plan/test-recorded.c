/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What Godwit relies on, against what real QEMUs from 7.2 to 11.1 have recorded of themselves.
 */
#include <string.h>

#include "engine/plan/capability.h"
#include "engine/plan/parameter.h"
#include "engine/data/property-list.h"
#include "qmp/qmp-facts.h"
#include "tests/rig/golden.h"
#include "tests/rig/recorded.h"
#include "tests/rig/test-util.h"

/* All that is sent without a look whether it is there. */
static const struct {
	const char *command;
	const char *argument; /* (nullable) */
} sent[] = {
	{ "qmp_capabilities", "enable" },
	{ "query-status", NULL },
	{ "query-name", NULL },
	{ "query-uuid", NULL },
	{ "query-target", NULL },
	{ "query-memory-size-summary", NULL },
	{ "query-cpus-fast", NULL },
	{ "query-migrate", NULL },
	{ "query-migrate-capabilities", NULL },
	{ "query-migrate-parameters", NULL },
	{ "device-list-properties", "typename" },
	{ "query-kvm", NULL },
	{ "query-hotpluggable-cpus", NULL },
	{ "query-memory-devices", NULL },
	{ "x-query-ramblock", NULL },
	{ "x-query-numa", NULL },
	{ "human-monitor-command", "command-line" },
	{ "query-block", NULL },
	{ "query-blockstats", NULL },
	{ "query-block-exports", NULL },
	{ "query-jobs", NULL },
	{ "qom-get", "path" },
	{ "qom-get", "property" },
	{ "qom-list", "path" },
	{ "qom-set", "value" },
	{ "getfd", "fdname" },
	{ "closefd", "fdname" },
	{ "migrate", "uri" },
	{ "migrate-incoming", "uri" },
	{ "migrate-continue", "state" },
	{ "migrate_cancel", NULL },
	{ "migrate-set-capabilities", "capabilities" },
	{ "migrate-set-parameters", "downtime-limit" },
	{ "migrate-set-parameters", "max-bandwidth" },
	{ "yank", "instances" },
	{ "query-yank", NULL },
	{ "cont", NULL },
	{ "stop", NULL },
	{ "quit", NULL },
};

static void
each_has_what_is_sent(void)
{
	for (guint v = 0; recorded_versions[v] != NULL; v++)
		for (gsize i = 0; i < G_N_ELEMENTS(sent); i++) {
			gboolean has = recorded_has(recorded_versions[v], sent[i].command,
						    sent[i].argument);
			if (!has)
				g_printerr("QEMU %s has no %s %s\n", recorded_versions[v],
					   sent[i].command, sent[i].argument);
			CU_ASSERT_TRUE(has);
		}
	CU_ASSERT_FALSE(recorded_has("7.2", "migrate-incoming", "exit-on-error"));
	CU_ASSERT_TRUE(recorded_has("10.0", "migrate-incoming", "exit-on-error"));
	CU_ASSERT_FALSE(
		recorded_has("7.2", "migrate-set-parameters", "avail-switchover-bandwidth"));
	CU_ASSERT_FALSE(recorded_has_event("7.2", "VFIO_MIGRATION"));
	CU_ASSERT_TRUE(recorded_has_event("11.1", "VFIO_MIGRATION"));
}

/* (transfer full): of a QEMU that gives these answers. */
static GwSurvey *
survey_from(JsonNode *capabilities, JsonNode *values, const char *run_state)
{
	GwSurvey *self = g_new0(GwSurvey, 1);
	g_autoptr(GHashTable) table = qmp_migrate_capabilities_parse(capabilities, NULL);
	g_autoptr(QmpParameters) parameters = qmp_parameters_from_node(values);
	g_auto(GStrv) names = qmp_parameters_list(parameters);
	g_autofree gpointer *keys = g_hash_table_get_keys_as_array(table, NULL);

	self->uuid = g_strdup("u");
	self->run_state = g_strdup(run_state);
	self->running = g_str_equal(run_state, "running");
	self->capabilities = g_strdupv((char **)keys);
	self->parameters = property_list_new();
	for (guint i = 0; names[i] != NULL; i++) {
		g_autofree char *value = qmp_parameters_get_text(parameters, names[i]);
		property_list_add(self->parameters, names[i], value);
	}
	return self;
}

/* (transfer full): as that QEMU would be surveyed, @run_state apart. */
static GwSurvey *
survey_of(const char *version, const char *run_state)
{
	g_autoptr(JsonNode) capabilities = recorded_answer(version, "capabilities");
	g_autoptr(JsonNode) values = recorded_answer(version, "parameters");

	return survey_from(capabilities, values, run_state);
}

static void
append_plan(GString *out, const GwPlan *plan, const char *source, const char *destination)
{
	g_auto(GStrv) ours = plan_list_capabilities(plan, SIDE_SOURCE);
	g_auto(GStrv) theirs = plan_list_capabilities(plan, SIDE_DESTINATION);
	g_autofree char *our_words = g_strjoinv(" ", ours);
	g_autofree char *their_words = g_strjoinv(" ", theirs);

	g_string_append_printf(out, "%s -> %s\n  source       %s\n  destination  %s\n ", source,
			       destination, our_words, their_words);
	for (guint i = 0; i < plan->parameters->len; i++) {
		const GwPlanParameter *made = g_ptr_array_index(plan->parameters, i);
		g_string_append_printf(out, " %s%s%s", made->name, made->at_source ? "@s" : "",
				       made->at_destination ? "@d" : "");
	}
	g_string_append_c(out, '\n');
}

/* Between any two of them there is a plan, and the table has a word on each capability that they
 * have. */
static void
each_pair_makes_a_plan(void)
{
	const NegotiatePolicy policy = { .channels = 1 };
	g_autoptr(GString) out = g_string_new(NULL);

	for (guint s = 0; recorded_versions[s] != NULL; s++)
		for (guint d = 0; recorded_versions[d] != NULL; d++) {
			g_autoptr(GwSurvey) source = survey_of(recorded_versions[s], "running");
			g_autoptr(GwSurvey) destination =
				survey_of(recorded_versions[d], "inmigrate");
			g_autoptr(GwPlan) plan = negotiate(source, destination, &policy);
			CU_ASSERT_TRUE(gw_plan_is_possible(plan));
			for (guint i = 0; source->capabilities[i] != NULL; i++)
				CU_ASSERT_PTR_NOT_NULL(
					plan_find_capability(plan, source->capabilities[i]));
			append_plan(out, plan, recorded_versions[s], recorded_versions[d]);
		}
	golden_check("qmp/plans.txt", out->str);
}

static void
add_capability(JsonArray *capabilities, const char *name)
{
	JsonObject *entry = json_object_new();
	json_object_set_string_member(entry, "capability", name);
	json_object_set_boolean_member(entry, "state", TRUE);
	json_object_set_object_member(entry, "of-2031", json_object_new());
	json_array_add_object_element(capabilities, entry);
}

/* What a later QEMU may add to @version's answers: names, values of all types, words where others
 * are known. */
static GwSurvey *
survey_of_later(const char *version, const char *run_state)
{
	g_autoptr(JsonNode) capabilities = recorded_answer(version, "capabilities");
	g_autoptr(JsonNode) values = recorded_answer(version, "parameters");
	JsonObject *parameters = json_node_get_object(values);

	add_capability(json_node_get_array(capabilities), "of-2031");
	json_object_set_string_member(parameters, "multifd-compression", "a-word-of-2031");
	if (json_object_has_member(parameters, "mode"))
		json_object_set_string_member(parameters, "mode", "a-word-of-2031");
	json_object_set_int_member(parameters, "number-of-2031", G_MAXINT64);
	json_object_set_double_member(parameters, "real-of-2031", 1e300);
	json_object_set_array_member(parameters, "list-of-2031", json_array_new());
	json_object_set_object_member(parameters, "object-of-2031", json_object_new());
	json_object_set_null_member(parameters, "nothing-of-2031");
	return survey_from(capabilities, values, run_state);
}

/* Nothing of it changes what is switched on or set; the new capability is in the plan, off. */
static void
what_a_later_qemu_adds_changes_no_plan(void)
{
	const NegotiatePolicy policy = { .channels = 1 };
	g_autoptr(GString) out = g_string_new(NULL);

	for (guint s = 0; recorded_versions[s] != NULL; s++)
		for (guint d = 0; recorded_versions[d] != NULL; d++) {
			g_autoptr(GwSurvey) source =
				survey_of_later(recorded_versions[s], "running");
			g_autoptr(GwSurvey) destination =
				survey_of_later(recorded_versions[d], "inmigrate");
			g_autoptr(GwPlan) plan = negotiate(source, destination, &policy);
			CU_ASSERT_TRUE(gw_plan_is_possible(plan));
			const GwPlanCapability *made = plan_find_capability(plan, "of-2031");
			CU_ASSERT_PTR_NOT_NULL_FATAL(made);
			CU_ASSERT_FALSE(made->at_source || made->at_destination);
			append_plan(out, plan, recorded_versions[s], recorded_versions[d]);
		}
	golden_check("qmp/plans.txt", out->str);
}

/* A guest that runs goes whatever its state is called, and one that does not run is told of by that
 * word. */
static void
states_of_a_later_qemu_are_told(void)
{
	const NegotiatePolicy policy = { .channels = 1 };

	for (guint v = 0; recorded_versions[v] != NULL; v++)
		for (guint running = 0; running < 2; running++) {
			g_autoptr(GwSurvey) source =
				survey_of(recorded_versions[v], "a-word-of-2031");
			g_autoptr(GwSurvey) destination =
				survey_of(recorded_versions[v], "inmigrate");
			source->running = running != 0;
			g_autoptr(GwPlan) plan = negotiate(source, destination, &policy);
			g_autofree char *text = negotiate_describe_errors(plan);
			CU_ASSERT_EQUAL(gw_plan_is_possible(plan), running != 0);
			CU_ASSERT_EQUAL(strstr(text, "'a-word-of-2031'") == NULL, running != 0);
		}
}

/* Each parameter that is set can be set: the argument is there where the value is told. */
static void
each_parameter_that_is_told_can_be_set(void)
{
	for (guint v = 0; recorded_versions[v] != NULL; v++) {
		g_autoptr(JsonNode) values = recorded_answer(recorded_versions[v], "parameters");
		g_autoptr(QmpParameters) parameters = qmp_parameters_from_node(values);
		g_auto(GStrv) names = qmp_parameters_list(parameters);
		for (guint i = 0; names[i] != NULL; i++)
			CU_ASSERT_TRUE(recorded_has(recorded_versions[v], "migrate-set-parameters",
						    names[i]));
	}
}

static int
compare_lines(gconstpointer a, gconstpointer b)
{
	return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

static void
append_devices(GString *out, const char *version)
{
	g_autofree char *text = recorded_text(version, "qtree");
	g_autoptr(GPtrArray) devices = qmp_qtree_parse(text);
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < devices->len; i++) {
		const QmpQdev *device = g_ptr_array_index(devices, i);
		CU_ASSERT_TRUE(device->properties->len < 256);
		g_ptr_array_add(lines,
				g_strdup_printf("  %-24s %-24s %s\n", device->path, device->type,
						device->id != NULL ? device->id : "-"));
	}
	/* In the order of their places: QEMUs list them in another order. */
	g_ptr_array_sort(lines, compare_lines);
	for (guint i = 0; i < lines->len; i++)
		g_string_append(out, g_ptr_array_index(lines, i));
}

/* One VM has the same devices in the same places on each. */
static void
the_devices_are_the_same_everywhere(void)
{
	for (guint v = 0; recorded_versions[v] != NULL; v++) {
		g_autoptr(GString) out = g_string_new(NULL);
		append_devices(out, recorded_versions[v]);
		golden_check("qmp/devices.txt", out->str);
	}
}

static void
what_is_on_a_virtio_bus_is_part_of_its_transport(void)
{
	g_autofree char *text = recorded_text("7.2", "qtree");
	g_autoptr(GPtrArray) devices = qmp_qtree_parse(text);
	const QmpQdev *net = NULL;

	for (guint i = 0; i < devices->len; i++) {
		const QmpQdev *device = g_ptr_array_index(devices, i);
		if (g_strcmp0(device->id, "net0") == 0)
			net = device;
	}
	CU_ASSERT_PTR_NOT_NULL_FATAL(net);
	TEST_STRING(qmp_pairs_get(net->properties, "disable-legacy"), "off");
	TEST_STRING(qmp_pairs_get(net->properties, "mq"), "false");
	TEST_STRING(qmp_pairs_get(net->properties, "rx_queue_size"), "256");
	TEST_STRING(qmp_pairs_get(net->properties, "mac"), "52:54:00:12:34:56");
	CU_ASSERT_PTR_NULL(qmp_pairs_get(net->properties, "no such"));
}

static void
the_memory_is_the_same_everywhere(void)
{
	for (guint v = 0; recorded_versions[v] != NULL; v++) {
		g_autofree char *text = recorded_text(recorded_versions[v], "ramblock");
		g_autoptr(GPtrArray) blocks = qmp_ram_blocks_new();
		g_autoptr(GString) out = g_string_new(NULL);
		qmp_facts_add_ram_blocks(text, blocks);
		for (guint i = 0; i < blocks->len; i++) {
			const QmpRamBlock *block = g_ptr_array_index(blocks, i);
			g_string_append_printf(out,
					       "%-36s %10" G_GUINT64_FORMAT
					       " of %10" G_GUINT64_FORMAT "\n",
					       block->name, block->used_bytes, block->max_bytes);
		}
		golden_check("qmp/ramblocks.txt", out->str);
	}
}

static void
the_disks_are_the_same_everywhere(void)
{
	for (guint v = 0; recorded_versions[v] != NULL; v++) {
		g_autoptr(JsonNode) node = recorded_answer(recorded_versions[v], "block");
		g_autoptr(GPtrArray) disks = qmp_disks_new();
		g_autoptr(GString) out = g_string_new(NULL);
		qmp_facts_add_disks(node, disks);
		for (guint i = 0; i < disks->len; i++) {
			const QmpDisk *disk = g_ptr_array_index(disks, i);
			g_string_append_printf(out, "%s %s %s %" G_GINT64_FORMAT " %s\n",
					       disk->device, disk->file, disk->format,
					       disk->size_bytes, disk->read_only ? "ro" : "rw");
		}
		TEST_STRING(out->str, "disk0 a.img raw 1048576 rw\nsd b.img raw 2097152 ro\n");
	}
}

static void
a_cpu_tells_its_bits(void)
{
	for (guint v = 0; recorded_versions[v] != NULL; v++) {
		g_autoptr(JsonNode) node = recorded_answer(recorded_versions[v], "features");
		g_autoptr(GPtrArray) words = qmp_pairs_new();
		qmp_facts_add_cpu_words(node, words);
		CU_ASSERT_TRUE(words->len >= 4);
		/* That there are several cores 7.2 tells the guest, but not here. */
		TEST_STRING(qmp_pairs_get(words, "00000001.0.EDX"),
			    v == 0 ? "078bfbfd" : "178bfbfd");
		CU_ASSERT_PTR_NULL(qmp_pairs_get(words, "00000007.0.EBX")); /* no bit is set */
	}
}

static void
other_texts_are_passed_over(void)
{
	static const char *const texts[] = {
		"",
		"unknown command: 'info qtree'\n",
		"dev: ",
		"bus: a\n  dev: \n    dev: x\n\n\n",
		"  addr = 1\nbus: \n type \n  dev: usb, id \"\n   addr , port \n",
		"bus: b\n  type PCI\n  dev: d, id \"d\"\n    addr\n    x = \n     = y\n    = \n",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(GPtrArray) devices = qmp_qtree_parse(texts[i]);
		g_autoptr(GPtrArray) blocks = qmp_ram_blocks_new();
		qmp_facts_add_ram_blocks(texts[i], blocks);
		CU_ASSERT_EQUAL(blocks->len, 0);
		for (guint d = 0; d < devices->len; d++) {
			const QmpQdev *device = g_ptr_array_index(devices, d);
			CU_ASSERT_TRUE(device->type != NULL && device->path != NULL);
		}
	}
	g_autoptr(GPtrArray) blocks = qmp_ram_blocks_new();
	qmp_facts_add_ram_blocks("a b    4 KiB  0x0 0x10 0x20\nc 0x1 0x2 0x3\nd 4 KiB 0x1 0x2\n"
				 "e 4 KiB 0x1 0x2 0xzz\n 4 KiB 0x1 0x2 0x3\n",
				 blocks);
	CU_ASSERT_EQUAL_FATAL(blocks->len, 1);
	const QmpRamBlock *block = g_ptr_array_index(blocks, 0);
	TEST_STRING(block->name, "a b");
}

CU_TestInfo suite_recorded[] = {
	{ "each has what is sent", each_has_what_is_sent },
	{ "each pair makes a plan", each_pair_makes_a_plan },
	{ "what a later QEMU adds changes no plan", what_a_later_qemu_adds_changes_no_plan },
	{ "states of a later QEMU are told", states_of_a_later_qemu_are_told },
	{ "each parameter that is told can be set", each_parameter_that_is_told_can_be_set },
	{ "the devices are the same everywhere", the_devices_are_the_same_everywhere },
	{ "what is on a virtio bus is part of its transport",
	  what_is_on_a_virtio_bus_is_part_of_its_transport },
	{ "the memory is the same everywhere", the_memory_is_the_same_everywhere },
	{ "the disks are the same everywhere", the_disks_are_the_same_everywhere },
	{ "a CPU tells its bits", a_cpu_tells_its_bits },
	{ "other texts are passed over", other_texts_are_passed_over },
	CU_TEST_INFO_NULL,
};
