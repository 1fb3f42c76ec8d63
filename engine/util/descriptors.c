/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many descriptors are left. A process that has none left cannot accept a connection, and GLib
 * even aborts: so this is asked before.
 */
#include "engine/util/descriptors.h"

#include <sys/resource.h>

#define MAX_FREE 1000000 /* "unlimited", as a number */

static guint
count_open(pid_t pid)
{
	g_autofree char *path =
		pid == 0 ? g_strdup("/proc/self/fd") : g_strdup_printf("/proc/%d/fd", (int)pid);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	guint n = 0;
	while (dir != NULL && g_dir_read_name(dir) != NULL)
		n++;
	return n;
}

guint
descriptors_count_free(pid_t pid)
{
	struct rlimit limit;
	guint n_open = count_open(pid);
	if (n_open == 0 || prlimit(pid, RLIMIT_NOFILE, NULL, &limit) != 0)
		return 0;
	guint max = (guint)MIN(limit.rlim_cur, (rlim_t)MAX_FREE);
	return n_open < max ? max - n_open : 1;
}
