/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A sample as one line for people: data in, text out. It writes nothing and does not know the
 * terminal: progress-view.c does. The most useful figures come first, because a narrow line drops
 * the last ones.
 *
 * The percentage of RAM counts what was sent in the first pass. When a later pass begins,
 * everything that was written meanwhile remains to be sent, and 84 % would fall to 1 %. So a later
 * pass shows its number and what remains. The percentage of vRAM counts what is clean: what would
 * not be sent if the guest stopped now.
 */
#include "tools/progress.h"

#include <string.h>

#include "tools/units.h"

/* Returns the part of @total that is done, from the number of bytes that remain. */
static char *
format_percent(GwNumber left, gint64 total_bytes, const char *of)
{
	static const char *const marks[] = {
		[GW_CONFIDENCE_MEASURED] = "",
		[GW_CONFIDENCE_ESTIMATED] = "",
		[GW_CONFIDENCE_BOUND] = "≥ ", /* at most this much remains */
		[GW_CONFIDENCE_LOWER_BOUND] = "≤ ",
	};
	if (total_bytes <= 0 || left.value < 0)
		return g_strdup_printf("  ? %% of %s", of);
	double part = (double)left.value / (double)total_bytes;
	return g_strdup_printf("%s%3d %% of %s", marks[left.confidence],
			       (int)(100 * (1 - MIN(part, 1))), of);
}

static GwNumber
ram_number(gint64 value)
{
	return (GwNumber){ value, GW_SOURCE_QEMU, GW_CONFIDENCE_MEASURED };
}

/* "84 % of RAM sent", and from the second pass on "pass 3, 512 MiB of RAM left". */
static char *
format_ram(const GwSample *sample)
{
	if (sample->passes <= 1)
		return format_percent(ram_number(sample->ram_remaining_bytes),
				      sample->ram_total_bytes, "RAM sent");
	g_autofree char *left = units_format_bytes(sample->ram_remaining_bytes);
	return g_strdup_printf("pass %" G_GINT64_FORMAT ", %s of RAM left", sample->passes, left);
}

/* The sum of all vGPUs. If one is unknown, the sum is unknown. */
static char *
format_vram_percent(const GwSample *sample)
{
	GwNumber left = ram_number(0);
	gint64 total_bytes = 0;
	for (guint i = 0; i < sample->vgpus->len; i++) {
		const GwVgpuSample *vgpu = g_ptr_array_index(sample->vgpus, i);
		gboolean is_known =
			vgpu->vram_bytes > 0 && vgpu->remaining_bytes.value >= 0 && left.value >= 0;
		left.value = is_known ? left.value + vgpu->remaining_bytes.value : -1;
		left.confidence = MAX(left.confidence, vgpu->remaining_bytes.confidence);
		total_bytes += MAX(vgpu->vram_bytes, 0);
	}
	return format_percent(left, total_bytes, "vRAM clean");
}

/* The dirty rate of RAM and all vGPUs. If one of them is unknown it is the rate of RAM, with the
 * word "RAM". */
static char *
format_dirty(const GwSample *sample)
{
	gboolean is_whole = sample->vgpus->len == 0 || sample->total_dirty_bytes_per_s.value >= 0;
	GwNumber rate = sample->vgpus->len == 0 ? ram_number(sample->ram_dirty_bytes_per_s)
						: sample->total_dirty_bytes_per_s;
	if (!is_whole)
		rate = ram_number(sample->ram_dirty_bytes_per_s);
	g_autofree char *text = units_format_number(rate, units_format_rate);
	return g_strconcat(is_whole ? "" : "RAM ", text, NULL);
}

typedef char *(*Format)(gint64 value);

/* "1.00 GiB", and of a VM with vGPUs "RAM 1.00 GiB, gpu0 ≤ 16.0 MiB, all ≤ 1.02 GiB". */
static char *
format_parts(const GwSample *sample, gint64 ram, gsize vgpu_offset, GwNumber total, Format format)
{
	g_autofree char *ram_text = format(ram);
	if (sample->vgpus->len == 0)
		return g_steal_pointer(&ram_text);
	GString *text = g_string_new("RAM ");
	g_string_append(text, ram_text);
	for (guint i = 0; i < sample->vgpus->len; i++) {
		const GwVgpuSample *vgpu = g_ptr_array_index(sample->vgpus, i);
		GwNumber number = G_STRUCT_MEMBER(GwNumber, vgpu, vgpu_offset);
		g_autofree char *part = units_format_number(number, format);
		g_string_append_printf(text, ", %s %s", vgpu->id, part);
	}
	g_autofree char *all = units_format_number(total, format);
	g_string_append_printf(text, ", all %s", all);
	return g_string_free(text, FALSE);
}

static char *
format_downtime(const GwSample *sample)
{
	GwNumber us = sample->predicted_downtime_us;
	g_autofree char *text = units_format_number(us, units_format_duration);
	gboolean is_about = us.value >= 0 && us.confidence < GW_CONFIDENCE_BOUND;
	return g_strconcat(is_about ? "~" : "", text, NULL);
}

static char *
format_clock(gint64 us)
{
	gint64 seconds = MAX(us, 0) / G_USEC_PER_SEC;
	return g_strdup_printf("%" G_GINT64_FORMAT ":%02d", seconds / 60, (int)(seconds % 60));
}

static char *
format_left(gint64 us)
{
	g_autofree char *clock = format_clock(us);
	return g_strconcat(clock, " left", NULL);
}

static char *
format_holdup(const GwSample *sample)
{
	return g_strdup(strcmp(sample->held_up_by, "ram") == 0 ? "RAM" : sample->held_up_by);
}

/* Adds a figure if it fits. After the first one that does not fit, none is added. */
static void
add_figure(GString *line, guint width, gboolean *full, const char *before, char *figure)
{
	glong length = g_utf8_strlen(line->str, -1) + 2 + g_utf8_strlen(before, -1) +
		       g_utf8_strlen(figure, -1);
	if (width > 0 && length > (glong)width)
		*full = TRUE;
	if (!*full)
		g_string_append_printf(line, "  %s%s", before, figure);
	g_free(figure);
}

/* Adds the amounts of RAM and of each vGPU, for a wide terminal. */
static void
add_amounts(GString *line, guint width, gboolean *full, const GwSample *sample)
{
	add_figure(line, width, full, "sent ",
		   format_parts(sample, sample->ram_transferred_bytes,
				G_STRUCT_OFFSET(GwVgpuSample, transferred_bytes),
				sample->total_transferred_bytes, units_format_bytes));
	add_figure(line, width, full, "left ",
		   format_parts(sample, sample->ram_remaining_bytes,
				G_STRUCT_OFFSET(GwVgpuSample, remaining_bytes),
				sample->total_remaining_bytes, units_format_bytes));
	if (sample->vgpus->len > 0)
		add_figure(line, width, full, "dirty ",
			   format_parts(sample, sample->ram_dirty_bytes_per_s,
					G_STRUCT_OFFSET(GwVgpuSample, dirty_bytes_per_s),
					sample->total_dirty_bytes_per_s, units_format_rate));
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
	add_figure(line, width, &full, "", format_ram(sample));
	if (sample->vgpus->len > 0)
		add_figure(line, width, &full, "", format_vram_percent(sample));
	if (sample->held_up_by != NULL)
		add_figure(line, width, &full, "bottleneck ", format_holdup(sample));
	add_figure(line, width, &full, "", units_format_rate(sample->bandwidth_bytes_per_s));
	add_figure(line, width, &full, "dirty ", format_dirty(sample));
	add_figure(line, width, &full, "downtime ", format_downtime(sample));
	add_figure(line, width, &full, "", format_clock(sample->time_us));
	if (sample->predicted_left_us.value >= 0)
		add_figure(line, width, &full, "~", format_left(sample->predicted_left_us.value));
	add_amounts(line, width, &full, sample);
	return g_string_free(line, FALSE);
}
