/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A sample as one line for people: data in, text out. It writes nothing and knows no terminal: that is
 * progress-view.c. Figures stand in order of their worth, because a narrow line loses the last ones.
 */
#include "tools/progress.h"

#include <string.h>

#include "tools/units.h"

static char *
format_percent(const GwSample *sample)
{
	if (sample->ram_total_bytes <= 0 || sample->ram_remaining_bytes < 0)
		return g_strdup("  ? % of RAM");
	double left = (double)sample->ram_remaining_bytes / (double)sample->ram_total_bytes;
	return g_strdup_printf("%3d %% of RAM", (int)(100 * (1 - MIN(left, 1))));
}

static char *
format_clock(gint64 us)
{
	gint64 seconds = MAX(us, 0) / G_USEC_PER_SEC;
	return g_strdup_printf("%" G_GINT64_FORMAT ":%02d", seconds / 60, (int)(seconds % 60));
}

/* Adds a figure if it fits; once one does not, none after it may. */
static void
add_figure(GString *line, guint width, gboolean *full, const char *before, char *figure)
{
	gsize length = line->len + 2 + strlen(before) + strlen(figure);
	if (width > 0 && length > width)
		*full = TRUE;
	if (!*full)
		g_string_append_printf(line, "  %s%s", before, figure);
	g_free(figure);
}

char *
progress_line(const GwSample *sample, const char *phase, guint width)
{
	if (phase == NULL && sample != NULL)
		phase = sample->phase;
	GString *line = g_string_new(NULL);
	g_string_printf(line, "%-10s", phase != NULL ? phase : "?");
	if (width > 0 && line->len > width)
		g_string_truncate(line, width);
	if (sample == NULL)
		return g_string_free(line, FALSE);

	gboolean full = FALSE;
	add_figure(line, width, &full, "", format_percent(sample));
	add_figure(line, width, &full, "", units_format_rate(sample->bandwidth_bytes_per_s));
	add_figure(line, width, &full, "dirty ", units_format_rate(sample->ram_dirty_bytes_per_s));
	add_figure(line, width, &full, "downtime ~",
		   units_format_duration(sample->expected_downtime_us));
	add_figure(line, width, &full, "", format_clock(sample->time_us));
	add_figure(line, width, &full, "sent ", units_format_bytes(sample->ram_transferred_bytes));
	add_figure(line, width, &full, "left ", units_format_bytes(sample->ram_remaining_bytes));
	return g_string_free(line, FALSE);
}
