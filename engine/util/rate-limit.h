/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Limits how often each client may ask for something costly: each client has a bucket, which fills
 * up again with time. Pure: the caller has the clock. */
typedef struct RateLimiter RateLimiter;

/**
 * rate_limiter_new:
 * @per_s: requests per second, in the long run
 * @burst: requests at once, after a pause
 */
RateLimiter *rate_limiter_new(guint per_s, guint burst);
void rate_limiter_free(RateLimiter *self);

/* Returns whether @who may have one more. @now_us never decreases. */
gboolean rate_limiter_take(RateLimiter *self, const char *who, gint64 now_us);
