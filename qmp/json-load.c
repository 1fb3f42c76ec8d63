/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only caller of json-glib's parser: what it gets was checked whole by JsonScan, so nothing is
 * left that it could refuse, misread or recurse into without end.
 */
#include "qmp/json-load.h"

static gboolean
refuse(GError **error, const char *what)
{
	g_set_error_literal(error, JSON_SCAN_ERROR, JSON_SCAN_ERROR_SYNTAX, what);
	return FALSE;
}

static gboolean
is_space(const char *text, gsize len)
{
	while (len > 0 && json_scan_is_space(text[len - 1]))
		len--;
	return len == 0;
}

static gboolean
check(const char *text, gsize len, const JsonLimits *limits, GError **error)
{
	g_autoptr(JsonScan) scan = json_scan_new(limits);
	gsize used = 0;

	if (!json_scan_feed(scan, text, len, &used, error) || !json_scan_end(scan, error))
		return FALSE;
	if (!is_space(text + used, len - used))
		return refuse(error, "not JSON: more follows the value");
	return g_utf8_validate_len(text, used, NULL) || refuse(error, "not JSON: not UTF-8");
}

JsonNode *
json_load(const char *text, gsize len, const JsonLimits *limits, GError **error)
{
	if (!check(text, len, limits, error))
		return NULL;
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autoptr(GError) cause = NULL;
	if (json_parser_load_from_data(parser, text, (gssize)len, &cause))
		return json_parser_steal_root(parser);
	refuse(error, "not JSON: json-glib does not take it");
	return NULL;
}
