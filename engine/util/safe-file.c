/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads files that others may have tampered with: a link, a FIFO that never opens, a device that
 * never ends, a file that another user can change. All checks use the open descriptor, so that
 * nothing can be exchanged between the check and the read.
 */
#include "engine/util/safe-file.h"

#include <stdlib.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int
fail_errno(int fd, const char *path, GError **error)
{
	int code = errno;
	if (fd >= 0)
		close(fd);
	g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(code), "'%s': %s", path,
		    g_strerror(code));
	return -1;
}

/* (nullable): why what others could change cannot be trusted. */
static const char *
find_writers(const struct stat *info)
{
	if (info->st_uid != 0 && info->st_uid != geteuid())
		return "belongs to another user";
	if ((info->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "may be written by other users: take that from them (chmod go-w)";
	return NULL;
}

/* (nullable): why this file must not be trusted. */
static const char *
find_fault(const struct stat *info, gsize max_bytes)
{
	if (!S_ISREG(info->st_mode))
		return "is not a regular file";
	if ((guint64)info->st_size > max_bytes)
		return "is too large";
	return find_writers(info);
}

static int
open_checked(const char *path, int flags, gsize max_bytes, GError **error)
{
	struct stat info;
	int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &info) < 0)
		return fail_errno(fd, path, error);
	const char *fault = find_fault(&info, max_bytes);
	if (fault == NULL)
		return fd;
	close(fd);
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_PERM, "'%s' %s", path, fault);
	return -1;
}

int
safe_file_open(const char *path, int flags, gsize max_bytes, GError **error)
{
	return open_checked(path, flags | O_NOFOLLOW, max_bytes, error);
}

char *
safe_file_read_fd(int fd, const char *path, gsize max_bytes, gsize *ret_len, GError **error)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	while (TRUE) {
		guint8 part[16384];
		ssize_t n = read(fd, part, sizeof part);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			fail_errno(-1, path, error);
			return NULL;
		}
		if (n == 0)
			break;
		g_byte_array_append(bytes, part, (guint)n);
		if (bytes->len > max_bytes) {
			g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_PERM, "'%s' is too large",
				    path);
			return NULL;
		}
	}
	*ret_len = bytes->len;
	g_byte_array_append(bytes, (const guint8 *)"", 1);
	return (char *)g_byte_array_free(g_steal_pointer(&bytes), FALSE);
}

static char *
read_and_close(int fd, const char *path, gsize max_bytes, gsize *ret_len, GError **error)
{
	if (fd < 0)
		return NULL;
	char *text = safe_file_read_fd(fd, path, max_bytes, ret_len, error);
	close(fd);
	return text;
}

char *
safe_file_read(const char *path, gsize max_bytes, gsize *ret_len, GError **error)
{
	int fd = safe_file_open(path, O_RDONLY, max_bytes, error);
	return read_and_close(fd, path, max_bytes, ret_len, error);
}

char *
safe_file_read_linked(const char *path, gsize max_bytes, gsize *ret_len, GError **error)
{
	int fd = open_checked(path, O_RDONLY, max_bytes, error);
	return read_and_close(fd, path, max_bytes, ret_len, error);
}

gboolean
safe_folder_check(const char *path, GError **error)
{
	struct stat info;
	if (stat(path, &info) < 0)
		return fail_errno(-1, path, error) == 0;
	const char *fault = S_ISDIR(info.st_mode) ? find_writers(&info) : "is not a folder";
	if (fault == NULL)
		return TRUE;
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_PERM, "'%s' %s", path, fault);
	return FALSE;
}

char *
safe_file_real_path(const char *path)
{
	g_autofree char *folder = g_path_get_dirname(path);
	g_autofree char *leaf = g_path_get_basename(path);
	char *real = realpath(path, NULL);
	char *real_folder = real == NULL ? realpath(folder, NULL) : NULL;
	char *result = real != NULL	     ? g_strdup(real)
		       : real_folder != NULL ? g_build_filename(real_folder, leaf, NULL)
					     : g_strdup(path);
	free(real);
	free(real_folder);
	return result;
}
