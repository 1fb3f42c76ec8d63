/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes JSON objects. The members keep the order in which they are added. Strings become valid
 * UTF-8, and every control character is escaped. Nothing here reads JSON.
 */
#include "tools/json-text.h"

#include <string.h>

static void
add_quoted(GString *out, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_string_append_c(out, '"');
	for (const char *c = valid; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			g_string_append_printf(out, "\\%c", *c);
		else if ((guchar)*c < 0x20)
			g_string_append_printf(out, "\\u%04x", (guint)(guchar)*c);
		else
			g_string_append_c(out, *c);
	}
	g_string_append_c(out, '"');
}

static void
add_name(GString *object, const char *name)
{
	if (object->len > 0 && object->str[object->len - 1] != '{')
		g_string_append(object, ", ");
	add_quoted(object, name);
	g_string_append(object, ": ");
}

void
json_text_string(GString *object, const char *name, const char *value)
{
	if (value == NULL)
		return;
	add_name(object, name);
	add_quoted(object, value);
}

void
json_text_int(GString *object, const char *name, gint64 value)
{
	add_name(object, name);
	g_string_append_printf(object, "%" G_GINT64_FORMAT, value);
}

void
json_text_boolean(GString *object, const char *name, gboolean value)
{
	json_text_raw(object, name, value ? "true" : "false");
}

void
json_text_raw(GString *object, const char *name, const char *value)
{
	add_name(object, name);
	g_string_append(object, value);
}
