/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds where each JSON object of a byte stream ends, and does nothing else. It does not check the
 * grammar: the JSON parser does that with each object. It reads every byte only once, so an object
 * that arrives in a million pieces costs no more than one that arrives whole.
 *
 *	between objects: white space is skipped, '{' begins one, anything else is an error forever
 *	in an object:    {[ and ]} must pair, by a stack of @max_depth bytes; the last } ends it
 *	in a string:     only the closing quote counts; a backslash escapes the byte after it
 *
 * Line ends have no meaning: an object may span many lines (QEMU's pretty=on) and several may share
 * one line.
 *
 * The members of one object are limited too, because json-glib 1.6 walks all members to replace
 * one: 800 kB of repeated keys keep it busy for 9 seconds (measured).
 */
#include "qmp/json-frame.h"

#include <string.h>

/* QEMU's largest object has about 60 members. */
#define MEMBERS_MAX 1024

/* An empty buffer larger than this is freed. */
#define KEEP_BYTES (256 * 1024)

typedef struct {
	char closer;   /* the bracket that closes this level */
	guint members; /* commas seen on it, if it is an object */
} Level;

struct JsonFrame {
	gsize max_bytes;
	guint max_depth;
	char *data;    /* (owned) */
	gsize len;     /* bytes in @data */
	gsize size;    /* bytes allocated */
	gsize begin;   /* where the current object begins, or where the next one will begin */
	gsize scanned; /* all bytes before this one were examined */
	Level *levels; /* (owned): @max_depth of them */
	guint depth;
	gboolean in_string;
	gboolean escaped;
	GError *error; /* (owned): never cleared once it is set */
};

/* Not by G_DEFINE_QUARK(): clang-format would put blanks into the name. */
GQuark
json_frame_error_quark(void)
{
	return g_quark_from_static_string("json-frame-error-quark");
}

JsonFrame *
json_frame_new(gsize max_bytes, guint max_depth)
{
	JsonFrame *self = g_new0(JsonFrame, 1);

	self->max_bytes = max_bytes;
	self->max_depth = max_depth;
	self->levels = g_new0(Level, max_depth);
	return self;
}

void
json_frame_free(JsonFrame *self)
{
	if (self == NULL)
		return;
	g_free(self->data);
	g_free(self->levels);
	g_clear_error(&self->error);
	g_free(self);
}

/* Drops the object that was returned last. The start of an unfinished object is moved at most
 * once. */
static void
compact(JsonFrame *self)
{
	if (self->begin == 0)
		return;
	self->len -= self->begin;
	self->scanned -= self->begin;
	if (self->len > 0)
		memmove(self->data, self->data + self->begin, self->len);
	self->begin = 0;
	if (self->len == 0 && self->size > KEEP_BYTES) {
		g_clear_pointer(&self->data, g_free);
		self->size = 0;
	}
}

static void
reserve(JsonFrame *self, gsize extra)
{
	gsize needed = self->len + extra;

	if (needed <= self->size)
		return;
	self->size = MAX(needed, MIN(self->size * 2, self->max_bytes));
	self->data = g_realloc(self->data, self->size);
}

void
json_frame_push(JsonFrame *self, const void *data, gsize len)
{
	if (self->error != NULL || len == 0)
		return;
	compact(self);
	reserve(self, len);
	memcpy(self->data + self->len, data, len);
	self->len += len;
}

static gboolean
fail(JsonFrame *self, JsonFrameError code, const char *text)
{
	self->error = g_error_new_literal(JSON_FRAME_ERROR, code, text);
	self->len = self->begin = self->scanned = 0;
	return FALSE;
}

static gboolean
open_level(JsonFrame *self, char closer)
{
	if (self->depth == self->max_depth)
		return fail(self, JSON_FRAME_ERROR_TOO_DEEP, "nested too deep");
	self->levels[self->depth++] = (Level){ .closer = closer };
	return TRUE;
}

static gboolean
close_level(JsonFrame *self, char c)
{
	if (self->levels[self->depth - 1].closer != c)
		return fail(self, JSON_FRAME_ERROR_SYNTAX, "unbalanced brackets");
	self->depth--;
	return TRUE;
}

static gboolean
count_member(JsonFrame *self)
{
	Level *level = &self->levels[self->depth - 1];

	if (level->closer == '}' && ++level->members >= MEMBERS_MAX)
		return fail(self, JSON_FRAME_ERROR_TOO_LARGE, "an object with too many members");
	return TRUE;
}

static void
step_in_string(JsonFrame *self, char c)
{
	if (self->escaped)
		self->escaped = FALSE;
	else if (c == '\\')
		self->escaped = TRUE;
	else if (c == '"')
		self->in_string = FALSE;
}

/* Takes one byte of an object, outside of strings. */
static gboolean
step_in_object(JsonFrame *self, char c)
{
	switch (c) {
	case '"':
		self->in_string = TRUE;
		return TRUE;
	case '{':
		return open_level(self, '}');
	case '[':
		return open_level(self, ']');
	case '}':
	case ']':
		return close_level(self, c);
	case ',':
		return count_member(self);
	default:
		return TRUE;
	}
}

static gboolean
step_between(JsonFrame *self, char c)
{
	if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
		self->begin = self->scanned;
		return TRUE;
	}
	if (c != '{')
		return fail(self, JSON_FRAME_ERROR_SYNTAX, "not a JSON object");
	return open_level(self, '}');
}

static gboolean
step(JsonFrame *self, char c)
{
	if (self->depth == 0)
		return step_between(self, c);
	if (self->scanned - self->begin > self->max_bytes)
		return fail(self, JSON_FRAME_ERROR_TOO_LARGE, "an object with too many bytes");
	if (!self->in_string)
		return step_in_object(self, c);
	step_in_string(self, c);
	return TRUE;
}

gboolean
json_frame_next(JsonFrame *self, const char **ret_text, gsize *ret_len, GError **error)
{
	*ret_text = NULL;
	*ret_len = 0;
	while (self->error == NULL && self->scanned < self->len) {
		gboolean inside = self->depth > 0;
		if (!step(self, self->data[self->scanned++]))
			break;
		if (!inside || self->depth > 0)
			continue;
		*ret_text = self->data + self->begin;
		*ret_len = self->scanned - self->begin;
		self->begin = self->scanned;
		return TRUE;
	}
	if (self->error == NULL)
		return TRUE;
	g_propagate_error(error, g_error_copy(self->error));
	return FALSE;
}

gboolean
json_frame_end(JsonFrame *self, GError **error)
{
	if (self->error != NULL) {
		g_propagate_error(error, g_error_copy(self->error));
		return FALSE;
	}
	if (self->begin == self->len)
		return TRUE;
	g_set_error_literal(error, JSON_FRAME_ERROR, JSON_FRAME_ERROR_TRUNCATED,
			    "the stream ended inside an object");
	return FALSE;
}
