/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * qmp-facts: all questions answered, one answer at a time that lies, is refused or does not come.
 */
#include "qmp/qmp-facts.h"
#include "tests/rig/qmp-probe.h"
#include "tests/rig/test-util.h"

#define REFUSED "{\"class\": \"GenericError\", \"desc\": \"not today\"}"
#define UNKNOWN "{\"class\": \"CommandNotFound\", \"desc\": \"not known\"}"

/* In the order in which they are asked. */
static const FakeStep good[] = {
	{ .expect = "query-status", .result = "{\"status\": \"of-a-newer\", \"running\": true}" },
	{ .expect = "query-name", .result = "{\"name\": \"web1\"}" },
	{ .expect = "query-uuid", .result = "{\"UUID\": \"00-11\"}" },
	{ .expect = "query-target", .result = "{\"arch\": \"x86_64\"}" },
	{ .expect = "qom-get",
	  .arguments = "{\"path\":\"/machine\",\"property\":\"type\"}",
	  .result = "\"pc-q35-7.2-machine\"" },
	{ .expect = "query-memory-size-summary",
	  .result = "{\"base-memory\": 67108864, \"plugged-memory\": 2}" },
	{ .expect = "query-cpus-fast",
	  .result = "[{\"cpu-index\": 0, \"qom-path\": \"/cpu\", \"props\": {\"b\": 1, \"a\": "
		    "\"x\"}}, "
		    "{}, 7]" },
	{ .expect = "query-migrate", .result = "{\"blocked-reasons\": [\"because\"]}" },
	{ .expect = "query-migrate-capabilities",
	  .result = "[{\"capability\": \"events\", \"state\": true}]" },
	{ .expect = "query-migrate-parameters", .result = "{\"downtime-limit\": 300}" },
	{ .expect = "device-list-properties",
	  .result = "[7, {\"name\": \"x\"}, {\"name\": \"enable-migration\"}]" },
	{ .expect = "query-kvm", .result = "{\"enabled\": false, \"present\": true}" },
	{ .expect = "query-hotpluggable-cpus", .result = "[{\"type\": \"qemu64-x86_64-cpu\"}]" },
	{ .expect = "query-memory-devices",
	  .result = "[{\"type\": \"dimm\", \"data\": {\"id\": \"dimm0\", \"memdev\": "
		    "\"/objects/m0\", "
		    "\"slot\": 0, \"size\": 64}}]" },
	{ .expect = "x-query-ramblock",
	  .result = "{\"human-readable-text\": \"pc.ram 4 KiB 0x0 0x10 0x10\\n\"}" },
	{ .expect = "x-query-numa",
	  .result =
		  "{\"human-readable-text\": \"1 nodes\\r\\nnode 0 cpus: 0 1\\r\\nnode 0 size: 64 "
		  "MB\\r\\n\"}" },
	{ .expect = "human-monitor-command",
	  .arguments = "{\"command-line\":\"info qtree\"}",
	  .result = "\"bus: b\\r\\n  type PCI\\r\\n  dev: VGA, id \\\"v\\\"\\r\\n    addr = "
		    "02.0\\r\\n\"" },
	{ .expect = "qom-list",
	  .result = "[{\"name\": \"type\", \"type\": \"string\"}, "
		    "{\"name\": \"v\", \"type\": \"child<VGA>\"}]" },
	{ .expect = "query-block",
	  .result = "[{\"device\": \"d\", \"inserted\": {\"file\": \"/f\", \"ro\": false, "
		    "\"node-name\": \"n0\", \"backing_file\": \"/b\", \"iops\": 5, \"bps\": 0, "
		    "\"dirty-bitmaps\": [{\"name\": \"b0\", \"persistent\": false}, "
		    "{\"persistent\": false}, 7]}}, {\"device\": \"empty\"}, 7]" },
	{ .expect = "query-blockstats",
	  .result = "[{\"node-name\": \"n0\", \"stats\": {\"wr_highest_offset\": 4096}}, "
		    "{\"node-name\": \"n1\", \"stats\": {\"wr_highest_offset\": 7}}, {}, 7]" },
	{ .expect = "query-jobs",
	  .result = "[{\"id\": \"j\", \"type\": \"mirror\", \"status\": \"running\"}, "
		    "{\"id\": \"k\", \"type\": \"backup\", \"status\": \"concluded\"}]" },
	{ .expect = "query-block-exports",
	  .result = "[{\"id\": \"e\", \"type\": \"nbd\", \"shutting-down\": false}, "
		    "{\"id\": \"f\", \"type\": \"nbd\", \"shutting-down\": true}, {}]" },
};
#define N_GOOD G_N_ELEMENTS(good)

/* The second go: four of the board, three and the bits of the CPU at "/cpu". */
static const FakeStep second[] = {
	{ .expect = "qom-get", .result = "{\"cores\": 2, \"cpus\": 4}" },
	{ .expect = "qom-get", .result = "\"auto\"" },
	{ .expect = "qom-get", .result = "false" },
	{ .expect = "qom-get", .error = REFUSED },
	{ .expect = "qom-get", .arguments = "\"/cpu\"", .result = "\"a CPU\"" },
	{ .expect = "qom-get", .result = "40" },
	{ .expect = "qom-get", .result = "null" },
	{ .expect = "qom-get",
	  .result = "[{\"cpuid-input-eax\": 1, \"cpuid-register\": \"EDX\", \"features\": 255}, "
		    "{\"cpuid-input-eax\": 7, \"cpuid-input-ecx\": 1, \"cpuid-register\": \"EAX\", "
		    "\"features\": 0}, {}]" },
};

static void
test_good_answers(void)
{
	FakeStep steps[N_GOOD + G_N_ELEMENTS(second)];
	memcpy(steps, good, sizeof good);
	memcpy(steps + N_GOOD, second, sizeof second);
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_autoptr(GError) error = NULL;
	g_autoptr(QmpFacts) facts = qmp_facts_query(client, &error);

	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(facts);
	TEST_STRING(facts->run_state, "of-a-newer");
	CU_ASSERT_TRUE(facts->running);
	TEST_STRING(facts->machine_type, "pc-q35-7.2");
	CU_ASSERT_EQUAL(facts->memory_bytes, 67108866);
	CU_ASSERT_EQUAL(facts->n_vcpus, 3);
	TEST_STRING(qmp_pairs_get(facts->vcpus, "0"), "a=x b=1");
	TEST_STRING(facts->migrate.blocked_reasons[0], "because");
	CU_ASSERT_TRUE(facts->has_vfio_migration);
	TEST_STRING(facts->accelerator, "tcg");
	TEST_STRING(qmp_pairs_get(facts->memory_devices, "dimm0"), "type=dimm size=64 slot=0");
	CU_ASSERT_EQUAL(facts->ram_blocks->len, 1);
	CU_ASSERT_EQUAL(facts->numa->len, 2);
	TEST_STRING(qmp_pairs_get(facts->numa, "node 0 size"), "64 MB");
	CU_ASSERT_EQUAL_FATAL(facts->qdevs->len, 1);
	const QmpQdev *vga = g_ptr_array_index(facts->qdevs, 0);
	TEST_STRING(vga->path, "02.0");
	TEST_STRING(vga->id, "v");
	TEST_STRING(qmp_pairs_get(facts->peripherals, "v"), "VGA");
	CU_ASSERT_EQUAL_FATAL(facts->disks->len, 1);
	const QmpDisk *disk = g_ptr_array_index(facts->disks, 0);
	TEST_STRING(disk->node, "n0");
	TEST_STRING(disk->leaf, "/f");
	TEST_STRING(disk->base, "/b");
	CU_ASSERT_EQUAL(disk->written_bytes, 4096);
	CU_ASSERT_EQUAL(disk->limits->len, 1);
	TEST_STRING(qmp_pairs_get(disk->limits, "iops"), "5");
	CU_ASSERT_EQUAL(disk->bitmaps->len, 1);
	TEST_STRING(qmp_pairs_get(disk->bitmaps, "b0"), "in memory");
	CU_ASSERT_EQUAL(facts->exports->len, 1);
	TEST_STRING(qmp_pairs_get(facts->exports, "e"), "nbd");
	CU_ASSERT_EQUAL(facts->jobs->len, 1);
	TEST_STRING(qmp_pairs_get(facts->jobs, "j"), "mirror");
	TEST_STRING(qmp_pairs_get(facts->machine, "smp.cores"), "2");
	TEST_STRING(qmp_pairs_get(facts->machine, "smm"), "auto");
	TEST_STRING(qmp_pairs_get(facts->machine, "nvdimm"), "off");
	CU_ASSERT_PTR_NULL(qmp_pairs_get(facts->machine, "iommu"));
	TEST_STRING(qmp_pairs_get(facts->cpu, "phys-bits"), "40");
	CU_ASSERT_PTR_NULL(qmp_pairs_get(facts->cpu, "tsc-frequency"));
	CU_ASSERT_EQUAL(facts->cpu_words->len, 1);
	TEST_STRING(qmp_pairs_get(facts->cpu_words, "00000001.0.EDX"), "000000ff");
	probe_end(client, qemu);
}

/* Asks a QEMU that answers well but for the question @index, which goes as in @odd. */
static QmpFacts *
ask_with(guint index, const FakeStep *odd, gboolean goes_on, GError **error)
{
	FakeStep steps[N_GOOD + G_N_ELEMENTS(second)];
	memcpy(steps, good, sizeof good);
	memcpy(steps + N_GOOD, second, sizeof second);
	steps[index].result = odd->result;
	steps[index].error = odd->error;
	g_autoptr(FakeQemu) qemu = fake_qemu_new(steps, goes_on ? G_N_ELEMENTS(steps) : N_GOOD, 0);
	QmpClient *client = probe_connect(qemu);
	QmpFacts *facts = qmp_facts_query(client, error);
	probe_end(client, qemu);
	return facts;
}

#define N_NEEDED 10 /* the first ones */

static void
test_refusals(void)
{
	const FakeStep refused = { .error = REFUSED };
	const FakeStep unknown = { .error = UNKNOWN };

	for (guint i = 0; i < N_GOOD; i++) {
		/* Without a path of a vCPU its properties are not asked for. */
		if (g_str_equal(good[i].expect, "query-cpus-fast"))
			continue;
		g_autoptr(GError) error = NULL;
		g_autoptr(QmpFacts) facts = ask_with(i, &refused, i >= N_NEEDED, &error);
		CU_ASSERT_EQUAL(facts != NULL, i >= N_NEEDED);
		if (i < N_NEEDED)
			TEST_ERROR(error, QMP_ERROR, QMP_ERROR_GENERIC, "not today");
		g_autoptr(QmpFacts) old = ask_with(i, &unknown, TRUE, NULL);
		CU_ASSERT_PTR_NOT_NULL(old);
	}
}

static void
test_bad_answers(void)
{
	static const struct {
		guint index;
		const char *answer;
		const char *words; /* NULL: it is as if nothing had been said */
	} rows[] = {
		{ 0, "[]", "query-status: the answer is not an object" },
		{ 0, "{\"running\": true}", "query-status: no 'status'" },
		{ 0, "{\"status\": \"x\", \"running\": 1}", "'running' is not true or false" },
		{ 1, "{\"name\": 1}", "query-name: 'name' is not a string" },
		{ 2, "{}", "query-uuid: no 'UUID'" },
		{ 3, "{\"arch\": []}", "query-target: 'arch' is not a string" },
		{ 4, "7", "qom-get: the machine's type is not a string" },
		{ 5, "{\"base-memory\": -1}",
		  "query-memory-size-summary: 'base-memory' is not an integer of zero or more" },
		{ 6, "{}", "query-cpus-fast: the answer is not an array" },
		{ 7, "{\"status\": 7}", "query-migrate: 'status' is not a string" },
		{ 8, "[{\"capability\": 1}]",
		  "query-migrate-capabilities: 'capability' is not a string" },
		{ 9, "[]", "query-migrate-parameters: the answer is not an object" },
		{ 10, "{}", NULL },
		{ 11, "{\"enabled\": 7}", NULL },
		{ 12, "[7]", NULL },
		{ 13, "[{\"type\": 7, \"data\": {}}]", NULL },
		{ 14, "{\"human-readable-text\": 7}", NULL },
		{ 15, "{\"human-readable-text\": []}", NULL },
		{ 16, "{}", NULL },
		{ 17, "[{\"name\": \"x\", \"type\": \"child\"}]", NULL },
		{ 18, "[{\"inserted\": {\"file\": 7}}]", NULL },
		{ 19, "{\"id\": 7}", NULL },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const FakeStep odd = { .result = rows[i].answer };
		g_autoptr(GError) error = NULL;
		g_autoptr(QmpFacts) facts =
			ask_with(rows[i].index, &odd, rows[i].words == NULL, &error);
		CU_ASSERT_EQUAL(facts != NULL, rows[i].words == NULL);
		if (rows[i].words != NULL)
			TEST_ERROR(error, QMP_ERROR, QMP_ERROR_PROTOCOL, rows[i].words);
	}
}

/* A monitor that closes ends every question, and the whole. */
static void
test_closed(void)
{
	const FakeStep steps[] = {
		{ .expect = "query-status",
		  .result = "{\"status\": \"running\", \"running\": true}" },
	};
	g_autoptr(FakeQemu) qemu = FAKE_QEMU(steps);
	QmpClient *client = probe_connect(qemu);
	g_autoptr(GError) error = NULL;

	qmp_client_close(client);
	CU_ASSERT_PTR_NULL(qmp_facts_query(client, &error));
	CU_ASSERT_TRUE(qmp_error_is_closed(error));
	g_object_unref(client);
}

CU_TestInfo suite_qmp_facts[] = {
	{ "good answers", test_good_answers },
	{ "what is needed must be told", test_refusals },
	{ "answers that lie", test_bad_answers },
	{ "a monitor that has gone", test_closed },
	CU_TEST_INFO_NULL,
};
