/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * --events: one JSON object a line, flushed at once. A line with "event" is an event, a line
 * without it is a sample. A reader that has closed the pipe is no reason to stop a migration, so
 * write errors are ignored.
 */
#include "tools/events.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct Events {
	FILE *file;
};

gboolean
events_open(const char *path, Events **ret_events, GError **error)
{
	if (path == NULL) {
		*ret_events = NULL;
		return TRUE;
	}
	FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	if (file == NULL) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "cannot write the events to '%s': %s", path, g_strerror(errno));
		return FALSE;
	}
	*ret_events = g_new(Events, 1);
	(*ret_events)->file = file;
	return TRUE;
}

void
events_free(Events *self)
{
	if (self == NULL)
		return;
	if (self->file != stdout)
		fclose(self->file);
	g_free(self);
}

static void
write_line(Events *self, char *line)
{
	fprintf(self->file, "%s\n", line);
	fflush(self->file);
	g_free(line);
}

void
events_event(Events *self, const GwEvent *event)
{
	if (self != NULL)
		write_line(self, gw_event_to_json(event));
}

void
events_sample(Events *self, const GwSample *sample)
{
	if (self != NULL)
		write_line(self, gw_sample_to_json(sample));
}
