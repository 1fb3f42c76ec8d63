/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public part of Stream: it is made, pushed to and read here. The state machine is in
 * stream-machine.c; the other files know QEMU's format.
 *
 * Other threads see the counts of the last push. The pushing thread copies them word by word
 * between two increments of a sequence number. A reader that finds the number odd or changed reads
 * again. So the pushing thread never waits, and a reader waits at most for a copy of a few hundred
 * bytes.
 */
#include "engine/stream/stream-parts.h"
#include "engine/stream/stream-scan.h"

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
		g_free(self->shared.devices[i]);
	g_free(self->frame.sections);
	g_free(self);
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
		counts->phase_bytes[counts->phase] = counts->total_bytes - self->frame.phase_at;

	const guint64 *words = (const guint64 *)counts;
	gsize n = HEAD_WORDS + counts->n_devices * DEVICE_WORDS;
	guint32 sequence = atomic_load_explicit(&self->shared.sequence, memory_order_relaxed);
	atomic_store_explicit(&self->shared.sequence, sequence + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (gsize i = 0; i < n; i++)
		atomic_store_explicit(&self->shared.published[i], words[i], memory_order_relaxed);
	atomic_store_explicit(&self->shared.sequence, sequence + 2, memory_order_release);
}

void
stream_read(Stream *self, StreamCounts *ret_counts)
{
	guint64 *words = (guint64 *)ret_counts;
	guint32 before, after;
	do {
		before = atomic_load_explicit(&self->shared.sequence, memory_order_acquire);
		for (gsize i = 0; i < STREAM_WORDS; i++)
			words[i] = atomic_load_explicit(&self->shared.published[i],
							memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&self->shared.sequence, memory_order_relaxed);
	} while (before != after || before % 2 != 0);
}

const char *
stream_get_device(Stream *self, guint index)
{
	g_return_val_if_fail(index < STREAM_MAX_DEVICES, NULL);
	return self->shared.devices[index];
}

const char *
stream_get_error(Stream *self)
{
	guint64 state = atomic_load_explicit(&self->shared.published[0], memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	return state == STREAM_LOST ? self->shared.error : NULL;
}

const char *
stream_get_machine(Stream *self)
{
	return self->configuration.machine;
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
	if (counts->state == STREAM_GOES_ON)
		stream_scan_end(self);
	if (counts->state == STREAM_GOES_ON &&
	    (stream_multifd_can_end(self) || stream_return_can_end(self)))
		counts->state = STREAM_COMPLETE;
	if (counts->state == STREAM_GOES_ON) {
		self->wanted.need = 0; /* the error names the offset of the end */
		stream_lose(self, "it ends here too early");
	}
	publish(self);
}
