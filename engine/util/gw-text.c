/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/gw-text.h"

#include "vfio/printable.h"

char *
gw_text_sanitize(char *text, gboolean one_line)
{
	return printable_make(text, one_line ? PRINTABLE_ONE_LINE : PRINTABLE_LINES);
}
