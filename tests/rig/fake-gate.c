/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A packet to the socket is a call: the attribute, a zero and the text. The answer is its errno.
 *
 * The model allocates. In a child that was forked while another thread held the allocator's lock
 * that never returns: glibc's own allocator takes care of forks, AddressSanitizer's (GCC 12) does
 * not.
 */
#include "tests/rig/fake-gate.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "tests/rig/fake-kernel.h"

#define NAME	 "/.kernel"
#define MAX_CALL 8192

struct _FakeGate {
	int listener;
	GThread *thread;
};

static void
serve_call(int connection)
{
	char call[MAX_CALL + 1] = "";
	gssize n = recv(connection, call, MAX_CALL, 0);
	if (n <= 0)
		return;
	int number = fake_kernel_write(call, call + strlen(call) + 1);
	send(connection, &number, sizeof number, MSG_NOSIGNAL);
}

static gpointer
serve(gpointer data)
{
	const FakeGate *self = data;
	int connection;
	while ((connection = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		serve_call(connection);
		close(connection);
	}
	return NULL;
}

static struct sockaddr_un
address_of(const char *root, gsize length)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (length + sizeof NAME <= sizeof address.sun_path) {
		memcpy(address.sun_path, root, length);
		memcpy(address.sun_path + length, NAME, sizeof NAME);
	}
	return address;
}

static int
call(int fd, const char *target, const char *text)
{
	struct iovec parts[] = { { (char *)target, strlen(target) + 1 },
				 { (char *)text, strlen(text) } };
	const struct msghdr message = { .msg_iov = parts, .msg_iovlen = G_N_ELEMENTS(parts) };
	int number = 0;
	if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
		return errno;
	return recv(fd, &number, sizeof number, 0) == sizeof number ? number : ENODEV;
}

int
fake_gate_write(const char *target, const char *text)
{
	const char *devices = strstr(target, "/devices/");
	if (devices == NULL)
		return EINVAL;
	struct sockaddr_un address = address_of(target, (gsize)(devices - target));
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	gboolean there = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	int number = there ? call(fd, target, text) : ENODEV;
	close(fd);
	return number;
}

FakeGate *
fake_gate_new(const char *root)
{
	FakeGate *self = g_new0(FakeGate, 1);
	struct sockaddr_un address = address_of(root, strlen(root));
	self->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(self->listener, (struct sockaddr *)&address, sizeof address), 0);
	CU_ASSERT_EQUAL_FATAL(listen(self->listener, SOMAXCONN), 0);
	self->thread = g_thread_new("fake-gate", serve, self);
	/* Once it has answered, it sleeps and holds no lock: whoever forks now is safe. */
	g_autofree char *none = g_build_filename(root, "devices", "none", NULL);
	CU_ASSERT_EQUAL_FATAL(fake_gate_write(none, ""), EINVAL);
	return self;
}

void
fake_gate_free(FakeGate *self)
{
	shutdown(self->listener, SHUT_RDWR);
	g_thread_join(self->thread);
	close(self->listener);
	g_free(self);
}
