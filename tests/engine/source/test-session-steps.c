/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every step of a migration, and what goes wrong in it: a QEMU refuses a command of it, the user
 * cancels, the agent goes away, the connection breaks, a QEMU dies. Up to the commit the guest has
 * to run on the source as if nothing had been tried; from the commit on at the destination.
 */
#include "tests/rig/session-rig.h"
#include "tests/rig/test-util.h"

#define HERE .outcome = GW_OUTCOME_FAILED, .place = GW_PLACE_SOURCE, .source_guest = RIG_RUNNING
#define THERE                                                                                     \
	.outcome = GW_OUTCOME_COMPLETED, .place = GW_PLACE_DESTINATION, .source_guest = RIG_GONE, \
	.destination_guest = RIG_RUNNING
/* A QEMU that somebody else started goes on waiting if it has not begun to load. */
#define WAITS .destination_guest = RIG_STOPPED
#define ENDED .destination_guest = RIG_GONE

static void
test_success(void)
{
	static const RigCase rows[] = {
		{ .name = "plain",
		  THERE,
		  .source_saw = "migrate<migrate-continue migrate-continue<quit !migrate_cancel "
				"!cont !stop !closefd",
		  .destination_saw = "getfd<migrate-incoming migrate-incoming<cont" },
		{ .name = "a QEMU that the agent starts", .flags = RIG_VM_FILE, THERE },
		{ .name = "through the proxy", .flags = RIG_PROXY, THERE },
		{ .name = "as QEMU 10 does it",
		  .source = "--modern",
		  .destination = "--modern -S",
		  THERE },
		{ .name = "the source is kept",
		  .flags = RIG_KEEP_SOURCE,
		  .outcome = GW_OUTCOME_COMPLETED,
		  .place = GW_PLACE_DESTINATION,
		  .source_guest = RIG_STOPPED,
		  .destination_guest = RIG_RUNNING,
		  .source_saw = "!quit !cont" },
		{ .name = "it stays paused",
		  .flags = RIG_PAUSED,
		  .outcome = GW_OUTCOME_COMPLETED,
		  .place = GW_PLACE_DESTINATION,
		  .source_guest = RIG_GONE,
		  .destination_guest = RIG_STOPPED,
		  .destination_saw = "!cont" },
		{ .name = "a paused guest stays so",
		  .source = "-S",
		  .outcome = GW_OUTCOME_COMPLETED,
		  .place = GW_PLACE_DESTINATION,
		  .source_guest = RIG_GONE,
		  .destination_guest = RIG_STOPPED,
		  .source_saw = "!cont",
		  .destination_saw = "!cont" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
		rig_run(&rows[i]);
}

static void
test_check(void)
{
	static const RigCase rows[] = {
		{ .name = "a check",
		  .flags = RIG_CHECK_ONLY,
		  .outcome = GW_OUTCOME_COMPLETED,
		  .place = GW_PLACE_SOURCE,
		  .source_guest = RIG_RUNNING,
		  WAITS,
		  .source_saw = "!migrate-set-capabilities !migrate-set-parameters !stop !cont "
				"!migrate !getfd !quit",
		  .destination_saw = "!migrate-set-capabilities !stop !cont !migrate-incoming "
				     "!quit" },
		{ .name = "a check of a QEMU that is started for it",
		  .flags = RIG_CHECK_ONLY | RIG_VM_FILE,
		  .outcome = GW_OUTCOME_COMPLETED,
		  .place = GW_PLACE_SOURCE,
		  .source_guest = RIG_RUNNING,
		  ENDED,
		  .destination_saw = "quit !migrate-set-capabilities !cont !migrate-incoming" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
		rig_run(&rows[i]);
}

#define REFUSES(command) "--on '" command "=fail:not today'"
#define REFUSED(step)	 HERE, .phase = step, .text = "not today"
/* It ended before our QEMU had shown that the guest is there. */
#define NOT_SEEN(OUTCOME) \
	.outcome = OUTCOME, .place = GW_PLACE_AS_BEFORE, .source_guest = RIG_RUNNING

static const RigCase source_refusals[] = {
	{ .name = "source refuses query-status",
	  .source = REFUSES("query-status"),
	  NOT_SEEN(GW_OUTCOME_FAILED),
	  WAITS,
	  .phase = "connect",
	  .text = "not today",
	  .code = GW_ERROR_MONITOR_LOST,
	  .source_saw = "!migrate-set-capabilities" },
	{ .name = "source refuses query-name",
	  .source = REFUSES("query-name"),
	  NOT_SEEN(GW_OUTCOME_FAILED),
	  WAITS,
	  .phase = "connect",
	  .text = "not today",
	  .code = GW_ERROR_MONITOR_LOST },
	{ .name = "source refuses query-migrate-parameters",
	  .source = REFUSES("query-migrate-parameters#1"),
	  REFUSED("survey"),
	  WAITS,
	  .code = GW_ERROR_MONITOR_LOST },
	{ .name = "source refuses query-migrate-parameters the second time",
	  .source = REFUSES("query-migrate-parameters#2"),
	  REFUSED("setup"),
	  WAITS,
	  .code = GW_ERROR_FAILED },
	{ .name = "source refuses migrate-set-capabilities",
	  .source = REFUSES("migrate-set-capabilities#1"),
	  REFUSED("setup"),
	  WAITS,
	  .code = GW_ERROR_FAILED },
	{ .name = "source refuses migrate-set-parameters",
	  .source = REFUSES("migrate-set-parameters#1"),
	  REFUSED("setup"),
	  WAITS,
	  .code = GW_ERROR_FAILED,
	  .source_saw = "!getfd" },
	{ .name = "source refuses getfd",
	  .source = REFUSES("getfd#2"), /* the first one proves its process */
	  REFUSED("setup"),
	  WAITS,
	  .code = GW_ERROR_FAILED,
	  .source_saw = "!migrate !closefd" },
	{ .name = "source refuses migrate",
	  .source = REFUSES("migrate"),
	  REFUSED("precopy"),
	  ENDED,
	  .code = GW_ERROR_FAILED,
	  .source_saw = "getfd<closefd !migrate-continue" },
	{ .name = "source refuses migrate-continue",
	  .source = REFUSES("migrate-continue"),
	  REFUSED("switchover"),
	  ENDED,
	  .code = GW_ERROR_FAILED,
	  .source_saw = "migrate_cancel",
	  .destination_saw = "!cont" },
};

static void
test_source_refuses(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(source_refusals); i++)
		rig_run(&source_refusals[i]);
}

static void
test_destination_refuses(void)
{
	static const RigCase rows[] = {
		{ .name = "destination refuses query-migrate",
		  .destination = REFUSES("query-migrate"),
		  REFUSED("survey"),
		  WAITS,
		  .code = GW_ERROR_MONITOR_LOST },
		{ .name = "destination refuses stop",
		  .destination = REFUSES("stop"),
		  REFUSED("prepare"),
		  WAITS,
		  .code = GW_ERROR_FAILED,
		  .destination_saw = "!migrate-incoming" },
		{ .name = "destination refuses migrate-set-capabilities",
		  .destination = REFUSES("migrate-set-capabilities#1"),
		  REFUSED("prepare"),
		  WAITS,
		  .code = GW_ERROR_FAILED },
		{ .name = "destination refuses getfd",
		  .destination = REFUSES("getfd#2"),
		  REFUSED("setup"),
		  WAITS,
		  .code = GW_ERROR_FAILED,
		  .source_saw = "getfd<closefd !migrate" },
		{ .name = "destination refuses migrate-incoming",
		  .destination = REFUSES("migrate-incoming"),
		  REFUSED("setup"),
		  WAITS,
		  .code = GW_ERROR_FAILED,
		  .source_saw = "getfd<closefd !migrate" },
		{ .name = "destination fails while it loads",
		  .destination = "--modern --at active=fail:broken",
		  .source = "--modern --active-ms 1000",
		  HERE,
		  ENDED,
		  .phase = "precopy",
		  .text = "QEMU failed to load the stream: broken",
		  .code = GW_ERROR_MIGRATION,
		  .destination_saw = "!cont" },
		{ .name = "destination refuses cont",
		  .destination = REFUSES("cont"),
		  REFUSED("commit"),
		  ENDED,
		  .code = GW_ERROR_REFUSED,
		  .source_saw = "migrate-continue<cont !quit" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
		rig_run(&rows[i]);
}

#define CANCELLED                                                                     \
	.act = RIG_CANCEL, .outcome = GW_OUTCOME_CANCELLED, .place = GW_PLACE_SOURCE, \
	.code = GW_ERROR_CANCELLED, .source_guest = RIG_RUNNING

static const RigCase early_cancels[] = {
	{ .name = "cancel in connect",
	  .when = "source:connect",
	  .act = RIG_CANCEL,
	  NOT_SEEN(GW_OUTCOME_CANCELLED),
	  .code = GW_ERROR_CANCELLED,
	  WAITS },
	{ .name = "cancel in survey", .when = "source:survey", CANCELLED, WAITS },
	{ .name = "cancel in plan", .when = "source:plan", CANCELLED, WAITS },
	{ .name = "cancel in prepare", .when = "source:prepare", CANCELLED, WAITS },
	{ .name = "cancel in setup",
	  .when = "source:setup",
	  CANCELLED,
	  WAITS,
	  .source_saw = "!migrate" },
	{ .name = "cancel while the agent is in setup",
	  .when = "agent:load",
	  CANCELLED,
	  ENDED,
	  .source_saw = "closefd !migrate" },
	{ .name = "cancel in precopy",
	  .when = "source:precopy",
	  CANCELLED,
	  ENDED,
	  .source_saw = "!migrate-continue" },
	{ .name = "cancel when active",
	  .source = "--active-ms 60000",
	  .when = "event:active",
	  CANCELLED,
	  ENDED,
	  .source_saw = "migrate<migrate_cancel !migrate-continue" },
	{ .name = "cancel in switchover",
	  .when = "source:switchover",
	  CANCELLED,
	  ENDED,
	  .source_saw = "migrate<migrate_cancel !migrate-continue !cont",
	  .destination_saw = "!cont" },
	{ .name = "cancel while the agent is asked once more",
	  .when = "agent:switchover",
	  CANCELLED,
	  ENDED,
	  .source_saw = "migrate_cancel !migrate-continue",
	  .destination_saw = "!cont" },
	{ .name = "cancel in device",
	  .source = "--device-ms 60000",
	  .when = "event:device",
	  CANCELLED,
	  ENDED,
	  .source_saw = "migrate-continue<migrate_cancel",
	  .destination_saw = "!cont" },
	{ .name = "cancel a started one",
	  .source = "--active-ms 60000",
	  .flags = RIG_VM_FILE,
	  .when = "event:active",
	  CANCELLED,
	  ENDED },
};

static void
test_cancel(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(early_cancels); i++)
		rig_run(&early_cancels[i]);
}

static gint64
part_us(const GwReport *report, const char *name)
{
	for (guint i = 0; i < report->downtime_parts->len; i++) {
		const GwPart *part = g_ptr_array_index(report->downtime_parts, i);
		if (g_str_equal(part->name, name))
			return part->us;
	}
	return 0;
}

/* The guest waits for both hosts' hooks of two phases, and the other parts are without them. */
static void
test_hooks_cost_downtime(void)
{
	static const struct {
		RigCase row;
		gboolean has_part;
	} cases[] = {
		{ { .name = "no hook", THERE }, FALSE },
		{ { .name = "a hook at the source", .when = "source:survey", THERE }, TRUE },
		{ { .name = "a hook at the agent", .when = "agent:load", THERE }, TRUE },
		{ { .name = "held in the switchover", .when = "source:switchover", THERE }, TRUE },
		{ { .name = "held in the commit", .when = "agent:commit", THERE }, TRUE },
	};
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		Rig rig;
		gint64 sum_us = 0;
		rig_begin(&rig, &cases[i].row);
		rig_await_report(&rig);
		rig_check(&rig);
		for (guint k = 0; k < rig.report->downtime_parts->len; k++) {
			const GwPart *part = g_ptr_array_index(rig.report->downtime_parts, k);
			rig_expect(&rig, part->us >= 0, "part '%s' is negative", part->name);
			sum_us += part->us;
		}
		rig_expect(&rig, (part_us(rig.report, "hook") > 0) == cases[i].has_part,
			   "the hook's part is %" G_GINT64_FORMAT, part_us(rig.report, "hook"));
		rig_expect(&rig, sum_us == rig.report->downtime_us, "the parts do not add up");
		rig_clear(&rig);
	}
}

/* From "cont" on nothing refuses; what went wrong there is in the source's report. */
static void
test_warnings(void)
{
	static const struct {
		RigCase row;
		const char *warning; /* (nullable): how the only one begins */
		const char *state;   /* (nullable) */
	} cases[] = {
		{ { .name = "all goes well", THERE }, NULL, NULL },
		{ { .name = "a status that cannot be asked after cont",
		    .destination = "--on 'query-status#5=fail:not today'",
		    THERE },
		  "destination: query-status: ",
		  NULL },
		{ { .name = "QEMU says yes to cont, and no more",
		    .destination = "--on cont=skip",
		    .outcome = GW_OUTCOME_COMPLETED,
		    .place = GW_PLACE_DESTINATION,
		    .source_guest = RIG_GONE,
		    .destination_guest = RIG_STOPPED },
		  "destination: QEMU did not say RESUME after 'cont'",
		  "is paused, though it was told to run" },
	};
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		Rig rig;
		const char *wanted = cases[i].warning;
		rig_begin(&rig, &cases[i].row);
		rig_await_report(&rig);
		rig_check(&rig);
		const GPtrArray *warnings = rig.report->warnings;
		rig_expect(&rig, warnings->len == (wanted != NULL ? 1 : 0), "%u warnings",
			   warnings->len);
		if (wanted != NULL && warnings->len > 0)
			rig_expect(&rig, g_str_has_prefix(g_ptr_array_index(warnings, 0), wanted),
				   "the warning is '%s'", (char *)g_ptr_array_index(warnings, 0));
		rig_expect(&rig, g_strcmp0(rig.report->vm_state, cases[i].state) == 0,
			   "the guest %s", rig.report->vm_state);
		rig_clear(&rig);
	}
}

/* In the commit's step the hook is before COMMIT: there a cancel still counts. */
static void
test_cancel_late(void)
{
	static const RigCase rows[] = {
		{ .name = "cancel when the agent has the commit",
		  .when = "agent:commit",
		  .act = RIG_CANCEL,
		  THERE },
		{ .name = "cancel when the guest runs there",
		  .when = "agent:running",
		  .act = RIG_CANCEL,
		  THERE },
		{ .name = "cancel in cleanup", .when = "source:cleanup", .act = RIG_CANCEL, THERE },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
		rig_run(&rows[i]);
}

static void
test_timeout(void)
{
	static const RigCase row = {
		.name = "not converged in time",
		.source = "--active-ms 60000",
		.flags = RIG_SHORT_TIMEOUT,
		.outcome = GW_OUTCOME_NO_CONVERGENCE,
		.place = GW_PLACE_SOURCE,
		.code = GW_ERROR_NO_CONVERGENCE,
		.phase = "precopy",
		.text = "not converged within 0.3 s",
		.source_guest = RIG_RUNNING,
		ENDED,
		.source_saw = "migrate_cancel",
	};

	rig_run(&row);
}

/* Neither the guest's name nor QEMU's words say at which host it was. */
static void
test_misleading_words(void)
{
	static const RigCase rows[] = {
		{ .name = "a guest called 'destination: x'",
		  .source = "-name 'destination: x' --on 'getfd#2=fail:destination: x'",
		  .destination = "-name 'destination: x'",
		  HERE,
		  WAITS,
		  .code = GW_ERROR_FAILED,
		  .phase = "setup",
		  .host = "source",
		  .text = "source: getfd: GenericError: destination: x" },
		{ .name = "it runs on",
		  .source = "-name 'destination: x'",
		  .destination = "-name 'destination: x'",
		  THERE },
		{ .name = "a refusal there in words of here",
		  .source = "-name 'source: x'",
		  .destination = "-name 'source: x' --on 'migrate-incoming=fail:source: x'",
		  HERE,
		  WAITS,
		  .code = GW_ERROR_FAILED,
		  .phase = "setup",
		  .host = "destination",
		  .text = "destination: migrate-incoming: GenericError: source: x" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
		rig_run(&rows[i]);
}

CU_TestInfo suite_session_steps[] = {
	{ "nothing goes wrong", test_success },
	{ "a check changes nothing", test_check },
	{ "the source's QEMU refuses", test_source_refuses },
	{ "the destination's QEMU refuses", test_destination_refuses },
	{ "words that mislead", test_misleading_words },
	{ "cancelled before the commit", test_cancel },
	{ "cancelled too late", test_cancel_late },
	{ "not converged in time", test_timeout },
	{ "hooks are a part of the downtime", test_hooks_cost_downtime },
	{ "what fails after cont is told", test_warnings },
	CU_TEST_INFO_NULL,
};
