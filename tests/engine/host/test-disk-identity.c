/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which disk a process has open: this test itself is the process, with files of a folder of its
 * own.
 */
#include "engine/host/disk-identity.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "engine/data/survey-lists.h"
#include "tests/rig/test-util.h"
#include "vfio/auto-fd.h"
#include "vfio/sysfs-block.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwDisk, gw_disk_free);

/* (transfer full) */
static GwDisk *
look(const char *file, const char *base, gboolean read_only)
{
	GwDisk *disk = g_new0(GwDisk, 1);
	disk->device = g_strdup("disk0");
	disk->file = g_strdup(file);
	disk->base = g_strdup(base);
	disk->read_only = read_only;
	disk_identify(disk, getpid(), file);
	return disk;
}

static void
a_file_is_known_by_its_inode(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *file = test_file_new(folder, "a", "x");
	g_autofree char *same = g_build_filename(folder, "b", NULL);
	g_autofree char *other = test_file_new(folder, "c", "x");
	CU_ASSERT_EQUAL_FATAL(link(file, same), 0);
	g_autoptr(GwDisk) disk = look(file, NULL, FALSE);
	g_autoptr(GwDisk) linked = look(same, NULL, FALSE);
	g_autoptr(GwDisk) copy = look(other, file, FALSE);
	CU_ASSERT_PTR_NOT_NULL_FATAL(disk->identity);
	TEST_STRING(linked->identity, disk->identity);
	CU_ASSERT_STRING_NOT_EQUAL(copy->identity, disk->identity);
	TEST_STRING(copy->base_identity, disk->identity);
	CU_ASSERT_FALSE(disk->deleted);
	CU_ASSERT_PTR_NULL(disk->digest);
}

/* The path names another file by now: what is open counts. */
static void
a_file_that_was_replaced(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *file = test_file_new(folder, "a", "old");
	g_auto(AutoFd) fd = open(file, O_RDWR | O_CLOEXEC);
	g_autoptr(GwDisk) before = look(file, NULL, FALSE);
	g_autofree char *other = test_file_new(folder, "b", "new");
	CU_ASSERT_EQUAL_FATAL(rename(other, file), 0);
	g_autoptr(GwDisk) after = look(file, NULL, FALSE);
	TEST_STRING(after->identity, before->identity);
	CU_ASSERT_FALSE(before->deleted);
	CU_ASSERT_TRUE(after->deleted);
}

static void
a_file_that_was_deleted(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *file = test_file_new(folder, "a", "x");
	g_auto(AutoFd) fd = open(file, O_RDWR | O_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(g_unlink(file), 0);
	g_autoptr(GwDisk) disk = look(file, NULL, FALSE);
	CU_ASSERT_PTR_NOT_NULL(disk->identity);
	CU_ASSERT_TRUE(disk->deleted);
}

static void
a_medium_is_known_by_its_contents(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *text = g_strnfill(3 << 20, 'x');
	g_autofree char *file = test_file_new(folder, "a", text);
	g_autofree char *copy = test_file_new(folder, "b", text);
	text[(3 << 20) / 256 * 7] = 'y'; /* where the eighth sample begins */
	g_autofree char *other = test_file_new(folder, "c", text);
	g_autoptr(GwDisk) disk = look(file, NULL, TRUE);
	g_autoptr(GwDisk) same = look(copy, NULL, TRUE);
	g_autoptr(GwDisk) different = look(other, NULL, TRUE);
	CU_ASSERT_PTR_NOT_NULL_FATAL(disk->digest);
	TEST_STRING(same->digest, disk->digest);
	CU_ASSERT_STRING_NOT_EQUAL(different->digest, disk->digest);
	CU_ASSERT_STRING_NOT_EQUAL(same->identity, disk->identity);
}

static void
an_address_that_each_host_has_is_none(void)
{
	static const struct {
		const char *file;
		const char *identity;
	} rows[] = {
		{ "nbd://nas:10809/web1", "url nbd://nas:10809/web1" },
		{ "rbd:pool/web1", "url rbd:pool/web1" },
		{ "nbd://localhost/web1", NULL },
		{ "nbd://127.0.0.1/web1", NULL },
		{ "nbd+unix:///web1?socket=/run/s", NULL },
		{ "/dev/null", NULL },
		{ "/no/such/file", NULL },
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GwDisk) disk = look(rows[i].file, NULL, FALSE);
		TEST_STRING(disk->identity, rows[i].identity);
	}
}

static gboolean
has_value(const GPtrArray *list, const char *value)
{
	for (guint i = 0; i < list->len; i++)
		if (g_strcmp0(((const GwProperty *)g_ptr_array_index(list, i))->value, value) == 0)
			return TRUE;
	return FALSE;
}

static void
shared_memory_is_found(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *file = test_file_new(folder, "memory", "x");
	g_auto(AutoFd) fd = open(file, O_RDWR | O_CLOEXEC);
	g_autoptr(GwDisk) disk = look(file, NULL, FALSE);
	void *own = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	g_autoptr(GPtrArray) before = disk_list_shared_memory(getpid());
	void *shared = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	g_autoptr(GPtrArray) after = disk_list_shared_memory(getpid());
	CU_ASSERT_TRUE_FATAL(own != MAP_FAILED && shared != MAP_FAILED);
	CU_ASSERT_EQUAL_FATAL(after->len, before->len + 1);
	CU_ASSERT_FALSE(has_value(before, disk->identity));
	CU_ASSERT_TRUE(has_value(after, disk->identity));
	munmap(own, 1);
	munmap(shared, 1);
}

/* "PATH TEXT": a file of a fake sysfs; "PATH -> TARGET": a link in it. */
static void
make_sysfs(const char *root, const char *const *lines)
{
	for (guint i = 0; lines[i] != NULL; i++) {
		g_auto(GStrv) words = g_strsplit(lines[i], " ", 3);
		g_autofree char *path = g_build_filename(root, words[0], NULL);
		g_autofree char *folder = g_path_get_dirname(path);
		g_mkdir_with_parents(folder, 0700);
		if (!g_str_equal(words[1], "->"))
			g_free(test_file_new(root, words[0], words[1]));
		else
			CU_ASSERT_EQUAL_FATAL(symlink(words[2], path), 0);
	}
}

#define DISK_FILES                                                              \
	"devices/sda/device/wwid naa.6001\n", "devices/sda/sda2/partition 2\n", \
		"dev/block/8:0 -> ../../devices/sda", "dev/block/8:2 -> ../../devices/sda/sda2"

static const struct {
	const char *files[8];
	guint major, minor;
	const char *identity;
} devices[] = {
	{ { DISK_FILES }, 8, 0, "wwn naa.6001" },
	{ { DISK_FILES }, 8, 2, "wwn naa.6001 part 2" },
	{ { DISK_FILES }, 8, 9, NULL },
	{ { "dev/block/8:0/device/wwid t10.ATA_QEMU_HARDDISK_QM00001" }, 8, 0, NULL },
	{ { "dev/block/259:0/wwid nvme.1b36-61626364" }, 259, 0, NULL },
	{ { "dev/block/259:0/wwid eui.0025385" }, 259, 0, "wwn eui.0025385" },
	/* A volume group of the same UUID on a local disk of each host: they were cloned. */
	{ { "dev/block/253:0/dm/uuid LVM-abc", "dev/block/253:0/slaves/sda/device/wwid t10.ATA_1" },
	  253,
	  0,
	  NULL },
	{ { "dev/block/253:0/dm/uuid LVM-abc", "dev/block/253:0/slaves/sda/device/wwid naa.2",
	    "dev/block/253:0/slaves/sdb/device/wwid naa.1" },
	  253,
	  0,
	  "dm LVM-abc (wwn naa.1, wwn naa.2)" },
	{ { "dev/block/253:0/dm/uuid mpath-1", "dev/block/253:0/slaves/sda/device/wwid naa.1",
	    "dev/block/253:0/slaves/sdb/device/wwid naa.1" },
	  253,
	  0,
	  "dm mpath-1 (wwn naa.1)" },
	{ { "dev/block/253:0/dm/uuid LVM-abc" }, 253, 0, NULL },
	{ { "dev/block/252:0/uevent DEVNAME=rbd3\n", "bus/rbd/devices/3/cluster_fsid c-1",
	    "bus/rbd/devices/3/pool_id 7", "bus/rbd/devices/3/image_id 10ab",
	    "bus/rbd/devices/3/current_snap -" },
	  252,
	  0,
	  "rbd c-1 7 10ab -" },
	{ { "dev/block/147:1/uevent DEVNAME=drbd1\n",
	    "kernel/debug/drbd/minors/1/data_gen_id v:_0\n\n0x00AB00000000CD11\n0x1\n" },
	  147,
	  1,
	  "drbd 00ab00000000cd10" },
	{ { "dev/block/7:0/uevent DEVNAME=loop0\n" }, 7, 0, NULL },
};

static void
a_device_is_known_by_a_name_that_holds_everywhere(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(devices); i++) {
		g_auto(TestFolder) root = test_folder_new();
		make_sysfs(root, devices[i].files);
		g_autofree char *identity =
			sysfs_block_identify(root, makedev(devices[i].major, devices[i].minor));
		TEST_STRING(identity, devices[i].identity);
	}
}

CU_TestInfo suite_disk_identity[] = {
	{ "a file is known by its inode", a_file_is_known_by_its_inode },
	{ "a file that was replaced", a_file_that_was_replaced },
	{ "a file that was deleted", a_file_that_was_deleted },
	{ "a medium is known by its contents", a_medium_is_known_by_its_contents },
	{ "an address that each host has is none", an_address_that_each_host_has_is_none },
	{ "shared memory is found", shared_memory_is_found },
	{ "a device is known by a name that holds everywhere",
	  a_device_is_known_by_a_name_that_holds_everywhere },
	CU_TEST_INFO_NULL,
};
