/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/**
 * safe_file_open:
 * @flags: O_RDONLY or O_RDWR, with O_APPEND if necessary
 * @max_bytes: a larger file is rejected
 *
 * Opens a file that decisions depend on. It must be a regular file that belongs to root or to the
 * user of this process, and no other user may be able to write it. The last part of @path is not
 * followed if it is a link. Never waits.
 *
 * Returns: (transfer full): a descriptor; -1 with %G_FILE_ERROR: NOENT when there is none, PERM
 *   when it is not safe
 */
int safe_file_open(const char *path, int flags, gsize max_bytes, GError **error);

/* Reads the rest of @fd, at most @max_bytes. (transfer full): with a NUL byte at the end; NULL with
 * %G_FILE_ERROR. */
char *safe_file_read_fd(int fd, const char *path, gsize max_bytes, gsize *ret_len, GError **error);

/* Does both of the above. (transfer full) */
char *safe_file_read(const char *path, gsize max_bytes, gsize *ret_len, GError **error);

/* Likewise, but @path may be a link: a file that people write and keep where they like. What it
 * leads to is checked. */
char *safe_file_read_linked(const char *path, gsize max_bytes, gsize *ret_len, GError **error);

/* Is @path a folder in which no other user may put, replace or rename files? %G_FILE_ERROR when it
 * is not. */
gboolean safe_folder_check(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* (transfer full): @path without symbolic links. Of a file that is not there only the folder is
 * looked at. */
char *safe_file_real_path(const char *path);
