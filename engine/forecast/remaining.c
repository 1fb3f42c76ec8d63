/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is left, and who has it. What is not known, or is known as a bound only, counts for nothing here: it is no
 * reason to give up, and no number to be told.
 */
#include "engine/forecast/remaining.h"

gboolean
rest_is_dark(const PredictSource *source)
{
	return source->pending_bytes.likely < 0 || source->stop_bytes.likely < 0 ||
	       source->confidence == GW_CONFIDENCE_BOUND;
}

double
rest_bytes(const PredictSource *source)
{
	if (rest_is_dark(source))
		return 0;
	return (double)source->pending_bytes.likely + (double)source->stop_bytes.likely;
}

double
rest_of_all_bytes(const PredictSource *sources, guint n_sources)
{
	double bytes = 0;
	for (guint i = 0; i < n_sources; i++)
		bytes += rest_bytes(&sources[i]);
	return bytes;
}

GwRange
rest_debt_bytes(const PredictSource *sources, guint n_sources)
{
	GwRange debt = predict_exactly(0);
	for (guint i = 1; i < n_sources; i++) {
		const GwRange *bytes = &sources[i].stop_bytes;
		if (rest_is_dark(&sources[i]))
			continue;
		debt.low += bytes->low;
		debt.likely += bytes->likely;
		debt.high += bytes->high;
	}
	return debt;
}

guint
rest_find_most(const PredictSource *sources, guint n_sources)
{
	guint most = 0;
	for (guint i = 1; i < n_sources; i++)
		if (rest_bytes(&sources[i]) > rest_bytes(&sources[most]))
			most = i;
	return most;
}

guint
rest_find_debtor(const PredictSource *sources, guint n_sources)
{
	guint most = 0;
	for (guint i = 1; i < n_sources; i++)
		if (!rest_is_dark(&sources[i]) &&
		    (most == 0 || sources[i].stop_bytes.likely > sources[most].stop_bytes.likely))
			most = i;
	return most;
}

guint
rest_find_dark(const PredictSource *sources, guint n_sources)
{
	for (guint i = 1; i < n_sources; i++)
		if (rest_is_dark(&sources[i]))
			return i;
	return 0;
}
