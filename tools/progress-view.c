/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shows progress. On a terminal it rewrites one line. In a pipe it prints plain lines, at most one
 * a second and one at each phase. A reader that has closed the pipe is no reason to stop, so write
 * errors are ignored.
 */
#include "tools/progress-view.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/progress.h"

#define PLAIN_INTERVAL_US G_USEC_PER_SEC
#define DEFAULT_COLUMNS	  80

typedef enum {
	MODE_BAR,
	MODE_PLAIN,
	MODE_NONE,
} Mode;

struct ProgressView {
	FILE *file;
	Mode mode;
	char *phase;
	gboolean line_open; /* the cursor is at the end of the live line */
	GwSample *sample;   /* (nullable): the last one */
	gint64 printed_us;
};

static gboolean
mode_from_string(const char *word, FILE *file, Mode *ret_mode)
{
	if (word == NULL || g_str_equal(word, "auto"))
		*ret_mode = isatty(fileno(file)) ? MODE_BAR : MODE_PLAIN;
	else if (g_str_equal(word, "bar"))
		*ret_mode = MODE_BAR;
	else if (g_str_equal(word, "plain"))
		*ret_mode = MODE_PLAIN;
	else if (g_str_equal(word, "none"))
		*ret_mode = MODE_NONE;
	else
		return FALSE;
	return TRUE;
}

ProgressView *
progress_view_new(const char *mode, FILE *file, GError **error)
{
	Mode parsed;
	if (!mode_from_string(mode, file, &parsed)) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "--progress: '%s' is unknown: use auto, bar, plain or none", mode);
		return NULL;
	}
	ProgressView *self = g_new0(ProgressView, 1);
	self->file = file;
	self->mode = parsed;
	return self;
}

void
progress_view_free(ProgressView *self)
{
	if (self == NULL)
		return;
	progress_view_break(self);
	gw_sample_free(self->sample);
	g_free(self->phase);
	g_free(self);
}

static guint
columns(ProgressView *self)
{
	struct winsize size;
	if (ioctl(fileno(self->file), TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
		return size.ws_col - 1u; /* the last column would wrap */
	return DEFAULT_COLUMNS - 1;
}

static void
show(ProgressView *self)
{
	guint width = self->mode == MODE_BAR ? columns(self) : 0;
	g_autofree char *line = progress_line(self->sample, self->phase, width);
	if (self->mode == MODE_BAR)
		fprintf(self->file, "\r%s\033[K", line);
	else
		fprintf(self->file, "%s\n", g_strchomp(line));
	fflush(self->file);
	self->line_open = self->mode == MODE_BAR;
	self->printed_us = g_get_monotonic_time();
}

void
progress_view_phase(ProgressView *self, const char *phase)
{
	g_free(self->phase);
	self->phase = g_strdup(phase);
	if (self->mode != MODE_NONE)
		show(self);
}

void
progress_view_sample(ProgressView *self, const GwSample *sample)
{
	gw_sample_free(self->sample);
	self->sample = gw_sample_copy(sample);
	gboolean due = g_get_monotonic_time() - self->printed_us >= PLAIN_INTERVAL_US;
	if (self->mode == MODE_BAR || (self->mode == MODE_PLAIN && due))
		show(self);
}

void
progress_view_break(ProgressView *self)
{
	if (!self->line_open)
		return;
	fputc('\n', self->file);
	fflush(self->file);
	self->line_open = FALSE;
}
