/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Marks beside images: found in the same folder only, gone afterwards, and no way to read other
 * files. */
#include "engine/host/disk-mark.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/rig/test-util.h"

static guint
count_files(const char *folder)
{
	guint n = 0;
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	while (dir != NULL && g_dir_read_name(dir) != NULL)
		n++;
	return n;
}

static void
it_is_found_in_the_same_folder(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_auto(TestFolder) elsewhere = test_folder_new();
	g_autofree char *image = test_file_new(folder, "web1.img", "image");
	g_autofree char *other = test_file_new(folder, "web2.img", "image");
	g_autofree char *local = test_file_new(elsewhere, "web1.img", "image");
	g_autofree char *alias = g_build_filename(elsewhere, "link.img", NULL);
	CU_ASSERT_EQUAL_FATAL(symlink(image, alias), 0);
	g_autoptr(DiskMark) mark = disk_mark_new(0, alias);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mark);
	const char *name = disk_mark_get_name(mark);
	CU_ASSERT_EQUAL(count_files(folder), 3);
	g_autofree char *same = disk_mark_look(getpid(), image, name);
	g_autofree char *beside = disk_mark_look(0, other, name);
	g_autofree char *absent = disk_mark_look(0, local, name);
	TEST_STRING(same, disk_mark_get_words(mark));
	CU_ASSERT_PTR_NOT_NULL_FATAL(beside);
	CU_ASSERT_STRING_NOT_EQUAL(beside, same);
	CU_ASSERT_PTR_NOT_NULL_FATAL(absent);
	CU_ASSERT_TRUE(g_str_has_prefix(absent, "- "));
	g_clear_pointer(&mark, disk_mark_free);
	CU_ASSERT_EQUAL(count_files(folder), 2);
	g_autofree char *text = NULL;
	CU_ASSERT_TRUE(g_file_get_contents(image, &text, NULL, NULL));
	TEST_STRING(text, "image");
}

static void
what_is_no_mark_is_not_read(void)
{
	static const char uuid[] = "12345678-9abc-4def-8123-456789abcdef";
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *image = test_file_new(folder, "web1.img", "image");
	g_autofree char *secret = test_file_new(folder, "secret", uuid);
	g_autofree char *name = g_strconcat(".godwit-mark-", uuid, NULL);
	g_autofree char *path = g_build_filename(folder, name, NULL);
	CU_ASSERT_PTR_NULL(disk_mark_look(0, image, "secret"));
	CU_ASSERT_PTR_NULL(disk_mark_look(0, image, "../secret"));
	CU_ASSERT_PTR_NULL(disk_mark_look(0, image, ".godwit-mark-/../secret"));
	/* What lies at a mark's name may be anything. */
	CU_ASSERT_EQUAL_FATAL(symlink(secret, path), 0);
	CU_ASSERT_PTR_NULL(disk_mark_look(0, image, name));
	unlink(path);
	CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
	CU_ASSERT_PTR_NULL(disk_mark_look(0, image, name));
	unlink(path);
	g_autofree char *long_text = g_strconcat(uuid, "more", NULL);
	CU_ASSERT_TRUE(g_file_set_contents(path, long_text, -1, NULL));
	CU_ASSERT_PTR_NULL(disk_mark_look(0, image, name));
}

static void
where_none_can_be_made(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *image = test_file_new(folder, "web1.img", "image");
	int fd = open(image, O_RDWR | O_CLOEXEC);
	CU_ASSERT_PTR_NULL(disk_mark_new(0, "/no/such/image"));
	CU_ASSERT_PTR_NULL(disk_mark_new(0, "/dev/null"));
	CU_ASSERT_PTR_NULL(disk_mark_new(0, "nbd://nas/web1"));
	/* It is still open, but has no folder any more. */
	unlink(image);
	CU_ASSERT_PTR_NULL(disk_mark_new(getpid(), image));
	close(fd);
}

CU_TestInfo suite_disk_mark[] = {
	{ "it is found in the same folder", it_is_found_in_the_same_folder },
	{ "what is no mark is not read", what_is_no_mark_is_not_read },
	{ "where none can be made", where_none_can_be_made },
	CU_TEST_INFO_NULL,
};
