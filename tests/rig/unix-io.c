/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listening, receiving with a descriptor, and sending all, on UNIX sockets. For test programs only:
 * sending blocks.
 */
#include "tests/rig/unix-io.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static gboolean
listen_on(int fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return FALSE;
	strcpy(address.sun_path, path);
	return bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 1) == 0;
}

int
unix_io_listen(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* It gets its name when it listens: between bind() and listen() it would refuse. */
	g_autofree char *early = g_strconcat(path, "~", NULL);

	if (fd < 0)
		return -1;
	unlink(early);
	if (listen_on(fd, early) && rename(early, path) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
take_fd(struct msghdr *message, int *ret_fd)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	}
}

gssize
unix_io_recv(int fd, void *data, gsize len, int *ret_fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec vector = { data, len };
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n = -1;

	do
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		take_fd(&message, ret_fd);
	return n;
}

gboolean
unix_io_send(int fd, const void *data, gsize len)
{
	const char *bytes = data;

	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FALSE;
		bytes += n;
		len -= n;
	}
	return TRUE;
}
