/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one place that decides what may reach a terminal or a log. It stands in vfio/ because that is
 * the lowest layer with a need of it.
 */
#include "vfio/printable.h"

#include <glib.h>
#include <string.h>

#define ZERO_WIDTH_NON_JOINER 0x200c /* these two are a part of words in some scripts */
#define ZERO_WIDTH_JOINER     0x200d

static gboolean
is_space(gunichar c)
{
	return c == '\n' || c == '\t';
}

static gboolean
is_hidden(gunichar c)
{
	switch (g_unichar_type(c)) {
	case G_UNICODE_CONTROL:
	case G_UNICODE_SURROGATE:
	case G_UNICODE_LINE_SEPARATOR:
	case G_UNICODE_PARAGRAPH_SEPARATOR:
		return TRUE;
	case G_UNICODE_FORMAT:
		return c != ZERO_WIDTH_NON_JOINER && c != ZERO_WIDTH_JOINER;
	default:
		return FALSE;
	}
}

char *
printable_make(char *text, PrintableKind kind)
{
	char *out = text;
	for (const char *in = text; *in != '\0';) {
		gunichar c = g_utf8_get_char_validated(in, -1);
		gboolean is_valid = c != (gunichar)-1 && c != (gunichar)-2;
		gsize len = is_valid ? (gsize)(g_utf8_next_char(in) - in) : 1;
		if (is_valid && is_space(c)) {
			*out++ = kind == PRINTABLE_LINES ? (char)c : ' ';
		} else if (!is_valid || is_hidden(c)) {
			*out++ = '?';
		} else {
			memmove(out, in, len);
			out += len;
		}
		in += len;
	}
	*out = '\0';
	return text;
}
