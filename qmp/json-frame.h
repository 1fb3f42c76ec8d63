/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Splits a stream of bytes into JSON objects. Pure: no socket, no clock. QMP and the control
 * protocol use it. See json-frame.c for how the end of an object is found. */
typedef struct JsonFrame JsonFrame;

typedef enum {
	JSON_FRAME_ERROR_SYNTAX,    /* no object where one must begin, or bad nesting */
	JSON_FRAME_ERROR_TOO_LARGE, /* an object larger than @max_bytes */
	JSON_FRAME_ERROR_TOO_DEEP,  /* nested deeper than @max_depth */
	JSON_FRAME_ERROR_TRUNCATED, /* the stream ended inside an object */
} JsonFrameError;

#define JSON_FRAME_ERROR (json_frame_error_quark())
GQuark json_frame_error_quark(void);

/**
 * json_frame_new:
 * @max_bytes: the largest object that is accepted, in bytes; memory use stays below twice this size
 * @max_depth: the deepest nesting that is accepted
 */
JsonFrame *json_frame_new(gsize max_bytes, guint max_depth);
void json_frame_free(JsonFrame *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JsonFrame, json_frame_free)

/* Adds @len bytes. Never fails: json_frame_next() reports the errors. */
void json_frame_push(JsonFrame *self, const void *data, gsize len);

/**
 * json_frame_next:
 * @ret_text: (out): one whole object, not NUL-terminated, valid until the next call on @self; NULL
 *   when more bytes are needed
 * @ret_len: (out): its length in bytes
 *
 * After an error every later call returns the same error, because the next object cannot be found.
 *
 * Returns: %FALSE with %JSON_FRAME_ERROR
 */
gboolean json_frame_next(JsonFrame *self, const char **ret_text, gsize *ret_len,
			 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Returns %FALSE with %JSON_FRAME_ERROR_TRUNCATED when the bytes so far end inside an object. */
gboolean json_frame_end(JsonFrame *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
