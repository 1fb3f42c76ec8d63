/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's stamps on the monotonic clock: while the wall clock is right, set, or another one.
 */
#include <CUnit/CUnit.h>

#include "engine/host/event-clock.h"

#define WALL (G_GINT64_CONSTANT(1700000000) * S)
#define S    ((gint64)G_USEC_PER_SEC)

static void
a_right_stamp_is_exact(void)
{
	EventClock clock = { 0 };
	CU_ASSERT_FALSE(event_clock_tick(&clock, WALL, 10 * S));
	CU_ASSERT_EQUAL(event_clock_stamp(&clock, WALL + S - 300, WALL + S, 11 * S), 11 * S - 300);
	CU_ASSERT_EQUAL(clock.error_us, 0);
}

static void
slewing_is_not_setting(void)
{
	EventClock clock = { 0 };
	for (guint i = 0; i < 100; i++)
		CU_ASSERT_FALSE(event_clock_tick(&clock, WALL + i * (S + 500), (10 + i) * S));
	/* A process that was stopped for an hour meets an hour's slew. */
	CU_ASSERT_FALSE(event_clock_tick(&clock, clock.offset_us + 4000 * S + 1800000, 4000 * S));
}

static void
a_clock_that_was_set_moves_no_event(void)
{
	static const gint64 steps_us[] = { 90 * S, -90 * S, 50000, -50000, 3600 * S };
	for (guint i = 0; i < G_N_ELEMENTS(steps_us); i++) {
		EventClock clock = { 0 };
		event_clock_tick(&clock, WALL, 10 * S);
		/* stamped before, read after; and stamped after */
		gint64 now = 10 * S + 800, wall = WALL + 800 + steps_us[i];
		gint64 before = event_clock_stamp(&clock, WALL + 500, wall, now);
		CU_ASSERT_TRUE(ABS(before - (10 * S + 500)) <= clock.error_us);
		gint64 after = event_clock_stamp(&clock, wall + 100, wall + 200, now + 200);
		CU_ASSERT_EQUAL(after, now + 100);
	}
}

static void
another_clock_of_qemus_is_not_believed(void)
{
	EventClock clock = { 0 };
	event_clock_tick(&clock, WALL, 10 * S);
	gint64 at = event_clock_stamp(&clock, WALL + 90 * S, WALL + 1000, 10 * S + 1000);
	CU_ASSERT_EQUAL(at, 10 * S + 1000);
	CU_ASSERT_TRUE(clock.error_us >= 1000);
	at = event_clock_stamp(&clock, WALL - 90 * S, WALL + 2000, 10 * S + 2000);
	CU_ASSERT_EQUAL(at, 10 * S + 2000);
	CU_ASSERT_EQUAL(event_clock_stamp(&clock, G_MININT64, WALL + 3000, 10 * S + 3000),
			10 * S + 3000);
	CU_ASSERT_EQUAL(event_clock_stamp(&clock, G_MAXINT64, WALL + 4000, 10 * S + 4000),
			10 * S + 4000);
}

static void
a_guess_is_as_wrong_as_we_were_blind(void)
{
	EventClock clock = { 0 };
	event_clock_tick(&clock, WALL, 10 * S);
	/* We were stopped for 3 s, and the clock was set meanwhile. */
	event_clock_stamp(&clock, WALL, WALL + 93 * S, 13 * S);
	CU_ASSERT_EQUAL(clock.error_us, 3 * S);
}

CU_TestInfo suite_event_clock[] = {
	{ "a right stamp is exact", a_right_stamp_is_exact },
	{ "slewing is not setting", slewing_is_not_setting },
	{ "a clock that was set moves no event", a_clock_that_was_set_moves_no_event },
	{ "another clock of QEMU's is not believed", another_clock_of_qemus_is_not_believed },
	{ "a guess is as wrong as we were blind", a_guess_is_as_wrong_as_we_were_blind },
	CU_TEST_INFO_NULL,
};
