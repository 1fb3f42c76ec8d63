/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machine under the parser of QEMU's migration stream. Bytes are pushed in pieces of any size; each is in one of
 * three ways on its way to a counter:
 *
 *	awaited  a field of fixed length: when it is whole, a step looks at it and says what is awaited next. It is
 *		 looked at where it lies; only one that is cut by the end of a piece is copied.
 *	passed   a length that a step has read: pages and device data. Nobody touches these bytes.
 *	scanned  a body without a length: every byte is looked at until its end is found (stream-scan.c)
 *
 * Every turn of the loop takes at least one byte, since no step awaits less: it ends, whatever comes. Nothing
 * is kept but the field that is awaited, the sections that have several parts and the names of the VFIO devices; of
 * the latter two there is a most.
 *
 * A field whose purpose shows only later (a section's header, before its name) is undecided for so long.
 *
 * Other threads see the counts as the last push left them. The thread that pushes copies them word by word between
 * two increments of a sequence number; a reader that finds it odd or changed reads again. So the pushing thread never
 * waits, and a reader waits for a copy of a few hundred bytes at most.
 */
#include "engine/stream/stream-private.h"

#include <string.h>

#define MAGIC_MAIN    0x5145564d /* "QEVM" */
#define MAGIC_MULTIFD 0x11223344

#define HEAD_WORDS   (G_STRUCT_OFFSET(StreamCounts, vfio) / sizeof(guint64))
#define DEVICE_WORDS (sizeof(StreamVfio) / sizeof(guint64))

static void
begin(Stream *self, const guint8 *field)
{
	guint32 magic = stream_be32(field);
	if (magic == MAGIC_MAIN)
		stream_begin_main(self);
	else if (magic == MAGIC_MULTIFD)
		stream_begin_multifd(self);
	else
		stream_lose(self,
			    "expected QEMU's magic number, 0x%08x or of a multifd channel 0x%08x, "
			    "not 0x%08x",
			    MAGIC_MAIN, MAGIC_MULTIFD, magic);
}

Stream *
stream_new(gboolean is_return)
{
	Stream *self = g_new0(Stream, 1);
	if (is_return)
		stream_begin_return(self);
	else
		stream_await(self, 4, NULL, begin);
	return self;
}

void
stream_free(Stream *self)
{
	if (self == NULL)
		return;
	for (guint i = 0; i < self->counts.n_devices; i++)
		g_free(self->devices[i]);
	g_free(self->sections);
	g_free(self);
}

/* ---- what steps say ---- */

void
stream_await(Stream *self, gsize need, guint64 *counter, StreamStep step)
{
	g_assert(need > 0 && need <= STREAM_FIELD_BYTES);
	self->need = need;
	self->counter = counter != NULL ? counter : &self->undecided;
	self->step = step;
}

void
stream_pass(Stream *self, guint64 n, guint64 *counter, StreamStep step)
{
	self->need = 0;
	self->counter = counter;
	self->step = step;
	self->passing = n;
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
	g_autofree char *name =
		self->section != NULL ? g_utf8_make_valid(self->section->name, -1) : NULL;
	g_snprintf(self->error, sizeof self->error, "at offset %" G_GUINT64_FORMAT "%s%s%s: %s",
		   self->at - self->need, name != NULL ? ", in '" : "", name != NULL ? name : "",
		   name != NULL ? "'" : "", what);
	self->counts.state = STREAM_LOST;
}

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
		if (strcmp(self->devices[i], name) == 0) {
			*ret_index = i;
			return TRUE;
		}
	if (n == STREAM_MAX_DEVICES) {
		stream_lose(self, "expected at most %d VFIO devices", STREAM_MAX_DEVICES);
		return FALSE;
	}
	self->devices[n] = g_strdup(name);
	self->counts.n_devices++;
	*ret_index = n;
	return TRUE;
}

/* ---- the loop ---- */

static gsize
pass_by(Stream *self, gsize len)
{
	gsize n = MIN(self->passing, len);
	self->passing -= n;
	*self->counter += n;
	self->at += n;
	if (self->passing == 0)
		self->step(self, NULL);
	return n;
}

static void
take(Stream *self, const guint8 *field)
{
	*self->counter += self->need;
	self->have = 0;
	self->step(self, field);
}

/* Part of a field, and perhaps the last. */
static gsize
gather(Stream *self, const guint8 *data, gsize len)
{
	gsize n = MIN(self->need - self->have, len);
	memcpy(self->field + self->have, data, n);
	self->have += n;
	self->at += n;
	if (self->have == self->need)
		take(self, self->field);
	return n;
}

static gsize
look(Stream *self, const guint8 *data, gsize len)
{
	if (self->have > 0 || len < self->need)
		return gather(self, data, len);
	gsize n = self->need;
	self->at += n;
	take(self, data);
	return n;
}

static gsize
advance(Stream *self, const guint8 *data, gsize len)
{
	if (self->passing > 0)
		return pass_by(self, len);
	return self->scanning ? stream_scan_on(self, data, len) : look(self, data, len);
}

void
stream_take(Stream *self, const guint8 *data, gsize len)
{
	for (gsize i = 0; i < len && self->counts.state != STREAM_LOST;)
		i += advance(self, data + i, len - i);
}

/* ---- other threads ---- */

static guint64
sum_up(const StreamCounts *counts)
{
	guint64 sum = counts->framing_bytes + counts->device_bytes + counts->vmdesc_bytes;
	for (guint i = 0; i < STREAM_N_PHASES; i++)
		sum += counts->ram[i].page_bytes + counts->ram[i].zero_bytes +
		       counts->ram[i].framing_bytes;
	for (guint i = 0; i < counts->n_devices; i++)
		sum += counts->vfio[i].precopy_bytes + counts->vfio[i].stop_copy_bytes +
		       counts->vfio[i].config_bytes + counts->vfio[i].framing_bytes;
	return sum;
}

static void
publish(Stream *self)
{
	StreamCounts *counts = &self->counts;
	counts->unparsed_bytes = counts->total_bytes - sum_up(counts);
	if (counts->kind == STREAM_MAIN)
		counts->phase_bytes[counts->phase] = counts->total_bytes - self->phase_at;

	const guint64 *words = (const guint64 *)counts;
	gsize n = HEAD_WORDS + counts->n_devices * DEVICE_WORDS;
	guint32 sequence = atomic_load_explicit(&self->sequence, memory_order_relaxed);
	atomic_store_explicit(&self->sequence, sequence + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (gsize i = 0; i < n; i++)
		atomic_store_explicit(&self->published[i], words[i], memory_order_relaxed);
	atomic_store_explicit(&self->sequence, sequence + 2, memory_order_release);
}

void
stream_read(Stream *self, StreamCounts *ret_counts)
{
	guint64 *words = (guint64 *)ret_counts;
	guint32 before, after;
	do {
		before = atomic_load_explicit(&self->sequence, memory_order_acquire);
		for (gsize i = 0; i < STREAM_WORDS; i++)
			words[i] = atomic_load_explicit(&self->published[i], memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&self->sequence, memory_order_relaxed);
	} while (before != after || before % 2 != 0);
}

const char *
stream_get_device(Stream *self, guint index)
{
	g_return_val_if_fail(index < STREAM_MAX_DEVICES, NULL);
	return self->devices[index];
}

const char *
stream_get_error(Stream *self)
{
	guint64 state = atomic_load_explicit(&self->published[0], memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	return state == STREAM_LOST ? self->error : NULL;
}

const char *
stream_get_machine(Stream *self)
{
	return self->machine;
}

/* ---- for the caller ---- */

void
stream_push(Stream *self, const void *data, gsize len)
{
	self->counts.total_bytes += len;
	stream_take(self, data, len);
	publish(self);
}

void
stream_end(Stream *self)
{
	StreamCounts *counts = &self->counts;
	if (counts->state == STREAM_GOES_ON && self->scanning)
		stream_scan_end(self);
	if (counts->state == STREAM_GOES_ON &&
	    (stream_multifd_can_end(self) || stream_return_can_end(self)))
		counts->state = STREAM_COMPLETE;
	if (counts->state == STREAM_GOES_ON) {
		self->need = 0; /* the offset that is said is that of the end */
		stream_lose(self, "it ends here, and should not yet");
	}
	publish(self);
}
