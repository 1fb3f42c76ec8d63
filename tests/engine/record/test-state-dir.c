/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The identity of a host: made once, kept, and refused where another user could have written it.
 */
#include <CUnit/CUnit.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "engine/record/state-dir.h"
#include "tests/rig/test-util.h"

static void
an_identity_is_made_once(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "agent-id", NULL);
	g_autofree char *first = state_dir_get_agent_id(folder, NULL);
	g_autofree char *second = state_dir_get_agent_id(folder, NULL);
	struct stat info;
	CU_ASSERT_PTR_NOT_NULL_FATAL(first);
	CU_ASSERT_PTR_NOT_NULL_FATAL(second);
	CU_ASSERT_STRING_EQUAL(first, second);
	CU_ASSERT_EQUAL_FATAL(stat(path, &info), 0);
	CU_ASSERT_EQUAL(info.st_mode & 0777, 0600);
}

static void
another_users_identity_is_refused(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "agent-id", NULL);
	g_autofree char *id = g_uuid_string_random();
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(g_file_set_contents(path, id, -1, NULL));
	CU_ASSERT_EQUAL(chmod(path, 0666), 0);
	CU_ASSERT_PTR_NULL(state_dir_get_agent_id(folder, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "may be written by other users");

	g_clear_error(&error);
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(symlink("/dev/zero", path), 0);
	CU_ASSERT_PTR_NULL(state_dir_get_agent_id(folder, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "this host's identity: ");

	g_clear_error(&error);
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	CU_ASSERT_PTR_NULL(state_dir_get_agent_id(folder, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "is not a regular file");
}

CU_TestInfo suite_state_dir[] = {
	{ "an identity is made once", an_identity_is_made_once },
	{ "another user's identity is refused", another_users_identity_is_refused },
	CU_TEST_INFO_NULL,
};
