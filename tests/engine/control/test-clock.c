/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The offset between two clocks and what a lying peer can do to it: nothing beyond a wrong number.
 */
#include <CUnit/CUnit.h>

#include "engine/control/clock.h"
#include "tests/rig/test-util.h"

static void
offset_is_taken_at_the_middle_of_the_round_trip(void)
{
	static const struct {
		gint64 sent_us, peer_us, received_us, offset_us, error_us;
	} rows[] = {
		{ 1000, 5000, 1200, 3900, 100 },
		{ 1000, 1100, 1200, 0, 100 },
		{ 1000, 100, 1200, -1000, 100 },
		{ 1000, 1000, 1000, 0, 0 },
		{ 1000, 1000, 1001, 0, 1 },
		{ 1000, 1000, 1003, -1, 2 },
		{ 0, 0, 10, -5, 5 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		Clock clock = { 0 };
		clock_add(&clock, rows[i].sent_us, rows[i].peer_us, rows[i].received_us);
		CU_ASSERT_TRUE(clock.known);
		CU_ASSERT_EQUAL(clock.offset_us, rows[i].offset_us);
		CU_ASSERT_EQUAL(clock.error_us, rows[i].error_us);
	}
}

/* The peer answers at any instant of the round trip: the offset is right to within the error
 * told. */
static void
true_offset_lies_within_the_error(void)
{
	const gint64 offset_us = 7777777;

	for (gint64 trip_us = 0; trip_us < 40; trip_us++)
		for (gint64 at_us = 0; at_us <= trip_us; at_us++) {
			Clock clock = { 0 };
			clock_add(&clock, 500, 500 + at_us + offset_us, 500 + trip_us);
			CU_ASSERT_TRUE(ABS(clock.offset_us - offset_us) <= clock.error_us);
		}
}

static void
shortest_round_trip_wins_whenever_it_came(void)
{
	Clock clock = { 0 };

	clock_add(&clock, 0, 1100, 100);
	CU_ASSERT_EQUAL(clock.error_us, 50);
	clock_add(&clock, 1000, 2015, 1010);
	CU_ASSERT_EQUAL(clock.offset_us, 1010);
	CU_ASSERT_EQUAL(clock.error_us, 5);
	clock_add(&clock, 2000, 9999, 2500);
	CU_ASSERT_EQUAL(clock.offset_us, 1010);
	CU_ASSERT_EQUAL(clock.error_us, 5);
}

static void
impossible_times_are_ignored(void)
{
	Clock clock = { 0 };

	clock_add(&clock, 1000, 5000, 999); /* our clock was set back meanwhile */
	CU_ASSERT_FALSE(clock.known);
	clock_add(&clock, 1000, -1, 1200);
	CU_ASSERT_FALSE(clock.known);
	clock_add(&clock, 1000, G_MAXINT64, 1200);
	CU_ASSERT_FALSE(clock.known);
	clock_add(&clock, 1000, 5000, 1200);
	clock_add(&clock, 2000, G_MAXINT64, 2000);
	CU_ASSERT_EQUAL(clock.offset_us, 3900);
}

static void
instants_are_moved_to_our_clock(void)
{
	Clock clock = { 0 };

	CU_ASSERT_EQUAL(clock_to_ours(&clock, 5000), 5000);
	clock_add(&clock, 1000, 5000, 1200);
	CU_ASSERT_EQUAL(clock_to_ours(&clock, 5000), 1100);
}

/* Whatever instant the peer names, the sum fits: UBSan watches. */
static void
absurd_instants_of_the_peer_stay_countable(void)
{
	static const gint64 instants[] = { G_MININT64, -1, 0, 1, G_MAXINT64 - 1, G_MAXINT64 };
	Clock early = { 0 };
	Clock late = { 0 };

	clock_add(&early, 1700000000000000, 0, 1700000000000100);
	clock_add(&late, 0, 1700000000000000, 100);
	for (gsize i = 0; i < G_N_ELEMENTS(instants); i++) {
		gint64 a = clock_to_ours(&early, instants[i]);
		gint64 b = clock_to_ours(&late, instants[i]);
		CU_ASSERT_TRUE(ABS(a) <= G_MAXINT64 / 4);
		CU_ASSERT_TRUE(ABS(b) <= G_MAXINT64 / 4);
	}
}

static void
answers_that_contradict_widen_the_error(void)
{
	Clock clock = { 0 };

	clock_add(&clock, 1000, 5000, 1200);
	clock_add(&clock, 2000, 6100, 2400); /* overlaps: no contradiction */
	CU_ASSERT_EQUAL(clock.drift_us, 0);
	clock_add(&clock, 3000, 8000, 3400); /* 4800 away, the errors are 100 and 200 */
	CU_ASSERT_EQUAL(clock.error_us, 100);
	CU_ASSERT_EQUAL(clock.drift_us, 600);
}

CU_TestInfo suite_clock[] = {
	{ "the offset is taken at the middle of the round trip",
	  offset_is_taken_at_the_middle_of_the_round_trip },
	{ "the true offset lies within the error", true_offset_lies_within_the_error },
	{ "the shortest round trip wins, whenever it came",
	  shortest_round_trip_wins_whenever_it_came },
	{ "impossible times are ignored", impossible_times_are_ignored },
	{ "the peer's instants are moved to our clock", instants_are_moved_to_our_clock },
	{ "absurd instants of the peer stay countable",
	  absurd_instants_of_the_peer_stay_countable },
	{ "answers that contradict widen the error", answers_that_contradict_widen_the_error },
	CU_TEST_INFO_NULL,
};
