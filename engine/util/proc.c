/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/util/proc.h"

#include <stdlib.h>
#include <string.h>

pid_t
proc_find(ProcMatch matches, gpointer data)
{
	g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		pid_t pid = (pid_t)atoi(name); /* 0: not a process */
		if (pid > 0 && matches(pid, data))
			return pid;
	}
	return dir != NULL ? 0 : -1;
}

char *
proc_find_descriptor(pid_t pid, ProcMatchDescriptor matches, gpointer data)
{
	g_autofree char *folder = g_strdup_printf("/proc/%d/fd", (int)pid);
	g_autoptr(GDir) dir = pid > 0 ? g_dir_open(folder, 0, NULL) : NULL;
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		if (matches(path, data))
			return g_steal_pointer(&path);
	}
	return NULL;
}

GStrv
proc_read_arguments(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)pid);
	g_autofree char *text = NULL;
	gsize len = 0;
	if (pid <= 0 || !g_file_get_contents(path, &text, &len, NULL) || len == 0)
		return NULL;
	g_autoptr(GStrvBuilder) arguments = g_strv_builder_new();
	for (gsize at = 0; at < len; at += strlen(text + at) + 1)
		g_strv_builder_add(arguments, text + at);
	return g_strv_builder_end(arguments);
}
