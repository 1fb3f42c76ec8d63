/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parses JSON in the engine: json_load() of qmp/, for objects only and with the engine's own
 * errors.
 */
#include "engine/util/json-parse.h"

#include "engine/gw-error.h"
#include "qmp/json-load.h"

JsonNode *
parse_object(const char *text, gsize len, const JsonLimits *limits, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(JsonNode) node = json_load(text, len, limits, &cause);
	if (node != NULL && JSON_NODE_HOLDS_OBJECT(node))
		return g_steal_pointer(&node);
	g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL, "%s",
		    cause != NULL ? cause->message : "not a JSON object");
	return NULL;
}
