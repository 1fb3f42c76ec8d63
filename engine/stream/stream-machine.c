/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state machine under the parser of QEMU's migration stream. Bytes are pushed in pieces of any
 * size. Each byte reaches a counter in one of three ways:
 *
 *	awaited  a field of fixed length: when it is complete, a step examines it and says what is
 *		 awaited next. It is examined in place; only a field that is cut by the end of a
 *		 piece is copied.
 *	passed   a length that a step has read: pages and device data. These bytes are not examined.
 *	scanned  a body without a length: every byte is examined until the end is found
 *		 (stream-scan.c)
 *
 * Every turn of the loop takes at least one byte, because no step awaits less: the loop ends for
 * any input. Only three things are kept: the awaited field, the sections with several parts, and
 * the names of the VFIO devices. The number of the last two is limited.
 *
 * A field whose purpose becomes clear later (a section's header, before its name) is undecided
 * until then.
 */
#include "engine/stream/stream-machine.h"

#include <string.h>

/* ---- the loop ---- */

static gsize
pass_by(Stream *self, gsize len)
{
	gsize n = MIN(self->wanted.passing, len);
	self->wanted.passing -= n;
	*self->wanted.counter += n;
	self->at += n;
	if (self->wanted.passing == 0)
		self->wanted.step(self, NULL);
	return n;
}

static void
take(Stream *self, const guint8 *field)
{
	*self->wanted.counter += self->wanted.need;
	self->wanted.have = 0;
	self->wanted.step(self, field);
}

/* Takes a part of a field, perhaps the last one. */
static gsize
gather(Stream *self, const guint8 *data, gsize len)
{
	gsize n = MIN(self->wanted.need - self->wanted.have, len);
	memcpy(self->wanted.field + self->wanted.have, data, n);
	self->wanted.have += n;
	self->at += n;
	if (self->wanted.have == self->wanted.need)
		take(self, self->wanted.field);
	return n;
}

static gsize
look(Stream *self, const guint8 *data, gsize len)
{
	if (self->wanted.have > 0 || len < self->wanted.need)
		return gather(self, data, len);
	gsize n = self->wanted.need;
	self->at += n;
	take(self, data);
	return n;
}

static gsize
advance(Stream *self, const guint8 *data, gsize len)
{
	if (self->wanted.passing > 0)
		return pass_by(self, len);
	return self->scan.look != NULL ? self->scan.look(self, data, len) : look(self, data, len);
}

void
stream_take(Stream *self, const guint8 *data, gsize len)
{
	for (gsize i = 0; i < len && self->counts.state != STREAM_LOST;)
		i += advance(self, data + i, len - i);
}

/* ---- what a step calls ---- */

void
stream_await(Stream *self, gsize need, guint64 *counter, StreamStep step)
{
	g_assert(need > 0 && need <= STREAM_FIELD_BYTES);
	self->wanted.need = need;
	self->wanted.counter = counter != NULL ? counter : &self->undecided;
	self->wanted.step = step;
}

void
stream_pass(Stream *self, guint64 n, guint64 *counter, StreamStep step)
{
	self->wanted.need = 0;
	self->wanted.counter = counter;
	self->wanted.step = step;
	self->wanted.passing = n;
	if (n == 0)
		step(self, NULL);
}

void
stream_settle(Stream *self, guint64 *counter)
{
	*counter += self->undecided;
	self->undecided = 0;
}

void
stream_lose(Stream *self, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *what = g_strdup_vprintf(format, args);
	va_end(args);
	g_autofree char *name = self->frame.section != NULL
					? g_utf8_make_valid(self->frame.section->name, -1)
					: NULL;
	g_snprintf(self->shared.error, sizeof self->shared.error,
		   "at offset %" G_GUINT64_FORMAT "%s%s%s: %s", self->at - self->wanted.need,
		   name != NULL ? ", in '" : "", name != NULL ? name : "", name != NULL ? "'" : "",
		   what);
	self->counts.state = STREAM_LOST;
}

/* ---- what is known of the stream ---- */

gboolean
stream_is_vfio(const char *name)
{
	return strcmp(name, "vfio") == 0 || g_str_has_suffix(name, "/vfio");
}

gboolean
stream_find_device(Stream *self, const char *name, guint *ret_index)
{
	guint n = (guint)self->counts.n_devices;
	for (guint i = 0; i < n; i++)
		if (strcmp(self->shared.devices[i], name) == 0) {
			*ret_index = i;
			return TRUE;
		}
	if (n == STREAM_MAX_DEVICES) {
		stream_lose(self, "expected at most %d VFIO devices", STREAM_MAX_DEVICES);
		return FALSE;
	}
	self->shared.devices[n] = g_strdup(name);
	self->counts.n_devices++;
	*ret_index = n;
	return TRUE;
}

StreamSection *
stream_find_section(const Stream *self, guint32 id)
{
	for (guint i = 0; i < self->frame.n_sections; i++)
		if (self->frame.sections[i].id == id)
			return &self->frame.sections[i];
	return NULL;
}

guint64 *
stream_framing(Stream *self)
{
	switch (self->frame.section->kind) {
	case SECTION_RAM:
		return &stream_ram(self)->framing_bytes;
	case SECTION_VFIO:
		return &self->counts.vfio[self->frame.section->device].framing_bytes;
	default:
		return &self->counts.device_bytes;
	}
}

StreamRam *
stream_ram(Stream *self)
{
	return &self->counts.ram[self->counts.phase];
}
