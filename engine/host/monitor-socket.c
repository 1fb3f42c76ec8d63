/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is at a monitor's path? */
#include "engine/host/monitor-socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Connected, or -1 with errno. EAGAIN says that somebody listens whose queue is full. */
static int
connect_monitor(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

gboolean
monitor_is_listening(const char *path)
{
	int fd = connect_monitor(path);
	if (fd < 0)
		return errno == EAGAIN;
	close(fd);
	return TRUE;
}

void
monitor_remove_stale(const char *path)
{
	struct stat info;
	if (lstat(path, &info) < 0 || !S_ISSOCK(info.st_mode))
		return;
	int fd = connect_monitor(path);
	if (fd >= 0)
		close(fd);
	else if (errno == ECONNREFUSED)
		unlink(path);
}
