/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a recovery may end, and what it leaves alone: a pid, a path or a monitor in a journal proves
 * nothing by itself.
 */
#include <CUnit/CUnit.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "engine/host/monitor-socket.h"
#include "engine/host/qemu-mark.h"
#include "engine/host/vm-start.h"
#include "engine/record/handover.h"
#include "engine/record/ownership-file.h"
#include "engine/recover/recover-destination.h"
#include "engine/recover/recover-qemu.h"
#include "engine/util/scoped-context.h"
#include "tests/rig/model-qemu.h"
#include "tests/rig/test-util.h"
#include "tests/rig/unix-io.h"

/* Its processes are found by it: so no other test of this host, and no other run of this one, may
 * have the same. */
static const char *
this_session(void)
{
	static char *session;
	if (session == NULL)
		session = g_uuid_string_random();
	return session;
}

#define SESSION this_session()

/* A child that sleeps, started as the agent starts a QEMU. @session: (nullable) */
static GPid
sleeper(const char *session)
{
	static const char *const argv[] = { "sleep", "60", NULL };
	g_auto(GStrv) environment = g_get_environ();
	GPid pid = 0;
	if (session != NULL)
		environment = g_environ_setenv(environment, VM_SESSION_VARIABLE, session, TRUE);
	CU_ASSERT_TRUE_FATAL(g_spawn_async(NULL, (char **)argv, environment,
					   G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL,
					   NULL, &pid, NULL));
	g_usleep(50000); /* the environment is that of the program once it is executed */
	return pid;
}

static gboolean
lives(GPid pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

static void
end_sleeper(GPid pid)
{
	if (!lives(pid))
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static guint64
ticks_of(pid_t pid)
{
	g_auto(Process) process = PROCESS_INIT;
	process_open(&process, pid);
	return process.start_ticks;
}

typedef struct {
	gint64 pid; /* 0: not in it */
	const char *qmp, *log;
	gboolean earlier_boot;
} Facts;

static void
write_journal(const char *folder, const Facts *wanted)
{
	JsonObject *facts = json_object_new();
	json_object_set_string_member(facts, "vm", "web1");
	json_object_set_boolean_member(facts, "owned", TRUE);
	if (wanted->qmp != NULL)
		json_object_set_string_member(facts, "qmp", wanted->qmp);
	if (wanted->log != NULL)
		json_object_set_string_member(facts, "log", wanted->log);
	g_autoptr(Journal) journal = journal_create(folder, SESSION, SIDE_DESTINATION, facts, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
	JsonObject *more = json_object_new();
	if (wanted->pid != 0) {
		json_object_set_int_member(more, "pid", wanted->pid);
		json_object_set_int_member(more, "start_ticks",
					   (gint64)ticks_of((pid_t)wanted->pid));
	}
	if (wanted->earlier_boot)
		json_object_set_string_member(more, "boot_id", "another boot");
	CU_ASSERT_TRUE_FATAL(journal_append(journal, JOURNAL_STARTED, more, NULL));
}

static void
settles(const char *folder, const Facts *facts)
{
	g_autoptr(GError) error = NULL;
	write_journal(folder, facts);
	CU_ASSERT_EQUAL(recover_destination(folder, SESSION, NULL, NULL, &error),
			PEER_OUTCOME_GONE);
	TEST_NO_ERROR(error);
}

static void
what_was_started_for_the_session_is_ended(void)
{
	if (test_under_valgrind()) {
		test_skip("valgrind knows no pidfds: no death can be proven");
		return;
	}
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	char *folder = test_folder_new();
	GPid with_mark = sleeper(SESSION), other = sleeper("another-session"), none = sleeper(NULL),
	     written = sleeper(NULL);
	/* The agent died before it could write the pid down. */
	settles(folder, &(Facts){ 0 });
	CU_ASSERT_FALSE(lives(with_mark));
	settles(folder, &(Facts){ .pid = written });
	CU_ASSERT_FALSE(lives(written));
	CU_ASSERT_TRUE(lives(other));
	CU_ASSERT_TRUE(lives(none));
	end_sleeper(other);
	end_sleeper(none);
	test_folder_free(folder);
}

/* Its number belongs to somebody else by now, be the start time what it may. */
static void
a_pid_that_proves_nothing_ends_nobody(void)
{
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	char *folder = test_folder_new();
	GPid stranger = sleeper(NULL);
	settles(folder, &(Facts){ .pid = stranger, .earlier_boot = TRUE });
	CU_ASSERT_TRUE(lives(stranger));
	end_sleeper(stranger);
	test_folder_free(folder);

	static const gint64 pids[] = { 1, -1, 0, G_MAXINT64, (gint64)G_MAXUINT32 + 2 };
	for (gsize i = 0; i < G_N_ELEMENTS(pids); i++) {
		g_auto(Process) process = PROCESS_INIT;
		folder = test_folder_new();
		write_journal(folder, &(Facts){ .pid = pids[i] });
		g_autoptr(Journal) journal = journal_open(folder, SESSION, SIDE_DESTINATION, NULL);
		recover_open_process(journal, &process);
		CU_ASSERT_FALSE(process_is_known(&process));
		test_folder_free(folder);
	}
}

/* The path is that of a QEMU that has come up there since. */
static void
another_qemu_at_the_monitor_is_left_alone(void)
{
	if (test_under_valgrind()) {
		test_skip("valgrind knows no pidfds: no process can be proven");
		return;
	}
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	char *folder = test_folder_new();
	ModelQemu *model = model_qemu_start("-name", "web1", NULL);
	const Facts facts = { .qmp = model_qemu_get_path(model) };
	g_autoptr(GError) error = NULL;

	write_journal(folder, &facts);
	g_autoptr(Journal) journal = journal_open(folder, SESSION, SIDE_DESTINATION, NULL);
	CU_ASSERT_PTR_NULL(recover_attach(journal, SIDE_DESTINATION, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_UNKNOWN, "another QEMU is at its monitor");
	g_clear_error(&error);

	g_autoptr(Qemu) qemu = qemu_attach(facts.qmp, "destination", NULL, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(qemu);
	CU_ASSERT_FALSE(qemu_has_mark(qemu, SESSION));
	CU_ASSERT_TRUE(qemu_mark(qemu, SESSION, &error));
	CU_ASSERT_TRUE(qemu_has_mark(qemu, SESSION));
	CU_ASSERT_FALSE(qemu_has_mark(qemu, "another-session"));
	g_clear_pointer(&qemu, qemu_free);
	qemu = recover_attach(journal, SIDE_DESTINATION, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(qemu);
	qemu_unmark(qemu, SESSION);
	CU_ASSERT_FALSE(qemu_has_mark(qemu, SESSION));
	g_clear_pointer(&qemu, qemu_free);
	g_clear_pointer(&journal, journal_free);

	CU_ASSERT_EQUAL(recover_destination(folder, SESSION, NULL, NULL, NULL), PEER_OUTCOME_GONE);
	CU_ASSERT_FALSE(model_qemu_has_ended(model));
	CU_ASSERT_TRUE(monitor_is_listening(facts.qmp));
	model_qemu_free(model);
	test_folder_free(folder);
}

/* The agent died between the load and 'cont', and a person has typed that. */
static void
a_guest_that_somebody_has_started_is_not_ended(void)
{
	static const struct {
		const char *state;
		PeerOutcome outcome;
	} rows[] = { { "running", PEER_OUTCOME_UNKNOWN }, { "paused", PEER_OUTCOME_GONE } };
	if (test_under_valgrind()) {
		test_skip("valgrind knows no pidfds: no process can be proven");
		return;
	}
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		char *folder = test_folder_new();
		g_autoptr(ModelQemu) model = model_qemu_start("--state", rows[i].state, NULL);
		g_autoptr(GError) error = NULL;
		write_journal(folder, &(Facts){ .pid = model_qemu_get_pid(model),
						.qmp = model_qemu_get_path(model) });
		g_autoptr(Journal) journal = journal_open(folder, SESSION, SIDE_DESTINATION, NULL);
		CU_ASSERT_TRUE_FATAL(journal_append(journal, JOURNAL_SETUP, NULL, NULL));
		g_clear_pointer(&journal, journal_free);
		CU_ASSERT_EQUAL(recover_destination(folder, SESSION, NULL, NULL, &error),
				rows[i].outcome);
		CU_ASSERT_EQUAL(model_qemu_has_ended(model), rows[i].outcome == PEER_OUTCOME_GONE);
		if (rows[i].outcome == PEER_OUTCOME_UNKNOWN)
			TEST_ERROR(error, GW_ERROR, GW_ERROR_UNKNOWN, "somebody else has started");
		test_folder_free(folder);
	}
}

/* The state folder is one of a backup: it has a record of the VM, and none of the session. */
static void
a_session_whose_qemu_lives_is_not_gone(void)
{
	if (test_under_valgrind()) {
		test_skip("valgrind knows no pidfds: no process can be proven");
		return;
	}
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	char *folder = test_folder_new();
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE_FATAL(handover_start_here(folder, "web1", NULL, &error));
	GPid qemu = sleeper(SESSION);
	CU_ASSERT_EQUAL(recover_answer(folder, "web1", SESSION, &error), PEER_OUTCOME_UNKNOWN);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_UNKNOWN, "a QEMU that was started for it lives");
	g_clear_error(&error);
	end_sleeper(qemu);
	CU_ASSERT_EQUAL(recover_answer(folder, "web1", SESSION, &error), PEER_OUTCOME_GONE);
	TEST_NO_ERROR(error);
	test_folder_free(folder);
}

static void
only_what_a_dead_qemu_has_left_is_removed(void)
{
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	char *folder = test_folder_new();
	g_autofree char *precious = g_build_filename(folder, "precious", NULL);
	g_autofree char *log = g_build_filename(folder, "web1.qemu.log", NULL);
	CU_ASSERT_TRUE(g_file_set_contents(precious, "x", -1, NULL));
	CU_ASSERT_TRUE(g_file_set_contents(log, "x", -1, NULL));
	settles(folder, &(Facts){ .qmp = precious, .log = precious });
	CU_ASSERT_EQUAL(g_access(precious, F_OK), 0);
	CU_ASSERT_EQUAL(g_access(log, F_OK), 0);
	settles(folder, &(Facts){ .log = log });
	CU_ASSERT_NOT_EQUAL(g_access(log, F_OK), 0);

	g_autofree char *path = g_build_filename(folder, "qmp", NULL);
	int fd = unix_io_listen(path);
	settles(folder, &(Facts){ .qmp = path });
	CU_ASSERT_EQUAL(g_access(path, F_OK), 0); /* somebody listens */
	close(fd);
	settles(folder, &(Facts){ .qmp = path });
	CU_ASSERT_NOT_EQUAL(g_access(path, F_OK), 0);
	test_folder_free(folder);
}

static void
a_vm_that_somebody_has_is_not_settled(void)
{
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	char *folder = test_folder_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(VmLock) lock = vm_lock_take(folder, "web1", "starting", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(lock);
	write_journal(folder, &(Facts){ 0 });
	CU_ASSERT_EQUAL(recover_destination(folder, SESSION, NULL, NULL, &error),
			PEER_OUTCOME_UNKNOWN);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_BUSY, "starting by process");
	/* Who has it settles it before anything else. */
	recover_settle_vm(folder, "web1");
	g_autofree char *path = g_strconcat(folder, "/", SESSION, ".destination", NULL);
	CU_ASSERT_NOT_EQUAL(g_access(path, F_OK), 0);
	test_folder_free(folder);
}

CU_TestInfo suite_recover_qemu[] = {
	{ "what was started for the session is ended", what_was_started_for_the_session_is_ended },
	{ "a pid that proves nothing ends nobody", a_pid_that_proves_nothing_ends_nobody },
	{ "another QEMU at the monitor is left alone", another_qemu_at_the_monitor_is_left_alone },
	{ "a session whose QEMU lives is not gone", a_session_whose_qemu_lives_is_not_gone },
	{ "a guest that somebody has started is not ended",
	  a_guest_that_somebody_has_started_is_not_ended },
	{ "only what a dead QEMU has left is removed", only_what_a_dead_qemu_has_left_is_removed },
	{ "a VM that somebody has is not settled", a_vm_that_somebody_has_is_not_settled },
	CU_TEST_INFO_NULL,
};
