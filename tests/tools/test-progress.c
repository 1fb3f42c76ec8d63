/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The progress line at several widths, compared whole; and where it is written.
 */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/data/sample-json.h"
#include "tests/rig/golden.h"
#include "tools/progress-view.h"
#include "tools/progress.h"

/* (transfer full) */
static GwSample *
full_sample(void)
{
	GwSample *sample = gw_sample_new();
	sample->phase = "precopy";
	sample->time_us = 75 * G_USEC_PER_SEC;
	sample->ram_total_bytes = 4LL << 30;
	sample->ram_remaining_bytes = 1LL << 30;
	sample->ram_transferred_bytes = 3500000000;
	sample->ram_dirty_bytes_per_s = 20 << 20;
	sample->bandwidth_bytes_per_s = 112 << 20;
	sample->predicted_downtime_us = gw_number(41200, GW_SOURCE_MODEL, GW_CONFIDENCE_ESTIMATED);
	sample->predicted_left_us =
		gw_number(21 * G_USEC_PER_SEC, GW_SOURCE_MODEL, GW_CONFIDENCE_ESTIMATED);
	return sample;
}

/* (transfer full): likewise, with a vGPU that tells all and one of which only the size is known. */
static GwSample *
vgpu_sample(gboolean both)
{
	GwSample *sample = full_sample();
	GwVgpuSample *vgpu = sample_add_vgpu(sample, "gpu0", 2LL << 30);
	vgpu->transferred_bytes = gw_number(3LL << 30, GW_SOURCE_STREAM, GW_CONFIDENCE_MEASURED);
	vgpu->remaining_bytes = gw_number(512LL << 20, GW_SOURCE_TRACE, GW_CONFIDENCE_MEASURED);
	vgpu->dirty_bytes_per_s = gw_number(100LL << 20, GW_SOURCE_TRACE, GW_CONFIDENCE_ESTIMATED);
	sample->held_up_by = g_strdup("gpu0");
	if (both) {
		GwVgpuSample *dark = sample_add_vgpu(sample, "gpu1", 1LL << 30);
		dark->remaining_bytes =
			gw_number(1LL << 30, GW_SOURCE_FRAMEBUFFER, GW_CONFIDENCE_BOUND);
		sample->predicted_downtime_us.confidence = GW_CONFIDENCE_BOUND;
	}
	sample_sum(sample);
	return sample;
}

static void
add_line(GString *out, const GwSample *sample, const char *phase, guint width)
{
	g_autofree char *line = progress_line(sample, phase, width);
	CU_ASSERT_TRUE(width == 0 || g_utf8_strlen(line, -1) <= (glong)width);
	g_string_append_printf(out, "%3u|%s|\n", width, line);
}

static void
lines_are_as_promised(void)
{
	g_autoptr(GwSample) full = full_sample();
	g_autoptr(GwSample) empty = gw_sample_new();
	g_autoptr(GwSample) odd = full_sample();
	odd->ram_remaining_bytes = odd->ram_total_bytes + 1; /* ROMs count too */
	odd->time_us = -5;
	g_autoptr(GString) out = g_string_new(NULL);
	add_line(out, full, NULL, 0);
	add_line(out, full, "switchover", 0);
	add_line(out, empty, NULL, 0);
	add_line(out, odd, NULL, 0);
	g_autoptr(GwSample) vgpu = vgpu_sample(FALSE);
	g_autoptr(GwSample) vgpus = vgpu_sample(TRUE);
	g_autoptr(GwSample) dark = gw_sample_new();
	sample_add_vgpu(dark, "gpu0", -1);
	g_autoptr(GwSample) ram = full_sample();
	ram->held_up_by = g_strdup("ram");
	add_line(out, vgpu, NULL, 0);
	add_line(out, vgpus, NULL, 0);
	add_line(out, dark, NULL, 0);
	add_line(out, ram, NULL, 0);
	g_autoptr(GwSample) later = vgpu_sample(FALSE);
	later->passes = 3;
	add_line(out, later, NULL, 0);
	add_line(out, NULL, "connect", 0);
	add_line(out, NULL, NULL, 0);
	golden_check("progress/lines.txt", out->str);
}

/* The percentage in a line; -1 where there is none. */
static int
percent_of(const char *line)
{
	const char *mark = strstr(line, " % of RAM sent");
	if (mark == NULL)
		return -1;
	while (mark > line && g_ascii_isdigit(mark[-1]))
		mark--;
	return atoi(mark);
}

/* A guest that writes to all of its memory: each pass begins with nearly all of it left. */
static void
a_new_pass_takes_nothing_back(void)
{
	static const struct {
		gint64 passes, left_percent;
		const char *text;
	} rows[] = {
		{ -1, 100, "  0 % of RAM sent" },	  { 1, 100, "  0 % of RAM sent" },
		{ 1, 16, " 84 % of RAM sent" },		  { 2, 99, "pass 2, 99.0 MiB of RAM left" },
		{ 2, 5, "pass 2, 5.00 MiB of RAM left" }, { 3, 99, "pass 3, 99.0 MiB of RAM left" },
	};
	int percent = -1;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GwSample) sample = gw_sample_new();
		sample->phase = "precopy";
		sample->passes = rows[i].passes;
		sample->ram_total_bytes = 100 << 20;
		sample->ram_remaining_bytes = rows[i].left_percent << 20;
		g_autofree char *line = progress_line(sample, NULL, 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(line, rows[i].text));
		int now = percent_of(line);
		CU_ASSERT_TRUE(now < 0 || now >= percent);
		percent = MAX(percent, now);
	}
	CU_ASSERT_EQUAL(percent, 84);
}

static void
narrow_lines_lose_whole_figures(void)
{
	g_autoptr(GwSample) full = full_sample();
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GwSample) vgpus = vgpu_sample(TRUE);
	for (guint width = 120; width > 0; width -= 8)
		add_line(out, full, NULL, width);
	for (guint width = 200; width > 0; width -= 20)
		add_line(out, vgpus, NULL, width);
	add_line(out, full, NULL, 1);
	golden_check("progress/widths.txt", out->str);
}

/* (transfer full): what a view of this mode writes for two phases and three samples at once. */
static char *
show(const char *mode)
{
	char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	/* A stream in memory has no descriptor, so "auto" cannot be asked of it. */
	g_autoptr(ProgressView) view = progress_view_new(mode, file, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(view);
	g_autoptr(GwSample) sample = full_sample();
	progress_view_phase(view, "precopy");
	for (int i = 0; i < 3; i++)
		progress_view_sample(view, sample);
	progress_view_phase(view, "switchover");
	progress_view_break(view);
	progress_view_break(view);
	fclose(file);
	char *copy = g_strdup(text);
	free(text);
	return copy;
}

static void
plain_lines_come_once_a_second_and_at_phases(void)
{
	g_autofree char *text = show("plain");
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	CU_ASSERT_EQUAL_FATAL(g_strv_length(lines), 3);
	CU_ASSERT_STRING_EQUAL(lines[0], "precopy");
	CU_ASSERT_TRUE(g_str_has_prefix(lines[1], "switchover   75 % of RAM sent"));
	CU_ASSERT_STRING_EQUAL(lines[2], "");
}

static void
bar_rewrites_one_line(void)
{
	g_autofree char *text = show("bar");
	g_auto(GStrv) rewrites = g_strsplit(text, "\r", -1);
	CU_ASSERT_EQUAL_FATAL(g_strv_length(rewrites), 6);
	for (int i = 1; i < 6; i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(rewrites[i], "\033[K"));
	CU_ASSERT_PTR_EQUAL(strchr(text, '\n'), text + strlen(text) - 1);
}

static void
none_writes_nothing(void)
{
	g_autofree char *text = show("none");
	CU_ASSERT_STRING_EQUAL(text, "");
}

static void
unknown_mode_is_refused(void)
{
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(progress_view_new("fancy", stdout, &error));
	CU_ASSERT_PTR_NOT_NULL_FATAL(error);
	CU_ASSERT_STRING_EQUAL(error->message, "--progress: 'fancy' is unknown: use auto, bar, "
					       "plain or none");
}

CU_TestInfo suite_progress[] = {
	{ "lines are as promised", lines_are_as_promised },
	{ "a new pass takes nothing back", a_new_pass_takes_nothing_back },
	{ "narrow lines lose whole figures", narrow_lines_lose_whole_figures },
	{ "plain lines come once a second and at phases",
	  plain_lines_come_once_a_second_and_at_phases },
	{ "the bar rewrites one line", bar_rewrites_one_line },
	{ "none writes nothing", none_writes_nothing },
	{ "an unknown mode is refused", unknown_mode_is_refused },
	CU_TEST_INFO_NULL,
};
