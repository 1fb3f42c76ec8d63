/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which process is QEMU: asked of a monitor, of one behind a program in between, and of one that
 * has died.
 */
#include <CUnit/CUnit.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/host/qemu-process.h"
#include "tests/rig/model-qemu.h"
#include "tests/rig/test-util.h"
#include "tests/rig/unix-io.h"

/* As socat does it: it passes on bytes, and no descriptors. */
typedef struct {
	int listener;
	int stop[2];
	const char *target;
	GThread *thread;
} Proxy;

static int
connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static gboolean
pass_on(int from, int to)
{
	char data[4096];
	ssize_t n = read(from, data, sizeof data);
	return n > 0 && unix_io_send(to, data, (gsize)n);
}

static gpointer
proxy_thread(gpointer data)
{
	Proxy *self = data;
	int client = accept(self->listener, NULL, NULL);
	int server = connect_to(self->target);
	struct pollfd fds[] = { { client, POLLIN, 0 },
				{ server, POLLIN, 0 },
				{ self->stop[0], POLLIN, 0 } };
	gboolean goes_on = TRUE;
	while (goes_on && poll(fds, G_N_ELEMENTS(fds), -1) > 0 && fds[2].revents == 0) {
		if (fds[0].revents != 0)
			goes_on = pass_on(client, server);
		if (fds[1].revents != 0)
			goes_on = goes_on && pass_on(server, client);
	}
	close(client);
	close(server);
	return NULL;
}

static void
proxy_start(Proxy *self, const char *path, const char *target)
{
	self->target = target;
	self->listener = unix_io_listen(path);
	CU_ASSERT_EQUAL(pipe(self->stop), 0);
	self->thread = g_thread_new("proxy", proxy_thread, self);
}

static void
proxy_end(Proxy *self)
{
	close(self->stop[1]);
	g_thread_join(self->thread);
	close(self->stop[0]);
	close(self->listener);
}

static void
the_process_is_proven(void)
{
	g_autoptr(ModelQemu) model = model_qemu_start("-S", NULL);
	g_autoptr(QmpClient) client =
		qmp_client_connect(model_qemu_get_path(model), 5000, NULL, NULL);
	g_auto(Process) process = PROCESS_INIT;
	g_auto(Process) self = PROCESS_INIT;
	process_open(&self, getpid());
	if (!process_is_known(&self)) {
		test_skip("no pidfd here, as under valgrind: no process can be proven");
		return;
	}
	gboolean is_indirect = TRUE;
	CU_ASSERT_TRUE(qemu_process_prove(client, &process, &is_indirect));
	CU_ASSERT_FALSE(is_indirect);
	CU_ASSERT_EQUAL(process.pid, model_qemu_get_pid(model));
	CU_ASSERT_FALSE(process_is_gone(&process));
	CU_ASSERT_TRUE(process_kill(&process, 5000));
	CU_ASSERT_TRUE(model_qemu_has_ended(model));
}

/* The number that the socket tells is the proxy's: here, this very process. */
static void
a_program_in_between_is_not_qemu(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "proxy", NULL);
	g_autoptr(ModelQemu) model = model_qemu_start("-S", NULL);
	Proxy proxy;
	proxy_start(&proxy, path, model_qemu_get_path(model));
	g_autoptr(GError) error = NULL;
	g_autoptr(QmpClient) client = qmp_client_connect(path, 5000, NULL, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_EQUAL(qmp_client_get_peer_pid(client), getpid());
	g_auto(Process) process = PROCESS_INIT;
	gboolean is_indirect = FALSE;
	CU_ASSERT_FALSE(qemu_process_prove(client, &process, &is_indirect));
	CU_ASSERT_TRUE(is_indirect);
	CU_ASSERT_FALSE(process_is_known(&process));
	CU_ASSERT_FALSE(process_is_gone(&process));
	CU_ASSERT_FALSE(process_kill(&process, 100));
	qmp_client_close(client);
	proxy_end(&proxy);
	CU_ASSERT_FALSE(model_qemu_has_ended(model));
}

static void
of_a_dead_one_nothing_is_proven(void)
{
	g_autoptr(ModelQemu) model = model_qemu_start("-S", "--on", "getfd=die", NULL);
	g_autoptr(QmpClient) client =
		qmp_client_connect(model_qemu_get_path(model), 5000, NULL, NULL);
	g_auto(Process) process = PROCESS_INIT;
	gboolean is_indirect = TRUE;
	CU_ASSERT_FALSE(qemu_process_prove(client, &process, &is_indirect));
	CU_ASSERT_FALSE(is_indirect);
	CU_ASSERT_FALSE(process_is_known(&process));
}

CU_TestInfo suite_qemu_process[] = {
	{ "the process is proven", the_process_is_proven },
	{ "a program in between is not QEMU", a_program_in_between_is_not_qemu },
	{ "of a dead one nothing is proven", of_a_dead_one_nothing_is_proven },
	CU_TEST_INFO_NULL,
};
