/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How fast the parser reads a stream of RAM, beside memcpy() of the same bytes: in pairs, in random
 * order, medians. Measured by hand, never in a test: the machine is noisy.
 *
 * usage: bench-stream [PIECE_BYTES [MIB]] pieces as a relay reads them (262144), of a stream of MIB
 * (256: beyond
 *                                           any cache)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/stream/stream.h"
#include "tests/rig/stream-forge.h"

#define PAIRS	   15
#define PAGE_BYTES 4096

/* A main channel with nothing but pages, as QEMU sends those of a large block. */
static GByteArray *
make(gsize bytes)
{
	GByteArray *out = g_byte_array_sized_new((guint)bytes + PAGE_BYTES);
	forge_header(out);
	forge_section(out, 1, 2, "ram", 4);
	guint8 page[PAGE_BYTES];
	for (gsize i = 0; i < sizeof page; i++)
		page[i] = (guint8)(i * 7);
	while (out->len < bytes) {
		forge_be64(out, 0x08 | 0x20);
		g_byte_array_append(out, page, sizeof page);
	}
	return out;
}

static void
check(Stream *stream, gsize bytes)
{
	StreamCounts counts;
	stream_read(stream, &counts);
	if (counts.state == STREAM_LOST || counts.total_bytes != bytes ||
	    counts.ram[STREAM_SETUP].page_bytes < bytes / 100 * 99) {
		fprintf(stderr, "the stream was not read\n");
		exit(EXIT_FAILURE);
	}
}

static double
parse(const GByteArray *data, gsize piece)
{
	g_autoptr(Stream) stream = stream_new(FALSE);
	gint64 begin_us = g_get_monotonic_time();
	for (gsize at = 0; at < data->len; at += piece)
		stream_push(stream, data->data + at, MIN(piece, data->len - at));
	gint64 end_us = g_get_monotonic_time();
	check(stream, data->len);
	return (double)data->len / (double)MAX(end_us - begin_us, 1) / 1000;
}

static double
copy(const GByteArray *data, gsize piece)
{
	g_autofree guint8 *buffer = g_malloc(piece);
	guint64 seen = 0;
	gint64 begin_us = g_get_monotonic_time();
	for (gsize at = 0; at < data->len; at += piece) {
		memcpy(buffer, data->data + at, MIN(piece, data->len - at));
		seen += buffer[0];
	}
	gint64 end_us = g_get_monotonic_time();
	if (seen == 0)
		return 0;
	return (double)data->len / (double)MAX(end_us - begin_us, 1) / 1000;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double
median(double *values)
{
	qsort(values, PAIRS, sizeof *values, compare);
	return values[PAIRS / 2];
}

int
main(int argc, char **argv)
{
	gsize piece = argc > 1 ? (gsize)g_ascii_strtoull(argv[1], NULL, 10) : 256 * 1024;
	gsize mib = argc > 2 ? (gsize)g_ascii_strtoull(argv[2], NULL, 10) : 256;
	if (piece == 0 || mib == 0 || mib > 2048) {
		fprintf(stderr, "usage: bench-stream [PIECE_BYTES [MIB]]\n");
		return 2;
	}
	g_autoptr(GByteArray) data = make(mib << 20);
	double parsed[PAIRS], copied[PAIRS];
	for (guint i = 0; i < PAIRS; i++) {
		gboolean parse_first = g_random_boolean();
		if (parse_first)
			parsed[i] = parse(data, piece);
		copied[i] = copy(data, piece);
		if (!parse_first)
			parsed[i] = parse(data, piece);
	}
	printf("%u pairs of %zu MiB in pieces of %zu bytes: parser %.1f GB/s, memcpy %.1f GB/s "
	       "(medians)\n",
	       PAIRS, mib, piece, median(parsed), median(copied));
	return 0;
}
