/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cuts a stream into JSON objects. JsonScan checks each byte once and says where an object ends, so
 * an object that arrives in a million pieces costs no more than one that arrives whole, and bytes
 * that break the grammar or a limit are refused before they are gathered.
 *
 *	between objects: white space is skipped, '{' begins one, anything else is an error forever
 *
 * Lines mean nothing: an object may be spread over many lines (QEMU's pretty=on) and several may
 * share one.
 */
#include "qmp/json-frame.h"

#include <string.h>

/* A buffer that has grown beyond this is given back when it is empty. */
#define KEEP_BYTES (256 * 1024)

struct JsonFrame {
	JsonLimits limits;
	JsonScan *scan;	 /* (owned) */
	gboolean inside; /* an object has begun */
	char *data;	 /* (owned) */
	gsize len;	 /* bytes in @data */
	gsize size;	 /* bytes allocated */
	gsize begin;	 /* where the current object begins, or will */
	gsize scanned;	 /* all bytes before this were looked at */
	GError *error;	 /* (owned): once set it stays */
};

JsonFrame *
json_frame_new(const JsonLimits *limits)
{
	JsonFrame *self = g_new0(JsonFrame, 1);

	self->limits = *limits;
	self->scan = json_scan_new(limits);
	return self;
}

void
json_frame_free(JsonFrame *self)
{
	if (self == NULL)
		return;
	json_scan_free(self->scan);
	g_free(self->data);
	g_clear_error(&self->error);
	g_free(self);
}

void
json_frame_set_limits(JsonFrame *self, const JsonLimits *limits)
{
	self->limits = *limits;
}

/* Drops what was handed out. The tail of an unfinished object is moved at most once. */
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
	self->size = MAX(needed, MIN(self->size * 2, self->limits.bytes));
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
fail(JsonFrame *self, GError *error)
{
	self->error = error;
	self->len = self->begin = self->scanned = 0;
	return FALSE;
}

/* Up to the '{'. %FALSE when something else is there, or nothing yet. */
static gboolean
begin_object(JsonFrame *self)
{
	while (self->scanned < self->len && json_scan_is_space(self->data[self->scanned]))
		self->scanned++;
	self->begin = self->scanned;
	if (self->scanned == self->len)
		return FALSE;
	if (self->data[self->scanned] != '{')
		return fail(self, g_error_new_literal(JSON_SCAN_ERROR, JSON_SCAN_ERROR_SYNTAX,
						      "not a JSON object"));
	json_scan_restart(self->scan, &self->limits);
	self->inside = TRUE;
	return TRUE;
}

gboolean
json_frame_next(JsonFrame *self, const char **ret_text, gsize *ret_len, GError **error)
{
	gsize used = 0;
	GError *cause = NULL;

	*ret_text = NULL;
	*ret_len = 0;
	if (self->error == NULL && (self->inside || begin_object(self)) &&
	    !json_scan_feed(self->scan, self->data + self->scanned, self->len - self->scanned,
			    &used, &cause))
		fail(self, cause);
	if (self->error != NULL) {
		g_propagate_error(error, g_error_copy(self->error));
		return FALSE;
	}
	self->scanned += used;
	if (!self->inside || !json_scan_has_ended(self->scan))
		return TRUE;
	*ret_text = self->data + self->begin;
	*ret_len = self->scanned - self->begin;
	self->begin = self->scanned;
	self->inside = FALSE;
	return TRUE;
}

gsize
json_frame_get_heap_bytes(JsonFrame *self)
{
	return json_scan_get_heap_bytes(self->scan);
}

gboolean
json_frame_end(JsonFrame *self, GError **error)
{
	if (self->error != NULL) {
		g_propagate_error(error, g_error_copy(self->error));
		return FALSE;
	}
	if (!self->inside)
		return TRUE;
	g_set_error_literal(error, JSON_SCAN_ERROR, JSON_SCAN_ERROR_TRUNCATED,
			    "ended inside an object");
	return FALSE;
}
