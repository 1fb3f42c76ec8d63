/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes a file whose name the user gives. An ordinary file is replaced as a whole, so that nobody
 * reads half of it. Everything else is written where it is: a rename would put an ordinary file in
 * the place of /dev/null, of a FIFO or of the link /dev/stdout.
 */
#include "tools/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib-unix.h>
#include <glib/gstdio.h>

#define NEEDED_BYTES (256 * 1024) /* the report of an hour with its samples */

static gboolean
fail(const char *path, int code, GError **error)
{
	const char *hint = code == ENXIO ? " (nobody reads from it)" : "";
	g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(code), "'%s': %s%s", path,
		    g_strerror(code), hint);
	return FALSE;
}

static gboolean
is_same_file(int fd, const struct stat *file)
{
	struct stat info;
	return fstat(fd, &info) == 0 && info.st_dev == file->st_dev && info.st_ino == file->st_ino;
}

/* A file that is our own output already: its position must be shared, or what is printed later
 * would overwrite it. -1 when it is neither of them. */
static int
find_standard_stream(const struct stat *file)
{
	if (is_same_file(STDOUT_FILENO, file))
		return STDOUT_FILENO;
	return is_same_file(STDERR_FILENO, file) ? STDERR_FILENO : -1;
}

gsize
output_write_all(int fd, const char *text, gsize len)
{
	gsize done = 0;
	while (done < len) {
		ssize_t n = write(fd, text + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		done += (gsize)n;
	}
	return done;
}

/* Waits for no reader: a FIFO without one fails at once. */
static int
open_in_place(const char *path, const struct stat *file)
{
	int standard = find_standard_stream(file);
	fflush(NULL);
	if (standard >= 0)
		return fcntl(standard, F_DUPFD_CLOEXEC, 3);
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		g_unix_set_fd_nonblocking(fd, FALSE, NULL);
	return fd;
}

static gboolean
write_in_place(const char *path, const struct stat *file, const char *text, GError **error)
{
	int fd = open_in_place(path, file);
	gsize len = strlen(text);
	gboolean written = fd >= 0 && output_write_all(fd, text, len) == len;
	int code = errno;
	if (fd >= 0 && close(fd) != 0 && written) {
		written = FALSE;
		code = errno;
	}
	return written || fail(path, code, error);
}

gboolean
output_write(const char *path, const char *text, GError **error)
{
	struct stat file;
	gboolean exists = stat(path, &file) == 0;
	if (exists && (!S_ISREG(file.st_mode) || find_standard_stream(&file) >= 0))
		return write_in_place(path, &file, text, error);
	/* What a link points to is replaced, the link stays. */
	g_autofree char *target = exists ? realpath(path, NULL) : g_strdup(path);
	return g_file_set_contents_full(target != NULL ? target : path, text, -1,
					G_FILE_SET_CONTENTS_CONSISTENT, 0666, error);
}

/* Is there room beside it? Not every file system can tell; then the write will. */
static gboolean
check_room(const char *path, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(path);
	g_autofree char *name = g_build_filename(folder, ".godwit-XXXXXX", NULL);
	int fd = g_mkstemp_full(name, O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(path, errno, error);
	int code = posix_fallocate(fd, 0, NEEDED_BYTES);
	close(fd);
	g_unlink(name);
	return (code != ENOSPC && code != EDQUOT) || fail(path, code, error);
}

gboolean
output_check(const char *path, GError **error)
{
	struct stat file;
	if (stat(path, &file) != 0)
		return errno == ENOENT ? check_room(path, error) : fail(path, errno, error);
	if (S_ISDIR(file.st_mode))
		return fail(path, EISDIR, error);
	return S_ISREG(file.st_mode) && find_standard_stream(&file) < 0 ? check_room(path, error)
									: TRUE;
}
