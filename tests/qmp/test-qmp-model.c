/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two models of QEMU and the typed calls of qmp/: states and events have to come in the order of a
 * real QEMU, or the tests that stand on the model prove nothing.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qmp/await.h"
#include "qmp/qmp-machine.h"
#include "qmp/qmp-migration.h"
#include "tests/rig/model-qemu.h"
#include "tests/rig/qmp-probe.h"
#include "tests/rig/test-util.h"

typedef struct {
	ModelQemu *model;
	QmpClient *client;
	ProbeLog log;
} Side;

static void
side_init(Side *self, ModelQemu *model)
{
	g_autoptr(GError) error = NULL;

	self->model = model;
	self->client = qmp_client_connect(model_qemu_get_path(model), 5000, NULL, &error);
	TEST_NO_ERROR(error);
	g_assert_nonnull(self->client);
	probe_log_init(&self->log, self->client);
}

static void
side_clear(Side *self)
{
	qmp_client_close(self->client);
	g_clear_object(&self->client);
	probe_log_clear(&self->log);
	g_clear_pointer(&self->model, model_qemu_free);
}

static void
set_capabilities(Side *self, gboolean pause)
{
	g_autoptr(GHashTable) table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	g_hash_table_insert(table, g_strdup("events"), GINT_TO_POINTER(TRUE));
	g_hash_table_insert(table, g_strdup("return-path"), GINT_TO_POINTER(TRUE));
	g_hash_table_insert(table, g_strdup("pause-before-switchover"), GINT_TO_POINTER(pause));
	CU_ASSERT_TRUE(qmp_migrate_set_capabilities(self->client, table, NULL));
}

/* Joins both by a socket and starts the migration. */
static void
begin(Side *source, Side *destination, gboolean pause)
{
	int fds[2] = { -1, -1 };

	set_capabilities(source, pause);
	set_capabilities(destination, FALSE);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
	CU_ASSERT_TRUE(qmp_getfd(source->client, "m", fds[0], NULL));
	CU_ASSERT_TRUE(qmp_getfd(destination->client, "m", fds[1], NULL));
	close(fds[0]);
	close(fds[1]);
	CU_ASSERT_TRUE(qmp_migrate_incoming(destination->client, "fd:m", NULL));
	CU_ASSERT_TRUE(qmp_migrate(source->client, "fd:m", NULL));
}

typedef struct {
	QmpClient *client;
	QmpMigrateStatus wanted;
} Wanted;

static gboolean
has_status(gpointer data)
{
	const Wanted *wanted = data;
	g_auto(QmpMigrateInfo) info;

	qmp_migrate_info_init(&info);
	return qmp_query_migrate(wanted->client, &info, NULL) && info.status == wanted->wanted;
}

static void
expect_status(Side *self, QmpMigrateStatus status)
{
	Wanted wanted = { self->client, status };

	for (guint i = 0; i < 1000 && !has_status(&wanted); i++)
		test_turn(5);
	CU_ASSERT_TRUE(has_status(&wanted));
}

static void
expect_run_state(Side *self, QmpRunState state)
{
	QmpStatus status = { QMP_RUN_OTHER, FALSE };

	CU_ASSERT_TRUE(qmp_query_status(self->client, &status, NULL));
	CU_ASSERT_EQUAL(status.run_state, state);
	CU_ASSERT_EQUAL(status.running, state == QMP_RUN_RUNNING);
}

#define START_DESTINATION(...) model_qemu_start("-S", "-incoming", "defer", __VA_ARGS__)

static void
test_success(void)
{
	Side source;
	Side destination;

	side_init(&source, model_qemu_start("-name", "web1", "-m", "128", NULL));
	side_init(&destination, START_DESTINATION("-m", "128", NULL));
	expect_run_state(&source, QMP_RUN_RUNNING);
	expect_run_state(&destination, QMP_RUN_INMIGRATE);
	begin(&source, &destination, TRUE);
	expect_status(&source, QMP_MIGRATE_PRE_SWITCHOVER);
	expect_run_state(&source, QMP_RUN_FINISH_MIGRATE);
	CU_ASSERT_TRUE(qmp_migrate_continue(source.client, NULL));
	expect_status(&source, QMP_MIGRATE_COMPLETED);
	expect_status(&destination, QMP_MIGRATE_COMPLETED);
	expect_run_state(&source, QMP_RUN_POSTMIGRATE);
	expect_run_state(&destination, QMP_RUN_PAUSED);
	CU_ASSERT_TRUE(qmp_cont(destination.client, NULL));
	expect_run_state(&destination, QMP_RUN_RUNNING);
	TEST_STRING(source.log.text->str,
		    "MIGRATION:setup MIGRATION_PASS MIGRATION:active STOP "
		    "MIGRATION:pre-switchover MIGRATION:device MIGRATION_PASS MIGRATION:completed");
	TEST_STRING(destination.log.text->str,
		    "MIGRATION:setup MIGRATION:active MIGRATION:completed RESUME");
	side_clear(&source);
	side_clear(&destination);
}

static void
test_cancel_in_pre_switchover(void)
{
	Side source;
	Side destination;
	g_autoptr(GError) error = NULL;

	side_init(&source, model_qemu_start("-nodefaults", NULL));
	side_init(&destination, START_DESTINATION(NULL));
	begin(&source, &destination, TRUE);
	expect_status(&source, QMP_MIGRATE_PRE_SWITCHOVER);
	CU_ASSERT_FALSE(qmp_cont(source.client, &error));
	TEST_ERROR(error, QMP_ERROR, QMP_ERROR_GENERIC, "Migration is not finalized yet");
	CU_ASSERT_TRUE(qmp_migrate_cancel(source.client, NULL));
	expect_status(&source, QMP_MIGRATE_CANCELLED);
	expect_run_state(&source, QMP_RUN_RUNNING);
	CU_ASSERT_TRUE(g_str_has_suffix(source.log.text->str,
					"MIGRATION:cancelling RESUME MIGRATION:cancelled"));
	int status = model_qemu_wait(destination.model);
	CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	side_clear(&source);
	side_clear(&destination);
}

/* The dangerous one: the source runs again, the destination has all. */
static void
test_cancel_in_device(void)
{
	Side source;
	Side destination;

	side_init(&source, model_qemu_start("--device-ms", "200", NULL));
	side_init(&destination, START_DESTINATION(NULL));
	begin(&source, &destination, TRUE);
	expect_status(&source, QMP_MIGRATE_PRE_SWITCHOVER);
	CU_ASSERT_TRUE(qmp_migrate_continue(source.client, NULL));
	CU_ASSERT_TRUE(qmp_migrate_cancel(source.client, NULL));
	expect_status(&source, QMP_MIGRATE_CANCELLED);
	expect_run_state(&source, QMP_RUN_RUNNING);
	expect_status(&destination, QMP_MIGRATE_COMPLETED);
	expect_run_state(&destination, QMP_RUN_PAUSED);
	side_clear(&source);
	side_clear(&destination);
}

static void
test_destination_dies(void)
{
	for (guint late = 0; late < 2; late++) {
		Side source;
		Side destination;
		side_init(&source, model_qemu_start("--active-ms", late ? "10" : "60000", NULL));
		side_init(&destination, START_DESTINATION(NULL));
		begin(&source, &destination, TRUE);
		expect_status(&source, late ? QMP_MIGRATE_PRE_SWITCHOVER : QMP_MIGRATE_ACTIVE);
		kill(model_qemu_get_pid(destination.model), SIGKILL);
		model_qemu_wait(destination.model);
		test_turn(30);
		if (late) {
			expect_status(&source, QMP_MIGRATE_PRE_SWITCHOVER);
			CU_ASSERT_TRUE(qmp_migrate_continue(source.client, NULL));
		}
		expect_status(&source, QMP_MIGRATE_FAILED);
		expect_run_state(&source, QMP_RUN_RUNNING);
		CU_ASSERT_TRUE(
			g_str_has_suffix(source.log.text->str,
					 late ? "MIGRATION:failed RESUME" : "MIGRATION:failed"));
		side_clear(&source);
		side_clear(&destination);
	}
}

static void
test_early_cont(void)
{
	Side source;
	Side destination;

	side_init(&source, model_qemu_start("-nodefaults", NULL));
	side_init(&destination, START_DESTINATION(NULL));
	CU_ASSERT_TRUE(qmp_cont(destination.client, NULL));
	begin(&source, &destination, FALSE);
	expect_status(&source, QMP_MIGRATE_COMPLETED);
	expect_status(&destination, QMP_MIGRATE_COMPLETED);
	expect_run_state(&destination, QMP_RUN_RUNNING);
	CU_ASSERT_TRUE(g_str_has_suffix(destination.log.text->str, "RESUME MIGRATION:completed"));
	side_clear(&source);
	side_clear(&destination);
}

static void
test_mismatch(void)
{
	Side source;
	Side destination;

	side_init(&source, model_qemu_start("-m", "64", NULL));
	side_init(&destination, START_DESTINATION("-m", "65", NULL));
	begin(&source, &destination, FALSE);
	expect_status(&source, QMP_MIGRATE_FAILED);
	expect_run_state(&source, QMP_RUN_RUNNING);
	CU_ASSERT_TRUE(WIFEXITED(model_qemu_wait(destination.model)));
	side_clear(&source);
	side_clear(&destination);
}

static void
test_refusals(void)
{
	Side side;
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) no_fd = NULL;
	g_autoptr(GError) knob = NULL;

	side_init(&side, model_qemu_start("--on", "stop#2=fail:not now", "--on", "quit=die", NULL));
	CU_ASSERT_FALSE(qmp_migrate_incoming(side.client, "fd:m", &error));
	TEST_ERROR(error, QMP_ERROR, QMP_ERROR_GENERIC,
		   "'-incoming' was not specified on the command line");
	CU_ASSERT_FALSE(qmp_migrate(side.client, "fd:m", &no_fd));
	TEST_ERROR(no_fd, QMP_ERROR, QMP_ERROR_GENERIC,
		   "File descriptor named 'm' has not been found");
	CU_ASSERT_TRUE(qmp_stop(side.client, NULL));
	CU_ASSERT_FALSE(qmp_stop(side.client, &knob));
	TEST_ERROR(knob, QMP_ERROR, QMP_ERROR_GENERIC, "stop: GenericError: not now");
	CU_ASSERT_TRUE(qmp_stop(side.client, NULL));
	CU_ASSERT_TRUE(qmp_quit(side.client, NULL));
	int status = model_qemu_wait(side.model);
	CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	side_clear(&side);
}

static void
test_deaf(void)
{
	Side source;
	Side destination;
	const QmpExecOptions soon = { .fd = -1, .timeout_ms = 50 };
	g_auto(ProbeCall) status = PROBE_CALL_INIT;

	side_init(&source, model_qemu_start("--deaf", "--device-ms", "60000", "--modern", NULL));
	side_init(&destination, START_DESTINATION("--modern", NULL));
	begin(&source, &destination, TRUE);
	expect_status(&source, QMP_MIGRATE_PRE_SWITCHOVER);
	CU_ASSERT_TRUE(qmp_migrate_continue(source.client, NULL));
	probe_start(&status, source.client, "query-status", &soon, NULL);
	probe_expect_error(&status, QMP_ERROR, QMP_ERROR_TIMED_OUT, "");
	CU_ASSERT_TRUE(qmp_yank_migration(source.client, NULL));
	expect_status(&source, QMP_MIGRATE_FAILED);
	expect_run_state(&source, QMP_RUN_RUNNING);
	side_clear(&source);
	side_clear(&destination);
}

static void
test_log_and_words(void)
{
	g_autofree char *folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "log", NULL);
	g_autofree char *text = NULL;
	Side source;
	Side destination;

	side_init(&source, model_qemu_start("--log", path, "--word", "active=a-new-word",
					    "--active-ms", "200", NULL));
	side_init(&destination, START_DESTINATION(NULL));
	begin(&source, &destination, FALSE);
	expect_status(&source, QMP_MIGRATE_UNKNOWN);
	expect_status(&source, QMP_MIGRATE_COMPLETED);
	CU_ASSERT_TRUE(g_file_get_contents(path, &text, NULL, NULL));
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	CU_ASSERT_EQUAL_FATAL(g_strv_length(lines), 3);
	CU_ASSERT_TRUE(g_str_has_suffix(lines[0], " running"));
	CU_ASSERT_TRUE(g_str_has_suffix(lines[1], " stopped"));
	side_clear(&source);
	side_clear(&destination);
	test_folder_free(g_steal_pointer(&folder));
}

static void
test_second_client(void)
{
	g_autoptr(ModelQemu) model = model_qemu_start("-S", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(QmpClient) first =
		qmp_client_connect(model_qemu_get_path(model), 5000, NULL, NULL);
	g_autoptr(QmpClient) busy =
		qmp_client_connect(model_qemu_get_path(model), 100, NULL, &error);

	CU_ASSERT_PTR_NOT_NULL_FATAL(first);
	CU_ASSERT_EQUAL(qmp_client_get_peer_pid(first), model_qemu_get_pid(model));
	CU_ASSERT_PTR_NULL(busy);
	TEST_ERROR(error, QMP_ERROR, QMP_ERROR_BUSY, "another client");
	qmp_client_close(first);
	g_autoptr(QmpClient) second =
		qmp_client_connect(model_qemu_get_path(model), 5000, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL(second);
}

CU_TestInfo suite_qmp_model[] = {
	{ "states and events of a success", test_success },
	{ "cancelled in pre-switchover", test_cancel_in_pre_switchover },
	{ "cancelled in device: both have the guest", test_cancel_in_device },
	{ "the destination dies", test_destination_dies },
	{ "a cont that comes early starts it by itself", test_early_cont },
	{ "another size of memory", test_mismatch },
	{ "refusals and knobs", test_refusals },
	{ "deaf in the switchover", test_deaf },
	{ "the log, and words that are not known", test_log_and_words },
	{ "one client at a time", test_second_client },
	CU_TEST_INFO_NULL,
};
