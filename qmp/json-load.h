/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "qmp/json-scan.h"

/**
 * json_load:
 * @text: exactly one JSON value, from anybody; white space may stand around it
 * @limits: json-glib sees nothing that is beyond them
 *
 * The one way from text to JSON. Never aborts; what it costs is bounded by @limits.
 *
 * Returns: (transfer full): NULL with %JSON_SCAN_ERROR
 */
JsonNode *json_load(const char *text, gsize len, const JsonLimits *limits, GError **error);
