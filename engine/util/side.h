/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The two ends of a migration. All code that names an end uses this type. */
typedef enum {
	SIDE_SOURCE,
	SIDE_DESTINATION,
	N_SIDES,
} Side;

/* One end, or both. */
typedef enum {
	SIDES_SOURCE = 1 << SIDE_SOURCE,
	SIDES_DESTINATION = 1 << SIDE_DESTINATION,
	SIDES_BOTH = SIDES_SOURCE | SIDES_DESTINATION,
} Sides;

/* "source", "destination": in messages, in reports and over the control connection. */
const char *side_to_string(Side side);
/* Returns %FALSE for any other word, or NULL; @side is then not changed. */
gboolean side_from_string(const char *word, Side *side) G_GNUC_WARN_UNUSED_RESULT;
/* Returns the set with this one end. */
Sides sides_of(Side side);
/* Like side_to_string(), or "both". */
const char *sides_to_string(Sides sides);
