/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A dirty rate as aligned text: data in, text out. An unknown number is "?", a bound has its sign,
 * and each number has its method.
 */
#include "tools/dirty-rate-text.h"

#include "tools/terminal-sanitize.h"
#include "tools/prediction-text.h"
#include "tools/units.h"

#define ROW "  %-12s %14s %16s  %s\n"

/* The method, and how sure the rate is: "page-sampling, estimated". */
static char *
describe_method(const char *method, GwNumber rate)
{
	return gw_number_is_known(rate)
		       ? g_strdup_printf("%s, %s", method, gw_confidence_to_string(rate.confidence))
		       : g_strdup(method);
}

static void
add_row(GString *out, const char *name, gint64 bytes, GwNumber rate, const char *method)
{
	g_autofree char *has = units_format_bytes(bytes);
	g_autofree char *writes = units_format_number(rate, units_format_rate);
	g_string_append_printf(out, ROW, name, has, writes, method);
}

static void
add_vgpu(GString *out, const GwDirtyRateVgpu *vgpu)
{
	g_autofree char *method = describe_method(vgpu->method, vgpu->dirty_bytes_per_s);
	add_row(out, vgpu->id, vgpu->vram_bytes, vgpu->dirty_bytes_per_s, method);
	g_autofree char *stop = units_format_number(vgpu->stop_bytes, units_format_bytes);
	if (gw_number_is_known(vgpu->stop_bytes))
		g_string_append_printf(out, "  %-12s %s to send if the guest stopped now (%s)\n",
				       "", stop,
				       gw_number_source_to_string(vgpu->stop_bytes.source));
	if (vgpu->note != NULL)
		g_string_append_printf(out, "  %-12s %s\n", "", vgpu->note);
}

static void
add_total(GString *out, const GwDirtyRate *rate)
{
	gint64 bytes = rate->ram_total_bytes;
	for (guint i = 0; i < rate->vgpus->len; i++) {
		const GwDirtyRateVgpu *vgpu = g_ptr_array_index(rate->vgpus, i);
		bytes = vgpu->vram_bytes < 0 || bytes < 0 ? -1 : bytes + vgpu->vram_bytes;
	}
	const char *sure =
		gw_number_is_known(rate->total_dirty_bytes_per_s)
			? gw_confidence_to_string(rate->total_dirty_bytes_per_s.confidence)
			: "";
	add_row(out, "all", bytes, rate->total_dirty_bytes_per_s, sure);
}

char *
dirty_rate_text(const GwDirtyRate *rate)
{
	GString *out = g_string_new(NULL);
	g_string_append_printf(out, ROW, "", "size", "dirty rate", "method");
	g_autofree char *method = describe_method(rate->ram_method, rate->ram_dirty_bytes_per_s);
	add_row(out, "RAM", rate->ram_total_bytes, rate->ram_dirty_bytes_per_s, method);
	g_autofree char *hot = units_format_number(rate->ram_hot_bytes, units_format_bytes);
	if (rate->ram_hot_bytes.value >= 0 && rate->ram_hot_bytes.value < rate->ram_total_bytes)
		g_string_append_printf(out, "  %-12s %s of it is written again and again\n", "",
				       hot);
	for (guint i = 0; i < rate->vgpus->len; i++)
		add_vgpu(out, g_ptr_array_index(rate->vgpus, i));
	if (rate->vgpus->len > 0)
		add_total(out, rate);
	if (rate->prediction != NULL)
		prediction_text_add(out, rate->prediction);
	return terminal_sanitize(g_string_free(out, FALSE));
}
