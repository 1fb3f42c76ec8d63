/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file's text to JSON. json-glib by itself would recurse as deep as it is told.
 */
#include "engine/util/json-parse.h"

#include "engine/gw-error.h"
#include "qmp/json-frame.h"

JsonNode *
parse_object(const char *text, gsize len, gsize max_bytes, guint max_depth, GError **error)
{
	g_autoptr(JsonFrame) frame = json_frame_new(max_bytes, max_depth);
	json_frame_push(frame, text, len);
	const char *object;
	gsize object_len;
	if (!json_frame_next(frame, &object, &object_len, error))
		return NULL;
	if (object == NULL) {
		if (json_frame_end(frame, error))
			g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "it is empty");
		return NULL;
	}
	g_autoptr(JsonParser) parser = json_parser_new_immutable();
	if (!json_parser_load_from_data(parser, object, (gssize)object_len, error))
		return NULL;
	return json_parser_steal_root(parser);
}
