/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads and writes attributes below a root. Only this file opens anything in sysfs.
 *
 * The contents come from drivers that we do not know, and in tests from trees that are wrong on
 * purpose. So every read is bounded, never blocks (there may be a FIFO), and gives text that is
 * safe to print. A write returns its errno unchanged: only the caller knows what it means in that
 * place.
 */
#include "vfio/vfio-sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "vfio/auto-fd.h"
#include "vfio/printable.h"
#include "vfio/vfio-error.h"

#define REAL_ROOT   "/sys"
#define MAX_ENTRIES 65536

struct _VfioSysfs {
	char *root;
	AutoFd fd;
	VfioSysfsWrite write;
};

static int
write_whole(int fd, const char *path, const char *text)
{
	gsize n = strlen(text);
	gssize written;
	do
		written = write(fd, text, n);
	while (written < 0 && errno == EINTR);
	if (written < 0)
		return errno;
	return (gsize)written == n ? 0 : EIO;
}

VfioSysfs *
vfio_sysfs_new(const char *root, VfioSysfsWrite write, GError **error)
{
	const char *path = root != NULL ? root : REAL_ROOT;
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		g_set_error(error, VFIO_ERROR, VFIO_ERROR_SYSFS, "sysfs '%s': %s", path,
			    g_strerror(errno));
		return NULL;
	}
	VfioSysfs *self = g_new0(VfioSysfs, 1);
	self->root = g_canonicalize_filename(path, NULL);
	self->fd = fd;
	self->write = write != NULL ? write : write_whole;
	return self;
}

void
vfio_sysfs_free(VfioSysfs *self)
{
	if (self == NULL)
		return;
	auto_fd_clear(&self->fd);
	g_free(self->root);
	g_free(self);
}

gboolean
vfio_sysfs_is_real(const VfioSysfs *self)
{
	return strcmp(self->root, REAL_ROOT) == 0;
}

static char *
join(const char *folder, const char *name)
{
	return name != NULL ? g_build_filename(folder, name, NULL) : g_strdup(folder);
}

char *
vfio_sysfs_path(const VfioSysfs *self, const char *folder, const char *name)
{
	return g_build_filename(self->root, folder, name, NULL);
}

gboolean
vfio_sysfs_name_is_valid(const char *name)
{
	if (name == NULL || name[0] == '\0' || name[0] == '.' || strlen(name) > NAME_MAX)
		return FALSE;
	for (const char *p = name; *p != '\0'; p++)
		if (!g_ascii_isgraph(*p) || *p == '/')
			return FALSE;
	return TRUE;
}

gboolean
vfio_sysfs_exists(const VfioSysfs *self, const char *folder, const char *name)
{
	g_autofree char *path = join(folder, name);
	struct stat status;
	return fstatat(self->fd, path, &status, 0) == 0;
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
read_entries(DIR *dir, GPtrArray *names)
{
	const struct dirent *entry;
	while (names->len < MAX_ENTRIES && (entry = readdir(dir)) != NULL)
		if (vfio_sysfs_name_is_valid(entry->d_name))
			g_ptr_array_add(names, g_strdup(entry->d_name));
}

GStrv
vfio_sysfs_list(const VfioSysfs *self, const char *folder, const char *name)
{
	g_autofree char *path = join(folder, name);
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	int fd = openat(self->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir != NULL) {
		read_entries(dir, names);
		closedir(dir);
	} else if (fd >= 0) {
		close(fd);
	}
	g_ptr_array_sort(names, compare_names);
	g_ptr_array_add(names, NULL);
	return (GStrv)g_ptr_array_steal(names, NULL);
}

/* Reads up to @size bytes and returns how many; -1 with errno. */
static gssize
read_up_to(int fd, char *buffer, gsize size)
{
	gsize n = 0;
	while (n < size) {
		gssize got = read(fd, buffer + n, size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		n += (gsize)got;
	}
	return (gssize)n;
}

static char *
make_printable(const char *buffer)
{
	return g_strchomp(printable_make(g_utf8_make_valid(buffer, -1), PRINTABLE_LINES));
}

char *
vfio_sysfs_read(const VfioSysfs *self, const char *folder, const char *name, GError **error)
{
	g_autofree char *path = join(folder, name);
	g_auto(AutoFd) fd = openat(self->fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char buffer[VFIO_SYSFS_PAGE_BYTES + 2];
	gssize n = fd >= 0 ? read_up_to(fd, buffer, VFIO_SYSFS_PAGE_BYTES + 1) : -1;
	if (n < 0) {
		g_set_error(error, VFIO_ERROR, VFIO_ERROR_SYSFS, "'%s/%s': %s", self->root, path,
			    g_strerror(errno));
		return NULL;
	}
	if (n > VFIO_SYSFS_PAGE_BYTES) {
		g_set_error(error, VFIO_ERROR, VFIO_ERROR_SYSFS,
			    "'%s/%s' is longer than any attribute", self->root, path);
		return NULL;
	}
	buffer[n] = '\0';
	return make_printable(buffer);
}

gint64
vfio_sysfs_read_count(const VfioSysfs *self, const char *folder, const char *name, gint64 max)
{
	g_autofree char *text = vfio_sysfs_read(self, folder, name, NULL);
	gint64 value;
	if (text == NULL || !g_ascii_string_to_signed(text, 10, 0, max, &value, NULL))
		return -1;
	return value;
}

guint
vfio_sysfs_read_hex(const VfioSysfs *self, const char *folder, const char *name, guint max)
{
	g_autofree char *text = vfio_sysfs_read(self, folder, name, NULL);
	guint64 value;
	if (text == NULL || !g_str_has_prefix(text, "0x") ||
	    !g_ascii_string_to_unsigned(text + 2, 16, 0, max, &value, NULL))
		return 0;
	return (guint)value;
}

char *
vfio_sysfs_link(const VfioSysfs *self, const char *folder, const char *name)
{
	g_autofree char *path = join(folder, name);
	char buffer[PATH_MAX];
	gssize n = readlinkat(self->fd, path, buffer, sizeof buffer - 1);
	if (n <= 0)
		return NULL;
	buffer[n] = '\0';
	return make_printable(buffer);
}

char *
vfio_sysfs_link_name(const VfioSysfs *self, const char *folder, const char *name)
{
	g_autofree char *target = vfio_sysfs_link(self, folder, name);
	g_autofree char *last = target != NULL ? g_path_get_basename(target) : NULL;
	return vfio_sysfs_name_is_valid(last) ? g_steal_pointer(&last) : NULL;
}

int
vfio_sysfs_open(const VfioSysfs *self, const char *folder, const char *name, int *ret_fd)
{
	g_autofree char *path = join(folder, name);
	int fd = openat(self->fd, path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	*ret_fd = fd;
	return 0;
}

int
vfio_sysfs_write_fd(const VfioSysfs *self, int fd, const char *path, const char *text)
{
	return self->write(fd, path, text);
}

int
vfio_sysfs_write(const VfioSysfs *self, const char *folder, const char *name, const char *text)
{
	g_auto(AutoFd) fd = -1;
	int number = vfio_sysfs_open(self, folder, name, &fd);
	if (number != 0)
		return number;
	g_autofree char *path = join(folder, name);
	return self->write(fd, path, text);
}
