/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Text of a device, a file, a guest or a peer, before people see it. */

typedef enum {
	PRINTABLE_LINES,    /* it may have several lines and tabs */
	PRINTABLE_ONE_LINE, /* a name, or a line of a log: nothing in it can begin another line */
} PrintableKind;

/**
 * printable_make:
 * @text: NUL-terminated, any bytes
 *
 * Replaces in place what a terminal would obey or what hides other text: control characters (U+0080
 * to U+009F too), what changes the direction of writing, characters without width, line and
 * paragraph separators, and bytes that are no UTF-8. It never becomes longer.
 *
 * Returns: @text
 */
char *printable_make(char *text, PrintableKind kind);
