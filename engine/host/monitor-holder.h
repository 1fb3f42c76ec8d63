/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/**
 * monitor_holder_find:
 * @path: a UNIX socket
 *
 * Finds who is connected to the program that listens there: QEMU serves one client at a time. This
 * process does not count.
 *
 * Returns: (transfer full) (nullable): "process 12 (virsh)"; NULL where nobody is, or where that
 *   cannot be seen from here: in another container, or without the right to look at that process
 */
char *monitor_holder_find(const char *path);
