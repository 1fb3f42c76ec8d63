/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest's run state: what a sequence of QEMU's events means, and when 'cont' is sent.
 */
#include <CUnit/CUnit.h>
#include <string.h>

#include "engine/host/run-state.h"
#include "tests/rig/test-util.h"

/* Words, in order: an event, perhaps with ":action"; "=state" is the answer to the query that the
 * last STOP has asked for. As QEMU 7.2 and 10.0 send them. */
static const struct {
	const char *begin;
	const char *words;
	gboolean is_live;
	gboolean is_suspended;
	QmpRunState cause;
} follows[] = {
	{ "running", "", TRUE, FALSE, QMP_RUN_RUNNING },
	{ "paused", "", FALSE, FALSE, QMP_RUN_RUNNING },
	{ "prelaunch", "", FALSE, FALSE, QMP_RUN_RUNNING },
	{ "suspended", "", TRUE, TRUE, QMP_RUN_RUNNING },
	/* The migration stops it, and QEMU says so. */
	{ "running", "STOP =finish-migrate", TRUE, FALSE, QMP_RUN_RUNNING },
	{ "running", "STOP =postmigrate", TRUE, FALSE, QMP_RUN_RUNNING },
	{ "running", "STOP", TRUE, FALSE, QMP_RUN_RUNNING },
	/* Its user does, and perhaps undoes it. */
	{ "running", "STOP =paused", FALSE, FALSE, QMP_RUN_RUNNING },
	{ "running", "STOP =paused RESUME", TRUE, FALSE, QMP_RUN_RUNNING },
	{ "running", "STOP RESUME =running", TRUE, FALSE, QMP_RUN_RUNNING },
	{ "running", "STOP RESUME =running STOP =finish-migrate", TRUE, FALSE, QMP_RUN_RUNNING },
	{ "running", "STOP =paused RESUME STOP =paused", FALSE, FALSE, QMP_RUN_RUNNING },
	{ "paused", "RESUME", TRUE, FALSE, QMP_RUN_RUNNING },
	{ "paused", "RESUME STOP =finish-migrate", TRUE, FALSE, QMP_RUN_RUNNING },
	/* Its own life. */
	{ "running", "SHUTDOWN STOP =shutdown", FALSE, FALSE, QMP_RUN_SHUTDOWN },
	{ "running", "SHUTDOWN STOP =finish-migrate", TRUE, FALSE, QMP_RUN_SHUTDOWN },
	{ "running", "SHUTDOWN STOP =shutdown RESET RESUME", TRUE, FALSE, QMP_RUN_RUNNING },
	{ "running", "RESET", TRUE, FALSE, QMP_RUN_RUNNING },
	{ "running", "RESET STOP =finish-migrate", TRUE, FALSE, QMP_RUN_RUNNING },
	{ "running", "GUEST_PANICKED:pause STOP =guest-panicked", FALSE, FALSE,
	  QMP_RUN_GUEST_PANICKED },
	{ "running", "GUEST_PANICKED:run", TRUE, FALSE, QMP_RUN_RUNNING },
	{ "running", "BLOCK_IO_ERROR:stop STOP =io-error", FALSE, FALSE, QMP_RUN_IO_ERROR },
	{ "running", "BLOCK_IO_ERROR:stop STOP =io-error RESUME", TRUE, FALSE, QMP_RUN_RUNNING },
	{ "running", "BLOCK_IO_ERROR:report BLOCK_IO_ERROR:ignore", TRUE, FALSE, QMP_RUN_RUNNING },
	{ "running", "WATCHDOG:pause STOP =watchdog", FALSE, FALSE, QMP_RUN_WATCHDOG },
	{ "running", "WATCHDOG:reset RESET", TRUE, FALSE, QMP_RUN_RUNNING },
	{ "running", "STOP =internal-error", FALSE, FALSE, QMP_RUN_RUNNING },
	{ "running", "SUSPEND", TRUE, TRUE, QMP_RUN_RUNNING },
	{ "running", "SUSPEND STOP =finish-migrate", TRUE, TRUE, QMP_RUN_RUNNING },
	{ "running", "SUSPEND WAKEUP RESET", TRUE, FALSE, QMP_RUN_RUNNING },
	{ "running", "MIGRATION VFIO_MIGRATION", TRUE, FALSE, QMP_RUN_RUNNING },
};

static QmpStatus
status_of(const char *word)
{
	QmpStatus status = { qmp_run_state_from_string(word), strcmp(word, "running") == 0 };
	return status;
}

static gboolean
feed(RunFollow *self, const char *word)
{
	if (word[0] == '=') {
		QmpStatus status = status_of(word + 1);
		run_follow_status(self, &status);
		return FALSE;
	}
	g_auto(GStrv) pair = g_strsplit(word, ":", 2);
	g_autoptr(JsonObject) data = json_object_new();
	if (pair[1] != NULL)
		json_object_set_string_member(data, "action", pair[1]);
	return run_follow_event(self, pair[0], pair[1] != NULL ? data : NULL);
}

static void
events_tell_how_it_was(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(follows); i++) {
		QmpStatus begin = status_of(follows[i].begin);
		g_auto(GStrv) words = g_strsplit(follows[i].words, " ", -1);
		RunFollow follow;
		run_follow_begin(&follow, &begin);
		for (guint w = 0; words[w] != NULL; w++)
			CU_ASSERT_EQUAL(feed(&follow, words[w]), strcmp(words[w], "STOP") == 0);
		gboolean is_right = follow.is_live == follows[i].is_live &&
				    follow.is_suspended == follows[i].is_suspended &&
				    follow.cause == follows[i].cause;
		if (!is_right)
			printf("\n    %s: %s: live %d, suspended %d, cause %s", follows[i].begin,
			       follows[i].words, follow.is_live, follow.is_suspended,
			       qmp_run_state_to_string(follow.cause));
		CU_ASSERT_TRUE(is_right);
	}
}

/* All states of QEMU, by what is sent: at the source, at the destination, for one that was live. */
static const struct {
	const char *state;
	gboolean source;
	gboolean destination;
} outcomes[] = {
	{ "running", FALSE, FALSE },	    { "paused", FALSE, TRUE },
	{ "prelaunch", FALSE, FALSE },	    { "inmigrate", FALSE, FALSE },
	{ "finish-migrate", TRUE, FALSE },  { "postmigrate", TRUE, FALSE },
	{ "suspended", FALSE, FALSE },	    { "shutdown", FALSE, FALSE },
	{ "guest-panicked", FALSE, FALSE }, { "io-error", FALSE, FALSE },
	{ "watchdog", FALSE, FALSE },	    { "internal-error", FALSE, FALSE },
	{ "debug", FALSE, FALSE },	    { "save-vm", FALSE, FALSE },
	{ "restore-vm", FALSE, FALSE },	    { "colo", FALSE, FALSE },
	{ "a-later-word", FALSE, FALSE },
};

static void
each_state_has_its_outcome(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(outcomes); i++) {
		QmpRunState state = qmp_run_state_from_string(outcomes[i].state);
		CU_ASSERT_EQUAL(run_state_wants_cont(RUN_AT_SOURCE, state, TRUE),
				outcomes[i].source);
		CU_ASSERT_EQUAL(run_state_wants_cont(RUN_AT_DESTINATION, state, TRUE),
				outcomes[i].destination);
		/* What stood still is never continued. */
		CU_ASSERT_FALSE(run_state_wants_cont(RUN_AT_SOURCE, state, FALSE));
		CU_ASSERT_FALSE(run_state_wants_cont(RUN_AT_DESTINATION, state, FALSE));
		CU_ASSERT_EQUAL(run_state_describe(state) == NULL, state == QMP_RUN_RUNNING);
	}
}

/* Before any 'cont': what a destination says that somebody else has started or reset. */
static void
some_states_do_not_come_by_a_load(void)
{
	static const QmpRunState loaded[] = { QMP_RUN_PAUSED, QMP_RUN_SHUTDOWN,
					      QMP_RUN_GUEST_PANICKED, QMP_RUN_IO_ERROR,
					      QMP_RUN_WATCHDOG };
	for (gsize i = 0; i < G_N_ELEMENTS(loaded); i++) {
		CU_ASSERT_TRUE(run_state_can_be_loaded(loaded[i], TRUE));
		CU_ASSERT_TRUE(run_state_can_be_loaded(loaded[i], FALSE));
	}
	CU_ASSERT_FALSE(run_state_can_be_loaded(QMP_RUN_RUNNING, TRUE));
	CU_ASSERT_FALSE(run_state_can_be_loaded(QMP_RUN_RUNNING, FALSE));
	CU_ASSERT_FALSE(run_state_can_be_loaded(QMP_RUN_INMIGRATE, TRUE));
	/* One that was never started at the source comes as that. */
	CU_ASSERT_FALSE(run_state_can_be_loaded(QMP_RUN_PRELAUNCH, TRUE));
	CU_ASSERT_TRUE(run_state_can_be_loaded(QMP_RUN_PRELAUNCH, FALSE));
}

CU_TestInfo suite_run_state[] = {
	{ "some states do not come by a load", some_states_do_not_come_by_a_load },
	{ "events tell how it was", events_tell_how_it_was },
	{ "each state has its outcome", each_state_has_its_outcome },
	CU_TEST_INFO_NULL,
};
