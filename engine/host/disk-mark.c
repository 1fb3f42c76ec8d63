/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Marks beside images. Folders of images may belong to others: nothing is followed, opened for
 * waiting or written over, and the peer learns no more than what a mark of ours has in it.
 */
#include "engine/host/disk-mark.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/host/disk-identity.h"
#include "vfio/auto-fd.h"

#define PREFIX	   ".godwit-mark-"
#define UUID_BYTES 36

struct DiskMark {
	AutoFd folder;
	char *name;
	char *words;
};

/* (transfer full): where the open file lies now, as we see it; NULL when it has no path here. */
static char *
find_path(int fd)
{
	struct stat open_status, path_status;
	g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
	g_autofree char *path = g_file_read_link(link, NULL);
	if (path == NULL || fstat(fd, &open_status) < 0 || !S_ISREG(open_status.st_mode) ||
	    lstat(path, &path_status) < 0 || path_status.st_dev != open_status.st_dev ||
	    path_status.st_ino != open_status.st_ino)
		return NULL;
	return g_steal_pointer(&path);
}

/* The folder of @leaf; -1 where it cannot be had. @ret_file: (transfer full): stands for its
 * name */
static int
open_folder(pid_t qemu, const char *leaf, char **ret_file)
{
	g_auto(AutoFd) fd = disk_open(qemu, leaf, O_PATH);
	g_autofree char *path = fd >= 0 ? find_path(fd) : NULL;
	if (path == NULL)
		return -1;
	g_autofree char *folder = g_path_get_dirname(path);
	g_autofree char *file = g_path_get_basename(path);
	*ret_file = g_compute_checksum_for_string(G_CHECKSUM_SHA256, file, -1);
	return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Others may read it: the other host may know our user by another number. */
static gboolean
write_mark(int folder, const char *name, const char *content)
{
	g_auto(AutoFd) fd =
		openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return FALSE;
	if (write(fd, content, UUID_BYTES) == UUID_BYTES && fsync(fd) == 0)
		return TRUE;
	unlinkat(folder, name, 0);
	return FALSE;
}

DiskMark *
disk_mark_new(pid_t qemu, const char *leaf)
{
	g_autofree char *file = NULL;
	g_auto(AutoFd) folder = open_folder(qemu, leaf, &file);
	if (folder < 0)
		return NULL;
	g_autofree char *uuid = g_uuid_string_random();
	g_autofree char *content = g_uuid_string_random();
	g_autofree char *name = g_strconcat(PREFIX, uuid, NULL);
	if (!write_mark(folder, name, content))
		return NULL;
	DiskMark *self = g_new0(DiskMark, 1);
	self->folder = auto_fd_steal(&folder);
	self->name = g_steal_pointer(&name);
	self->words = g_strdup_printf("%s %s", content, file);
	return self;
}

void
disk_mark_free(DiskMark *self)
{
	if (self == NULL)
		return;
	unlinkat(self->folder, self->name, 0);
	auto_fd_clear(&self->folder);
	g_free(self->name);
	g_free(self->words);
	g_free(self);
}

const char *
disk_mark_get_name(const DiskMark *self)
{
	return self->name;
}

const char *
disk_mark_get_words(const DiskMark *self)
{
	return self->words;
}

static gboolean
is_mark_name(const char *name)
{
	return g_str_has_prefix(name, PREFIX) && g_uuid_string_is_valid(name + strlen(PREFIX));
}

/* (transfer full): "-" where the file is not there; NULL where that cannot be told, or it is no
 * mark. */
static char *
read_mark(int folder, const char *name)
{
	char content[UUID_BYTES + 1] = "";
	struct stat status;
	g_auto(AutoFd) fd =
		openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? g_strdup("-") : NULL;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size != UUID_BYTES ||
	    read(fd, content, UUID_BYTES) != UUID_BYTES || !g_uuid_string_is_valid(content))
		return NULL;
	return g_strdup(content);
}

char *
disk_mark_look(pid_t qemu, const char *leaf, const char *name)
{
	g_autofree char *file = NULL;
	g_auto(AutoFd) folder = is_mark_name(name) ? open_folder(qemu, leaf, &file) : -1;
	g_autofree char *content = folder >= 0 ? read_mark(folder, name) : NULL;
	return content != NULL ? g_strdup_printf("%s %s", content, file) : NULL;
}
