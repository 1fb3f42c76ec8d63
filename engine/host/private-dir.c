/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Where QEMU and we meet: a socket or a FIFO in a folder of mode 0700 that belongs to QEMU's user.
 * Nobody else can enter it. The folder is made anew for each run and is removed once all have met.
 *
 * It stands beside QEMU's monitor, and that place may belong to QEMU's user, who can put a link in
 * the place of anything there at any time. We may be root: a chown or chmod by path would then give
 * that user any file of the host. So the folder is opened once, without following a link, and from
 * then on only its descriptor is used. What we put into it is made while it is still ours and
 * nobody else can enter; it is given to QEMU's user last.
 */
#include "engine/host/private-dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/gw-error.h"

#define FOLDER_PREFIX ".godwit-"
#define MEETING_NAME  "stream"
#define DIR_FLAGS     (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static gboolean
fail(GError **error, const char *path, const char *what)
{
	g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "'%s': %s", path, what);
	return FALSE;
}

static gboolean
fail_errno(GError **error, const char *path)
{
	return fail(error, path, g_strerror(errno));
}

/* The folder of the monitor. -1 with errno */
static int
open_parent(const char *qmp_path)
{
	g_autofree char *parent = g_path_get_dirname(qmp_path);
	return open(parent, DIR_FLAGS);
}

static int
open_folder(int parent_fd, const char *name)
{
	return openat(parent_fd, name, DIR_FLAGS | O_NOFOLLOW);
}

static gboolean
is_empty(int fd)
{
	int again = openat(fd, ".", DIR_FLAGS);
	DIR *dir = again >= 0 ? fdopendir(again) : NULL;
	if (dir == NULL) {
		if (again >= 0)
			close(again);
		return FALSE;
	}
	guint n = 0;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n == 2; /* . and .. */
}

/* Checks that it is the folder that we have just made. A user who may rename in its parent could
 * have put another folder there. */
static gboolean
is_ours(int fd)
{
	struct stat info;
	return fstat(fd, &info) == 0 && info.st_uid == geteuid() && (info.st_mode & 0777) == 0700 &&
	       is_empty(fd);
}

static void
set_paths(PrivateDir *self, const char *qmp_path, const char *name)
{
	g_autofree char *parent = g_path_get_dirname(qmp_path);
	self->name = g_strconcat(FOLDER_PREFIX, name, NULL);
	self->path = g_build_filename(parent, self->name, NULL);
	self->socket_path = g_build_filename(self->path, MEETING_NAME, NULL);
	self->parent_fd = self->fd = -1;
}

gboolean
private_dir_make(PrivateDir *self, const Qemu *qemu, const char *name, GError **error)
{
	const gsize max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	set_paths(self, qemu->qmp_path, name);
	if (strlen(self->socket_path) > max)
		return fail(error, self->path, "too long a name for a folder with a socket in it");
	self->parent_fd = open_parent(qemu->qmp_path);
	if (self->parent_fd < 0 || mkdirat(self->parent_fd, self->name, 0700) != 0)
		return fail_errno(error, self->path);
	self->fd = open_folder(self->parent_fd, self->name);
	if (self->fd < 0)
		return fail_errno(error, self->path);
	if (is_ours(self->fd))
		return TRUE;
	close(self->fd);
	self->fd = -1; /* nothing in it is ours to remove */
	return fail(error, self->path, "it was replaced by another folder");
}

/* A QEMU that has given up root (-runas) could not enter a folder of root's. */
gboolean
private_dir_give(const PrivateDir *self, const Qemu *qemu, GError **error)
{
	uid_t user;
	if (geteuid() != 0 || !process_get_user(&qemu->process, &user) || user == 0)
		return TRUE;
	return fchown(self->fd, user, (gid_t)-1) == 0 || fail_errno(error, self->path);
}

void
private_dir_clear(PrivateDir *self)
{
	if (self->path == NULL)
		return;
	if (self->fd >= 0) {
		unlinkat(self->fd, MEETING_NAME, 0);
		unlinkat(self->parent_fd, self->name, AT_REMOVEDIR);
		close(self->fd);
	}
	if (self->parent_fd >= 0)
		close(self->parent_fd);
	g_free(self->path);
	g_free(self->socket_path);
	g_free(self->name);
	*self = (PrivateDir){ 0 };
}

void
private_dir_remove(const char *qmp_path, const char *name)
{
	g_auto(PrivateDir) left = { 0 };
	if (qmp_path == NULL)
		return;
	set_paths(&left, qmp_path, name);
	left.parent_fd = open_parent(qmp_path);
	left.fd = left.parent_fd >= 0 ? open_folder(left.parent_fd, left.name) : -1;
}

/* The kernel has no bind() and no connect() that take a folder's descriptor. */
static struct sockaddr_un
address_below(int fd, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d%s", fd, name);
	return address;
}

int
private_dir_listen(const PrivateDir *self, int backlog, GError **error)
{
	struct sockaddr_un address = address_below(self->fd, "/" MEETING_NAME);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The folder keeps everybody else away. */
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
	    fchmodat(self->fd, MEETING_NAME, 0666, 0) == 0 && listen(fd, backlog) == 0)
		return fd;
	fail_errno(error, self->socket_path);
	if (fd >= 0)
		close(fd);
	return -1;
}

int
private_dir_make_fifo(const PrivateDir *self, GError **error)
{
	int fd = -1;
	if (mkfifoat(self->fd, MEETING_NAME, 0622) == 0 &&
	    fchmodat(self->fd, MEETING_NAME, 0622, 0) == 0)
		fd = openat(self->fd, MEETING_NAME, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		fail_errno(error, self->socket_path);
	return fd;
}

/* Of QEMU's socket itself, not of what a link in its place points to. */
static int
connect_to(int target)
{
	struct sockaddr_un address = address_below(target, "");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	int number = errno;
	close(fd);
	errno = number;
	return -1;
}

int
private_dir_connect(const PrivateDir *self)
{
	int target = openat(self->fd, MEETING_NAME, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return -1;
	int fd = connect_to(target);
	int number = errno;
	close(target);
	errno = number;
	return fd;
}
