/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

/* Reads the members of a JSON object that is not trusted, and writes those of our own objects.
 * json-fields.c explains how an error is kept. */
typedef struct {
	JsonObject *object; /* (borrowed), (nullable) after an error */
	const char *path;   /* (borrowed): the beginning of an error text: "plan", "samples[3]" */
	GError *error;	    /* the first one, %GW_ERROR_PROTOCOL */
} Fields;

typedef enum {
	FIELDS_OPTIONAL,
	FIELDS_REQUIRED,
} FieldsNeed;

#define FIELDS_WORD_BYTES 256	      /* names, words, paths */
#define FIELDS_TEXT_BYTES (64 * 1024) /* text for people */

/* @node may be NULL or any node; @path must live until fields_end(). */
void fields_init(Fields *self, JsonNode *node, const char *path);
/* The same for an object that has no node. */
void fields_init_object(Fields *self, JsonObject *object, const char *path);
/* Moves the error out. Must be called once. Returns %TRUE if there was no error. */
gboolean fields_end(Fields *self, GError **error);
/* Ends @inner, which read a member of @self; its error becomes @self's. */
gboolean fields_end_inner(Fields *inner, Fields *self);
void fields_fail(Fields *self, const char *name, const char *what);
/* The same with the error of an inner object; @error: (transfer full) */
void fields_fail_with(Fields *self, GError *error);

/* (transfer full): NULL when absent or wrong. */
char *fields_string(Fields *self, const char *name, FieldsNeed need, gsize max_bytes);
/* -1 when absent or wrong; a negative number is an error. */
gint64 fields_count(Fields *self, const char *name, FieldsNeed need);
/* Any number, because a moment may be before the start. Required. */
gint64 fields_moment(Fields *self, const char *name);
/* FALSE when absent or wrong. */
gboolean fields_boolean(Fields *self, const char *name, FieldsNeed need);
/* (transfer full): NULL when absent or wrong. */
GStrv
fields_strv(Fields *self, const char *name, FieldsNeed need, guint max_items, gsize max_bytes);
/* (transfer none): NULL when absent or wrong. */
JsonArray *fields_array(Fields *self, const char *name, FieldsNeed need, guint max_items);
/* (transfer none): an object; NULL when absent or wrong. */
JsonNode *fields_object(Fields *self, const char *name, FieldsNeed need);

/* Reads one member alone; returns @fallback when it is absent or has another type. @object is
 * nullable. The string is (transfer none). json-glib's own getters treat a member of the wrong type
 * as a programming error. */
const char *fields_peek_string(JsonObject *object, const char *name, const char *fallback);
gint64 fields_peek_int(JsonObject *object, const char *name, gint64 fallback);
gboolean fields_peek_boolean(JsonObject *object, const char *name, gboolean fallback);

/* The writers leave out an unknown value: NULL, or a negative number. */
void fields_add_string(JsonObject *object, const char *name, const char *value);
void fields_add_known(JsonObject *object, const char *name, gint64 value);
void fields_add_strv(JsonObject *object, const char *name, char *const *value);
/* @object: (transfer full) */
JsonNode *fields_node(JsonObject *object);
/* (transfer full): the text of @node, which is freed. */
char *fields_take_text(JsonNode *node, gboolean pretty);
