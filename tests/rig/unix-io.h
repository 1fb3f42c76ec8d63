/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The server's end of a monitor, for the stand-ins of QEMU. Plain descriptors; an error is -1 or
 * FALSE. */

/* Listens on @path as QEMU does, with a queue of one. */
int unix_io_listen(const char *path);
/* As recv(); *ret_fd gets a descriptor that came along, else it is left alone. */
gssize unix_io_recv(int fd, void *data, gsize len, int *ret_fd);
gboolean unix_io_send(int fd, const void *data, gsize len);
