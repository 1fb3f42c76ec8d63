/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Words of a peer, a guest or a file on their way to a terminal or a log: the engine says what of
 * them is shown. JSON does not need this, because it escapes control characters itself.
 */
#include "tools/terminal-sanitize.h"

#include "engine/gw-text.h"

char *
terminal_sanitize(char *text)
{
	return gw_text_sanitize(text, FALSE);
}

char *
terminal_sanitize_line(char *text)
{
	return gw_text_sanitize(text, TRUE);
}
