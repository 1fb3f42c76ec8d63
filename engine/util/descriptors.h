/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* How many descriptors a process may still open; 0: not known. @pid: 0 for our own */
guint descriptors_count_free(pid_t pid);
