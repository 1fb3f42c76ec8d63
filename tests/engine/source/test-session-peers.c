/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Somebody goes away in the middle of a migration: the agent stops, the connection breaks, a QEMU is
 * killed, at every phase. And the answer to COMMIT is lost in every way in which it can be: by the rules 3
 * and 4 of the design the guest then runs where it is proven to be, or nobody touches it.
 */
#include "tests/rig/session-rig.h"
#include "tests/rig/test-util.h"

#define HERE .outcome = GW_OUTCOME_FAILED, .place = GW_PLACE_SOURCE, .source_guest = RIG_RUNNING
#define THERE                                                                                     \
	.outcome = GW_OUTCOME_COMPLETED, .place = GW_PLACE_DESTINATION, .source_guest = RIG_GONE, \
	.destination_guest = RIG_RUNNING
#define NOWHERE .outcome = GW_OUTCOME_FAILED, .place = GW_PLACE_NONE, .source_guest = RIG_GONE
/* Nobody knows, and nobody acts. */
#define UNKNOWN                                                                             \
	.outcome = GW_OUTCOME_UNKNOWN, .place = GW_PLACE_UNKNOWN, .code = GW_ERROR_UNKNOWN, \
	.phase = "commit", .source_guest = RIG_STOPPED
#define WAITS .destination_guest = RIG_STOPPED
#define ENDED .destination_guest = RIG_GONE

static const RigCase agent_stops_rows[] = {
	{ .name = "the agent stops in connect",
	  .when = "source:connect",
	  .act = RIG_STOP_AGENT,
	  HERE,
	  WAITS,
	  .code = GW_ERROR_UNREACHABLE,
	  .phase = "connect",
	  .text = "destination: " },
	{ .name = "the agent stops in survey",
	  .when = "source:survey",
	  .act = RIG_STOP_AGENT,
	  HERE,
	  WAITS,
	  .code = GW_ERROR_PEER_LOST },
	{ .name = "the agent stops in prepare",
	  .when = "source:prepare",
	  .act = RIG_STOP_AGENT,
	  HERE,
	  WAITS,
	  .code = GW_ERROR_PEER_LOST },
	{ .name = "the agent stops in setup",
	  .when = "source:setup",
	  .act = RIG_STOP_AGENT,
	  HERE,
	  WAITS,
	  .source_saw = "!migrate",
	  .code = GW_ERROR_UNREACHABLE,
	  .text = "destination: no agent at" },
	{ .name = "the agent stops in precopy",
	  .when = "source:precopy",
	  .act = RIG_STOP_AGENT,
	  HERE,
	  ENDED,
	  .destination_saw = "!cont",
	  .code = RIG_ANY_CODE },
	{ .name = "the agent stops when active",
	  .source = "--active-ms 60000",
	  .when = "event:active",
	  .act = RIG_STOP_AGENT,
	  HERE,
	  ENDED,
	  .phase = "precopy",
	  .destination_saw = "!cont",
	  .code = RIG_ANY_CODE },
	{ .name = "the agent stops in switchover",
	  .when = "source:switchover",
	  .act = RIG_STOP_AGENT,
	  HERE,
	  ENDED,
	  .phase = "switchover",
	  .source_saw = "migrate_cancel !migrate-continue",
	  .destination_saw = "!cont",
	  .code = GW_ERROR_PEER_LOST },
	{ .name = "the agent stops in device",
	  .source = "--device-ms 60000",
	  .when = "event:device",
	  .act = RIG_STOP_AGENT,
	  HERE,
	  ENDED,
	  .phase = "switchover",
	  .destination_saw = "!cont",
	  .code = RIG_ANY_CODE },
	{ .name = "the agent stops before it takes over",
	  .when = "agent:commit",
	  .act = RIG_STOP_AGENT,
	  THERE,
	  .journals = "sd" },
	{ .name = "the agent stops in cleanup",
	  .when = "source:cleanup",
	  .act = RIG_STOP_AGENT,
	  THERE,
	  .journals = "sd" },
};

static void
test_agent_stops(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(agent_stops_rows); i++)
		rig_run(&agent_stops_rows[i]);
}

static const RigCase connection_breaks_rows[] = {
	{ .name = "cut in survey",
	  .when = "source:survey",
	  .act = RIG_CUT,
	  HERE,
	  WAITS,
	  .code = GW_ERROR_PEER_LOST,
	  .phase = "survey" },
	{ .name = "cut in plan",
	  .when = "source:plan",
	  .act = RIG_CUT,
	  HERE,
	  WAITS,
	  .code = GW_ERROR_PEER_LOST },
	{ .name = "cut in prepare",
	  .when = "source:prepare",
	  .act = RIG_CUT,
	  HERE,
	  WAITS,
	  .code = GW_ERROR_PEER_LOST,
	  .phase = "prepare" },
	{ .name = "cut in setup",
	  .when = "source:setup",
	  .act = RIG_CUT,
	  HERE,
	  WAITS,
	  .code = GW_ERROR_PEER_LOST,
	  .phase = "setup",
	  .source_saw = "!migrate" },
	{ .name = "cut in the agent's setup",
	  .when = "agent:load",
	  .act = RIG_CUT,
	  HERE,
	  ENDED,
	  .code = GW_ERROR_PEER_LOST,
	  .phase = "setup",
	  .source_saw = "closefd !migrate" },
	{ .name = "cut in precopy",
	  .when = "source:precopy",
	  .act = RIG_CUT,
	  HERE,
	  ENDED,
	  .code = RIG_ANY_CODE },
	{ .name = "cut when active",
	  .source = "--active-ms 60000",
	  .when = "event:active",
	  .act = RIG_CUT,
	  HERE,
	  ENDED,
	  .phase = "precopy",
	  .code = RIG_ANY_CODE },
	{ .name = "cut in switchover",
	  .when = "source:switchover",
	  .act = RIG_CUT,
	  HERE,
	  ENDED,
	  .code = GW_ERROR_PEER_LOST,
	  .phase = "switchover",
	  .source_saw = "!migrate-continue" },
	{ .name = "cut in device",
	  .source = "--device-ms 60000",
	  .when = "event:device",
	  .act = RIG_CUT,
	  HERE,
	  ENDED,
	  .phase = "switchover",
	  .destination_saw = "!cont",
	  .code = RIG_ANY_CODE },
	{ .name = "cut before the commit goes out",
	  .when = "source:commit",
	  .act = RIG_CUT,
	  HERE,
	  ENDED,
	  .code = GW_ERROR_REFUSED,
	  .phase = "commit",
	  .source_saw = "cont",
	  .destination_saw = "!cont" },
	{ .name = "cut when the agent has the commit",
	  .when = "agent:running",
	  .act = RIG_CUT,
	  THERE,
	  .source_saw = "!cont" },
	{ .name = "cut in cleanup", .when = "source:cleanup", .act = RIG_CUT, THERE },
};

static void
test_connection_breaks(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(connection_breaks_rows); i++)
		rig_run(&connection_breaks_rows[i]);
}

static const RigCase source_dies_rows[] = {
	{ .name = "the source's QEMU dies in connect",
	  .when = "source:connect",
	  .act = RIG_KILL_SOURCE,
	  .outcome = GW_OUTCOME_FAILED,
	  .place = GW_PLACE_SOURCE, /* we never touched it */
	  .code = GW_ERROR_MONITOR,
	  .phase = "connect",
	  .source_guest = RIG_GONE,
	  WAITS },
	{ .name = "the source's QEMU dies in survey",
	  .when = "source:survey",
	  .act = RIG_KILL_SOURCE,
	  NOWHERE,
	  WAITS,
	  .code = GW_ERROR_MONITOR_LOST,
	  .text = "source: " },
	{ .name = "the source's QEMU dies in prepare",
	  .when = "source:prepare",
	  .act = RIG_KILL_SOURCE,
	  NOWHERE,
	  WAITS,
	  .code = GW_ERROR_MONITOR_LOST,
	  .text = "source: " },
	{ .name = "the source's QEMU dies in setup",
	  .when = "source:setup",
	  .act = RIG_KILL_SOURCE,
	  NOWHERE,
	  WAITS,
	  .code = GW_ERROR_MONITOR_LOST,
	  .text = "source: " },
	{ .name = "the source's QEMU dies when active",
	  .source = "--active-ms 60000",
	  .when = "event:active",
	  .act = RIG_KILL_SOURCE,
	  NOWHERE,
	  ENDED,
	  .phase = "precopy",
	  .destination_saw = "!cont",
	  .code = GW_ERROR_MONITOR_LOST,
	  .text = "source: QEMU" },
	{ .name = "the source's QEMU dies in switchover",
	  .when = "source:switchover",
	  .act = RIG_KILL_SOURCE,
	  NOWHERE,
	  ENDED,
	  .destination_saw = "!cont",
	  .code = GW_ERROR_MONITOR_LOST,
	  .text = "source: QEMU" },
	{ .name = "the source's QEMU dies in commit",
	  .when = "source:commit",
	  .act = RIG_KILL_SOURCE,
	  THERE },
	{ .name = "the source's QEMU dies in cleanup",
	  .when = "source:cleanup",
	  .act = RIG_KILL_SOURCE,
	  THERE },
};

static void
test_source_dies(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(source_dies_rows); i++)
		rig_run(&source_dies_rows[i]);
}

static const RigCase destination_dies_rows[] = {
	{ .name = "the destination's QEMU dies in prepare",
	  .when = "source:prepare",
	  .act = RIG_KILL_DESTINATION,
	  HERE,
	  ENDED,
	  .code = GW_ERROR_MONITOR_LOST },
	{ .name = "the destination's QEMU dies in setup",
	  .when = "source:setup",
	  .act = RIG_KILL_DESTINATION,
	  HERE,
	  ENDED,
	  .code = GW_ERROR_MONITOR_LOST,
	  .text = "destination: " },
	{ .name = "the destination's QEMU dies when active",
	  .source = "--active-ms 60000",
	  .when = "event:active",
	  .act = RIG_KILL_DESTINATION,
	  HERE,
	  ENDED,
	  .code = RIG_ANY_CODE,
	  .phase = "precopy",
	  .text = "destination: " },
	{ .name = "the destination's QEMU dies in switchover",
	  .when = "source:switchover",
	  .act = RIG_KILL_DESTINATION,
	  HERE,
	  ENDED,
	  .code = GW_ERROR_MONITOR_LOST,
	  .phase = "switchover",
	  .source_saw = "!migrate-continue" },
	{ .name = "the destination's QEMU dies in commit",
	  .when = "source:commit",
	  .act = RIG_KILL_DESTINATION,
	  HERE,
	  ENDED,
	  .code = GW_ERROR_REFUSED,
	  .phase = "commit",
	  .source_saw = "cont" },
	{ .name = "the destination's QEMU dies at cont",
	  .destination = "--on cont=die",
	  HERE,
	  ENDED,
	  .code = GW_ERROR_REFUSED,
	  .phase = "commit",
	  .source_saw = "migrate-continue<cont !quit" },
	{ .name = "the started QEMU dies at cont",
	  .destination = "--cont-stderr 'no GPU' --on query-status#3=die",
	  .flags = RIG_VM_FILE,
	  HERE,
	  ENDED,
	  .code = GW_ERROR_REFUSED,
	  .text = "no GPU" },
	{ .name = "the agent's hook says no when the guest runs",
	  .when = "agent:running",
	  .act = RIG_KILL_DESTINATION,
	  HERE,
	  ENDED,
	  .code = GW_ERROR_REFUSED },
};

static void
test_destination_dies(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(destination_dies_rows); i++)
		rig_run(&destination_dies_rows[i]);
}

static const RigCase answer_lost_rows[] = {
	{ .name = "COMMIT itself is lost",
	  .flags = RIG_TRAP_COMMIT,
	  HERE,
	  ENDED,
	  .code = GW_ERROR_REFUSED,
	  .phase = "commit",
	  .source_saw = "migrate-continue<cont !quit",
	  .destination_saw = "!cont" },
	{ .name = "the answer RUNNING is lost",
	  .flags = RIG_TRAP_ANSWER,
	  THERE,
	  .source_saw = "!cont" },
	{ .name = "the answer REFUSED is lost",
	  .flags = RIG_TRAP_ANSWER,
	  .destination = "--on cont=die",
	  HERE,
	  ENDED,
	  .code = GW_ERROR_REFUSED,
	  .source_saw = "cont !quit" },
};

static void
test_answer_lost(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(answer_lost_rows); i++)
		rig_run(&answer_lost_rows[i]);
}

/* All of these wait for what does not come: at the same time. */
static const RigCase slow_rows[] = {
	{ .name = "COMMIT is lost, and the agent for good",
	  .flags = RIG_TRAP_COMMIT | RIG_TRAP_FOR_GOOD,
	  UNKNOWN,
	  ENDED,
	  .text = "the answer to the commit was lost",
	  .source_saw = "!cont !quit",
	  .journals = "s" },
	{ .name = "the answer is lost, and the agent for good",
	  .flags = RIG_TRAP_ANSWER | RIG_TRAP_FOR_GOOD,
	  UNKNOWN,
	  .destination_guest = RIG_RUNNING,
	  .text = "the guest stays stopped here until 'godwit recover' knows",
	  .source_saw = "!cont !quit",
	  .journals = "sd" },
	{ .name = "the agent stops before the commit goes out",
	  .when = "source:commit",
	  .act = RIG_STOP_AGENT,
	  UNKNOWN,
	  ENDED,
	  .source_saw = "!cont !quit",
	  .journals = "s" },
	{ .name = "the guest does not resume there",
	  .destination = "--on cont=skip",
	  HERE,
	  ENDED,
	  .code = GW_ERROR_REFUSED,
	  .text = "the guest did not resume",
	  .source_saw = "cont !quit" },
	{ .name = "the destination's QEMU freezes when active",
	  .source = "--active-ms 60000",
	  .when = "event:active",
	  .act = RIG_FREEZE_DESTINATION,
	  HERE,
	  ENDED,
	  .code = GW_ERROR_MONITOR_LOST,
	  .phase = "precopy",
	  .text = "frozen" },
	{ .name = "the source's QEMU is frozen for good",
	  .source = "--at active=freeze",
	  .outcome = GW_OUTCOME_UNKNOWN,
	  .place = GW_PLACE_UNKNOWN,
	  .code = GW_ERROR_MONITOR_LOST,
	  .text = "frozen",
	  .source_guest = RIG_RUNNING, /* by its log: it would run if it woke up */
	  ENDED,
	  .destination_saw = "!cont",
	  .journals = "s" },
};

static void
test_slow(void)
{
	rig_run_all(slow_rows, G_N_ELEMENTS(slow_rows));
}

CU_TestInfo suite_session_peers[] = {
	{ "the agent stops", test_agent_stops },
	{ "the connection breaks", test_connection_breaks },
	{ "the source's QEMU dies", test_source_dies },
	{ "the destination's QEMU dies", test_destination_dies },
	{ "an answer is lost and asked for again", test_answer_lost },
	{ "nothing comes back", test_slow },
	CU_TEST_INFO_NULL,
};
