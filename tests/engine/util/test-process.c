/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Real children: alive, killed, zombies and reaped, and the traps of numbers that are used again.
 */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/util/process.h"
#include "tests/rig/test-util.h"

/* A child that sleeps; one that ends at once when @ends. */
static pid_t
start_child(gboolean ends)
{
	pid_t pid = fork();

	CU_ASSERT_TRUE_FATAL(pid >= 0);
	if (pid == 0) {
		if (!ends)
			sleep(60);
		_exit(0);
	}
	return pid;
}

/* Valgrind 3.19 knows no pidfd_open(2), and says ENOSYS. */
static gboolean
is_blind(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd >= 0)
		close(fd);
	if (fd >= 0 || errno != ENOSYS)
		return FALSE;
	test_skip("no pidfd here");
	return TRUE;
}

static gboolean
is_reaped(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static void
a_living_child_is_known_and_not_gone(void)
{
	if (is_blind())
		return;

	g_auto(Process) process = PROCESS_INIT;
	pid_t pid = start_child(FALSE);

	process_open(&process, pid);
	CU_ASSERT_TRUE(process_is_known(&process));
	CU_ASSERT_TRUE(process.start_ticks > 0);
	CU_ASSERT_FALSE(process_is_gone(&process));
	CU_ASSERT_FALSE(process_await_gone(&process, 20));
	CU_ASSERT_EQUAL(fcntl(process.pidfd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);

	CU_ASSERT_TRUE(process_kill(&process, 10000));
	CU_ASSERT_TRUE(process_is_gone(&process));
	CU_ASSERT_TRUE(is_reaped(pid));
}

static void
an_end_by_itself_is_noticed(void)
{
	if (is_blind())
		return;

	g_auto(Process) process = PROCESS_INIT;
	pid_t pid = start_child(TRUE);

	process_open(&process, pid);
	CU_ASSERT_TRUE(process_await_gone(&process, 10000));
	CU_ASSERT_TRUE(is_reaped(pid));
	CU_ASSERT_TRUE(process_kill(&process, 0)); /* reaches nobody else */
}

static void
a_zombie_counts_as_gone(void)
{
	if (is_blind())
		return;

	g_auto(Process) process = PROCESS_INIT;
	siginfo_t info;
	pid_t pid = start_child(TRUE);

	CU_ASSERT_EQUAL_FATAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	process_open(&process, pid);
	CU_ASSERT_TRUE(process_is_known(&process));
	CU_ASSERT_TRUE(process_is_gone(&process));
	CU_ASSERT_TRUE(process_await_gone(&process, 0));
	CU_ASSERT_TRUE(is_reaped(pid));
}

static void
a_number_nobody_has_counts_as_gone(void)
{
	if (is_blind())
		return;

	g_auto(Process) process = PROCESS_INIT;
	pid_t pid = start_child(TRUE);

	CU_ASSERT_EQUAL_FATAL(waitpid(pid, NULL, 0), pid);
	process_open(&process, pid);
	CU_ASSERT_TRUE(process_is_known(&process));
	CU_ASSERT_TRUE(process_is_gone(&process));
}

static void
nothing_is_proven_of_an_unknown_one(void)
{
	if (is_blind())
		return;

	g_auto(Process) process = PROCESS_INIT;
	static const pid_t pids[] = { 0, -1 };

	for (gsize i = 0; i < G_N_ELEMENTS(pids); i++) {
		process_open(&process, pids[i]);
		CU_ASSERT_FALSE(process_is_known(&process));
		CU_ASSERT_FALSE(process_is_gone(&process));
		CU_ASSERT_FALSE(process_await_gone(&process, 0));
		CU_ASSERT_FALSE(process_kill(&process, 0));
	}
	process_open_recorded(&process, 0, 17);
	CU_ASSERT_FALSE(process_is_gone(&process));
}

static void
a_recorded_one_is_found_again(void)
{
	if (is_blind())
		return;

	g_auto(Process) process = PROCESS_INIT;
	g_auto(Process) again = PROCESS_INIT;

	process_open(&process, start_child(FALSE));
	process_open_recorded(&again, process.pid, process.start_ticks);
	CU_ASSERT_FALSE(process_is_gone(&again));
	CU_ASSERT_TRUE(process_kill(&again, 10000));
	CU_ASSERT_TRUE(process_is_gone(&process));
}

static void
another_one_under_the_same_number_is_left_alone(void)
{
	if (is_blind())
		return;

	g_auto(Process) process = PROCESS_INIT;
	g_auto(Process) other = PROCESS_INIT;

	process_open(&process, start_child(FALSE));
	process_open_recorded(&other, process.pid, process.start_ticks + 1);
	CU_ASSERT_TRUE(process_is_gone(&other));
	CU_ASSERT_EQUAL(other.start_ticks, process.start_ticks + 1);
	CU_ASSERT_TRUE(process_kill(&other, 0));
	CU_ASSERT_FALSE(process_is_gone(&process));
	CU_ASSERT_TRUE(process_kill(&process, 10000));
}

/* That we have no descriptor left says nothing of the process: it must not count as gone. */
static void
want_of_descriptors_proves_no_death(void)
{
	if (is_blind())
		return;

	g_auto(Process) process = PROCESS_INIT;
	g_auto(Process) again = PROCESS_INIT;
	g_auto(Process) blind = PROCESS_INIT;
	struct rlimit former;

	process_open(&process, start_child(FALSE));
	int next = dup(0); /* the lowest that is free */
	CU_ASSERT_TRUE_FATAL(next >= 0);
	close(next);
	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &former), 0);
	struct rlimit tight = { (rlim_t)next, former.rlim_max };
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &tight), 0);
	process_open_recorded(&blind, process.pid, process.start_ticks);
	tight.rlim_cur = (rlim_t)next + 1; /* enough for the pidfd, none for the start time */
	setrlimit(RLIMIT_NOFILE, &tight);
	process_open_recorded(&again, process.pid, process.start_ticks);
	setrlimit(RLIMIT_NOFILE, &former);

	CU_ASSERT_FALSE(process_is_gone(&blind));
	CU_ASSERT_FALSE(process_is_gone(&again));
	CU_ASSERT_TRUE(process_kill(&process, 10000));
}

/* "There is none" is the step before "gone". */
static void
want_of_descriptors_proves_no_absence(void)
{
	g_auto(Process) process = PROCESS_INIT;
	struct rlimit former;
	CU_ASSERT_FALSE(process_find_by_environment(&process, "GODWIT_TEST=nobody has this"));
	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &former), 0);
	struct rlimit tight = { 0, former.rlim_max };
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &tight), 0);
	gboolean may_live = process_find_by_environment(&process, "GODWIT_TEST=nobody has this");
	setrlimit(RLIMIT_NOFILE, &former);
	CU_ASSERT_TRUE(may_live);
	CU_ASSERT_FALSE(process_is_known(&process));
	g_autofree char *text = process_describe(&process);
	TEST_STRING(text, "a process that cannot be looked at");
}

/* The command's name is in the file that holds the start time, and may hold brackets and spaces. */
static void
odd_names_do_not_hide_the_start_time(void)
{
	if (is_blind())
		return;

	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *name = g_build_filename(folder, "a) R (b 1", NULL);
	g_auto(Process) process = PROCESS_INIT;
	g_auto(Process) self = PROCESS_INIT;
	g_autofree char *sleep_path = g_find_program_in_path("sleep");

	CU_ASSERT_EQUAL_FATAL(symlink(sleep_path, name), 0);
	const char *argv[] = { name, "60", NULL };
	GPid pid = 0;
	CU_ASSERT_TRUE_FATAL(g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
					   NULL, NULL, &pid, NULL));
	process_open(&process, pid);
	process_open(&self, getpid());
	CU_ASSERT_TRUE(process.start_ticks >= self.start_ticks);
	CU_ASSERT_TRUE(process.start_ticks - self.start_ticks < 100 * 3600);
	CU_ASSERT_TRUE(process_kill(&process, 10000));
}

CU_TestInfo suite_process[] = {
	{ "a living child is known and not gone", a_living_child_is_known_and_not_gone },
	{ "an end by itself is noticed", an_end_by_itself_is_noticed },
	{ "a zombie counts as gone", a_zombie_counts_as_gone },
	{ "a number nobody has counts as gone", a_number_nobody_has_counts_as_gone },
	{ "nothing is proven of an unknown one", nothing_is_proven_of_an_unknown_one },
	{ "a recorded one is found again", a_recorded_one_is_found_again },
	{ "another one under the same number is left alone",
	  another_one_under_the_same_number_is_left_alone },
	{ "want of descriptors proves no death", want_of_descriptors_proves_no_death },
	{ "want of descriptors proves no absence", want_of_descriptors_proves_no_absence },
	{ "odd names do not hide the start time", odd_names_do_not_hide_the_start_time },
	CU_TEST_INFO_NULL,
};
