/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words for the two ends of a migration. */
#include "engine/util/side.h"

static const char *const words[N_SIDES] = {
	[SIDE_SOURCE] = "source",
	[SIDE_DESTINATION] = "destination",
};

const char *
side_to_string(Side side)
{
	return words[side];
}

gboolean
side_from_string(const char *word, Side *side)
{
	for (guint i = 0; i < N_SIDES; i++) {
		if (g_strcmp0(words[i], word) == 0) {
			*side = (Side)i;
			return TRUE;
		}
	}
	return FALSE;
}

Sides
sides_of(Side side)
{
	return (Sides)(1 << side);
}

const char *
sides_to_string(Sides sides)
{
	switch (sides) {
	case SIDES_SOURCE:
		return words[SIDE_SOURCE];
	case SIDES_DESTINATION:
		return words[SIDE_DESTINATION];
	case SIDES_BOTH:
		return "both";
	}
	return "both";
}
