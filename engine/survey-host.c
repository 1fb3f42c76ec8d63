/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this host is, as its kernel tells it. Asks no QEMU and no device; a thing that cannot be read is
 * left out and never an error.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "engine/fields.h"
#include "engine/gw-survey.h"

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

void
gw_host_survey_free(GwHostSurvey *self)
{
	if (self == NULL)
		return;
	g_free(self->host_name);
	g_free(self->kernel);
	g_free(self->arch);
	g_free(self);
}

char *
gw_host_survey_to_json(const GwHostSurvey *self)
{
	JsonObject *object = json_object_new();
	fields_add_string(object, "host_name", self->host_name);
	fields_add_string(object, "kernel", self->kernel);
	fields_add_string(object, "arch", self->arch);
	if (self->memory_available_bytes > 0)
		fields_add_known(object, "memory_available_bytes",
				 (gint64)self->memory_available_bytes);
	return fields_take_text(fields_node(object), TRUE);
}
