/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/stream/stream.h"

/* Each is a CUnit assertion too. @ret_error gets (transfer full) (nullable), and is freed
 * before. */
void stream_read_all(const GByteArray *data, gboolean is_return, StreamCounts *ret_counts,
		     char **ret_error);
/* It is complete, and nothing in it is not told apart. */
StreamCounts stream_read_good(const GByteArray *data);
/* It is lost, and says so with these words. */
void stream_read_bad(const GByteArray *data, const char *expected);
