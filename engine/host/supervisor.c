/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What starts a QEMU again when it ends.
 *
 * systemd: the cgroup names QEMU's unit, and the unit's files say Restart=. Only "always" and
 * "on-success" count, because a QEMU that has handed its guest over ends with exit code 0. The unit
 * of Godwit's own daemon does not count: it restarts itself, not the guests.
 *
 * Another supervisor shows as QEMU's parent: a known program, or a shell that runs a script, which
 * may be a loop. A program of another name is not reported, because most programs that start a QEMU
 * never start it again.
 */
#include "engine/host/supervisor.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PARENTS 8

/* The first folder that has the unit's file wins. */
static const char *const unit_folders[] = {
	"etc/systemd/system.control", "run/systemd/system.control", "run/systemd/transient",
	"etc/systemd/system",	      "run/systemd/system",	    "usr/local/lib/systemd/system",
	"usr/lib/systemd/system",     "lib/systemd/system",
};

/* The kernel cuts their names at 15 bytes. */
static const char *const supervisors[] = { "runsv",	  "supervise",	     "s6-supervise",
					   "supervisord", "monit",	     "circusd",
					   "perpd",	  "supervise-daemo", NULL };
static const char *const shells[] = { "sh",  "bash", "dash",	"ash", "zsh",
				      "ksh", "mksh", "busybox", NULL };
/* Programs that only wait for the one that they have started. */
static const char *const wrappers[] = { "sudo",	   "su",      "doas", "runuser", "timeout",
					"unshare", "nsenter", "time", "strace",	 NULL };

static char *read_file(const char *root, const char *format, ...) G_GNUC_PRINTF(2, 3);

static char *
read_file(const char *root, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *name = g_strdup_vprintf(format, args);
	va_end(args);
	g_autofree char *path = g_strconcat(root, "/", name, NULL);
	char *text = NULL;
	return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

/* ---- systemd ---- */

/* (transfer full) (nullable): "web1.service" of the line "0::/system.slice/web1.service". */
static char *
find_unit(const char *root, pid_t pid)
{
	g_autofree char *text = read_file(root, "proc/%d/cgroup", (int)pid);
	g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++) {
		if (!g_str_has_prefix(lines[i], "0::") &&
		    strstr(lines[i], ":name=systemd:") == NULL)
			continue;
		g_auto(GStrv) steps = g_strsplit(lines[i], "/", -1);
		for (guint n = g_strv_length(steps); n > 1; n--)
			if (g_str_has_suffix(steps[n - 1], ".service"))
				return g_strdup(steps[n - 1]);
	}
	return NULL;
}

/* The last line of a file that sets it counts. */
static void
take_restart(const char *text, char **restart)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++) {
		const char *line = g_strstrip(lines[i]);
		if (!g_str_has_prefix(line, "Restart"))
			continue;
		g_auto(GStrv) parts = g_strsplit(line, "=", 2);
		if (parts[1] == NULL || strcmp(g_strstrip(parts[0]), "Restart") != 0)
			continue;
		g_free(*restart);
		*restart = g_strdup(g_strstrip(parts[1]));
	}
}

/* Drop-ins: files NAME.conf in a folder UNIT.d, which add to the unit's own file. */
static void
take_drop_ins(const char *root, const char *folder, const char *unit, char **restart)
{
	g_autofree char *path = g_strdup_printf("%s/%s/%s.d", root, folder, unit);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *text = g_str_has_suffix(name, ".conf")
						? read_file(root, "%s/%s.d/%s", folder, unit, name)
						: NULL;
		if (text != NULL)
			take_restart(text, restart);
	}
}

/* (transfer full): "web@.service" of "web@1.service"; NULL for a unit of no template. */
static char *
template_of(const char *unit)
{
	const char *at = strchr(unit, '@');
	const char *dot = strrchr(unit, '.');
	if (at == NULL || dot == NULL || at > dot)
		return NULL;
	return g_strdup_printf("%.*s%s", (int)(at - unit + 1), unit, dot);
}

static gboolean
read_unit(const char *root, const char *unit, char **restart)
{
	gboolean found = FALSE;
	for (guint i = 0; unit != NULL && !found && i < G_N_ELEMENTS(unit_folders); i++) {
		g_autofree char *text = read_file(root, "%s/%s", unit_folders[i], unit);
		found = text != NULL;
		if (found)
			take_restart(text, restart);
	}
	for (guint i = G_N_ELEMENTS(unit_folders); unit != NULL && i > 0; i--)
		take_drop_ins(root, unit_folders[i - 1], unit, restart);
	return found;
}

/* (transfer full) (nullable) */
static char *
describe_unit(const char *root, pid_t pid)
{
	g_autofree char *unit = find_unit(root, pid);
	g_autofree char *template = unit != NULL ? template_of(unit) : NULL;
	g_autofree char *restart = NULL;
	if (unit == NULL || g_str_has_prefix(unit, "godwit"))
		return NULL;
	if (!read_unit(root, unit, &restart))
		read_unit(root, template, &restart);
	if (g_strcmp0(restart, "always") != 0 && g_strcmp0(restart, "on-success") != 0)
		return NULL;
	return g_strdup_printf("the systemd unit '%s' (Restart=%s)", unit, restart);
}

/* ---- the parent ---- */

/* "12 (the name) S 7 ...": the name may have blanks and brackets. */
static pid_t
read_parent(const char *root, pid_t pid, char **ret_name)
{
	g_autofree char *text = read_file(root, "proc/%d/stat", (int)pid);
	char *open = text != NULL ? strchr(text, '(') : NULL;
	char *close = text != NULL ? strrchr(text, ')') : NULL;
	if (open == NULL || close == NULL || close < open || strlen(close) < 5)
		return 0;
	*ret_name = g_strndup(open + 1, (gsize)(close - open - 1));
	return (pid_t)atoi(close + 4);
}

/* Returns whether a shell runs a script, or commands from -c; not one that a user types into. */
static gboolean
runs_script(const char *root, pid_t pid)
{
	g_autofree char *path = g_strdup_printf("%s/proc/%d/cmdline", root, (int)pid);
	g_autofree char *text = NULL;
	gsize len = 0;
	if (!g_file_get_contents(path, &text, &len, NULL))
		return FALSE;
	for (gsize at = strlen(text) + 1; at < len; at += strlen(text + at) + 1) {
		const char *word = text + at;
		if (word[0] != '-' || (word[1] != '-' && strchr(word, 'c') != NULL))
			return word[0] != '\0';
	}
	return FALSE;
}

/* (transfer full) (nullable) */
static char *
describe_parent(const char *root, pid_t pid)
{
	g_autofree char *own_name = NULL;
	pid_t parent = read_parent(root, pid, &own_name);
	for (guint i = 0; parent > 1 && i < MAX_PARENTS; i++) {
		g_autofree char *name = NULL;
		pid_t above = read_parent(root, parent, &name);
		if (name == NULL)
			return NULL;
		if (g_strv_contains(supervisors, name) ||
		    (g_strv_contains(shells, name) && runs_script(root, parent)))
			return g_strdup_printf("process %d (%s)", (int)parent, name);
		if (!g_strv_contains(wrappers, name))
			return NULL;
		parent = above;
	}
	return NULL;
}

char *
supervisor_find(const char *root, pid_t qemu)
{
	if (qemu <= 0)
		return NULL;
	char *unit = describe_unit(root, qemu);
	return unit != NULL ? unit : describe_parent(root, qemu);
}
