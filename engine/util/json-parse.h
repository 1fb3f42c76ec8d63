/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "qmp/json-scan.h"

/**
 * parse_object:
 * @text: exactly one object, from a file or a peer that is not trusted
 *
 * Returns: (transfer full): NULL with %GW_ERROR_PROTOCOL when it is not an object or exceeds
 *   @limits
 */
JsonNode *parse_object(const char *text, gsize len, const JsonLimits *limits, GError **error);
