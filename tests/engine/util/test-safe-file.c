/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that nothing may rest on: links, FIFOs, devices, files of others, large ones.
 */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/util/safe-file.h"
#include "tests/rig/test-util.h"

#define MAX_BYTES 64

static char *
write_file(const char *folder, const char *name, mode_t mode)
{
	char *path = g_build_filename(folder, name, NULL);
	CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, "twelve bytes", -1, NULL));
	CU_ASSERT_EQUAL(chmod(path, mode), 0);
	return path;
}

static void
is_refused(const char *path, const char *why)
{
	g_autoptr(GError) error = NULL;
	gsize len = 0;
	g_autofree char *text = safe_file_read(path, MAX_BYTES, &len, &error);
	CU_ASSERT_PTR_NULL(text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(error);
	CU_ASSERT_PTR_NOT_NULL(strstr(error->message, why));
}

static void
a_file_of_ours_is_read(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = write_file(folder, "file", 0600);
	g_autoptr(GError) error = NULL;
	gsize len = 0;
	g_autofree char *text = safe_file_read(path, 12, &len, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_EQUAL(len, 12);
	CU_ASSERT_STRING_EQUAL(text, "twelve bytes");
}

static void
what_is_not_a_file_is_refused(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = write_file(folder, "file", 0600);
	g_autofree char *linked = g_build_filename(folder, "link", NULL);
	g_autofree char *fifo = g_build_filename(folder, "fifo", NULL);
	CU_ASSERT_EQUAL(symlink(path, linked), 0);
	CU_ASSERT_EQUAL(mkfifo(fifo, 0600), 0);
	is_refused(linked, "symbolic");
	is_refused(fifo, "is not a regular file");
	is_refused("/dev/zero", "is not a regular file");
	is_refused(folder, "is not a regular file");
}

/* A file that people keep where they like: the link is theirs, and what it leads to is checked. */
static void
a_link_is_followed_where_that_is_asked_for(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = write_file(folder, "file", 0600);
	g_autofree char *linked = g_build_filename(folder, "link", NULL);
	g_autoptr(GError) error = NULL;
	gsize len = 0;
	CU_ASSERT_EQUAL(symlink(path, linked), 0);
	g_autofree char *text = safe_file_read_linked(linked, MAX_BYTES, &len, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_EQUAL(len, 12);
	CU_ASSERT_EQUAL(chmod(path, 0602), 0);
	CU_ASSERT_PTR_NULL(safe_file_read_linked(linked, MAX_BYTES, &len, &error));
	TEST_ERROR(error, G_FILE_ERROR, G_FILE_ERROR_PERM, "may be written by other users");
}

static void
a_folder_is_of_one_user(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = write_file(folder, "file", 0600);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(safe_folder_check(folder, &error));
	TEST_NO_ERROR(error);
	CU_ASSERT_FALSE(safe_folder_check(path, &error));
	TEST_ERROR(error, G_FILE_ERROR, G_FILE_ERROR_PERM, "is not a folder");
	g_clear_error(&error);
	CU_ASSERT_FALSE(safe_folder_check("/no/such", &error));
	TEST_ERROR(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "/no/such");
	g_clear_error(&error);
	CU_ASSERT_EQUAL(chmod(folder, 01777), 0);
	CU_ASSERT_FALSE(safe_folder_check(folder, &error));
	TEST_ERROR(error, G_FILE_ERROR, G_FILE_ERROR_PERM, "may be written by other users");
	CU_ASSERT_EQUAL(chmod(folder, 0700), 0);
}

static void
what_others_may_write_is_refused(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *shared = write_file(folder, "shared", 0620);
	g_autofree char *open_to_all = write_file(folder, "open", 0602);
	is_refused(shared, "may be written by other users");
	is_refused(open_to_all, "may be written by other users");
	if (geteuid() != 0)
		return;
	g_autofree char *theirs = write_file(folder, "theirs", 0600);
	CU_ASSERT_EQUAL(chown(theirs, 65534, 65534), 0);
	is_refused(theirs, "belongs to another user");
}

/* One that says 0 bytes and has more, as files in /proc do, is bounded while it is read. */
static void
what_is_large_is_refused(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = write_file(folder, "file", 0600);
	g_autoptr(GError) error = NULL;
	gsize len;
	CU_ASSERT_PTR_NULL(safe_file_read(path, 11, &len, &error));
	CU_ASSERT_PTR_NOT_NULL_FATAL(error);
	is_refused("/proc/self/smaps", "is too large");
}

CU_TestInfo suite_safe_file[] = {
	{ "a file of ours is read", a_file_of_ours_is_read },
	{ "what is not a file is refused", what_is_not_a_file_is_refused },
	{ "a link is followed where that is asked for",
	  a_link_is_followed_where_that_is_asked_for },
	{ "a folder is of one user", a_folder_is_of_one_user },
	{ "what others may write is refused", what_others_may_write_is_refused },
	{ "what is large is refused", what_is_large_is_refused },
	CU_TEST_INFO_NULL,
};
