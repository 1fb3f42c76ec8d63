/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-number.h"

/* Quantities as people write and read them. Every error is %G_OPTION_ERROR_BAD_VALUE and quotes the
 * text. */

/* Takes "10Gbit", "1GiB", "1.5MB", each with or without "/s"; at least one byte per second. */
gboolean units_parse_rate(const char *text, gint64 *ret_bytes_per_s,
			  GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Takes "128KiB", "1MB", "4096B" or "0". */
gboolean
units_parse_size(const char *text, gint64 *ret_bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Takes "300ms", "1.5s", "10m", "2h", "500us"; at least one microsecond. */
gboolean
units_parse_duration(const char *text, gint64 *ret_us, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* (transfer full): "1.50 GiB", "112 MiB/s", "41.2 ms"; "?" for a negative value, which means
 * unknown. */
char *units_format_bytes(gint64 bytes);
char *units_format_rate(gint64 bytes_per_s);
char *units_format_duration(gint64 us);

/* (transfer full): @number in the format of one of these functions: "≤ 1.50 GiB" for a bound, "≥
 * ..." for a lower bound, "?" if unknown. */
char *units_format_number(GwNumber number, char *(*format)(gint64 value));
