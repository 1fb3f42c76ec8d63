/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/**
 * output_write:
 * @path: an ordinary file is replaced as a whole; a device, a FIFO or our own standard output is
 *   written to
 *
 * Returns: %FALSE with %G_FILE_ERROR. The file may then have a part of @text if it is not an
 *   ordinary one.
 */
gboolean output_write(const char *path, const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* As write(), but goes on to the end. Returns how much was written: less than @len with errno. */
gsize output_write_all(int fd, const char *text, gsize len) G_GNUC_WARN_UNUSED_RESULT;

/**
 * output_check:
 *
 * To be called before long work whose result goes to @path: at its end an error would be too late.
 * Writes nothing that stays.
 *
 * Returns: %FALSE with %G_FILE_ERROR when it cannot be written: no folder, no permission, no room
 */
gboolean output_check(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
