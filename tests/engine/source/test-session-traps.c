/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The traps of QMP that a migration can fall into, one test each. The numbers are those of the list
 * of traps that the design rests on.
 */
#include <string.h>

#include "tests/rig/session-rig.h"
#include "tests/rig/test-util.h"

#define HERE .outcome = GW_OUTCOME_FAILED, .place = GW_PLACE_SOURCE, .source_guest = RIG_RUNNING
#define THERE                                                                                     \
	.outcome = GW_OUTCOME_COMPLETED, .place = GW_PLACE_DESTINATION, .source_guest = RIG_GONE, \
	.destination_guest = RIG_RUNNING
#define REFUSED_PLAN                                                                             \
	.outcome = GW_OUTCOME_INCOMPATIBLE, .place = GW_PLACE_SOURCE,                            \
	.code = GW_ERROR_INCOMPATIBLE, .phase = "plan", WAITS,                                   \
	.source_saw = "!migrate-set-capabilities !migrate-set-parameters !getfd !migrate !stop " \
		      "!cont",                                                                   \
	.destination_saw = "!migrate-set-capabilities !stop !getfd !migrate-incoming"
#define CANCELLED                                                                     \
	.act = RIG_CANCEL, .outcome = GW_OUTCOME_CANCELLED, .place = GW_PLACE_SOURCE, \
	.code = GW_ERROR_CANCELLED
#define WAITS .destination_guest = RIG_STOPPED
#define ENDED .destination_guest = RIG_GONE

#define TRAP(function, ...)                                                    \
	static void function(void)                                             \
	{                                                                      \
		static const RigCase row = { .name = #function, __VA_ARGS__ }; \
		rig_run(&row);                                                 \
	}

/* 28 */
TRAP(unknown_status_is_waited_through, .source = "--word active=simmering --active-ms 300", THERE)
TRAP(unknown_status_in_the_switchover, .source = "--word device=simmering --device-ms 300", THERE)
TRAP(unknown_status_at_the_destination, .destination = "--word active=simmering", THERE)

/* 31 */
TRAP(failed_comes_before_the_guest_runs, .source = "--resume-ms 500 --at device=fail:whatever",
     HERE, ENDED, .code = GW_ERROR_MIGRATION, .phase = "switchover")
TRAP(no_resume_after_the_cancel_of_a_paused_guest, .source = "-S --active-ms 60000",
     .when = "event:active", CANCELLED, .source_guest = RIG_STOPPED, ENDED,
     .source_saw = "migrate_cancel !cont")
TRAP(no_resume_after_the_failure_of_a_paused_guest, .source = "-S --at device=fail:whatever",
     .outcome = GW_OUTCOME_FAILED, .place = GW_PLACE_SOURCE, .code = GW_ERROR_MIGRATION,
     .source_guest = RIG_STOPPED, ENDED, .source_saw = "!cont")
TRAP(without_error_desc_the_destination_is_quoted, .source = "--modern --device-ms 60000",
     .destination = "--modern --at completed=fail:unknown-section", HERE, ENDED,
     .code = GW_ERROR_MIGRATION, .text = "unknown-section")
TRAP(neither_gives_a_reason, .source = "--modern --at active=fail:", .destination = "--modern",
     HERE, ENDED, .code = GW_ERROR_MIGRATION, .text = "it gives no reason")
TRAP(a_vgpu_that_came_paused_has_to_run_first,
     .source = "-S --modern --at 'active=fail:x: Invalid device state 4'",
     .destination = "--modern", .outcome = GW_OUTCOME_FAILED, .place = GW_PLACE_SOURCE,
     .source_guest = RIG_STOPPED, ENDED, .code = GW_ERROR_MIGRATION,
     .text = "the guest has not run since it came here", .source_saw = "!cont")

/* 30 */
TRAP(stop_comes_after_pre_switchover, .source = "--swap-events", THERE)

/* 32, 33 */
TRAP(a_cancel_that_loses_the_race, .source = "--cancel-late --device-ms 300",
     .when = "event:device", CANCELLED, .source_guest = RIG_RUNNING, ENDED,
     .source_saw = "migrate_cancel migrate-continue<cont !quit", .destination_saw = "!cont")
TRAP(a_cancelled_source_never_starts_a_complete_destination, .source = "--device-ms 60000",
     .when = "event:device", CANCELLED, .source_guest = RIG_RUNNING, ENDED,
     .source_saw = "migrate-continue<migrate_cancel !quit", .destination_saw = "!cont")

/* Somebody has another monitor of the source's QEMU, and uses it when all has been sent. */
#define NOT_HANDED_OVER                                                                            \
	.outcome = GW_OUTCOME_FAILED, .place = GW_PLACE_SOURCE, ENDED, .code = GW_ERROR_MIGRATION, \
	.phase = "commit", .host = "source", .source_saw = "!cont !quit",                          \
	.destination_saw = "!cont"
TRAP(a_guest_that_was_started_again_is_not_handed_over, .source = "--at completed=state:running",
     NOT_HANDED_OVER, .source_guest = RIG_RUNNING,
     .text = "somebody else has started the guest here")
TRAP(a_guest_that_was_started_and_stopped_is_not_handed_over,
     .source = "--at completed=state:paused", NOT_HANDED_OVER, .source_guest = RIG_STOPPED,
     .text = "somebody else has started the guest here")
TRAP(a_guest_that_was_reset_is_not_handed_over, .source = "--at completed=state:prelaunch",
     NOT_HANDED_OVER, .source_guest = RIG_STOPPED, .text = "reset or changed the guest here")

/* Another tool, with another monitor and no lock of ours, has moved the guest since the survey. */
#define MOVED_AWAY                                                                    \
	.outcome = GW_OUTCOME_UNKNOWN, .place = GW_PLACE_UNKNOWN, .phase = "precopy", \
	.host = "source", .source_guest = RIG_STOPPED, ENDED, .source_saw = "!cont !quit"
TRAP(a_guest_that_was_moved_away_is_not_here,
     .source = "--on migrate-set-capabilities=state:postmigrate", MOVED_AWAY,
     .code = GW_ERROR_HANDED_OVER, .text = "somebody else has migrated it")
TRAP(a_guest_that_is_moved_away_just_now_is_not_here, .source = "--on migrate=state:postmigrate",
     MOVED_AWAY, .code = GW_ERROR_FAILED, .text = "paused due to previous migration")

/* 34 */
TRAP(migrate_continue_in_another_state,
     .source = "--on 'migrate-continue=fail:Migration not in expected state: device'", HERE, ENDED,
     .code = GW_ERROR_FAILED, .phase = "switchover", .text = "Migration not in expected state",
     .source_saw = "migrate_cancel !quit", .destination_saw = "!cont")

/* A backup begins while memory is sent. */
#define NO_SWITCHOVER                                                        \
	HERE, ENDED, .code = GW_ERROR_MIGRATION, .phase = "switchover",      \
		     .source_saw = "migrate_cancel !migrate-continue !quit", \
		     .destination_saw = "!cont"
TRAP(an_export_that_begins_in_mid_move,
     .source = "--late 'query-block-exports=[{\"id\": \"e0\", \"type\": \"nbd\", "
	       "\"shutting-down\": false}]'",
     NO_SWITCHOVER, .text = "the export 'e0 (nbd)' began")
TRAP(a_job_that_begins_in_mid_move,
     .source = "--late 'query-jobs=[{\"id\": \"j0\", \"type\": \"backup\", "
	       "\"status\": \"running\"}]'",
     NO_SWITCHOVER, .text = "the job 'j0 (backup)' began")
TRAP(a_job_that_has_ended_is_none,
     .source = "--late 'query-jobs=[{\"id\": \"j0\", \"type\": \"backup\", "
	       "\"status\": \"concluded\"}]'",
     THERE)

/* Seen with QEMU 10.0 and multifd, whose channels broke. */
TRAP(it_fails_while_it_waits_for_migrate_continue, .source = "--fails-paused", HERE, ENDED,
     .code = GW_ERROR_MIGRATION, .phase = "precopy", .source_saw = "migrate-continue !quit",
     .destination_saw = "!cont")

/* 7, 42 */
TRAP(an_earlier_completed_does_not_count, .source = "--earlier completed --active-ms 200", THERE,
     .source_saw = "migrate<migrate-continue")
TRAP(an_earlier_failure_does_not_count, .source = "--earlier failed --active-ms 200", THERE)
TRAP(an_earlier_completed_and_a_refused_migrate,
     .source = "--earlier completed --on 'migrate=fail:not today'", HERE, ENDED,
     .code = GW_ERROR_FAILED, .text = "not today", .source_saw = "!cont !quit",
     .destination_saw = "!cont")

/* 23 */
TRAP(capabilities_of_an_earlier_user_are_off, .source = "--capability multifd --capability xbzrle",
     .destination = "--capability multifd --capability xbzrle", .flags = RIG_KEEP_SOURCE,
     .outcome = GW_OUTCOME_COMPLETED, .place = GW_PLACE_DESTINATION, .source_guest = RIG_STOPPED,
     .destination_guest = RIG_RUNNING,
     .source_saw = "migrate-set-capabilities={\"capability\":\"multifd\",\"state\":false} "
		   "migrate-set-capabilities={\"capability\":\"xbzrle\",\"state\":false} "
		   "migrate-set-capabilities={\"capability\":\"multifd\",\"state\":true}",
     .destination_saw = "migrate-set-capabilities={\"capability\":\"multifd\",\"state\":false} "
			"migrate-set-capabilities={\"capability\":\"xbzrle\",\"state\":false} "
			"migrate-set-capabilities={\"capability\":\"multifd\",\"state\":true}")
TRAP(capabilities_of_an_earlier_user_come_back, .source = "--capability multifd --active-ms 60000",
     .when = "event:active", CANCELLED, .source_guest = RIG_RUNNING, ENDED)
TRAP(capabilities_of_a_waiting_destination_come_back,
     .destination = "--capability multifd --on getfd#2=fail:no", HERE, WAITS,
     .code = GW_ERROR_FAILED,
     .destination_saw = "migrate-set-capabilities={\"capability\":\"multifd\",\"state\":false} "
			"migrate-set-capabilities={\"capability\":\"multifd\",\"state\":true}")

/* 22 */
TRAP(post_copy_is_refused, .source = "--capability postcopy-ram", REFUSED_PLAN,
     .source_guest = RIG_RUNNING, .text = "source: postcopy-ram: this capability is switched on")
TRAP(post_copy_at_the_destination_is_refused, .destination = "--capability postcopy-ram",
     REFUSED_PLAN, .source_guest = RIG_RUNNING,
     .text = "destination: postcopy-ram: this capability is switched on")
TRAP(background_snapshot_is_refused, .source = "--capability background-snapshot", REFUSED_PLAN,
     .source_guest = RIG_RUNNING, .text = "background-snapshot")
TRAP(blocked_reasons_are_told, .source = "--blocked \"a vIOMMU\"", REFUSED_PLAN,
     .source_guest = RIG_RUNNING, .text = "QEMU would not migrate it: a vIOMMU")

/* 25 */
TRAP(paused_due_to_a_previous_migration,
     .source =
	     "--on \"migrate=fail:Can't migrate the vm that was paused due to previous migration\"",
     HERE, ENDED, .code = GW_ERROR_FAILED, .phase = "precopy",
     .text = "source: migrate: GenericError: Can't migrate the vm that was paused",
     .source_saw = "closefd !migrate_cancel")

/* 17 */
TRAP(exit_on_error_where_it_is_known, .source = "--modern", .destination = "--modern", THERE,
     .destination_saw = "migrate-incoming=\"exit-on-error\":false")
TRAP(exit_on_error_where_it_is_not_known, THERE,
     .destination_saw = "migrate-incoming=\"exit-on-error\":false "
			"migrate-incoming=\"arguments\":{\"uri\":\"fd:godwit")

/* 24 */
TRAP(migrate_is_accepted_and_fails_in_setup, .source = "--at setup=fail:unreachable", HERE, ENDED,
     .code = GW_ERROR_MIGRATION, .phase = "precopy", .text = "unreachable",
     .source_saw = "migrate !migrate-continue")

/* 14: the models of these tests are started without -S but for one. */
TRAP(a_destination_without_S_is_stopped_first, THERE,
     .destination_saw = "stop<migrate-incoming migrate-incoming<cont")
TRAP(a_destination_without_S_that_is_refused, .destination = "--on cont=fail:no", HERE, ENDED,
     .code = GW_ERROR_REFUSED, .destination_saw = "stop<migrate-incoming")

/* Somebody else starts or resets what was loaded, before it is handed over. */
#define STARTED_THERE                                                                       \
	.outcome = GW_OUTCOME_UNKNOWN, .place = GW_PLACE_UNKNOWN, .code = GW_ERROR_UNKNOWN, \
	.source_guest = RIG_STOPPED, .destination_guest = RIG_RUNNING,                      \
	.text = "somebody else has started", .source_saw = "!cont !quit",                   \
	.destination_saw = "!cont !quit", .journals = "sd"
TRAP(a_loaded_guest_is_started, .destination = "--at completed=state:running", STARTED_THERE)
TRAP(a_loaded_guest_is_reset, .destination = "--at completed=state:prelaunch", HERE, ENDED,
     .code = GW_ERROR_REFUSED, .phase = "commit", .text = "somebody else has reset",
     .destination_saw = "!cont")

/* A QEMU with two monitors and two users. Since the survey another guest has come into it. */
#define LEFT_ALONE                                                                 \
	HERE, WAITS, .code = GW_ERROR_BUSY, .text = "waits for no guest any more", \
		     .source_saw = "!migrate"
TRAP(a_waiting_qemu_is_taken_before_prepare, .destination = "--on query-status#2=taken", LEFT_ALONE,
     .phase = "prepare",
     .destination_saw = "!stop !object-add !migrate-set-capabilities !migrate-incoming !quit !cont")
TRAP(a_waiting_qemu_is_taken_before_the_load, .destination = "--on getfd#2=taken", LEFT_ALONE,
     .phase = "setup", .destination_saw = "!migrate-incoming !quit !cont")

/* 9 */
TRAP(the_descriptor_is_taken_back, .destination = "--on migrate-incoming=fail:no", HERE, WAITS,
     .code = GW_ERROR_FAILED, .source_saw = "getfd<closefd closefd=godwit !migrate")

/* 8, 50 */
TRAP(the_monitor_goes_before_the_answer_to_quit, .source = "--on quit=die", THERE)

/* 49 */
TRAP(a_source_that_dies_with_all_sent, .source = "--at completed=die", THERE)
TRAP(a_source_that_dies_in_device, .source = "--at device=die", .outcome = GW_OUTCOME_FAILED,
     .place = GW_PLACE_NONE, .code = GW_ERROR_MONITOR_LOST, .phase = "switchover",
     .text = "source: ", .source_guest = RIG_GONE, ENDED, .destination_saw = "!cont")
TRAP(a_source_that_dies_in_pre_switchover, .source = "--at pre-switchover=die",
     .outcome = GW_OUTCOME_FAILED, .place = GW_PLACE_NONE, .code = GW_ERROR_MONITOR_LOST,
     .text = "source: QEMU", .source_guest = RIG_GONE, ENDED, .destination_saw = "!cont")
TRAP(a_source_that_only_closes_its_monitor, .source = "--on migrate-continue=close",
     .outcome = GW_OUTCOME_UNKNOWN, .place = GW_PLACE_UNKNOWN, .code = GW_ERROR_MONITOR_LOST,
     .source_guest = RIG_STOPPED, ENDED, .destination_saw = "!cont", .journals = "s")

/* 4, 7 */
static void
test_pass_storm(void)
{
	static const RigCase row = {
		.name = "30,000 MIGRATION_PASS a second",
		.source = "--active-ms 2000 --passes-per-s 30000",
		THERE,
	};
	Rig rig;

	rig_begin(&rig, &row);
	rig_await_report(&rig);
	rig_check(&rig);
	rig_expect(&rig, rig.report->events->len < 5000, "%u events kept", rig.report->events->len);
	if (!test_under_valgrind()) {
		rig_expect(&rig, rig.report->samples->len >= 10, "only %u samples",
			   rig.report->samples->len);
		rig_expect(&rig, rig.report->total_us < 4 * G_USEC_PER_SEC,
			   "it took %" G_GINT64_FORMAT " us", rig.report->total_us);
	}
	rig_clear(&rig);
}

/* 6, and 33 by the way: the yank makes it "failed" here where all is "completed" there. These wait
 * for a while: at the same time. */
static void
test_deaf(void)
{
	static const RigCase rows[] = {
		{ .name = "deaf for as long as it sends device state",
		  .source = "--deaf --device-ms 8000",
		  THERE },
		{ .name = "a cancel while it is deaf",
		  .source = "--deaf --device-ms 60000",
		  .when = "event:device",
		  CANCELLED,
		  .source_guest = RIG_RUNNING,
		  ENDED,
		  .source_saw = "yank",
		  .destination_saw = "!cont" },
	};

	rig_run_all(rows, G_N_ELEMENTS(rows));
}

/* Seen with QEMU 10.0 and multifd. Where the guest was never stopped it is safe; where it was
 * nobody can know. */
static void
a_cancel_that_never_ends(void)
{
	static const RigCase rows[] = {
		{ .name = "while the guest runs",
		  .source = "--cancel-hangs --active-ms 60000",
		  .when = "event:active",
		  CANCELLED,
		  .source_guest = RIG_RUNNING,
		  ENDED,
		  .source_saw = "migrate_cancel !cont !quit" },
		{ .name = "while it stands still",
		  .source = "--cancel-hangs --device-ms 60000",
		  .when = "event:device",
		  .act = RIG_CANCEL,
		  .outcome = GW_OUTCOME_UNKNOWN,
		  .place = GW_PLACE_UNKNOWN,
		  .code = GW_ERROR_CANCELLED,
		  .source_guest = RIG_STOPPED,
		  ENDED,
		  .source_saw = "migrate_cancel !quit",
		  .destination_saw = "!cont",
		  .journals = "s" },
	};
	rig_run_all(rows, G_N_ELEMENTS(rows));
}

CU_TestInfo suite_session_traps[] = {
	{ "28: an unknown status is waited through", unknown_status_is_waited_through },
	{ "28: also in the switchover", unknown_status_in_the_switchover },
	{ "28: also at the destination", unknown_status_at_the_destination },
	{ "31: failed comes before the guest runs", failed_comes_before_the_guest_runs },
	{ "31: no RESUME after the cancel of a paused guest",
	  no_resume_after_the_cancel_of_a_paused_guest },
	{ "31: nor after its failure", no_resume_after_the_failure_of_a_paused_guest },
	{ "31: without error-desc the destination is quoted",
	  without_error_desc_the_destination_is_quoted },
	{ "31: neither gives a reason", neither_gives_a_reason },
	{ "a vGPU that came paused has to run first", a_vgpu_that_came_paused_has_to_run_first },
	{ "30: STOP comes after pre-switchover", stop_comes_after_pre_switchover },
	{ "a guest that was started again is not handed over",
	  a_guest_that_was_started_again_is_not_handed_over },
	{ "nor one that was started and stopped",
	  a_guest_that_was_started_and_stopped_is_not_handed_over },
	{ "nor one that was reset", a_guest_that_was_reset_is_not_handed_over },
	{ "a guest that was moved away is not here", a_guest_that_was_moved_away_is_not_here },
	{ "nor one that is moved away just now", a_guest_that_is_moved_away_just_now_is_not_here },
	{ "32: a cancel that loses the race", a_cancel_that_loses_the_race },
	{ "33: cancelled here, completed there",
	  a_cancelled_source_never_starts_a_complete_destination },
	{ "34: migrate-continue in another state", migrate_continue_in_another_state },
	{ "an export that begins in mid-move", an_export_that_begins_in_mid_move },
	{ "a job that begins in mid-move", a_job_that_begins_in_mid_move },
	{ "a job that has ended is none", a_job_that_has_ended_is_none },
	{ "it fails while it waits for migrate-continue",
	  it_fails_while_it_waits_for_migrate_continue },
	{ "7: an earlier completed does not count", an_earlier_completed_does_not_count },
	{ "7: nor an earlier failure", an_earlier_failure_does_not_count },
	{ "7: nor when migrate is refused", an_earlier_completed_and_a_refused_migrate },
	{ "23: capabilities of an earlier user are off", capabilities_of_an_earlier_user_are_off },
	{ "23: and come back", capabilities_of_an_earlier_user_come_back },
	{ "23: at a waiting destination too", capabilities_of_a_waiting_destination_come_back },
	{ "22: post-copy is refused", post_copy_is_refused },
	{ "22: at the destination too", post_copy_at_the_destination_is_refused },
	{ "22: background-snapshot is refused", background_snapshot_is_refused },
	{ "22: blocked-reasons are told", blocked_reasons_are_told },
	{ "25: paused due to a previous migration", paused_due_to_a_previous_migration },
	{ "17: exit-on-error where it is known", exit_on_error_where_it_is_known },
	{ "17: and where it is not", exit_on_error_where_it_is_not_known },
	{ "24: migrate is accepted and fails in setup", migrate_is_accepted_and_fails_in_setup },
	{ "14: a destination without -S is stopped first",
	  a_destination_without_S_is_stopped_first },
	{ "14: and never started by a refusal", a_destination_without_S_that_is_refused },
	{ "a loaded guest is started by others", a_loaded_guest_is_started },
	{ "a loaded guest is reset by others", a_loaded_guest_is_reset },
	{ "a waiting QEMU is taken before prepare", a_waiting_qemu_is_taken_before_prepare },
	{ "a waiting QEMU is taken before the load", a_waiting_qemu_is_taken_before_the_load },
	{ "9: the descriptor is taken back", the_descriptor_is_taken_back },
	{ "50: the monitor goes before the answer to quit",
	  the_monitor_goes_before_the_answer_to_quit },
	{ "49: the source dies with all sent", a_source_that_dies_with_all_sent },
	{ "49: it dies in device", a_source_that_dies_in_device },
	{ "49: it dies in pre-switchover", a_source_that_dies_in_pre_switchover },
	{ "49: it only closes its monitor", a_source_that_only_closes_its_monitor },
	{ "4, 7: 30,000 MIGRATION_PASS a second", test_pass_storm },
	{ "6: deaf is not dead", test_deaf },
	{ "32: a cancel that never ends", a_cancel_that_never_ends },
	CU_TEST_INFO_NULL,
};
