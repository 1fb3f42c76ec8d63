/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

/**
 * parse_object:
 * @text: exactly one object, from a file that anybody may have written
 *
 * Returns: (transfer full): NULL when it is something else, larger than @max_bytes or nested deeper than @max_depth
 */
JsonNode *
parse_object(const char *text, gsize len, gsize max_bytes, guint max_depth, GError **error);
