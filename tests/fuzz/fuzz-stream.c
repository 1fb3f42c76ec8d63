/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: what two QEMUs may send each other. The input is one channel, by its own magic
 * number, or a return path; one that begins with 0 has several: records of a byte that says which,
 * be16 length and that many bytes.
 *
 * Besides not crashing: every byte is counted once and no limit is passed; in pieces of one byte
 * the counts are the same; and a channel's RAM is the same before and after it is split by phases.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/stream/stream.h"

#define N_CHANNELS 4 /* the last one is a return path */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static guint64
sum_of_ram(const StreamCounts *counts)
{
	guint64 sum = 0;
	for (guint i = 0; i < STREAM_N_PHASES; i++)
		sum += counts->ram[i].page_bytes + counts->ram[i].zero_bytes +
		       counts->ram[i].framing_bytes;
	return sum;
}

static void
check(const StreamCounts *counts, gsize len)
{
	guint64 sum = counts->framing_bytes + counts->device_bytes + counts->vmdesc_bytes +
		      counts->unparsed_bytes + sum_of_ram(counts);
	g_assert(counts->n_devices <= STREAM_MAX_DEVICES);
	for (guint i = 0; i < counts->n_devices; i++)
		sum += counts->vfio[i].precopy_bytes + counts->vfio[i].stop_copy_bytes +
		       counts->vfio[i].config_bytes + counts->vfio[i].framing_bytes;
	g_assert(counts->total_bytes == len);
	g_assert(counts->unparsed_bytes <= len);
	g_assert(sum == len);
	g_assert(counts->state != STREAM_GOES_ON);
}

static void
finish(Stream *stream, gsize len, StreamCounts *ret_counts)
{
	stream_end(stream);
	stream_read(stream, ret_counts);
	check(ret_counts, len);
	g_assert((ret_counts->state == STREAM_LOST) == (stream_get_error(stream) != NULL));
	for (guint i = 0; i < ret_counts->n_devices; i++)
		g_assert(strlen(stream_get_device(stream, i)) < 257);
}

static void
push(Stream *stream, const uint8_t *data, gsize len, gsize piece)
{
	for (gsize at = 0; at < len; at += piece)
		stream_push(stream, data + at, MIN(piece, len - at));
}

static void
try_one(const uint8_t *data, gsize len)
{
	gboolean is_return = data[0] != 'Q' && data[0] != 0x11;
	g_autoptr(Stream) whole = stream_new(is_return);
	g_autoptr(Stream) bytes = stream_new(is_return);
	StreamCounts counts, again;
	push(whole, data, len, len);
	finish(whole, len, &counts);
	push(bytes, data, len, 1);
	finish(bytes, len, &again);
	g_assert(memcmp(&counts, &again, sizeof counts) == 0);
	g_assert_cmpstr(stream_get_error(whole), ==, stream_get_error(bytes));
}

static void
try_split(StreamCounts *counts)
{
	for (guint i = 1; i < N_CHANNELS; i++) {
		guint64 before = sum_of_ram(&counts[i]);
		stream_counts_split(&counts[i], &counts[0]);
		g_assert(sum_of_ram(&counts[i]) == before);
	}
}

static void
try_many(const uint8_t *data, gsize size)
{
	Stream *streams[N_CHANNELS];
	StreamCounts counts[N_CHANNELS];
	gsize lens[N_CHANNELS] = { 0 };
	for (guint i = 0; i < N_CHANNELS; i++)
		streams[i] = stream_new(i == N_CHANNELS - 1);
	for (gsize at = 0; at + 3 <= size;) {
		guint channel = data[at] % N_CHANNELS;
		gsize len = MIN((gsize)data[at + 1] << 8 | data[at + 2], size - at - 3);
		push(streams[channel], data + at + 3, len, MAX(len, 1));
		lens[channel] += len;
		at += 3 + len;
	}
	for (guint i = 0; i < N_CHANNELS; i++)
		finish(streams[i], lens[i], &counts[i]);
	try_split(counts);
	for (guint i = 0; i < N_CHANNELS; i++)
		stream_free(streams[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING | G_LOG_FATAL_MASK);
	if (data[0] == 0)
		try_many(data + 1, size - 1);
	else
		try_one(data, size);
	return 0;
}
