/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table at the top of recover-destination.c, row by row, on journals written by hand: what an agent that
 * died has left, and what may be said of it. "Gone" lets the source resume, so most rows are about when it
 * must not be said.
 */
#include <CUnit/CUnit.h>
#include <glib/gstdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "engine/record/journal.h"
#include "engine/util/scoped-context.h"
#include "engine/recover/recover-destination.h"
#include "tests/rig/test-util.h"

#define SESSION "6b0d0d3c-6f0a-4b57-9a8e-0d7e5a1c2b3d"

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
	const char *phases[6]; /* after "begin" */
	gboolean earlier_boot;
	PeerOutcome outcome;
	gboolean is_kept; /* is the journal still there afterwards? */
} Row;

static const Row rows[] = {
	{ "died at once", { NULL }, FALSE, PEER_OUTCOME_GONE, FALSE },
	{ "died before the door was open",
	  { "started", "prepare" },
	  FALSE,
	  PEER_OUTCOME_GONE,
	  FALSE },
	{ "the same, host restarted", { "started", "prepare" }, TRUE, PEER_OUTCOME_GONE, FALSE },
	{ "died while loading", { "prepare", "setup" }, FALSE, PEER_OUTCOME_GONE, FALSE },
	{ "host died while loading", { "prepare", "setup" }, TRUE, PEER_OUTCOME_UNKNOWN, TRUE },
	{ "QEMU died after the commit", { "setup", "committed" }, FALSE, PEER_OUTCOME_GONE, FALSE },
	{ "host died after the commit",
	  { "setup", "committed" },
	  TRUE,
	  PEER_OUTCOME_UNKNOWN,
	  TRUE },
	{ "taken over", { "setup", "committed", "running" }, FALSE, PEER_OUTCOME_RUNNING, TRUE },
	{ "taken over, host restarted",
	  { "setup", "committed", "running" },
	  TRUE,
	  PEER_OUTCOME_RUNNING,
	  TRUE },
};

/* @vgpu: (nullable) */
static void
write_journal_with(const char *folder, const Row *row, const char *vgpu)
{
	JsonArray *vgpus = json_array_new();
	if (vgpu != NULL)
		json_array_add_string_element(vgpus, vgpu);
	JsonObject *facts = json_object_new();
	json_object_set_boolean_member(facts, "owned", TRUE);
	json_object_set_int_member(facts, "pid", dead_pid());
	json_object_set_int_member(facts, "start_ticks", 1);
	json_object_set_array_member(facts, "vgpus", vgpus);
	g_autoptr(Journal) journal = journal_create(folder, SESSION, SIDE_DESTINATION, facts, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
	for (guint i = 0; row->phases[i] != NULL; i++) {
		JsonObject *more = json_object_new();
		if (row->earlier_boot)
			json_object_set_string_member(more, "boot_id", "another boot");
		CU_ASSERT_TRUE_FATAL(journal_append(journal, row->phases[i], more, NULL));
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
		CU_ASSERT_EQUAL(outcome == PEER_OUTCOME_UNKNOWN, error != NULL);
		CU_ASSERT_EQUAL(outcome != PEER_OUTCOME_UNKNOWN, text != NULL);
		test_folder_free(folder);
	}
}

/* What cannot be removed: the kernel need not even be asked. */
static void
a_vgpu_that_stays_keeps_the_journal_and_not_the_guest(void)
{
	static const Row taken = { "", { "setup", "committed" }, FALSE, 0, TRUE };
	static const Row loading = { "", { "setup" }, FALSE, 0, TRUE };
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
what_was_never_heard_of_is_gone(void)
{
	char *folder = test_folder_new();
	CU_ASSERT_EQUAL(recover_destination(folder, SESSION, NULL, NULL, NULL), PEER_OUTCOME_GONE);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_EQUAL(recover_destination(folder, "../etc", NULL, NULL, &error),
			PEER_OUTCOME_UNKNOWN);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_PROTOCOL, "is not a session");
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
	CU_ASSERT_FALSE(recover_forget(folder, SESSION, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_BUSY, "is under way");
	CU_ASSERT_TRUE(is_there(folder));
	test_folder_free(folder);
}

static void
only_a_guest_taken_over_is_forgotten(void)
{
	static const Row taken = { "", { "setup", "committed", "running" }, FALSE, 0, FALSE };
	static const Row loading = { "", { "setup" }, FALSE, 0, FALSE };
	char *folder = test_folder_new();
	write_journal(folder, &loading);
	CU_ASSERT_TRUE(recover_forget(folder, SESSION, NULL));
	CU_ASSERT_TRUE(is_there(folder));
	test_folder_free(folder);

	folder = test_folder_new();
	write_journal(folder, &taken);
	CU_ASSERT_TRUE(recover_forget(folder, SESSION, NULL));
	CU_ASSERT_FALSE(is_there(folder));
	CU_ASSERT_TRUE(recover_forget(folder, SESSION, NULL));
	test_folder_free(folder);
}

CU_TestInfo suite_recover[] = {
	{ "each row of the table holds", each_row_of_the_table_holds },
	{ "a vGPU that stays keeps the journal, not the guest",
	  a_vgpu_that_stays_keeps_the_journal_and_not_the_guest },
	{ "what was never heard of is gone", what_was_never_heard_of_is_gone },
	{ "a living owner is left alone", a_living_owner_is_left_alone },
	{ "only a guest taken over is forgotten", only_a_guest_taken_over_is_forgotten },
	CU_TEST_INFO_NULL,
};
