/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * --events: one JSON object a line, written at once. A line with "event" is an event, a line
 * without it is a sample. A full disk or a reader that has closed the pipe is no reason to stop a
 * migration: lines that cannot be written are counted, and told at the end.
 */
#include "tools/events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/output.h"

struct Events {
	int fd;
	guint n_lost;
	int first_errno;
	gboolean in_line; /* the last write ended in the middle of a line */
};

gboolean
events_open(const char *path, Events **ret_events, GError **error)
{
	if (path == NULL) {
		*ret_events = NULL;
		return TRUE;
	}
	int fd = strcmp(path, "-") == 0
			 ? STDOUT_FILENO
			 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
	if (fd < 0) {
		g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno),
			    "cannot write the events to '%s': %s", path, g_strerror(errno));
		return FALSE;
	}
	*ret_events = g_new0(Events, 1);
	(*ret_events)->fd = fd;
	return TRUE;
}

void
events_free(Events *self)
{
	if (self == NULL)
		return;
	if (self->fd != STDOUT_FILENO)
		close(self->fd);
	g_free(self);
}

void
events_tell_lost(const Events *self)
{
	if (self != NULL && self->n_lost > 0)
		fprintf(stderr, "%s: %u lines of --events are lost: %s\n", g_get_prgname(),
			self->n_lost, g_strerror(self->first_errno));
}

/* @line: (transfer full). A line that was cut off stays cut off: the next begins on its own. */
static void
write_line(Events *self, char *line)
{
	g_autofree char *text = g_strconcat(self->in_line ? "\n" : "", line, "\n", NULL);
	g_free(line);
	gsize len = strlen(text), written = output_write_all(self->fd, text, len);
	if (written < len && self->n_lost++ == 0)
		self->first_errno = errno;
	if (written > 0)
		self->in_line = written < len;
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
