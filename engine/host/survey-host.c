/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this host is, and what it knows of a QEMU on it, as its kernel tells it. Asks no QEMU and no device; a
 * thing that cannot be read is left out and never an error.
 */
#include "engine/host/survey-host.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

/* "MemAvailable:   123 kB" in /proc/meminfo, in bytes; 0 when it is not there. */
static guint64
read_memory_available(void)
{
	g_autofree char *text = NULL;
	if (!g_file_get_contents("/proc/meminfo", &text, NULL, NULL))
		return 0;
	const char *line = strstr(text, "MemAvailable:");
	if (line == NULL)
		return 0;
	return g_ascii_strtoull(line + strlen("MemAvailable:"), NULL, 10) * 1024;
}

GwHostSurvey *
gw_survey_host(void)
{
	GwHostSurvey *self = g_new0(GwHostSurvey, 1);
	struct utsname names;
	if (uname(&names) == 0) {
		self->host_name = g_strdup(names.nodename);
		self->kernel = g_strdup(names.release);
		self->arch = g_strdup(names.machine);
	}
	self->memory_available_bytes = read_memory_available();
	return self;
}

/* (transfer full): its arguments; NULL when they cannot be read. */
static GStrv
read_arguments(pid_t pid)
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

GwTristate
survey_host_no_shutdown(pid_t qemu)
{
	g_auto(GStrv) arguments = read_arguments(qemu);
	if (arguments == NULL)
		return GW_TRISTATE_UNKNOWN;
	GwTristate answer = GW_TRISTATE_NO;
	for (guint i = 0; arguments[i] != NULL; i++) {
		const char *word = arguments[i] + (g_str_has_prefix(arguments[i], "--") ? 1 : 0);
		if (strcmp(word, "-no-shutdown") == 0)
			answer = GW_TRISTATE_YES;
		if (strcmp(word, "-action") != 0 || arguments[i + 1] == NULL)
			continue;
		if (strstr(arguments[i + 1], "shutdown=pause") != NULL)
			answer = GW_TRISTATE_YES;
		else if (strstr(arguments[i + 1], "shutdown=poweroff") != NULL)
			answer = GW_TRISTATE_NO;
	}
	return answer;
}

guint64
survey_host_resident_bytes(pid_t qemu)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/statm", (int)qemu);
	g_autofree char *text = NULL;
	if (qemu <= 0 || !g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	g_auto(GStrv) words = g_strsplit(text, " ", 3);
	if (words[0] == NULL || words[1] == NULL)
		return 0;
	return g_ascii_strtoull(words[1], NULL, 10) * (guint64)sysconf(_SC_PAGESIZE);
}

/* By the numbers of statfs(2). Those of "fuse" are GlusterFS, virtiofs and many more. */
static const struct {
	guint32 type;
	const char *name;
} shared_file_systems[] = {
	{ 0x6969, "nfs" },	  { 0x00c36400, "ceph" }, { 0x01161970, "gfs2" },
	{ 0x7461636f, "ocfs2" },  { 0x65735546, "fuse" }, { 0x01021997, "9p" },
	{ 0x0bd00bd0, "lustre" }, { 0xff534d42, "cifs" }, { 0xfe534d42, "smb2" },
	{ 0x47504653, "gpfs" },	  { 0x5346414f, "afs" },
};

static const char *
name_shared(guint32 type)
{
	for (guint i = 0; i < G_N_ELEMENTS(shared_file_systems); i++)
		if (shared_file_systems[i].type == type)
			return shared_file_systems[i].name;
	return NULL;
}

/* (transfer full): where that process finds it, which may have another root or folder than we. */
static char *
path_of_process(pid_t pid, const char *file)
{
	g_autofree char *theirs =
		g_strdup_printf("/proc/%d/%s%s%s", (int)pid, *file == '/' ? "root" : "cwd",
				*file == '/' ? "" : "/", file);
	if (pid > 0 && g_file_test(theirs, G_FILE_TEST_EXISTS))
		return g_steal_pointer(&theirs);
	return g_strdup(file);
}

char *
survey_host_file_identity(pid_t qemu, const char *file)
{
	g_autofree char *path = path_of_process(qemu, file);
	struct stat status;
	struct statfs system;
	if (stat(path, &status) < 0 || !S_ISREG(status.st_mode) || statfs(path, &system) < 0)
		return NULL;
	const char *shared = name_shared((guint32)system.f_type);
	if (shared != NULL)
		return g_strdup_printf("shared %s %" G_GUINT64_FORMAT, shared,
				       (guint64)status.st_ino);
	g_autofree char *boot = NULL;
	if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &boot, NULL, NULL))
		return NULL;
	return g_strdup_printf("local %s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
			       g_strstrip(boot), (guint64)status.st_dev, (guint64)status.st_ino);
}
