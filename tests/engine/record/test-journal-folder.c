/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The folder of the journals: names that are no session, and folders that are not there or cannot
 * be.
 */
#include <CUnit/CUnit.h>
#include <glib/gstdio.h>

#include "engine/gw-error.h"
#include "engine/record/journal.h"
#include "engine/record/state-dir.h"
#include "tests/rig/test-util.h"

#define SESSION "0b9d7e42-7b0c-4f2a-9a57-0123456789ab"

/* Such a name may have been made to forge a line of a log. */
static void
names_that_are_no_session_are_not_listed(void)
{
	static const char *const names[] = { "a b.source", "\x1b[2J.source",  "x\ny.destination",
					     ".source",	   "\xc2\x9b.source", "a.b.source" };
	g_auto(TestFolder) folder = test_folder_new();

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(folder, names[i], NULL);
		CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, "{\"phase\":\"x\"}\n", -1, NULL));
	}
	g_autoptr(GPtrArray) found = journal_list(folder, NULL);
	CU_ASSERT_EQUAL(found->len, 0);
}

static void
unsafe_names_reach_no_file(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *too_long = g_strnfill(65, 'a');
	const char *const names[] = { "",    "..",  "../x",	"a/b",	 "a.b",
				      "a b", "a\n", "\xc3\xa4", too_long };

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autoptr(GError) error = NULL;
		CU_ASSERT_PTR_NULL(journal_open(folder, names[i], SIDE_SOURCE, &error));
		TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "is not a session id");
	}
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(journal_open(folder, "not-there", SIDE_SOURCE, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "journal '");
}

static void
a_folder_that_is_not_there_has_no_journals(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *none = g_build_filename(folder, "none", NULL);
	g_autofree char *file = test_file_new(folder, "file", "x");
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) names = journal_list(none, &error);

	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(names);
	CU_ASSERT_EQUAL(names->len, 0);
	CU_ASSERT_PTR_NULL(journal_list(file, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "cannot read '");
}

static void
a_folder_that_cannot_be_is_named(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *file = test_file_new(folder, "file", "x");
	g_autofree char *below = g_build_filename(file, "state", NULL);
	g_autoptr(GError) error = NULL;

	CU_ASSERT_PTR_NULL(journal_create(below, SESSION, SIDE_SOURCE, NULL, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, below);
	g_clear_error(&error);
	CU_ASSERT_PTR_NULL(journal_create("/proc/self", SESSION, SIDE_SOURCE, NULL, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "cannot make '/proc/self/" SESSION);
}

/* On shared storage, or in a copy of the folder. */
static void
another_host_s_journal_is_left_alone(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(GError) error = NULL;
	g_autofree char *ours = state_dir_get_machine_id();
	if (*ours == '\0') {
		test_skip("this machine has no id");
		return;
	}
	journal_free(journal_create(folder, SESSION, SIDE_SOURCE, NULL, NULL));
	g_autofree char *path = g_strconcat(folder, "/", SESSION, ".source", NULL);
	g_autofree char *text = NULL;
	CU_ASSERT_TRUE_FATAL(g_file_get_contents(path, &text, NULL, NULL));
	g_autoptr(GString) moved = g_string_new(text);
	CU_ASSERT_EQUAL(g_string_replace(moved, ours, "0123456789abcdef0123456789abcdef", 0), 1);
	CU_ASSERT_TRUE(g_file_set_contents(path, moved->str, -1, NULL));
	g_autoptr(Journal) journal = journal_open(folder, SESSION, SIDE_SOURCE, &error);
	CU_ASSERT_PTR_NULL(journal);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "is of another host");
	CU_ASSERT_TRUE(g_file_test(path, G_FILE_TEST_EXISTS));
}

CU_TestInfo suite_journal_folder[] = {
	{ "names that are no session are not listed", names_that_are_no_session_are_not_listed },
	{ "unsafe names reach no file", unsafe_names_reach_no_file },
	{ "a folder that is not there has no journals",
	  a_folder_that_is_not_there_has_no_journals },
	{ "a folder that cannot be is named", a_folder_that_cannot_be_is_named },
	{ "another host's journal is left alone", another_host_s_journal_is_left_alone },
	CU_TEST_INFO_NULL,
};
