/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* How often somebody may ask for something that is dear: a bucket for each, which fills up again with time. Pure:
 * the clock is the caller's. */
typedef struct RateLimiter RateLimiter;

/**
 * rate_limiter_new:
 * @per_s: how many a second, in the long run
 * @burst: how many at once after a pause
 */
RateLimiter *rate_limiter_new(guint per_s, guint burst);
void rate_limiter_free(RateLimiter *self);

/* May @who have one more? @now_us never goes back. */
gboolean rate_limiter_take(RateLimiter *self, const char *who, gint64 now_us);
