/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Cuts a stream of bytes into JSON objects. Pure: no socket, no clock. Serves QMP and the control
 * protocol. See json-frame.c for how an end is found. */
typedef struct JsonFrame JsonFrame;

typedef enum {
	JSON_FRAME_ERROR_SYNTAX, /* something else than an object where one must begin, or bad nesting */
	JSON_FRAME_ERROR_TOO_LARGE, /* an object beyond @max_bytes */
	JSON_FRAME_ERROR_TOO_DEEP,  /* nested beyond @max_depth */
	JSON_FRAME_ERROR_TRUNCATED, /* the stream ended inside an object */
} JsonFrameError;

#define JSON_FRAME_ERROR (json_frame_error_quark())
GQuark json_frame_error_quark(void);

/**
 * json_frame_new:
 * @max_bytes: the largest object accepted, in bytes; memory stays below twice this
 * @max_depth: the deepest nesting accepted
 */
JsonFrame *json_frame_new(gsize max_bytes, guint max_depth);
void json_frame_free(JsonFrame *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JsonFrame, json_frame_free)

/* Adds @len bytes. Never fails: what is wrong is told by json_frame_next(). */
void json_frame_push(JsonFrame *self, const void *data, gsize len);

/**
 * json_frame_next:
 * @ret_text: (out): one whole object, not NUL-terminated, valid until the next call on @self;
 *   NULL when more bytes are needed
 * @ret_len: (out): its length in bytes
 *
 * Once it has failed it fails for ever in the same way: there is no way to find the next object.
 *
 * Returns: %FALSE with %JSON_FRAME_ERROR
 */
gboolean json_frame_next(JsonFrame *self, const char **ret_text, gsize *ret_len,
			 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* %FALSE with %JSON_FRAME_ERROR_TRUNCATED when the bytes so far end inside an object. */
gboolean json_frame_end(JsonFrame *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
