/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes text of a peer, a guest or a file safe for a terminal: an escape sequence in it could
 * overwrite what the user has just read. JSON does not need this, because it escapes control
 * characters itself.
 */
#include "tools/terminal-sanitize.h"

#include <glib.h>

static gboolean
is_control(guchar c)
{
	return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
}

char *
terminal_sanitize(char *text)
{
	for (guchar *c = (guchar *)text; *c != '\0'; c++) {
		gboolean c1 = c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0; /* U+0080 to U+009F */
		if (c1)
			c[1] = '?';
		if (c1 || is_control(*c))
			*c = '?';
	}
	return text;
}
