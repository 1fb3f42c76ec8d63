/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Checks JSON byte by byte, before any parser sees it: strict grammar and limits. Pure. See
 * json-scan.c. */
typedef struct JsonScan JsonScan;

/* What one value may have at most. json-glib pays for each value, not for each byte: a text of 1
 * MiB becomes as much as 110 MiB. */
typedef struct {
	gsize bytes;	    /* of the whole text */
	gsize string_bytes; /* of one string, as written */
	gsize heap_bytes; /* of what json-glib makes of it, estimated; its time grows with it too */
	guint depth;	  /* of nested containers */
} JsonLimits;

/* An object may have as many members: json-glib walks all of them to replace one. QEMU's largest
 * object has about 60. */
#define JSON_MAX_MEMBERS 1024

typedef enum {
	JSON_SCAN_ERROR_SYNTAX,	   /* not JSON as RFC 8259 has it, or a number or string that nobody
				 * can hold */
	JSON_SCAN_ERROR_TOO_LARGE, /* beyond a limit of bytes or members */
	JSON_SCAN_ERROR_TOO_DEEP,
	JSON_SCAN_ERROR_TRUNCATED, /* the text ended inside a value */
} JsonScanError;

#define JSON_SCAN_ERROR (json_scan_error_quark())
GQuark json_scan_error_quark(void);

/* As JSON has it: four bytes are. */
gboolean json_scan_is_space(char c);

/* @limits: copied */
JsonScan *json_scan_new(const JsonLimits *limits);
void json_scan_free(JsonScan *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JsonScan, json_scan_free);

/* Forgets the value before: the next byte begins another one, within @limits. */
void json_scan_restart(JsonScan *self, const JsonLimits *limits);

/**
 * json_scan_feed:
 * @ret_used: (out): how many bytes belong to the value; fewer than @len once it has ended
 *
 * No byte is looked at twice. White space before the value is skipped; it counts as a byte of it.
 *
 * Returns: %FALSE with %JSON_SCAN_ERROR, which says where; the scan is of no use then
 */
gboolean json_scan_feed(JsonScan *self, const char *text, gsize len, gsize *ret_used,
			GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Has the value ended? A number ends only at the byte after it, or by json_scan_end(). */
gboolean json_scan_has_ended(JsonScan *self);

/* What json-glib would need for what was seen, in bytes: estimated, rather too much than too
 * little. */
gsize json_scan_get_heap_bytes(JsonScan *self);

/* Nothing follows. %FALSE with %JSON_SCAN_ERROR_TRUNCATED inside a value, or where none was. */
gboolean json_scan_end(JsonScan *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
