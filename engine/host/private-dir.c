/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Where QEMU and a relay meet: a socket in a folder of mode 0700 that belongs to QEMU's user. Nobody else
 * can connect, so whoever does is QEMU. The folder is made anew for each run and is gone once all have met.
 */
#include "engine/host/private-dir.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/gw-error.h"

#define FOLDER_PREFIX ".godwit-"
#define SOCKET_NAME   "stream"

static gboolean
fail(GError **error, const char *path, const char *what)
{
	g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "'%s': %s", path, what);
	return FALSE;
}

/* A QEMU that has given up root (-runas) could not enter a folder of root's. */
static gboolean
give_to(const char *path, const Qemu *qemu, GError **error)
{
	uid_t user;
	if (geteuid() != 0 || !process_get_user(&qemu->process, &user) || user == 0)
		return TRUE;
	return chown(path, user, (gid_t)-1) == 0 || fail(error, path, g_strerror(errno));
}

static char *
make_path(const char *qmp_path, const char *name)
{
	g_autofree char *beside = g_path_get_dirname(qmp_path);
	g_autofree char *folder = g_strconcat(FOLDER_PREFIX, name, NULL);
	return g_build_filename(beside, folder, NULL);
}

gboolean
private_dir_make(PrivateDir *self, const Qemu *qemu, const char *name, GError **error)
{
	const gsize max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	g_autofree char *path = make_path(qemu->qmp_path, name);
	if (strlen(path) + strlen("/" SOCKET_NAME) > max)
		return fail(error, path, "too long a name for a folder with a socket in it");
	if (g_mkdir(path, 0700) != 0)
		return fail(error, path, g_strerror(errno));
	self->socket_path = g_build_filename(path, SOCKET_NAME, NULL);
	self->path = g_steal_pointer(&path);
	return give_to(self->path, qemu, error);
}

void
private_dir_clear(PrivateDir *self)
{
	if (self->path != NULL) {
		g_unlink(self->socket_path);
		g_rmdir(self->path);
	}
	g_clear_pointer(&self->socket_path, g_free);
	g_clear_pointer(&self->path, g_free);
}

void
private_dir_remove(const char *qmp_path, const char *name)
{
	g_auto(PrivateDir) left = { 0 };
	if (qmp_path == NULL)
		return;
	left.path = make_path(qmp_path, name);
	left.socket_path = g_build_filename(left.path, SOCKET_NAME, NULL);
}

static struct sockaddr_un
address_of(const PrivateDir *self)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	g_strlcpy(address.sun_path, self->socket_path, sizeof address.sun_path);
	return address;
}

int
private_dir_listen(const PrivateDir *self, int backlog, GError **error)
{
	struct sockaddr_un address = address_of(self);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The folder keeps everybody else away. */
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
	    chmod(self->socket_path, 0666) == 0 && listen(fd, backlog) == 0)
		return fd;
	fail(error, self->socket_path, g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

int
private_dir_connect(const PrivateDir *self)
{
	struct sockaddr_un address = address_of(self);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	int number = errno;
	close(fd);
	errno = number;
	return -1;
}
