/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sizes, rates and durations: text in, text out. A number must have a unit, because "--bandwidth
 * 10" could mean too many things. Decimal units are powers of 1000 and count bits or bytes. Binary
 * units count bytes only.
 */
#include "tools/units.h"

#include <math.h>
#include <string.h>

#define MAX_DIGITS 24

typedef struct {
	const char *name;
	double factor;
} Unit;

static const Unit size_units[] = {
	{ "B", 1 },
	{ "kB", 1e3 },
	{ "MB", 1e6 },
	{ "GB", 1e9 },
	{ "KiB", 1024.0 },
	{ "MiB", 1024.0 * 1024 },
	{ "GiB", 1024.0 * 1024 * 1024 },
};

/* In addition to the units of sizes. */
static const Unit rate_units[] = {
	{ "bit", 0.125 },
	{ "kbit", 1e3 / 8 },
	{ "Mbit", 1e6 / 8 },
	{ "Gbit", 1e9 / 8 },
};

static const Unit duration_units[] = {
	{ "us", 1 }, { "ms", 1e3 }, { "s", 1e6 }, { "m", 60e6 }, { "min", 60e6 }, { "h", 3600e6 },
};

static gboolean
bad_value(GError **error, const char *what, const char *text, const char *why)
{
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "'%s' is not a %s: %s", text,
		    what, why);
	return FALSE;
}

/* Returns the length of "12" or "12.5" at the start of @text; 0 when there is no number, or a
 * number of too many digits. */
static gsize
number_length(const char *text)
{
	gsize whole = strspn(text, "0123456789");
	if (whole == 0)
		return 0;
	gsize length = whole;
	if (text[whole] == '.') {
		gsize fraction = strspn(text + whole + 1, "0123456789");
		length = fraction > 0 ? whole + 1 + fraction : 0;
	}
	return length <= MAX_DIGITS ? length : 0;
}

static const Unit *
find_unit(const Unit *units, gsize n_units, const char *name)
{
	for (gsize i = 0; i < n_units; i++)
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

static gboolean
scale(const char *what, const char *text, double factor, gint64 *ret_value, GError **error)
{
	double value = floor(g_ascii_strtod(text, NULL) * factor);
	if (value < 1)
		return bad_value(error, what, text, "it is too small");
	if (value > 1e18)
		return bad_value(error, what, text, "it is too large");
	*ret_value = (gint64)value;
	return TRUE;
}

gboolean
units_parse_rate(const char *text, gint64 *ret_bytes_per_s, GError **error)
{
	static const char hint[] = "write a number and its unit, as in '10Gbit' or '500MiB'";
	gsize length = number_length(text);
	if (length == 0)
		return bad_value(error, "rate", text, hint);
	g_autofree char *name = g_strdup(text + length);
	if (g_str_has_suffix(name, "/s"))
		name[strlen(name) - 2] = '\0';
	const Unit *unit = find_unit(rate_units, G_N_ELEMENTS(rate_units), name);
	if (unit == NULL)
		unit = find_unit(size_units, G_N_ELEMENTS(size_units), name);
	if (unit == NULL)
		return bad_value(error, "rate", text, hint);
	return scale("rate", text, unit->factor, ret_bytes_per_s, error);
}

gboolean
units_parse_size(const char *text, gint64 *ret_bytes, GError **error)
{
	static const char hint[] = "write a number and its unit, as in '128KiB' or '1MB', or 0";
	gsize length = number_length(text);
	const Unit *unit = find_unit(size_units, G_N_ELEMENTS(size_units), text + length);
	if (strcmp(text, "0") == 0) {
		*ret_bytes = 0;
		return TRUE;
	}
	if (length == 0 || unit == NULL)
		return bad_value(error, "size", text, hint);
	return scale("size", text, unit->factor, ret_bytes, error);
}

gboolean
units_parse_duration(const char *text, gint64 *ret_us, GError **error)
{
	static const char hint[] = "write a number and its unit, as in '300ms', '30s' or '10m'";
	gsize length = number_length(text);
	if (length == 0)
		return bad_value(error, "duration", text, hint);
	const Unit *unit = find_unit(duration_units, G_N_ELEMENTS(duration_units), text + length);
	if (unit == NULL)
		return bad_value(error, "duration", text, hint);
	return scale("duration", text, unit->factor, ret_us, error);
}

/* Prints three significant digits if there is a fraction to cut; a whole number keeps all its
 * digits. */
static char *
format_number(double value, const char *unit)
{
	int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
	return g_strdup_printf("%.*f %s", decimals, value, unit);
}

static char *
format_binary(gint64 value, const char *suffix)
{
	static const char *const names[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	if (value < 0)
		return g_strdup("?");
	if (value < 1024)
		return g_strdup_printf("%d B%s", (int)value, suffix);
	double scaled = (double)value / 1024;
	guint i = 0;
	for (; scaled >= 1023.5 && i + 1 < G_N_ELEMENTS(names); i++)
		scaled /= 1024;
	g_autofree char *unit = g_strconcat(names[i], suffix, NULL);
	return format_number(scaled, unit);
}

char *
units_format_bytes(gint64 bytes)
{
	return format_binary(bytes, "");
}

char *
units_format_rate(gint64 bytes_per_s)
{
	return format_binary(bytes_per_s, "/s");
}

char *
units_format_duration(gint64 us)
{
	if (us < 0)
		return g_strdup("?");
	if (us < 1000)
		return g_strdup_printf("%d us", (int)us);
	if (us < 999500)
		return format_number((double)us / 1e3, "ms");
	if (us < 99950000)
		return format_number((double)us / 1e6, "s");
	gint64 seconds = (us + 500000) / 1000000;
	if (seconds < 3600)
		return g_strdup_printf("%dm%02ds", (int)(seconds / 60), (int)(seconds % 60));
	return g_strdup_printf("%" G_GINT64_FORMAT "h%02dm%02ds", seconds / 3600,
			       (int)(seconds / 60 % 60), (int)(seconds % 60));
}

char *
units_format_number(GwNumber number, char *(*format)(gint64 value))
{
	static const char *const marks[] = {
		[GW_CONFIDENCE_BOUND] = "≤ ",
		[GW_CONFIDENCE_LOWER_BOUND] = "≥ ",
		[GW_CONFIDENCE_MEASURED] = "",
		[GW_CONFIDENCE_ESTIMATED] = "",
	};
	g_autofree char *text = format(number.value);
	return g_strconcat(number.value < 0 ? "" : marks[number.confidence], text, NULL);
}
