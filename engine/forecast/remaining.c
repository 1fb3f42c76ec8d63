/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What remains, and in which source. An unknown number, or one that is only a bound, counts as 0
 * here: it is no reason to give up and is not printed.
 */
#include "engine/forecast/remaining.h"

gboolean
remaining_is_unknown(const PredictSource *source)
{
	return source->pending_bytes.likely < 0 || source->stop_bytes.likely < 0 ||
	       source->confidence == GW_CONFIDENCE_BOUND;
}

double
remaining_bytes_of(const PredictSource *source)
{
	if (remaining_is_unknown(source))
		return 0;
	return (double)source->pending_bytes.likely + (double)source->stop_bytes.likely;
}

double
remaining_sum_bytes(const PredictSource *sources, guint n_sources)
{
	double bytes = 0;
	for (guint i = 0; i < n_sources; i++)
		bytes += remaining_bytes_of(&sources[i]);
	return bytes;
}

GwRange
remaining_stop_copy_bytes(const PredictSource *sources, guint n_sources)
{
	GwRange debt = predict_exactly(0);
	for (guint i = 1; i < n_sources; i++) {
		const GwRange *bytes = &sources[i].stop_bytes;
		if (remaining_is_unknown(&sources[i]))
			continue;
		debt.low += bytes->low;
		debt.likely += bytes->likely;
		debt.high += bytes->high;
	}
	return debt;
}

guint
remaining_find_largest(const PredictSource *sources, guint n_sources)
{
	guint most = 0;
	for (guint i = 1; i < n_sources; i++)
		if (remaining_bytes_of(&sources[i]) > remaining_bytes_of(&sources[most]))
			most = i;
	return most;
}

guint
remaining_find_largest_stop_copy(const PredictSource *sources, guint n_sources)
{
	guint most = 0;
	for (guint i = 1; i < n_sources; i++)
		if (!remaining_is_unknown(&sources[i]) &&
		    (most == 0 || sources[i].stop_bytes.likely > sources[most].stop_bytes.likely))
			most = i;
	return most;
}

guint
remaining_find_unknown(const PredictSource *sources, guint n_sources)
{
	for (guint i = 1; i < n_sources; i++)
		if (remaining_is_unknown(&sources[i]))
			return i;
	return 0;
}
