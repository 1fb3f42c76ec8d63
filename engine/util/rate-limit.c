/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Token buckets by name. A full bucket is the same as a new one, so it is dropped, and the table
 * holds only the names that have asked within the last burst / per_s seconds. The table has an
 * upper bound too. Beyond it all new names share one bucket, so a client with many addresses gets
 * no more than a known client.
 */
#include "engine/util/rate-limit.h"

#define MAX_NAMES     1024
#define SWEEP_US      100000 /* between two searches for full buckets */
#define OVERFLOW_NAME ""     /* the bucket that all names beyond MAX_NAMES share */

typedef struct {
	double left;
	gint64 seen_us;
} Bucket;

struct RateLimiter {
	double per_us;
	double burst;
	GHashTable *buckets; /* name -> Bucket */
	gint64 sweep_us;     /* when to search for full buckets again */
};

RateLimiter *
rate_limiter_new(guint per_s, guint burst)
{
	RateLimiter *self = g_new0(RateLimiter, 1);
	self->per_us = per_s / (double)G_USEC_PER_SEC;
	self->burst = burst;
	self->buckets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return self;
}

void
rate_limiter_free(RateLimiter *self)
{
	if (self == NULL)
		return;
	g_hash_table_unref(self->buckets);
	g_free(self);
}

static double
level(const RateLimiter *self, const Bucket *bucket, gint64 now_us)
{
	double grown = (double)(now_us - bucket->seen_us) * self->per_us;
	return MIN(bucket->left + grown, self->burst);
}

static void
forget_full_ones(RateLimiter *self, gint64 now_us)
{
	GHashTableIter iter;
	gpointer bucket;
	if (now_us < self->sweep_us)
		return;
	self->sweep_us = now_us + SWEEP_US;
	g_hash_table_iter_init(&iter, self->buckets);
	while (g_hash_table_iter_next(&iter, NULL, &bucket))
		if (level(self, bucket, now_us) >= self->burst)
			g_hash_table_iter_remove(&iter);
}

static Bucket *
find(RateLimiter *self, const char *who, gint64 now_us)
{
	Bucket *bucket = g_hash_table_lookup(self->buckets, who);
	if (bucket != NULL)
		return bucket;
	if (g_hash_table_size(self->buckets) >= MAX_NAMES)
		forget_full_ones(self, now_us);
	const char *name = g_hash_table_size(self->buckets) < MAX_NAMES ? who : OVERFLOW_NAME;
	bucket = g_hash_table_lookup(self->buckets, name);
	if (bucket != NULL)
		return bucket;
	bucket = g_new0(Bucket, 1);
	bucket->left = self->burst;
	bucket->seen_us = now_us;
	g_hash_table_insert(self->buckets, g_strdup(name), bucket);
	return bucket;
}

gboolean
rate_limiter_take(RateLimiter *self, const char *who, gint64 now_us)
{
	Bucket *bucket = find(self, who, now_us);
	bucket->left = level(self, bucket, now_us);
	bucket->seen_us = now_us;
	if (bucket->left < 1)
		return FALSE;
	bucket->left -= 1;
	return TRUE;
}
