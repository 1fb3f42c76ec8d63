/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this host is, and what its kernel knows about a QEMU on it. Asks no QEMU and no device. A
 * value that cannot be read is left out; this is never an error.
 */
#include "engine/host/survey-host.h"

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "engine/util/proc.h"

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

GwTristate
survey_host_no_shutdown(pid_t qemu)
{
	g_auto(GStrv) arguments = proc_read_arguments(qemu);
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

char *
survey_host_incoming(pid_t qemu)
{
	g_auto(GStrv) arguments = proc_read_arguments(qemu);
	char *answer = NULL;
	for (guint i = 0; arguments != NULL && arguments[i] != NULL; i++) {
		const char *word = arguments[i] + (g_str_has_prefix(arguments[i], "--") ? 1 : 0);
		if (strcmp(word, "-incoming") != 0 || arguments[i + 1] == NULL)
			continue;
		g_free(answer);
		answer = g_strdup(arguments[i + 1]);
	}
	if (g_strcmp0(answer, "defer") == 0)
		g_clear_pointer(&answer, g_free);
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
