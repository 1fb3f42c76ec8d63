/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How often somebody may have what is dear: a burst, then so many a second, each by himself.
 */
#include <CUnit/CUnit.h>

#include "engine/util/rate-limit.h"
#include "tests/rig/test-util.h"

/* How many of @n at one instant are granted. */
static guint
take(RateLimiter *budget, const char *who, guint n, gint64 now_us)
{
	guint granted = 0;

	for (guint i = 0; i < n; i++)
		granted += rate_limiter_take(budget, who, now_us) ? 1 : 0;
	return granted;
}

static void
a_burst_and_then_so_many_a_second(void)
{
	RateLimiter *budget = rate_limiter_new(10, 5);

	CU_ASSERT_EQUAL(take(budget, "a", 100, 0), 5);
	CU_ASSERT_EQUAL(take(budget, "a", 100, 99999), 0);
	CU_ASSERT_EQUAL(take(budget, "a", 100, 100000), 1);
	CU_ASSERT_EQUAL(take(budget, "a", 100, 400000), 3);
	/* A pause fills it up to the burst and no further. */
	CU_ASSERT_EQUAL(take(budget, "a", 100, 3600 * (gint64)G_USEC_PER_SEC), 5);
	rate_limiter_free(budget);
}

static void
in_the_long_run_the_rate_is_kept(void)
{
	RateLimiter *budget = rate_limiter_new(50, 100);
	guint granted = 0;

	for (gint64 now_us = 0; now_us < 60 * G_USEC_PER_SEC; now_us += 1000)
		granted += take(budget, "a", 1, now_us);
	CU_ASSERT_TRUE(granted >= 100 + 50 * 59 && granted <= 100 + 50 * 60);
	rate_limiter_free(budget);
}

static void
nobody_pays_for_another(void)
{
	RateLimiter *budget = rate_limiter_new(1, 3);

	CU_ASSERT_EQUAL(take(budget, "flood", 1000, 0), 3);
	CU_ASSERT_EQUAL(take(budget, "b", 2, 0), 2);
	rate_limiter_free(budget);
}

static void
many_names_are_no_way_around(void)
{
	RateLimiter *budget = rate_limiter_new(1, 3);
	guint granted = 0;

	for (guint i = 0; i < 10000; i++) {
		g_autofree char *who = g_strdup_printf("%u", i);
		granted += take(budget, who, 3, 10 * (gint64)i);
	}
	CU_ASSERT_TRUE(granted <= 3 * 1030);
	/* Who was known before still has his own. */
	CU_ASSERT_EQUAL(take(budget, "0", 3, 10 * G_USEC_PER_SEC), 3);
	rate_limiter_free(budget);
}

CU_TestInfo suite_rate_limit[] = {
	{ "a burst and then so many a second", a_burst_and_then_so_many_a_second },
	{ "in the long run the rate is kept", in_the_long_run_the_rate_is_kept },
	{ "nobody pays for another", nobody_pays_for_another },
	{ "many names are no way around", many_names_are_no_way_around },
	CU_TEST_INFO_NULL,
};
