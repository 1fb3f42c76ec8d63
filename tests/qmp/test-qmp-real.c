/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * qmp/ against the QEMU that is installed here; skipped where there is none.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qmp/qmp-facts.h"
#include "qmp/qmp-machine.h"
#include "qmp/qmp-migration.h"
#include "qmp/qmp-parameters.h"
#include "qmp/qmp-pci.h"
#include "tests/rig/qmp-probe.h"
#include "tests/rig/test-util.h"

typedef struct {
	char *folder, *path; /* (owned) */
	GPid pid;
	QmpClient *client; /* (owned) */
} Real;

static gboolean
spawn(Real *self, const char *program)
{
	g_autofree char *qmp = g_strdup_printf("unix:%s,server=on,wait=off", self->path);
	const char *argv[] = {
		program,
		"-M",
		"pc",
		"-accel",
		"tcg",
		"-m",
		"64",
		"-nodefaults",
		"-display",
		"none",
		"-S",
		"-name",
		"real",
		"-device",
		"pci-bridge,id=bridge,addr=3,chassis_nr=1",
		"-device",
		"virtio-rng-pci,id=under,bus=bridge,addr=5",
		"-device",
		"virtio-rng-pci,addr=8.2",
		"-device",
		"isa-debug-exit,id=isa",
		"-device",
		"pxb,id=other,addr=9,bus_nr=40",
		"-device",
		"virtio-rng-pci,id=far,bus=other,addr=1",
		"-qmp",
		qmp,
		NULL,
	};
	g_autoptr(GError) error = NULL;

	g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &self->pid,
		      &error);
	TEST_NO_ERROR(error);
	return error == NULL;
}

static gboolean
real_start(Real *self)
{
	g_autofree char *program = g_find_program_in_path("qemu-system-x86_64");

	*self = (Real){ NULL, NULL, 0, NULL };
	if (program == NULL) {
		test_skip("there is no qemu-system-x86_64");
		return FALSE;
	}
	self->folder = test_folder_new();
	self->path = g_build_filename(self->folder, "qmp", NULL);
	if (!spawn(self, program))
		return FALSE;
	for (guint i = 0; i < 200 && self->client == NULL; i++) {
		self->client = qmp_client_connect(self->path, 5000, NULL, NULL);
		if (self->client == NULL)
			test_turn(50);
	}
	CU_ASSERT_PTR_NOT_NULL(self->client);
	return self->client != NULL;
}

static void
real_end(Real *self)
{
	gboolean quits = self->client != NULL && qmp_quit(self->client, NULL);

	if (self->pid != 0) {
		CU_ASSERT_TRUE(quits);
	}
	if (self->pid != 0 && !quits)
		kill(self->pid, SIGKILL);
	if (self->pid != 0)
		waitpid(self->pid, NULL, 0);
	g_clear_object(&self->client);
	g_clear_pointer(&self->path, g_free);
	g_clear_pointer(&self->folder, test_folder_free);
}

static void
test_machine(void)
{
	Real real;
	g_autoptr(GError) error = NULL;

	if (!real_start(&real)) {
		real_end(&real);
		return;
	}
	g_autofree char *version = qmp_version_string(real.client);
	CU_ASSERT_TRUE(g_ascii_isdigit(version[0]));
	CU_ASSERT_TRUE(qmp_client_has_oob(real.client));
	CU_ASSERT_EQUAL(qmp_client_get_peer_pid(real.client), real.pid);
	g_autoptr(QmpFacts) facts = qmp_facts_query(real.client, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(facts);
	TEST_STRING(facts->run_state, "prelaunch");
	CU_ASSERT_FALSE(facts->running);
	CU_ASSERT_EQUAL(facts->memory_bytes, 64 * 1024 * 1024);
	CU_ASSERT_EQUAL(facts->n_vcpus, 1);
	TEST_STRING(facts->name, "real");
	CU_ASSERT_TRUE(g_str_has_prefix(facts->machine_type, "pc-i440fx-"));
	CU_ASSERT_FALSE(g_str_has_suffix(facts->machine_type, "-machine"));
	TEST_STRING(facts->target, "x86_64");
	TEST_STRING(facts->accelerator, "tcg");
	TEST_STRING(facts->cpu_model, "qemu64");
	TEST_STRING(qmp_pairs_get(facts->machine, "smp.cpus"), "1");
	TEST_STRING(qmp_pairs_get(facts->vcpus, "0"), "core-id=0 socket-id=0 thread-id=0");
	CU_ASSERT_TRUE(facts->cpu_words->len > 0);
	CU_ASSERT_TRUE(facts->qdevs->len > 10);
	CU_ASSERT_TRUE(facts->ram_blocks->len > 2);
	CU_ASSERT_TRUE(g_hash_table_contains(facts->capabilities, "events"));
	real_end(&real);
}

static void
test_features(void)
{
	Real real;

	if (!real_start(&real)) {
		real_end(&real);
		return;
	}
	g_autoptr(GHashTable) table = qmp_query_migrate_capabilities(real.client, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(table);
	CU_ASSERT_TRUE(g_hash_table_contains(table, "pause-before-switchover"));
	g_hash_table_remove_all(table);
	g_hash_table_insert(table, g_strdup("events"), GINT_TO_POINTER(TRUE));
	CU_ASSERT_TRUE(qmp_migrate_set_capabilities(real.client, table, NULL));
	g_autoptr(QmpParameters) numbers = qmp_parameters_new();
	qmp_parameters_set_int(numbers, "downtime-limit", qmp_downtime_limit(1500));
	qmp_parameters_set_int(numbers, "max-bandwidth", 0);
	CU_ASSERT_TRUE(qmp_parameters_apply(numbers, real.client, NULL));
	g_autoptr(QmpParameters) now = qmp_parameters_query(real.client, NULL);
	g_autofree char *downtime = qmp_parameters_get_text(now, "downtime-limit");
	g_autofree char *bandwidth = qmp_parameters_get_text(now, "max-bandwidth");
	TEST_STRING(downtime, "2");
	TEST_STRING(bandwidth, "0");
	/* All that it tells can be set again, but what is only for another kind of build. */
	g_autoptr(QmpParameters) texts = qmp_parameters_new();
	qmp_parameters_set_string(texts, "tls-creds", "");
	qmp_parameters_set_string(texts, "multifd-compression", "none");
	g_autoptr(QmpParameters) former = qmp_parameters_pick(now, texts);
	CU_ASSERT_TRUE(qmp_parameters_apply(former, real.client, NULL));
	CU_ASSERT_TRUE(qmp_parameters_apply(texts, real.client, NULL));
	real_end(&real);
}

static void
test_descriptors(void)
{
	Real real;
	g_autoptr(GError) error = NULL;
	g_auto(QmpMigrateInfo) info;

	qmp_migrate_info_init(&info);
	if (!real_start(&real)) {
		real_end(&real);
		return;
	}
	/* An end that nobody reads: the migration fails, and says so. */
	int fds[2] = { -1, -1 };
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
	CU_ASSERT_TRUE(qmp_getfd(real.client, "a", fds[0], NULL));
	CU_ASSERT_TRUE(qmp_getfd(real.client, "b", fds[0], NULL));
	CU_ASSERT_TRUE(qmp_closefd(real.client, "b", NULL));
	CU_ASSERT_FALSE(qmp_closefd(real.client, "b", &error));
	TEST_ERROR(error, QMP_ERROR, QMP_ERROR_GENERIC, "closefd: GenericError: ");
	close(fds[0]);
	close(fds[1]);
	CU_ASSERT_TRUE(qmp_migrate(real.client, "fd:a", NULL));
	for (guint i = 0; i < 200 && info.status != QMP_MIGRATE_FAILED; i++) {
		qmp_migrate_info_clear(&info);
		CU_ASSERT_TRUE(qmp_query_migrate(real.client, &info, NULL));
		test_turn(20);
	}
	CU_ASSERT_EQUAL(info.status, QMP_MIGRATE_FAILED);
	real_end(&real);
}

static void
test_busy(void)
{
	Real real;
	g_autoptr(GError) error = NULL;

	if (!real_start(&real)) {
		real_end(&real);
		return;
	}
	g_autoptr(QmpClient) second = qmp_client_connect(real.path, 300, NULL, &error);
	CU_ASSERT_PTR_NULL(second);
	TEST_ERROR(error, QMP_ERROR, QMP_ERROR_BUSY, "another client");
	real_end(&real);
}

/* As the stream of that QEMU calls them; and nothing where there is no such address, or it is not
 * known. */
static void
test_guest_paths(void)
{
	static const struct {
		const char *path;
		const char *expected;
	} rows[] = {
		{ "/machine/peripheral/bridge", "0000:00:03.0" },
		{ "/machine/peripheral/under", "0000:00:03.0:05.0" },
		{ "/machine/peripheral-anon/device[0]", "0000:00:08.2" },
		{ "/machine/peripheral/isa", NULL },
		{ "/machine/peripheral/far", NULL },
		{ "/machine/peripheral/no-such", NULL },
	};
	Real real;
	if (!real_start(&real)) {
		real_end(&real);
		return;
	}
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		const QmpDevice device = { .path = (char *)rows[i].path };
		g_autofree char *path = NULL;
		CU_ASSERT_TRUE(qmp_device_guest_path(real.client, &device, &path, NULL));
		TEST_STRING(path, rows[i].expected);
	}
	real_end(&real);
	g_autofree char *path = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(FakeQemu) dead = fake_qemu_new(NULL, 0, FAKE_NO_OOB);
	QmpClient *client = probe_connect(dead);
	qmp_client_close(client);
	CU_ASSERT_FALSE(
		qmp_device_guest_path(client, &(QmpDevice){ .path = (char *)"/x" }, &path, &error));
	TEST_ERROR(error, QMP_ERROR, QMP_ERROR_CLOSED, "");
	probe_end(client, dead);
}

CU_TestInfo suite_qmp_real[] = {
	{ "a real QEMU: the machine", test_machine },
	{ "a real QEMU: what it can do", test_features },
	{ "a real QEMU: descriptors and a stream that breaks", test_descriptors },
	{ "a real QEMU: a second client", test_busy },
	{ "a real QEMU: where its devices are in the guest", test_guest_paths },
	CU_TEST_INFO_NULL,
};
