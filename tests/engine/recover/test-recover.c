/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table at the top of recover-destination.c, row by row, on journals written by hand: what an
 * agent that died has left, and what may be said of it. "Gone" lets the source resume, so most rows
 * are about when it must not be said.
 */
#include <CUnit/CUnit.h>
#include <glib/gstdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "engine/gw-recover.h"
#include "engine/record/handover.h"
#include "engine/record/journal.h"
#include "engine/record/receiving.h"
#include "engine/util/scoped-context.h"
#include "engine/recover/recover-destination.h"
#include "tests/rig/test-util.h"

#define SESSION "6b0d0d3c-6f0a-4b57-9a8e-0d7e5a1c2b3d"
#define OTHER	"6b0d0d3c-6f0a-4b57-9a8e-000000000002"
#define TOKEN	"000102030405060708090a0b0c0d0e0f"

/* A number that belonged to a process of ours, which has gone. */
static pid_t
dead_pid(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	return pid;
}

typedef struct {
	const char *name;
	JournalPhase phases[6]; /* after JOURNAL_BEGIN, which ends the list */
	gboolean earlier_boot;
	PeerOutcome outcome;
	gboolean is_kept;     /* is the journal still there afterwards? */
	OwnershipPlace place; /* in the record afterwards */
} Row;

/* Could a commit come? */
static gboolean
has_begun(const Row *row)
{
	for (guint i = 0; row->phases[i] != JOURNAL_BEGIN; i++)
		if (row->phases[i] == JOURNAL_SETUP)
			return TRUE;
	return FALSE;
}

static const Row rows[] = {
	{ "died at once", { JOURNAL_BEGIN }, FALSE, PEER_OUTCOME_GONE, FALSE, 0 },
	{ "died before the door was open",
	  { JOURNAL_STARTED, JOURNAL_PREPARE },
	  FALSE,
	  PEER_OUTCOME_GONE,
	  FALSE },
	{ "the same, host restarted",
	  { JOURNAL_STARTED, JOURNAL_PREPARE },
	  TRUE,
	  PEER_OUTCOME_GONE,
	  FALSE },
	{ "died while loading",
	  { JOURNAL_PREPARE, JOURNAL_SETUP },
	  FALSE,
	  PEER_OUTCOME_GONE,
	  FALSE },
	{ "host died while loading",
	  { JOURNAL_PREPARE, JOURNAL_SETUP },
	  TRUE,
	  PEER_OUTCOME_DEAD,
	  TRUE,
	  OWNERSHIP_RECEIVING },
	{ "QEMU died after the commit",
	  { JOURNAL_SETUP, JOURNAL_COMMITTED },
	  FALSE,
	  PEER_OUTCOME_GONE,
	  FALSE },
	{ "host died after the commit",
	  { JOURNAL_SETUP, JOURNAL_COMMITTED },
	  TRUE,
	  PEER_OUTCOME_DEAD,
	  TRUE,
	  OWNERSHIP_RECEIVING },
	{ "taken over",
	  { JOURNAL_SETUP, JOURNAL_COMMITTED, JOURNAL_RUNNING },
	  FALSE,
	  PEER_OUTCOME_RUNNING,
	  TRUE,
	  OWNERSHIP_HERE },
	{ "taken over, host restarted",
	  { JOURNAL_SETUP, JOURNAL_COMMITTED, JOURNAL_RUNNING },
	  TRUE,
	  PEER_OUTCOME_DEAD,
	  TRUE,
	  OWNERSHIP_HERE },
};

static void
begin_receiving(const char *folder)
{
	const OwnershipPeer source = { .host = (char *)"192.0.2.1", .token = (char *)TOKEN };
	CU_ASSERT_TRUE_FATAL(receiving_begin(folder, "web1", SESSION, &source, NULL));
}

static OwnershipPlace
place_of(const char *folder)
{
	g_autoptr(Ownership) record = ownership_load(folder, "web1", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(record);
	return record->now.place;
}

/* As a restart of the host would do. */
static void
age_record(const char *folder)
{
	g_autofree char *path = g_build_filename(folder, "vms", "web1.json", NULL);
	g_autofree char *text = NULL, *boot_id = NULL;
	g_file_get_contents("/proc/sys/kernel/random/boot_id", &boot_id, NULL, NULL);
	CU_ASSERT_TRUE_FATAL(g_file_get_contents(path, &text, NULL, NULL));
	g_auto(GStrv) parts = g_strsplit(text, g_strstrip(boot_id), 2);
	CU_ASSERT_EQUAL_FATAL(g_strv_length(parts), 2);
	g_autofree char *aged = g_strjoinv("another boot", parts);
	CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, aged, -1, NULL));
}

/* @vgpu: (nullable) */
static void
write_journal_with(const char *folder, const Row *row, const char *vgpu)
{
	JsonArray *vgpus = json_array_new();
	if (vgpu != NULL)
		json_array_add_string_element(vgpus, vgpu);
	JsonObject *facts = json_object_new();
	json_object_set_string_member(facts, "vm", "web1");
	json_object_set_boolean_member(facts, "owned", TRUE);
	json_object_set_int_member(facts, "pid", dead_pid());
	json_object_set_int_member(facts, "start_ticks", 1);
	json_object_set_array_member(facts, "vgpus", vgpus);
	g_autoptr(Journal) journal = journal_create(folder, SESSION, SIDE_DESTINATION, facts, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
	for (guint i = 0; row->phases[i] != JOURNAL_BEGIN; i++) {
		JsonObject *more = json_object_new();
		if (row->earlier_boot)
			json_object_set_string_member(more, "boot_id", "another boot");
		CU_ASSERT_TRUE_FATAL(journal_append(journal, row->phases[i], more, NULL));
		if (row->phases[i] == JOURNAL_SETUP)
			begin_receiving(folder);
	}
}

static void
write_journal(const char *folder, const Row *row)
{
	write_journal_with(folder, row, NULL);
}

static gboolean
is_there(const char *folder)
{
	g_autofree char *path = g_strconcat(folder, "/" SESSION ".destination", NULL);
	return g_access(path, F_OK) == 0;
}

static void
each_row_of_the_table_holds(void)
{
	if (test_under_valgrind()) {
		test_skip("valgrind knows no pidfds: no death can be proven");
		return;
	}
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		char *folder = test_folder_new();
		g_autofree char *text = NULL;
		g_autoptr(GError) error = NULL;
		write_journal(folder, &rows[i]);
		PeerOutcome outcome = recover_destination(folder, SESSION, &text, NULL, &error);
		if (outcome != rows[i].outcome || is_there(folder) != rows[i].is_kept)
			printf("  row '%s': %s\n", rows[i].name, peer_outcome_to_string(outcome));
		CU_ASSERT_EQUAL(outcome, rows[i].outcome);
		CU_ASSERT_EQUAL(is_there(folder), rows[i].is_kept);
		/* Either it is said what was done, or why nothing was. */
		CU_ASSERT_EQUAL(error == NULL, text != NULL);
		CU_ASSERT_EQUAL(place_of(folder), rows[i].place);
		/* What is settled is not forgotten with its journal. */
		if (error == NULL)
			CU_ASSERT_EQUAL(recover_answer(folder, "web1", SESSION, NULL),
					has_begun(&rows[i]) ? outcome : PEER_OUTCOME_UNKNOWN);
		test_folder_free(folder);
	}
}

/* What cannot be removed: the kernel need not even be asked. */
static void
a_vgpu_that_stays_keeps_the_journal_and_not_the_guest(void)
{
	static const Row taken = { "", { JOURNAL_SETUP, JOURNAL_COMMITTED }, FALSE, 0, TRUE };
	static const Row loading = { "", { JOURNAL_SETUP }, FALSE, 0, TRUE };
	static const Row *const both[] = { &loading, &taken };
	if (test_under_valgrind()) {
		test_skip("valgrind knows no pidfds: no death can be proven");
		return;
	}
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	for (gsize i = 0; i < G_N_ELEMENTS(both); i++) {
		char *folder = test_folder_new();
		g_autofree char *text = NULL;
		gboolean is_clean = TRUE;
		write_journal_with(folder, both[i], "no UUID");
		CU_ASSERT_EQUAL(recover_destination(folder, SESSION, &text, &is_clean, NULL),
				PEER_OUTCOME_GONE);
		CU_ASSERT_FALSE(is_clean);
		CU_ASSERT_TRUE(is_there(folder));
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "; remove 'no UUID': "));
		test_folder_free(folder);
	}
}

static void
answers(const char *folder, const char *session, PeerOutcome outcome, const char *why)
{
	g_autoptr(GError) error = NULL;
	CU_ASSERT_EQUAL(recover_answer(folder, "web1", session, &error), outcome);
	CU_ASSERT_EQUAL(why != NULL, error != NULL);
	if (why != NULL && error != NULL && strstr(error->message, why) == NULL)
		printf("  '%s' is not in '%s'\n", why, error->message);
	CU_ASSERT_TRUE(why == NULL || (error != NULL && strstr(error->message, why) != NULL));
}

/* "Gone" needs a record that does not know the session: an empty folder proves nothing. */
static void
what_was_never_heard_of_is_gone_only_by_a_record(void)
{
	char *folder = test_folder_new();
	answers(folder, SESSION, PEER_OUTCOME_UNKNOWN, "no record of the VM is here");
	answers(folder, "../etc", PEER_OUTCOME_UNKNOWN, "is not a session");
	begin_receiving(folder);
	answers(folder, OTHER, PEER_OUTCOME_GONE, NULL);
	answers(folder, SESSION, PEER_OUTCOME_UNKNOWN, "its journal has gone");
	age_record(folder);
	answers(folder, SESSION, PEER_OUTCOME_DEAD, "this host was restarted");
	test_folder_free(folder);
}

/* Its journal has gone with 'done' or by hand, and years have passed. */
static void
a_guest_that_was_taken_is_never_gone(void)
{
	char *folder = test_folder_new();
	begin_receiving(folder);
	CU_ASSERT_TRUE(receiving_take(folder, "web1", SESSION, NULL));
	CU_ASSERT_TRUE(receiving_take(folder, "web1", SESSION, NULL)); /* can be repeated */
	answers(folder, SESSION, PEER_OUTCOME_RUNNING, NULL);
	CU_ASSERT_TRUE(receiving_undo(folder, "web1", SESSION, NULL)); /* too late: nothing */
	answers(folder, SESSION, PEER_OUTCOME_RUNNING, NULL);
	age_record(folder);
	answers(folder, SESSION, PEER_OUTCOME_DEAD, "died with this host's restart");
	/* It has gone on from here: another boot has started it again. */
	CU_ASSERT_TRUE(handover_start_here(folder, "web1", NULL, NULL));
	answers(folder, SESSION, PEER_OUTCOME_RUNNING, NULL);
	test_folder_free(folder);
}

/* A journal that the record does not know, from another version or by hand, is no proof of
 * "gone". */
static void
a_journal_without_a_record_is_not_gone(void)
{
	char *folder = test_folder_new();
	g_autoptr(Journal) journal = journal_create(folder, SESSION, SIDE_DESTINATION, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
	g_autoptr(Ownership) record = ownership_new("web1");
	CU_ASSERT_TRUE(ownership_save(record, folder, NULL));
	g_autoptr(GError) error = NULL;
	CU_ASSERT_EQUAL(recover_answer_by_record(folder, record, SESSION, &error),
			PEER_OUTCOME_UNKNOWN);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_UNKNOWN, "its journal is not settled");
	test_folder_free(folder);
}

static void
a_living_owner_is_left_alone(void)
{
	char *folder = test_folder_new();
	g_autoptr(Journal) owned = journal_create(folder, SESSION, SIDE_DESTINATION, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(owned);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_EQUAL(recover_destination(folder, SESSION, NULL, NULL, &error),
			PEER_OUTCOME_UNKNOWN);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_BUSY, "is under way");
	g_clear_error(&error);
	CU_ASSERT_FALSE(recover_forget(folder, "web1", SESSION, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_BUSY, "is under way");
	CU_ASSERT_TRUE(is_there(folder));
	test_folder_free(folder);
}

/* By its session, by its VM, and when all are settled; not by another VM's name. */
static void
a_session_under_way_is_found_by_its_vm(void)
{
	static const char *const named[][2] = { { NULL }, { SESSION }, { "web1" }, { "web2" } };
	char *folder = test_folder_new();
	JsonObject *facts = json_object_new();
	json_object_set_string_member(facts, "vm", "web1");
	g_autoptr(Journal) owned = journal_create(folder, SESSION, SIDE_DESTINATION, facts, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(owned);
	for (guint i = 0; i < G_N_ELEMENTS(named); i++) {
		g_autoptr(GPtrArray) found =
			gw_recover(folder, named[i], GW_ASSUME_NOTHING, NULL, NULL);
		CU_ASSERT_EQUAL_FATAL(found->len, g_strcmp0(named[i][0], "web2") == 0 ? 0 : 1);
		if (found->len == 0)
			continue;
		const GwRecovered *one = g_ptr_array_index(found, 0);
		CU_ASSERT_TRUE(one->busy);
		CU_ASSERT_FALSE(one->settled);
		TEST_STRING(one->vm_name, "web1");
		TEST_STRING(one->text, "another process works on it");
	}
	test_folder_free(folder);
}

/* The journal goes, the record stays. */
static void
only_a_guest_taken_over_is_forgotten(void)
{
	static const Row taken = { "", { JOURNAL_SETUP, JOURNAL_COMMITTED, JOURNAL_RUNNING } };
	static const Row loading = { "", { JOURNAL_SETUP } };
	char *folder = test_folder_new();
	write_journal(folder, &loading);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_FALSE(recover_forget(folder, "web1", SESSION, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_UNKNOWN, "was not committed here");
	CU_ASSERT_TRUE(is_there(folder));
	CU_ASSERT_EQUAL(place_of(folder), OWNERSHIP_RECEIVING);
	test_folder_free(folder);

	folder = test_folder_new();
	write_journal(folder, &taken);
	CU_ASSERT_TRUE(recover_forget(folder, "web1", SESSION, NULL));
	CU_ASSERT_FALSE(is_there(folder));
	CU_ASSERT_TRUE(recover_forget(folder, "web1", SESSION, NULL));
	answers(folder, SESSION, PEER_OUTCOME_RUNNING, NULL);
	CU_ASSERT_EQUAL(place_of(folder), OWNERSHIP_HERE);
	test_folder_free(folder);
}

/* Both QEMUs are dead, and the source has settled it. */
static void
a_session_that_a_restart_has_cut_is_settled_by_its_source(void)
{
	static const Row cut = { "", { JOURNAL_SETUP, JOURNAL_COMMITTED }, TRUE };
	char *folder = test_folder_new();
	write_journal(folder, &cut);
	age_record(folder);
	answers(folder, SESSION, PEER_OUTCOME_DEAD, "this host was restarted");
	/* The answer to 'done' may be lost: then the source asks and says it again. */
	for (guint i = 0; i < 2; i++) {
		CU_ASSERT_TRUE(recover_forget(folder, "web1", SESSION, NULL));
		CU_ASSERT_FALSE(is_there(folder));
		CU_ASSERT_EQUAL(place_of(folder), OWNERSHIP_NOWHERE);
		answers(folder, SESSION, PEER_OUTCOME_DEAD, "on both hosts have died");
	}
	test_folder_free(folder);
}

/* A name that leads nowhere is no proof that no commit has come. */
static void
a_journal_that_cannot_be_read_is_not_gone(void)
{
	char *folder = test_folder_new();
	g_autofree char *path = g_strconcat(folder, "/" OTHER ".destination", NULL);
	begin_receiving(folder);
	answers(folder, OTHER, PEER_OUTCOME_GONE, NULL);
	CU_ASSERT_EQUAL_FATAL(symlink("/nonexistent/journal", path), 0);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_EQUAL(recover_answer(folder, "web1", OTHER, &error), PEER_OUTCOME_UNKNOWN);
	CU_ASSERT_PTR_NOT_NULL(error);
	g_autoptr(Ownership) record = ownership_load(folder, "web1", NULL);
	CU_ASSERT_EQUAL(recover_answer_by_record(folder, record, OTHER, NULL),
			PEER_OUTCOME_UNKNOWN);
	CU_ASSERT_EQUAL(g_unlink(path), 0);
	test_folder_free(folder);
}

/* The source gives its copy up all the same; but nobody says that it runs. */
static void
a_guest_that_died_after_it_was_taken_is_not_said_to_run(void)
{
	static const Row taken = { "", { JOURNAL_SETUP, JOURNAL_COMMITTED, JOURNAL_RUNNING } };
	if (test_under_valgrind()) {
		test_skip("valgrind knows no pidfds: no death can be proven");
		return;
	}
	char *folder = test_folder_new();
	write_journal(folder, &taken);
	answers(folder, SESSION, PEER_OUTCOME_RUNNING, "its QEMU has died since");
	g_autoptr(GPtrArray) found = gw_recover(folder, NULL, GW_ASSUME_NOTHING, NULL, NULL);
	CU_ASSERT_EQUAL_FATAL(found->len, 1);
	const GwRecovered *one = g_ptr_array_index(found, 0);
	CU_ASSERT_TRUE(one->settled);
	CU_ASSERT_EQUAL(one->vm_runs_on, GW_PLACE_NONE);
	CU_ASSERT_PTR_NOT_NULL(strstr(one->text, "its QEMU has died since"));
	test_folder_free(folder);
}

/* The user has started it on this host after the restart, with --here or with what the record said:
 * it runs, and its source must not hear that it runs nowhere. */
static void
a_guest_that_was_started_again_here_is_not_dead(void)
{
	static const Row rows_before[] = {
		{ "", { JOURNAL_SETUP }, TRUE },
		{ "", { JOURNAL_SETUP, JOURNAL_COMMITTED, JOURNAL_RUNNING }, TRUE },
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows_before); i++) {
		char *folder = test_folder_new();
		write_journal(folder, &rows_before[i]);
		age_record(folder);
		answers(folder, SESSION, PEER_OUTCOME_DEAD, "restart");
		CU_ASSERT_TRUE(handover_start_here(folder, "web1", "/run/web1", NULL));
		answers(folder, SESSION, PEER_OUTCOME_RUNNING, NULL);
		CU_ASSERT_TRUE(recover_forget(folder, "web1", SESSION, NULL));
		answers(folder, SESSION, PEER_OUTCOME_RUNNING, NULL);
		CU_ASSERT_EQUAL(place_of(folder), OWNERSHIP_HERE);
		test_folder_free(folder);
	}
}

/* The destination was restarted while it received. The source has kept the guest and tries again;
 * another one may not: the guest may have run here, and the source's copy may be the last. */
static void
the_same_source_may_come_again_after_a_restart(void)
{
	static const Row cut = { "", { JOURNAL_SETUP }, TRUE };
	const OwnershipPeer same = { .host = (char *)"192.0.2.1", .token = (char *)"another" };
	const OwnershipPeer stranger = { .host = (char *)"192.0.2.9", .token = (char *)"another" };
	g_autoptr(GError) error = NULL;
	char *folder = test_folder_new();
	write_journal(folder, &cut);
	CU_ASSERT_FALSE(receiving_begin(folder, "web1", OTHER, &same, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_UNKNOWN, "may have come to this host");
	g_clear_error(&error);
	age_record(folder);
	CU_ASSERT_FALSE(receiving_begin(folder, "web1", OTHER, &stranger, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_UNKNOWN, "may have come to this host");
	answers(folder, SESSION, PEER_OUTCOME_DEAD, "this host was restarted");
	CU_ASSERT_TRUE(receiving_begin(folder, "web1", OTHER, &same, NULL));
	answers(folder, SESSION, PEER_OUTCOME_DEAD, "this host was restarted"); /* never "gone" */
	CU_ASSERT_FALSE(is_there(folder));
	CU_ASSERT_TRUE(receiving_undo(folder, "web1", OTHER, NULL));
	answers(folder, SESSION, PEER_OUTCOME_DEAD, "this host was restarted");
	CU_ASSERT_EQUAL(place_of(folder), OWNERSHIP_NOT_KNOWN);
	test_folder_free(folder);
}

/* Its source was never told that it may forget: the user answered in the agent's place. The journal
 * is kept only while it knows more than the record. */
static void
a_guest_that_has_moved_on_leaves_no_journal(void)
{
	static const Row taken = { "", { JOURNAL_SETUP, JOURNAL_COMMITTED, JOURNAL_RUNNING } };
	static const struct {
		OwnershipEvent event;
		gboolean is_kept;
	} moves[] = { { OWNERSHIP_SEND, TRUE },
		      { OWNERSHIP_UNDO, TRUE },
		      { OWNERSHIP_SEND, TRUE },
		      { OWNERSHIP_GIVE, FALSE } };
	char *folder = test_folder_new();
	const Handover next = { .state_dir = folder, .vm_name = "web1", .session = OTHER };
	write_journal(folder, &taken);
	CU_ASSERT_TRUE(receiving_take(folder, "web1", SESSION, NULL));
	for (guint i = 0; i < G_N_ELEMENTS(moves); i++) {
		g_autoptr(GPtrArray) found = NULL;
		CU_ASSERT_TRUE(moves[i].event == OWNERSHIP_SEND
				       ? handover_begin(&next, NULL)
				       : handover_end(&next, moves[i].event, NULL));
		found = gw_recover(folder, NULL, GW_ASSUME_NOTHING, NULL, NULL);
		CU_ASSERT_EQUAL(found->len, 1);
		CU_ASSERT_EQUAL(is_there(folder), moves[i].is_kept);
	}
	answers(folder, SESSION, PEER_OUTCOME_RUNNING, NULL);
	test_folder_free(folder);
}

/* It may take hours: a move of the same VM to the next host. */
static void
another_session_does_not_keep_a_settled_one(void)
{
	static const Row taken = { "", { JOURNAL_SETUP, JOURNAL_RUNNING } };
	static const Row settled = { "", { JOURNAL_SETUP, JOURNAL_RUNNING, JOURNAL_RESTORED } };
	char *folder = test_folder_new();
	write_journal(folder, &taken);
	g_autoptr(GError) error = NULL;
	g_autoptr(VmLock) lock = vm_lock_take(folder, "web1", "migrating", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(lock);
	CU_ASSERT_FALSE(recover_forget(folder, "web1", SESSION, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_BUSY, "is in use on this host: migrating");
	CU_ASSERT_TRUE(is_there(folder));
	test_folder_free(folder);

	folder = test_folder_new();
	write_journal(folder, &settled);
	CU_ASSERT_TRUE(receiving_take(folder, "web1", SESSION, NULL));
	g_autoptr(VmLock) other = vm_lock_take(folder, "web1", "migrating", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(other);
	CU_ASSERT_TRUE(recover_forget(folder, "web1", SESSION, NULL));
	CU_ASSERT_FALSE(is_there(folder));
	answers(folder, SESSION, PEER_OUTCOME_RUNNING, NULL);
	test_folder_free(folder);
}

/* The source had no name for its VM, and found the record by the monitor's path: a recovery settles
 * the same record, and finds the session by its name. */
static void
a_source_settles_the_record_that_its_session_wrote(void)
{
	static const char *const names[] = { "web1", NULL };
	char *folder = test_folder_new();
	const Handover handover = { .state_dir = folder,
				    .vm_name = "web1",
				    .qmp_path = "/nonexistent/qmp",
				    .session = SESSION,
				    .peer = { .host = (char *)"192.0.2.1" } };
	CU_ASSERT_TRUE_FATAL(handover_start_here(folder, "web1", handover.qmp_path, NULL));
	CU_ASSERT_TRUE_FATAL(handover_begin(&handover, NULL));
	JsonObject *facts = json_object_new();
	json_object_set_string_member(facts, "vm", "");
	json_object_set_string_member(facts, "record", "web1");
	json_object_set_string_member(facts, "qmp", handover.qmp_path);
	Journal *journal = journal_create(folder, SESSION, SIDE_SOURCE, facts, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
	JsonObject *aged = json_object_new();
	json_object_set_string_member(aged, "boot_id", "another boot");
	CU_ASSERT_TRUE(journal_append(journal, JOURNAL_SETUP, aged, NULL));
	journal_free(journal);

	g_autoptr(GPtrArray) found = gw_recover(folder, names, GW_ASSUME_NOTHING, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(found);
	CU_ASSERT_EQUAL_FATAL(found->len, 1);
	CU_ASSERT_TRUE(((const GwRecovered *)g_ptr_array_index(found, 0))->settled);
	CU_ASSERT_EQUAL(place_of(folder), OWNERSHIP_HERE);
	test_folder_free(folder);
}

CU_TestInfo suite_recover[] = {
	{ "each row of the table holds", each_row_of_the_table_holds },
	{ "a vGPU that stays keeps the journal, not the guest",
	  a_vgpu_that_stays_keeps_the_journal_and_not_the_guest },
	{ "what was never heard of is gone only by a record",
	  what_was_never_heard_of_is_gone_only_by_a_record },
	{ "a guest that was taken is never gone", a_guest_that_was_taken_is_never_gone },
	{ "a journal without a record is not gone", a_journal_without_a_record_is_not_gone },
	{ "a living owner is left alone", a_living_owner_is_left_alone },
	{ "a session under way is found by its VM", a_session_under_way_is_found_by_its_vm },
	{ "only a guest taken over is forgotten", only_a_guest_taken_over_is_forgotten },
	{ "a session that a restart has cut is settled by its source",
	  a_session_that_a_restart_has_cut_is_settled_by_its_source },
	{ "a journal that cannot be read is not gone", a_journal_that_cannot_be_read_is_not_gone },
	{ "a guest that died after it was taken is not said to run",
	  a_guest_that_died_after_it_was_taken_is_not_said_to_run },
	{ "a guest that was started again here is not dead",
	  a_guest_that_was_started_again_here_is_not_dead },
	{ "the same source may come again after a restart",
	  the_same_source_may_come_again_after_a_restart },
	{ "a guest that has moved on leaves no journal",
	  a_guest_that_has_moved_on_leaves_no_journal },
	{ "another session does not keep a settled one",
	  another_session_does_not_keep_a_settled_one },
	{ "a source settles the record that its session wrote",
	  a_source_settles_the_record_that_its_session_wrote },
	CU_TEST_INFO_NULL,
};
