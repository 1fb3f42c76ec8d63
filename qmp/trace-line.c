/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A line of QEMU's log, as its trace points write it:
 *
 *	[PID@SECONDS.MICROSECONDS:]NAME  (DEVICE) WORDS NUMBER WORDS NUMBER...
 *
 *	vfio_state_pending_estimate	precopy, postcopy, precopy initial size, precopy dirty size
 *	vfio_state_pending_exact	the same, and stopcopy size before the last two
 *	vfio_state_pending	stopcopy size, precopy initial size, precopy dirty size, ...,
 *				exact 0 or 1
 *
 * (QEMU's hw/vfio/trace-events: the first two up to 11.0, the last from 11.1 on.) Numbers are
 * decimal, in some versions hexadecimal after 0x. The first two numbers are sums over the devices
 * before this one: they are not read.
 */
#include "qmp/trace-line.h"

#include <string.h>

#define EVENT "vfio_state_pending"

/* The number after @words; -1 when @words are not there or the number is impossible. */
static gint64
find_number(const char *text, const char *words)
{
	const char *at = strstr(text, words);
	if (at == NULL)
		return -1;
	at += strlen(words);
	char *end = NULL;
	guint64 value = g_ascii_strtoull(at, &end, g_str_has_prefix(at, "0x") ? 16 : 10);
	if (end == at || value > G_MAXINT64 || !g_ascii_isdigit(*at))
		return -1;
	return (gint64)value;
}

gboolean
trace_line_parse(const char *text, gsize len, TraceLine *ret_line)
{
	g_autofree char *line = g_strndup(text, len);
	const char *event = strstr(line, EVENT);
	const char *open = event != NULL ? strstr(event, " (") : NULL;
	const char *close = open != NULL ? strstr(open, ") ") : NULL;
	gsize name_len = close != NULL ? (gsize)(close - open) - 2 : 0;
	if (name_len == 0 || name_len >= TRACE_LINE_NAME_BYTES)
		return FALSE;
	TraceLine read = {
		.initial_bytes = find_number(close, " precopy initial size "),
		.dirty_bytes = find_number(close, " precopy dirty size "),
		.stop_bytes = find_number(close, " stopcopy size "),
		.is_exact = g_str_has_prefix(event, EVENT "_exact ") ||
			    find_number(close, " exact ") == 1,
	};
	if (read.initial_bytes < 0 && read.dirty_bytes < 0 && read.stop_bytes < 0)
		return FALSE;
	memcpy(read.device, open + 2, name_len);
	*ret_line = read;
	return TRUE;
}

char *
trace_line_remove(const char *text)
{
	g_autoptr(GRegex) line =
		g_regex_new("([0-9]+@[0-9]+\\.[0-9]+:)?" EVENT "[a-z_]* [^\n]*(\n|$)", 0, 0, NULL);
	return g_regex_replace_literal(line, text, -1, 0, "", 0, NULL);
}
