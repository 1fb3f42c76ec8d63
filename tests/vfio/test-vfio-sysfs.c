/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading and writing attributes: what comes from a driver that we do not know, and from trees that
 * no kernel makes.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/rig/fake-sysfs.h"
#include "tests/rig/test-util.h"
#include "vfio/vfio-error.h"
#include "vfio/vfio-sysfs.h"

static VfioSysfs *
open_tree(const FakeSysfs *fake)
{
	g_autoptr(GError) error = NULL;
	VfioSysfs *sysfs = vfio_sysfs_new(fake_sysfs_get_root(fake), NULL, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(sysfs);
	return sysfs;
}

static void
texts_become_clean(void)
{
	static const struct {
		const char *text;
		const char *expected;
	} rows[] = {
		{ "vfio-pci\n", "vfio-pci" },
		{ "no line feed", "no line feed" },
		{ "", "" },
		{ "\n \n", "" },
		{ "two\nlines\n", "two\nlines" },
		{ "\033[2Jx\001\n", "?[2Jx?" },
		{ "\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd" },
	};
	g_autoptr(FakeSysfs) fake = fake_sysfs_new();
	g_autoptr(VfioSysfs) sysfs = open_tree(fake);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		fake_sysfs_file(fake, "a/b", rows[i].text);
		g_autofree char *text = vfio_sysfs_read(sysfs, "a", "b", NULL);
		TEST_STRING(text, rows[i].expected);
	}
}

static void
a_page_is_read_and_more_is_refused(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_new();
	g_autoptr(VfioSysfs) sysfs = open_tree(fake);
	g_autofree char *page = g_strnfill(VFIO_SYSFS_PAGE_BYTES, 'x');
	g_autofree char *more = g_strnfill(VFIO_SYSFS_PAGE_BYTES + 1, 'x');
	fake_sysfs_file(fake, "a/page", page);
	fake_sysfs_file(fake, "a/more", more);
	g_autofree char *text = vfio_sysfs_read(sysfs, "a", "page", NULL);
	TEST_STRING(text, page);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(vfio_sysfs_read(sysfs, "a", "more", &error));
	TEST_ERROR(error, VFIO_ERROR, VFIO_ERROR_SYSFS, "/a/more' is longer than any attribute");
}

static void
what_is_no_attribute_is_an_error(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_new();
	g_autoptr(VfioSysfs) sysfs = open_tree(fake);
	fake_sysfs_link(fake, "a/endless", "/dev/zero");
	fake_sysfs_link(fake, "a/dangling", "nowhere");
	fake_sysfs_link(fake, "a/loop", "loop");
	g_autofree char *fifo = vfio_sysfs_path(sysfs, "a", "fifo");
	CU_ASSERT_EQUAL_FATAL(mkfifo(fifo, 0600), 0);
	static const char *const names[] = { "endless", "dangling", "loop", "missing", NULL };
	for (guint i = 0; names[i] != NULL; i++) {
		g_autoptr(GError) error = NULL;
		CU_ASSERT_PTR_NULL(vfio_sysfs_read(sysfs, "a", names[i], &error));
		TEST_ERROR(error, VFIO_ERROR, VFIO_ERROR_SYSFS, names[i]);
	}
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(vfio_sysfs_read(sysfs, "a", NULL, &error));
	TEST_ERROR(error, VFIO_ERROR, VFIO_ERROR_SYSFS, "Is a directory");
	/* Nobody writes to it: an open that waited for that would wait for ever. */
	g_autofree char *text = vfio_sysfs_read(sysfs, "a", "fifo", NULL);
	TEST_STRING(text, "");
	CU_ASSERT_EQUAL(vfio_sysfs_write(sysfs, "a", "fifo", "1"), ENXIO);
}

static void
numbers_are_numbers_or_unknown(void)
{
	static const struct {
		const char *text;
		gint64 count;
		guint hex;
	} rows[] = {
		{ "12\n", 12, 0 },
		{ "0", 0, 0 },
		{ "100", 100, 0 },
		{ "101", -1, 0 },
		{ "-1", -1, 0 },
		{ "1x", -1, 0 },
		{ "", -1, 0 },
		{ "99999999999999999999", -1, 0 },
		{ "0x10de\n", -1, 0x10de },
		{ "10de", -1, 0 },
		{ "0xffff", -1, 0xffff },
		{ "0x10000", -1, 0 },
		{ "0x", -1, 0 },
		{ "0x-1", -1, 0 },
	};
	g_autoptr(FakeSysfs) fake = fake_sysfs_new();
	g_autoptr(VfioSysfs) sysfs = open_tree(fake);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		fake_sysfs_file(fake, "n", rows[i].text);
		CU_ASSERT_EQUAL(vfio_sysfs_read_count(sysfs, "n", NULL, 100), rows[i].count);
		CU_ASSERT_EQUAL(vfio_sysfs_read_hex(sysfs, "n", NULL, 0xffff), rows[i].hex);
	}
	CU_ASSERT_EQUAL(vfio_sysfs_read_count(sysfs, "missing", NULL, 100), -1);
}

static void
names_cannot_lead_elsewhere(void)
{
	static const char *const good[] = { "nvidia-63", "0000:3b:00.0", "i915-GVTg_V5_4", "mtty" };
	static const char *const bad[] = { "",	      ".",   "..",  "a/b",    "/etc",
					   ".hidden", "a b", "a\n", "a\033b", "\xc3\xa4" };
	for (guint i = 0; i < G_N_ELEMENTS(good); i++)
		CU_ASSERT_TRUE(vfio_sysfs_name_is_valid(good[i]));
	for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
		CU_ASSERT_FALSE(vfio_sysfs_name_is_valid(bad[i]));
	CU_ASSERT_FALSE(vfio_sysfs_name_is_valid(NULL));
	g_autofree char *longest = g_strnfill(255, 'x');
	g_autofree char *too_long = g_strnfill(256, 'x');
	CU_ASSERT_TRUE(vfio_sysfs_name_is_valid(longest));
	CU_ASSERT_FALSE(vfio_sysfs_name_is_valid(too_long));
}

static void
links_and_folders_are_read(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_new();
	g_autoptr(VfioSysfs) sysfs = open_tree(fake);
	fake_sysfs_link(fake, "d/driver", "../../bus/pci/drivers/nvidia");
	fake_sysfs_link(fake, "d/up", "../..");
	fake_sysfs_file(fake, "d/b", "");
	fake_sysfs_file(fake, "d/a", "");
	fake_sysfs_file(fake, "d/.hidden", "");
	g_autofree char *driver = vfio_sysfs_link_name(sysfs, "d", "driver");
	TEST_STRING(driver, "nvidia");
	CU_ASSERT_PTR_NULL(vfio_sysfs_link_name(sysfs, "d", "up"));
	CU_ASSERT_PTR_NULL(vfio_sysfs_link_name(sysfs, "d", "a"));
	g_auto(GStrv) names = vfio_sysfs_list(sysfs, "d", NULL);
	g_autofree char *joined = g_strjoinv(" ", names);
	TEST_STRING(joined, "a b driver up");
	g_auto(GStrv) none = vfio_sysfs_list(sysfs, "d", "a");
	CU_ASSERT_PTR_NULL(none[0]);
	CU_ASSERT_TRUE(vfio_sysfs_exists(sysfs, "d", "up"));
	CU_ASSERT_FALSE(vfio_sysfs_exists(sysfs, "d", "driver"));
}

static int
refuse(int fd, const char *path, const char *text)
{
	CU_ASSERT_STRING_EQUAL(path, "d/create");
	return strcmp(text, "x") == 0 ? ENOSPC : 0;
}

static void
writes_tell_their_errno(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_new();
	fake_sysfs_file(fake, "d/create", "");
	g_autoptr(VfioSysfs) plain = open_tree(fake);
	CU_ASSERT_EQUAL(vfio_sysfs_write(plain, "d", "create", "text"), 0);
	g_autofree char *text = fake_sysfs_read(fake, "d/create");
	TEST_STRING(text, "text");
	CU_ASSERT_EQUAL(vfio_sysfs_write(plain, "d", "missing", "text"), ENOENT);
	CU_ASSERT_FALSE(fake_sysfs_exists(fake, "d/missing"));
	fake_sysfs_link(fake, "d/full", "/dev/full");
	CU_ASSERT_EQUAL(vfio_sysfs_write(plain, "d", "full", "text"), ENOSPC);

	g_autoptr(VfioSysfs) seam = vfio_sysfs_new(fake_sysfs_get_root(fake), refuse, NULL);
	CU_ASSERT_EQUAL(vfio_sysfs_write(seam, "d", "create", "x"), ENOSPC);
	CU_ASSERT_EQUAL(vfio_sysfs_write(seam, "d", "create", "y"), 0);
}

static void
the_root_is_a_folder(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_new();
	fake_sysfs_file(fake, "file", "");
	g_autofree char *file = g_build_filename(fake_sysfs_get_root(fake), "file", NULL);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(vfio_sysfs_new(file, NULL, &error));
	TEST_ERROR(error, VFIO_ERROR, VFIO_ERROR_SYSFS, "Not a directory");
	g_clear_error(&error);
	CU_ASSERT_PTR_NULL(vfio_sysfs_new("/no/such", NULL, &error));
	TEST_ERROR(error, VFIO_ERROR, VFIO_ERROR_SYSFS, "sysfs '/no/such': No such file");
	g_autoptr(VfioSysfs) sysfs = open_tree(fake);
	CU_ASSERT_FALSE(vfio_sysfs_is_real(sysfs));
}

CU_TestInfo suite_vfio_sysfs[] = {
	{ "texts become clean", texts_become_clean },
	{ "a page is read and more is refused", a_page_is_read_and_more_is_refused },
	{ "what is no attribute is an error", what_is_no_attribute_is_an_error },
	{ "numbers are numbers or unknown", numbers_are_numbers_or_unknown },
	{ "names cannot lead elsewhere", names_cannot_lead_elsewhere },
	{ "links and folders are read", links_and_folders_are_read },
	{ "writes tell their errno", writes_tell_their_errno },
	{ "the root is a folder", the_root_is_a_folder },
	CU_TEST_INFO_NULL,
};
