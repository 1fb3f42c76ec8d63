/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parses HOST[:PORT] of a command line. It checks only the form and resolves no name. An IPv6
 * address needs its brackets, because otherwise its last part looks like a port.
 */
#include "tools/address.h"

#include <string.h>

static gboolean
bad_value(GError **error, const char *text, const char *why)
{
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "'%s' is not an address: %s",
		    text, why);
	return FALSE;
}

static gboolean
parse_port(const char *text, const char *digits, guint16 min_port, guint16 *ret_port,
	   GError **error)
{
	guint64 port;
	if (!g_ascii_string_to_unsigned(digits, 10, min_port, G_MAXUINT16, &port, NULL))
		return bad_value(error, text, "the port must be a number up to 65535");
	*ret_port = (guint16)port;
	return TRUE;
}

static gboolean
is_host(const char *host, gsize len)
{
	return len > 0 && len <= 255 && strcspn(host, " \t\r\n/[]@") >= len;
}

static gboolean
finish(const char *text, const char *host, gsize len, const char *after, guint16 min_port,
       char **ret_host, guint16 *ret_port, GError **error)
{
	guint16 port = 0;
	if (!is_host(host, len))
		return bad_value(error, text, "write HOST, HOST:PORT or [IPV6]:PORT");
	if (*after == ':' && !parse_port(text, after + 1, min_port, &port, error))
		return FALSE;
	if (*after != ':' && *after != '\0')
		return bad_value(error, text, "only ':PORT' may follow the ']'");
	*ret_host = g_strndup(host, len);
	*ret_port = port;
	return TRUE;
}

gboolean
address_parse(const char *text, guint16 min_port, char **ret_host, guint16 *ret_port,
	      GError **error)
{
	if (text[0] == '[') {
		const char *close = strchr(text, ']');
		if (close == NULL)
			return bad_value(error, text, "the bracket is not closed");
		return finish(text, text + 1, (gsize)(close - text - 1), close + 1, min_port,
			      ret_host, ret_port, error);
	}
	const char *colon = strchr(text, ':');
	if (colon != NULL && strchr(colon + 1, ':') != NULL)
		return bad_value(error, text,
				 "write an IPv6 address in brackets, as in '[::1]:49160'");
	gsize len = colon != NULL ? (gsize)(colon - text) : strlen(text);
	return finish(text, text, len, text + len, min_port, ret_host, ret_port, error);
}
