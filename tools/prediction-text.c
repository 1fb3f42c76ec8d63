/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The prediction of a migration as aligned text: data in, text out.
 */
#include "tools/prediction-text.h"

#include "tools/units.h"

static void
add_range(GString *out, const char *label, GwRange range)
{
	g_autofree char *low = units_format_duration(range.low);
	g_autofree char *likely = units_format_duration(range.likely);
	g_autofree char *high =
		range.high < 0 ? g_strdup("no limit") : units_format_duration(range.high);
	if (range.likely < 0)
		g_string_append_printf(out, "  %-16s does not end\n", label);
	else
		g_string_append_printf(out, "  %-16s %s (%s to %s)\n", label, likely, low, high);
}

void
prediction_text_add(GString *out, const GwPrediction *prediction)
{
	static const char *const sure[] = {
		[GW_CONFIDENCE_MEASURED] = "",
		[GW_CONFIDENCE_ESTIMATED] = "",
		[GW_CONFIDENCE_BOUND] = ", at most",
		[GW_CONFIDENCE_LOWER_BOUND] = ", at least",
	};
	g_autofree char *bandwidth = units_format_rate(prediction->bandwidth_bytes_per_s);
	g_autofree char *limit = units_format_duration(prediction->needed_downtime_limit_us.likely);
	g_string_append_printf(out, "\na migration at %s%s\n", bandwidth,
			       sure[prediction->confidence]);
	if (!prediction->converges)
		g_string_append_printf(out, "  %-16s does not converge within the downtime limit\n",
				       "");
	add_range(out, "total", prediction->total_us);
	add_range(out, "downtime", prediction->downtime_us);
	g_string_append_printf(out, "  %-16s %s\n", "downtime limit", limit);
	if (prediction->held_up_by != NULL)
		g_string_append_printf(out, "  %-16s '%s'\n", "bottleneck", prediction->held_up_by);
}
