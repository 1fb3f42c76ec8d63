/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What starts a QEMU again when it ends, told from a folder with proc/ and the files of units; and
 * from this host.
 */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/host/supervisor.h"
#include "tests/rig/test-util.h"

#define QEMU	    40
#define UNIT_CGROUP "0::/system.slice/web1.service\n"

static void
put(const char *root, const char *name, const char *text, gssize len)
{
	g_autofree char *path = g_build_filename(root, name, NULL);
	g_autofree char *folder = g_path_get_dirname(path);
	CU_ASSERT_EQUAL(g_mkdir_with_parents(folder, 0755), 0);
	CU_ASSERT_TRUE(g_file_set_contents(path, text, len, NULL));
}

static void
put_process(const char *root, int pid, const char *name, int parent)
{
	g_autofree char *file = g_strdup_printf("proc/%d/stat", pid);
	g_autofree char *text = g_strdup_printf("%d (%s) S %d 1 1 0", pid, name, parent);
	put(root, file, text, -1);
}

static void
finds(const char *root, const char *expected)
{
	g_autofree char *found = supervisor_find(root, QEMU);
	TEST_STRING(found, expected);
}

static void
a_unit_that_is_always_restarted(void)
{
	static const char always[] = "the systemd unit 'web1.service' (Restart=always)";
	g_auto(TestFolder) root = test_folder_new();
	put_process(root, QEMU, "qemu-system-x86", 1);
	put(root, "proc/40/cgroup", UNIT_CGROUP, -1);
	finds(root, NULL);
	put(root, "usr/lib/systemd/system/web1.service",
	    "[Service]\n Restart = always\nRestartSec=1\n", -1);
	finds(root, always);
	/* The administrator's own file is in place of the package's, and a drop-in has the last
	 * word. */
	put(root, "etc/systemd/system/web1.service", "[Service]\nRestart=on-failure\n", -1);
	finds(root, NULL);
	put(root, "run/systemd/system/web1.service.d/a.conf", "[Service]\nRestart=always\n", -1);
	finds(root, always);
	put(root, "run/systemd/system/web1.service.d/a.txt", "[Service]\nRestart=no\n", -1);
	finds(root, always);
	put(root, "etc/systemd/system/web1.service.d/b.conf", "[Service]\nRestart=no\n", -1);
	finds(root, NULL);
}

static void
a_unit_of_a_template(void)
{
	g_auto(TestFolder) root = test_folder_new();
	put_process(root, QEMU, "qemu (x) y", 1);
	put(root, "proc/40/cgroup", "2:cpu:/x\n1:name=systemd:/vms.slice/vm@web1.service/sub\n",
	    -1);
	put(root, "etc/systemd/system/vm@.service", "[Service]\nRestart=on-success\n", -1);
	finds(root, "the systemd unit 'vm@web1.service' (Restart=on-success)");
}

static void
the_daemon_of_ours_restarts_itself_only(void)
{
	g_auto(TestFolder) root = test_folder_new();
	put_process(root, QEMU, "qemu", 1);
	put(root, "proc/40/cgroup", "0::/system.slice/godwitd.service\n", -1);
	put(root, "etc/systemd/system/godwitd.service", "[Service]\nRestart=always\n", -1);
	finds(root, NULL);
}

static void
a_parent_that_is_a_supervisor(void)
{
	g_auto(TestFolder) root = test_folder_new();
	put_process(root, QEMU, "qemu", 30);
	put_process(root, 30, "sudo", 20);
	put_process(root, 20, "runsv", 1);
	finds(root, "process 20 (runsv)");
	put_process(root, 20, "python3", 1);
	finds(root, NULL);
}

static void
a_shell_that_runs_a_script(void)
{
	g_auto(TestFolder) root = test_folder_new();
	put_process(root, QEMU, "qemu", 30);
	put_process(root, 30, "bash", 1);
	put(root, "proc/30/cmdline", "/bin/bash\0/srv/loop.sh\0", 24);
	finds(root, "process 30 (bash)");
	put(root, "proc/30/cmdline", "bash\0-ec\0while", 13);
	finds(root, "process 30 (bash)");
	/* Somebody types. */
	put(root, "proc/30/cmdline", "-bash\0", 6);
	finds(root, NULL);
	put(root, "proc/30/cmdline", "bash\0--login\0-i\0", 16);
	finds(root, NULL);
}

static void
what_is_not_known_is_no_supervisor(void)
{
	g_auto(TestFolder) root = test_folder_new();
	finds(root, NULL);
	put(root, "proc/40/stat", "40 (", -1);
	finds(root, NULL);
	put(root, "proc/40/stat", "40 ()", -1);
	finds(root, NULL);
	put_process(root, QEMU, "qemu", QEMU);
	finds(root, NULL);
	CU_ASSERT_PTR_NULL(supervisor_find(root, 0));
}

/* A loop, as people write it: the shell has a child that it would start again. */
static void
a_loop_on_this_host(void)
{
	int words[2];
	char text[16] = "";
	CU_ASSERT_EQUAL(pipe(words), 0);
	pid_t shell = fork();
	if (shell == 0) {
		dup2(words[1], STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c",
		      "trap 'kill $!; exit' TERM; sleep 60 >/dev/null 2>&1 & echo $!; wait; echo",
		      NULL);
		_exit(1);
	}
	CU_ASSERT_TRUE(read(words[0], text, sizeof text - 1) > 0);
	g_autofree char *found = supervisor_find("", (pid_t)atoi(text));
	g_autofree char *expected = g_strdup_printf("process %d (sh)", (int)shell);
	TEST_STRING(found, expected);
	kill(shell, SIGTERM);
	waitpid(shell, NULL, 0);
	close(words[0]);
	close(words[1]);
}

CU_TestInfo suite_supervisor[] = {
	{ "a unit that is always restarted", a_unit_that_is_always_restarted },
	{ "a unit of a template", a_unit_of_a_template },
	{ "the daemon of ours restarts itself only", the_daemon_of_ours_restarts_itself_only },
	{ "a parent that is a supervisor", a_parent_that_is_a_supervisor },
	{ "a shell that runs a script", a_shell_that_runs_a_script },
	{ "what is not known is no supervisor", what_is_not_known_is_no_supervisor },
	{ "a loop on this host", a_loop_on_this_host },
	CU_TEST_INFO_NULL,
};
