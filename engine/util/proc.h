/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* What /proc shows of processes. Another user's are hidden, and those outside a container: a
 * process that is not found may still be there. */

typedef gboolean (*ProcMatch)(pid_t pid, gpointer data);
/* @path: "/proc/PID/fd/N", which stat(2) follows to what is open */
typedef gboolean (*ProcMatchDescriptor)(const char *path, gpointer data);

/* Returns the first process that @matches accepts; 0: none; -1: /proc cannot be
 * listed. */
pid_t proc_find(ProcMatch matches, gpointer data);

/* (transfer full) (nullable): the path of its first descriptor that @matches accepts. */
char *proc_find_descriptor(pid_t pid, ProcMatchDescriptor matches, gpointer data);

/* (transfer full) (nullable): its command line; %NULL when it cannot be read. */
GStrv proc_read_arguments(pid_t pid);
