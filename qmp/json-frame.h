/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/json-scan.h"

/* Cuts a stream of bytes into JSON objects. Pure: no socket, no clock. Serves QMP and the control
 * protocol. See json-frame.c for how an end is found. */
typedef struct JsonFrame JsonFrame;

/* @limits: of each object; copied. Memory stays below twice their bytes. */
JsonFrame *json_frame_new(const JsonLimits *limits);
void json_frame_free(JsonFrame *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JsonFrame, json_frame_free);

/* Other limits from the next object on. */
void json_frame_set_limits(JsonFrame *self, const JsonLimits *limits);

/* Adds @len bytes. Never fails: what is wrong is told by json_frame_next(). */
void json_frame_push(JsonFrame *self, const void *data, gsize len);

/**
 * json_frame_next:
 * @ret_text: (out): one whole object, not NUL-terminated, valid until the next call on @self;
 *   NULL when more bytes are needed
 * @ret_len: (out): its length in bytes
 *
 * Once it has failed it fails forever in the same way: there is no way to find the next object.
 *
 * Returns: %FALSE with %JSON_SCAN_ERROR
 */
gboolean json_frame_next(JsonFrame *self, const char **ret_text, gsize *ret_len,
			 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What json-glib needs for the object that was given out last, in bytes. */
gsize json_frame_get_heap_bytes(JsonFrame *self);

/* %FALSE with %JSON_SCAN_ERROR_TRUNCATED when the bytes so far end inside an object. */
gboolean json_frame_end(JsonFrame *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
