/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is said of a monitor that cannot be used: the kind of thing that it is, and who has it.
 */
#include <CUnit/CUnit.h>
#include <gio/gio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/host/monitor-holder.h"
#include "engine/host/monitor-words.h"
#include "qmp/qmp-client.h"
#include "tests/rig/test-util.h"
#include "tests/rig/unix-io.h"

#define SHORT_MS 300

/* (transfer full) */
static char *
words_of(const char *path)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(QmpClient) client = qmp_client_connect(path, SHORT_MS, NULL, &cause);
	CU_ASSERT_PTR_NULL(client);
	return cause != NULL ? monitor_explain(path, cause) : g_strdup("");
}

static void
says(const char *path, const char *words)
{
	g_autofree char *text = words_of(path);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, words));
	if (strstr(text, words) == NULL)
		g_printerr("\n'%s': %s\n", path, text);
}

static void
an_address_is_no_path(void)
{
	static const char *const addresses[] = { "127.0.0.1:4444", "tcp:127.0.0.1:4444", "[::1]:44",
						 "host:4444,server=on" };
	for (guint i = 0; i < G_N_ELEMENTS(addresses); i++)
		says(addresses[i], "a TCP address");
	says("unix:/run/web1.qmp,server=on", "give the path alone");
}

static void
a_path_has_no_hint_of_an_address(void)
{
	g_autofree char *text = words_of("/nowhere/web1:4");
	CU_ASSERT_PTR_NULL(strstr(text, "TCP"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "No such file"));
}

static void
a_file_and_a_dead_socket(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *file = test_file_new(folder, "file", "x");
	g_autofree char *dead = g_build_filename(folder, "dead", NULL);
	close(unix_io_listen(dead));
	says(file, "it is not a UNIX socket");
	says(dead, "has ended");
}

static void
a_human_monitor_speaks_no_json(void)
{
	static const char greeting[] = "QEMU 7.2.22 monitor - type 'help' for more information\r\n";
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "hmp", NULL);
	int listener = unix_io_listen(path);
	pid_t child = fork();
	if (child == 0) {
		int client = accept(listener, NULL, NULL);
		ssize_t n = send(client, greeting, sizeof greeting - 1, MSG_NOSIGNAL);
		_exit(n > 0 && read(client, &n, 1) >= 0 ? 0 : 1);
	}
	says(path, "perhaps QEMU's human one");
	close(listener);
	waitpid(child, NULL, 0);
}

static int
connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

/* Until it is killed. */
static pid_t
start_client(const char *path)
{
	pid_t child = fork();
	if (child != 0)
		return child;
	char byte;
	int fd = connect_to(path);
	_exit(fd >= 0 && read(fd, &byte, 1) == 0 ? 0 : 1);
}

static void
the_client_of_a_busy_monitor_is_named(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "qmp", NULL);
	g_autofree char *other = g_build_filename(folder, "other", NULL);
	int listener = unix_io_listen(path), second = unix_io_listen(other);
	CU_ASSERT_PTR_NULL(monitor_holder_find(path));
	pid_t child = start_client(path);
	int client = accept(listener, NULL, NULL);
	g_autofree char *holder = monitor_holder_find(path);
	g_autofree char *number = g_strdup_printf("process %d (", (int)child);
	CU_ASSERT_PTR_NOT_NULL(holder);
	CU_ASSERT_TRUE(holder != NULL && g_str_has_prefix(holder, number));
	/* One that waits in the queue is not it, and neither is the one of another socket. */
	CU_ASSERT_PTR_NULL(monitor_holder_find(other));
	says(path, number);
	close(client);
	waitpid(child, NULL, 0);
	CU_ASSERT_PTR_NULL(monitor_holder_find(path));
	close(listener);
	close(second);
}

static void
one_that_waits_has_not_got_it(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "qmp", NULL);
	int listener = unix_io_listen(path);
	int waiting = connect_to(path);
	CU_ASSERT_TRUE(waiting >= 0);
	CU_ASSERT_PTR_NULL(monitor_holder_find(path));
	says(path, "or it is not a QMP monitor");
	close(waiting);
	close(listener);
	CU_ASSERT_PTR_NULL(monitor_holder_find("/nowhere"));
}

CU_TestInfo suite_monitor_words[] = {
	{ "an address is no path", an_address_is_no_path },
	{ "a path has no hint of an address", a_path_has_no_hint_of_an_address },
	{ "a file and a dead socket", a_file_and_a_dead_socket },
	{ "a human monitor speaks no JSON", a_human_monitor_speaks_no_json },
	{ "the client of a busy monitor is named", the_client_of_a_busy_monitor_is_named },
	{ "one that waits has not got it", one_that_waits_has_not_got_it },
	CU_TEST_INFO_NULL,
};
