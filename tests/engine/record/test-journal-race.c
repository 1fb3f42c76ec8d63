/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens to a journal between its opening and its lock: flock() of this program does it just
 * before it locks.
 */
#include <CUnit/CUnit.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "engine/record/journal.h"
#include "tests/rig/test-util.h"

#define SESSION "0b9d7e42-7b0c-4f2a-9a57-0123456789ab"

static const char *path_to_remove; /* (nullable) */

/* Before that of the C library. */
int
flock(int fd, int operation)
{
	if (path_to_remove != NULL)
		unlink(path_to_remove);
	return (int)syscall(SYS_flock, fd, operation);
}

/* Its owner has ended in that moment: who opens it must not go on with a file that has no name. */
static void
a_journal_removed_before_its_lock_is_not_opened(void)
{
	char *folder = test_folder_new();
	g_autofree char *path = g_strconcat(folder, "/" SESSION ".source", NULL);
	g_autoptr(GError) error = NULL;
	journal_free(journal_create(folder, SESSION, SIDE_SOURCE, NULL, NULL));
	path_to_remove = path;
	g_autoptr(Journal) journal = journal_open(folder, SESSION, SIDE_SOURCE, &error);
	path_to_remove = NULL;
	CU_ASSERT_PTR_NULL(journal);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "cannot open '");
	test_folder_free(folder);
}

CU_TestInfo suite_journal_race[] = {
	{ "a journal removed before its lock is not opened",
	  a_journal_removed_before_its_lock_is_not_opened },
	CU_TEST_INFO_NULL,
};
