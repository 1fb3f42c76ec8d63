/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The samples of a report as a drawing, over time. An area shows the remaining RAM. A line on the
 * same scale shows the remaining vRAM; bounds are not drawn. A line with its own scale shows the
 * bandwidth. Each scale goes from zero to its maximum. A band below shows the phases. Data in, text
 * out. Points that fall into the same column are drawn as one, so the drawing of a long run stays
 * small.
 */
#include "tools/report-html.h"

#include "tools/units.h"

#define WIDTH  720
#define HEIGHT 200
#define LEFT   8
#define TOP    24
#define BAND   18

typedef gint64 (*Value)(const GwSample *sample);

typedef struct {
	gint64 end_us;
	gint64 max_left_bytes;
	gboolean has_vram;
	gint64 max_bytes_per_s;
} Scale;

static gint64
get_left(const GwSample *sample)
{
	return sample->ram_remaining_bytes;
}

/* The sum of all vGPUs; -1 if one of them is unknown, or only a bound. */
static gint64
get_vram(const GwSample *sample)
{
	gint64 bytes = sample->vgpus->len > 0 ? 0 : -1;
	for (guint i = 0; i < sample->vgpus->len; i++) {
		const GwVgpuSample *vgpu = g_ptr_array_index(sample->vgpus, i);
		GwNumber left = vgpu->remaining_bytes;
		gboolean is_sure = left.value >= 0 && left.confidence < GW_CONFIDENCE_BOUND;
		bytes = is_sure && bytes >= 0 ? bytes + left.value : -1;
	}
	return bytes;
}

static gint64
get_rate(const GwSample *sample)
{
	return sample->bandwidth_bytes_per_s;
}

static gint64
max_of(const GwReport *report, Value get)
{
	gint64 max = 0;
	for (guint i = 0; i < report->samples->len; i++)
		max = MAX(max, get(g_ptr_array_index(report->samples, i)));
	return max;
}

static Scale
make_scale(const GwReport *report)
{
	gint64 vram_bytes = max_of(report, get_vram);
	Scale scale = { .end_us = MAX(report->total_us, 0),
			.max_left_bytes = MAX(max_of(report, get_left), vram_bytes),
			.has_vram = vram_bytes > 0,
			.max_bytes_per_s = max_of(report, get_rate) };
	for (guint i = 0; i < report->samples->len; i++) {
		const GwSample *sample = g_ptr_array_index(report->samples, i);
		scale.end_us = MAX(scale.end_us, sample->time_us);
	}
	for (guint i = 0; i < report->phases->len; i++) {
		const GwPhase *phase = g_ptr_array_index(report->phases, i);
		scale.end_us = MAX(scale.end_us, MAX(phase->start_us, phase->end_us));
	}
	return scale;
}

static int
x_at(const Scale *scale, gint64 time_us)
{
	double part = (double)CLAMP(time_us, 0, scale->end_us) / (double)scale->end_us;
	return LEFT + (int)(part * WIDTH);
}

/* " x,y x,y": one point a column; @ret_first and @ret_last are where the line begins and ends. */
static char *
make_points(const GwReport *report, const Scale *scale, Value get, gint64 max, int *ret_first,
	    int *ret_last)
{
	GString *points = g_string_new(NULL);
	int last = -1;
	for (guint i = 0; max > 0 && i < report->samples->len; i++) {
		const GwSample *sample = g_ptr_array_index(report->samples, i);
		int x = x_at(scale, sample->time_us);
		gint64 value = get(sample);
		if (value < 0 || x <= last)
			continue;
		if (last < 0)
			*ret_first = x;
		last = x;
		double height = (double)value / (double)max * HEIGHT;
		g_string_append_printf(points, " %d,%d", x, TOP + HEIGHT - (int)height);
	}
	*ret_last = last;
	return g_string_free(points, FALSE);
}

static void
add_lines(GString *svg, const GwReport *report, const Scale *scale)
{
	int first = LEFT, last = LEFT;
	g_autofree char *left =
		make_points(report, scale, get_left, scale->max_left_bytes, &first, &last);
	if (left[0] != '\0')
		g_string_append_printf(svg, "<polygon class=\"left\" points=\"%d,%d%s %d,%d\"/>\n",
				       first, TOP + HEIGHT, left, last, TOP + HEIGHT);
	g_autofree char *vram =
		make_points(report, scale, get_vram, scale->max_left_bytes, &first, &last);
	if (vram[0] != '\0')
		g_string_append_printf(svg, "<polyline class=\"vram\" points=\"%s\"/>\n", vram + 1);
	g_autofree char *rate =
		make_points(report, scale, get_rate, scale->max_bytes_per_s, &first, &last);
	if (rate[0] != '\0')
		g_string_append_printf(svg, "<polyline class=\"rate\" points=\"%s\"/>\n", rate + 1);
}

static void
add_phases(GString *svg, const GwReport *report, const Scale *scale)
{
	int y = TOP + HEIGHT + 6;
	for (guint i = 0; i < report->phases->len; i++) {
		const GwPhase *phase = g_ptr_array_index(report->phases, i);
		gint64 end_us = phase->end_us == -1 ? scale->end_us : phase->end_us;
		int x = x_at(scale, phase->start_us);
		int width = MAX(1, x_at(scale, end_us) - x);
		g_autofree char *name = g_markup_escape_text(phase->name, -1);
		g_string_append_printf(svg,
				       "<rect class=\"phase p%u\" x=\"%d\" y=\"%d\" width=\"%d\" "
				       "height=\"%d\"><title>%s</title></rect>\n",
				       i % 2, x, y, width, BAND, name);
		if (width > 8 * (int)g_utf8_strlen(phase->name, -1))
			g_string_append_printf(svg, "<text x=\"%d\" y=\"%d\">%s</text>\n", x + 4,
					       y + 13, name);
	}
}

static void
add_legend(GString *svg, const Scale *scale)
{
	g_autofree char *left = units_format_bytes(scale->max_left_bytes);
	g_autofree char *rate = units_format_rate(scale->max_bytes_per_s);
	g_autofree char *end = units_format_duration(scale->end_us);
	const char *vram = scale->has_vram ? ", <tspan class=\"vkey\">━</tspan> vRAM left" : "";
	g_string_append_printf(
		svg,
		"<text x=\"%d\" y=\"14\"><tspan class=\"left\">■</tspan> RAM left%s, "
		"up to %s</text>\n"
		"<text x=\"%d\" y=\"14\"><tspan class=\"key\">■</tspan> bandwidth, "
		"up to %s</text>\n"
		"<text class=\"e\" x=\"%d\" y=\"14\">%s</text>\n",
		LEFT, vram, left, LEFT + 280, rate, LEFT + WIDTH, end);
}

char *
report_svg(const GwReport *report)
{
	Scale scale = make_scale(report);
	if (scale.end_us <= 0)
		return NULL;
	GString *svg = g_string_new(NULL);
	g_string_append_printf(svg, "<svg viewBox=\"0 0 %d %d\" role=\"img\">\n", WIDTH + 2 * LEFT,
			       TOP + HEIGHT + BAND + 12);
	g_string_append_printf(svg,
			       "<rect class=\"field\" x=\"%d\" y=\"%d\" width=\"%d\" "
			       "height=\"%d\"/>\n",
			       LEFT, TOP, WIDTH, HEIGHT);
	add_legend(svg, &scale);
	add_lines(svg, report, &scale);
	add_phases(svg, report, &scale);
	g_string_append(svg, "</svg>\n");
	return g_string_free(svg, FALSE);
}
