/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads a stream that was made by hand, in single bytes and whole: both must give the same.
 */
#include "tests/rig/stream-read.h"

#include <string.h>

#include "tests/rig/test-util.h"

void
stream_read_all(const GByteArray *data, gboolean is_return, StreamCounts *ret_counts,
		char **ret_error)
{
	const gsize pieces[] = { 1, 1000000 };
	for (gsize i = 0; i < G_N_ELEMENTS(pieces); i++) {
		g_autoptr(Stream) stream = stream_new(is_return);
		for (gsize at = 0; at < data->len; at += pieces[i])
			stream_push(stream, data->data + at, MIN(pieces[i], data->len - at));
		stream_end(stream);
		StreamCounts counts;
		stream_read(stream, &counts);
		if (i > 0)
			CU_ASSERT_EQUAL(memcmp(&counts, ret_counts, sizeof counts), 0);
		*ret_counts = counts;
		g_free(*ret_error);
		*ret_error = g_strdup(stream_get_error(stream));
	}
}

StreamCounts
stream_read_good(const GByteArray *data)
{
	StreamCounts counts;
	g_autofree char *error = NULL;
	stream_read_all(data, FALSE, &counts, &error);
	TEST_STRING(error, NULL);
	CU_ASSERT_EQUAL(counts.state, STREAM_COMPLETE);
	CU_ASSERT_EQUAL(counts.unparsed_bytes, 0);
	return counts;
}

void
stream_read_bad(const GByteArray *data, const char *expected)
{
	StreamCounts counts;
	g_autofree char *error = NULL;
	stream_read_all(data, FALSE, &counts, &error);
	CU_ASSERT_EQUAL(counts.state, STREAM_LOST);
	TEST_STRING(error, expected);
}
