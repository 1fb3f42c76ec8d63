/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The UNIX socket of a monitor, looked at from outside. */

/* Does somebody listen at @path? A file that a dead QEMU has left does not count. */
gboolean monitor_is_listening(const char *path);
/* Removes the socket that a dead QEMU has left at @path. Nothing else is removed: no file of
 * another kind, and no socket that somebody listens on. */
void monitor_remove_stale(const char *path);
