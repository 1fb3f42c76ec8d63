/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making a vGPU on a model of the kernel, and every errno that the real one has for it: those come
 * from a seam in the place of write(2), which answers for one parent and lets the model answer for
 * the others.
 */
#include <errno.h>
#include <string.h>

#include "tests/rig/fake-sysfs.h"
#include "tests/rig/test-util.h"
#include "vfio/vfio-create.h"
#include "vfio/vfio-error.h"
#include "vfio/vfio-remove.h"

#define FRESH "5f0c7f5e-3d36-4f0a-9a53-7a8d1c1f6a11"
#define UUID  "c0b26072-dd1b-4340-84fe-bf338c510818"
#define UPPER "C0B26072-DD1B-4340-84FE-BF338C510818"
#define FIRST "0000:3b:00.0"
#define NEXT  "0000:5e:00.0"
#define LATER "0000:86:00.0"

/* How the kernel answers, if not by itself. */
static struct {
	int number;
	const char *where; /* (nullable): a part of the path; NULL for all */
	guint times;
	guint writes; /* how many there were */
} answer;

static int
answering_write(int fd, const char *path, const char *text)
{
	gboolean meant = answer.where == NULL || strstr(path, answer.where) != NULL;
	answer.writes++;
	if (answer.times == 0 || !meant)
		return fake_sysfs_write(fd, path, text);
	answer.times--;
	return answer.number;
}

static void
set_answer(int number, const char *where, guint times)
{
	answer.number = number;
	answer.where = where;
	answer.times = times;
	answer.writes = 0;
}

static VfioHost *
open_host(const FakeSysfs *fake)
{
	const VfioSeams seams = { .write = answering_write };
	VfioHost *host = vfio_host_new(fake_sysfs_get_root(fake), &seams, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(host);
	set_answer(0, NULL, 0);
	return host;
}

/* Two boards that have both types, and one that has only the large one. */
static FakeSysfs *
three_boards(void)
{
	static const char *const boards[] = { FIRST, NEXT, LATER };
	FakeSysfs *fake = fake_sysfs_new();
	for (guint i = 0; i < G_N_ELEMENTS(boards); i++) {
		fake_sysfs_add_parent(fake, boards[i], "nvidia", "550.90.05\n");
		fake_sysfs_add_type(fake, boards[i], "nvidia-64", 2048, 1);
		if (i < 2)
			fake_sysfs_add_type(fake, boards[i], "nvidia-63", 1024, 1);
	}
	return fake;
}

static void
check_made(VfioDevice *device, const char *parent)
{
	CU_ASSERT_PTR_NOT_NULL_FATAL(device);
	TEST_STRING(device->id, UUID);
	TEST_STRING(device->parent, parent);
	TEST_STRING(device->type->id, "nvidia-63");
	CU_ASSERT_EQUAL(device->type->vram_bytes, 1024LL << 20);
	TEST_STRING(device->iommu_group, "77");
	TEST_STRING(device->driver_version, "550.90.05");
	CU_ASSERT_PTR_NOT_NULL(strstr(device->path, "/bus/mdev/devices/" UUID));
}

static void
one_is_made_where_it_is_asked_for(void)
{
	g_autoptr(FakeSysfs) fake = three_boards();
	g_autoptr(VfioHost) host = open_host(fake);
	const VfioRequest request = { "nvidia-63", "5E:00.0", UPPER };
	gboolean reused = TRUE;
	g_autoptr(GError) error = NULL;
	g_autoptr(VfioDevice) device = vfio_device_create(host, &request, &reused, &error);
	TEST_NO_ERROR(error);
	check_made(device, NEXT);
	CU_ASSERT_FALSE(reused);
	g_autoptr(VfioParent) parent = vfio_parent_new(host, NEXT);
	CU_ASSERT_EQUAL(vfio_parent_find_type(parent, "nvidia-63")->available, 0);
}

static void
one_that_is_there_is_reused(void)
{
	static const char *const parents[] = { NULL, FIRST, "3b:00.0" };
	g_autoptr(FakeSysfs) fake = three_boards();
	g_autoptr(VfioHost) host = open_host(fake);
	const VfioRequest first = { "nvidia-63", FIRST, UUID };
	g_autoptr(VfioDevice) made = vfio_device_create(host, &first, NULL, NULL);
	check_made(made, FIRST);
	for (guint i = 0; i < G_N_ELEMENTS(parents); i++) {
		const VfioRequest again = { "nvidia-63", parents[i], UPPER };
		gboolean reused = FALSE;
		set_answer(0, NULL, 0);
		g_autoptr(VfioDevice) device = vfio_device_create(host, &again, &reused, NULL);
		check_made(device, FIRST);
		CU_ASSERT_TRUE(reused);
		CU_ASSERT_EQUAL(answer.writes, 0);
	}
}

static void
one_that_differs_is_not_touched(void)
{
	static const struct {
		VfioRequest request;
		const char *text;
	} rows[] = {
		{ { "nvidia-64", NULL, UUID },
		  "'" UUID "' already exists, of type 'nvidia-63' and not 'nvidia-64'" },
		{ { "nvidia-63", "5e:00.0", UUID },
		  "'" UUID "' already exists, on '" FIRST "' and not '" NEXT "'" },
	};
	g_autoptr(FakeSysfs) fake = three_boards();
	g_autoptr(VfioHost) host = open_host(fake);
	const VfioRequest first = { "nvidia-63", FIRST, UUID };
	g_autoptr(VfioDevice) made = vfio_device_create(host, &first, NULL, NULL);
	check_made(made, FIRST);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		set_answer(0, NULL, 0);
		CU_ASSERT_PTR_NULL(vfio_device_create(host, &rows[i].request, NULL, &error));
		TEST_ERROR(error, VFIO_ERROR, VFIO_ERROR_EXISTS, rows[i].text);
		CU_ASSERT_EQUAL(answer.writes, 0);
	}
}

static void
a_new_uuid_is_made_up(void)
{
	g_autoptr(FakeSysfs) fake = three_boards();
	g_autoptr(VfioHost) host = open_host(fake);
	const VfioRequest request = { "nvidia-63", NULL, NULL };
	g_autoptr(VfioDevice) a = vfio_device_create(host, &request, NULL, NULL);
	g_autoptr(VfioDevice) b = vfio_device_create(host, &request, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(a);
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	CU_ASSERT_TRUE(g_uuid_string_is_valid(a->id));
	CU_ASSERT_STRING_NOT_EQUAL(a->id, b->id);
	/* The first board is full after the first one. */
	TEST_STRING(a->parent, FIRST);
	TEST_STRING(b->parent, NEXT);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(vfio_device_create(host, &request, NULL, &error));
	TEST_ERROR(error, VFIO_ERROR, VFIO_ERROR_NO_INSTANCE,
		   "no instance of type 'nvidia-63' is free on this host");
}

static void
a_full_parent_leads_to_the_next(void)
{
	static const int numbers[] = { ENOSPC, EUSERS, ENODEV };
	for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
		g_autoptr(FakeSysfs) fake = three_boards();
		g_autoptr(VfioHost) host = open_host(fake);
		const VfioRequest request = { "nvidia-63", NULL, UUID };
		set_answer(numbers[i], FIRST, 1);
		g_autoptr(GError) error = NULL;
		g_autoptr(VfioDevice) device = vfio_device_create(host, &request, NULL, &error);
		TEST_NO_ERROR(error);
		check_made(device, NEXT);
		CU_ASSERT_EQUAL(answer.writes, 2);
	}
}

static void
every_errno_says_what_to_do(void)
{
	static const struct {
		int number;
		VfioError code;
		const char *text;
	} rows[] = {
		{ EINVAL, VFIO_ERROR_UNSUPPORTED, "the kernel log" },
		{ EEXIST, VFIO_ERROR_EXISTS, "choose another one, or remove the vGPU that has it" },
		{ EUSERS, VFIO_ERROR_NO_INSTANCE, "choose another parent" },
		{ ENOSPC, VFIO_ERROR_NO_INSTANCE, "the parent is full" },
		{ ENODEV, VFIO_ERROR_BUSY, "wait until its driver is loaded again" },
		{ EAGAIN, VFIO_ERROR_BUSY, "try again in a moment" },
		{ EBUSY, VFIO_ERROR_BUSY, "try again in a moment" },
		{ ENOENT, VFIO_ERROR_NOT_FOUND, "list the types again" },
		{ EACCES, VFIO_ERROR_SYSFS, "run this as root" },
		{ EPERM, VFIO_ERROR_SYSFS, "run this as root" },
		{ EROFS, VFIO_ERROR_SYSFS, "run this on the host" },
		{ ENOMEM, VFIO_ERROR_SYSFS, "free memory" },
		{ EIO, VFIO_ERROR_SYSFS, "the journal of nvidia-vgpu-mgr" },
		{ ENXIO, VFIO_ERROR_SYSFS, "the kernel log" },
	};
	g_autoptr(FakeSysfs) fake = three_boards();
	g_autoptr(VfioHost) host = open_host(fake);
	const VfioRequest request = { "nvidia-63", FIRST, UUID };
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		set_answer(rows[i].number, FIRST, 100);
		CU_ASSERT_PTR_NULL(vfio_device_create(host, &request, NULL, &error));
		TEST_ERROR(error, VFIO_ERROR, rows[i].code, rows[i].text);
		CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "create 'nvidia-63' on '" FIRST "'"));
		CU_ASSERT_PTR_NOT_NULL(strstr(error->message, g_strerror(rows[i].number)));
		/* EEXIST is tried for a while: the UUID of one that has gone lingers. */
		CU_ASSERT_EQUAL(answer.writes > 1, rows[i].number == EEXIST);
	}
	g_autoptr(GPtrArray) devices = vfio_devices_list(host);
	CU_ASSERT_EQUAL(devices->len, 0);
}

static void
a_uuid_that_lingers_is_waited_for(void)
{
	g_autoptr(FakeSysfs) fake = three_boards();
	g_autoptr(VfioHost) host = open_host(fake);
	const VfioRequest request = { "nvidia-63", FIRST, UUID };
	set_answer(EEXIST, FIRST, 2);
	g_autoptr(GError) error = NULL;
	g_autoptr(VfioDevice) device = vfio_device_create(host, &request, NULL, &error);
	TEST_NO_ERROR(error);
	check_made(device, FIRST);
	CU_ASSERT_EQUAL(answer.writes, 3);
}

/* The kernel says that it is made, and no VFIO driver takes it. */
static int
write_without_group(int fd, const char *path, const char *text)
{
	g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
	g_autofree char *target = g_file_read_link(link, NULL);
	int number = fake_sysfs_write(fd, path, text);
	if (number != 0 || !g_str_has_suffix(path, "/create"))
		return number;
	g_autofree char *up = g_strndup(target, (gsize)(strstr(target, "/mdev_sup") - target));
	g_autofree char *group = g_build_filename(up, UUID, "iommu_group", NULL);
	return unlink(group) == 0 ? 0 : errno;
}

static void
one_that_no_driver_takes_is_taken_back(void)
{
	g_autoptr(FakeSysfs) fake = three_boards();
	const VfioSeams seams = { .write = write_without_group };
	g_autoptr(VfioHost) host = vfio_host_new(fake_sysfs_get_root(fake), &seams, NULL);
	const VfioRequest request = { "nvidia-63", NULL, UUID };
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(vfio_device_create(host, &request, NULL, &error));
	TEST_ERROR(error, VFIO_ERROR, VFIO_ERROR_SYSFS, "no VFIO driver took it");
	g_autoptr(GPtrArray) devices = vfio_devices_list(host);
	CU_ASSERT_EQUAL(devices->len, 0);
}

static void
what_is_not_there_is_told(void)
{
	static const struct {
		VfioRequest request;
		const char *text;
	} rows[] = {
		{ { "nvidia-9", NULL, NULL }, "this host has no type 'nvidia-9'" },
		{ { "nvidia-63", LATER, NULL }, "'" LATER "' has no type 'nvidia-63'" },
		{ { "nvidia-63", "0000:00:1f.0", NULL }, "no vGPUs can be made on '0000:00:1f.0'" },
		{ { "../nvidia-63", NULL, NULL }, "'../nvidia-63' cannot be the name of a type" },
		{ { NULL, NULL, NULL }, "'' cannot be the name of a type" },
		{ { "nvidia-63", "../b", NULL }, "'../b' cannot be the name of a parent" },
		{ { "nvidia-63", NULL, "1" }, "'1' is not a UUID" },
		{ { "nvidia-63", NULL, UUID "\n" }, "is not a UUID" },
	};
	g_autoptr(FakeSysfs) fake = three_boards();
	g_autoptr(VfioHost) host = open_host(fake);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		CU_ASSERT_PTR_NULL(vfio_device_create(host, &rows[i].request, NULL, &error));
		TEST_ERROR(error, VFIO_ERROR, VFIO_ERROR_NOT_FOUND, rows[i].text);
	}
	CU_ASSERT_EQUAL(answer.writes, 0);
	g_autoptr(FakeSysfs) empty = fake_sysfs_new();
	g_autoptr(VfioHost) nothing = open_host(empty);
	const VfioRequest request = { "nvidia-63", NULL, NULL };
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(vfio_device_create(nothing, &request, NULL, &error));
	TEST_ERROR(error, VFIO_ERROR, VFIO_ERROR_NOT_FOUND, "nothing on this host makes vGPUs");
}

/* Makes one, and takes it away again: the tree is as it was. */
static void
make_and_remove(const FakeSysfs *fake, const VfioRequest *request, const char *id,
		gint64 vram_bytes)
{
	g_autoptr(VfioHost) host = open_host(fake);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) before = vfio_devices_list(host);
	g_autoptr(VfioDevice) device = vfio_device_create(host, request, NULL, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(device);
	TEST_STRING(device->id, id);
	TEST_STRING(device->type->id, request->type);
	CU_ASSERT_EQUAL(device->type->vram_bytes, vram_bytes);
	g_autoptr(GPtrArray) during = vfio_devices_list(host);
	CU_ASSERT_EQUAL(during->len, before->len + 1);
	CU_ASSERT_TRUE(vfio_device_remove(host, device->id, 5 * G_USEC_PER_SEC, &error));
	TEST_NO_ERROR(error);
	g_autoptr(GPtrArray) after = vfio_devices_list(host);
	CU_ASSERT_EQUAL(after->len, before->len);
}

static void
every_kind_of_board_makes_them(void)
{
	static const struct {
		const char *tree;
		VfioRequest request;
		const char *id;
		gint64 vram_bytes;
	} rows[] = {
		{ "nvidia-mdev", { "nvidia-64", NULL, FRESH }, FRESH, 2048LL << 20 },
		{ "nvidia-sriov", { "nvidia-528", NULL, FRESH }, FRESH, 2048LL << 20 },
		{ "nvidia-vf", { "nvidia-1428", NULL, NULL }, "0000:81:00.5", -1 },
		{ "intel-gvtg", { "i915-GVTg_V5_8", "00:02.0", FRESH }, FRESH, -1 },
		{ "lab", { "gwvgpu-small", NULL, FRESH }, FRESH, 64LL << 20 },
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(FakeSysfs) fake = fake_sysfs_load(rows[i].tree);
		make_and_remove(fake, &rows[i].request, rows[i].id, rows[i].vram_bytes);
	}
}

static void
a_board_stands_for_its_functions(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-sriov");
	g_autoptr(VfioHost) host = open_host(fake);
	const VfioRequest request = { "nvidia-528", "41:00.0", UUID };
	g_autoptr(GError) error = NULL;
	g_autoptr(VfioDevice) device = vfio_device_create(host, &request, NULL, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(device);
	/* The first function is taken. */
	TEST_STRING(device->parent, "0000:41:00.5");
	TEST_STRING(device->board, "0000:41:00.0");
	gboolean reused = FALSE;
	g_autoptr(VfioDevice) again = vfio_device_create(host, &request, &reused, NULL);
	CU_ASSERT_PTR_NOT_NULL(again);
	CU_ASSERT_TRUE(reused);
}

static void
virtual_functions_are_vgpus_too(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-vf");
	g_autoptr(VfioHost) host = open_host(fake);
	const VfioRequest any = { "nvidia-1428", NULL, UUID };
	g_autoptr(GError) error = NULL;
	g_autoptr(VfioDevice) device = vfio_device_create(host, &any, NULL, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(device);
	TEST_STRING(device->id, "0000:81:00.5");
	TEST_STRING(device->iommu_group, "305");
	g_autofree char *number =
		fake_sysfs_read(fake, "bus/pci/devices/0000:81:00.5/nvidia/current_vgpu_type");
	TEST_STRING(number, "1428");

	gboolean reused = FALSE;
	const VfioRequest same = { "nvidia-1428", "81:00.5", NULL };
	g_autoptr(VfioDevice) again = vfio_device_create(host, &same, &reused, NULL);
	CU_ASSERT_PTR_NOT_NULL(again);
	CU_ASSERT_TRUE(reused);
	const VfioRequest other = { "nvidia-1428", "0000:81:00.4", NULL };
	CU_ASSERT_PTR_NULL(vfio_device_create(host, &other, NULL, &error));
	TEST_ERROR(error, VFIO_ERROR, VFIO_ERROR_EXISTS,
		   "of type 'nvidia-1429' and not 'nvidia-1428'");
}

static void
every_errno_of_a_function_says_what_to_do(void)
{
	static const struct {
		int number;
		VfioError code;
		const char *text;
	} rows[] = {
		{ EPERM, VFIO_ERROR_NO_INSTANCE, "the function has a vGPU already" },
		{ EINVAL, VFIO_ERROR_UNSUPPORTED, "must have the same size" },
		{ ENOSPC, VFIO_ERROR_NO_INSTANCE, "the board is full" },
		{ EUSERS, VFIO_ERROR_NO_INSTANCE, "the board is full" },
		{ EBUSY, VFIO_ERROR_BUSY, "end the program that uses it" },
		{ EAGAIN, VFIO_ERROR_BUSY, "try again in a moment" },
		{ ENODEV, VFIO_ERROR_BUSY, "enable the virtual functions" },
		{ ENOENT, VFIO_ERROR_NOT_FOUND, "enable the virtual functions" },
		{ EACCES, VFIO_ERROR_SYSFS, "run this as root" },
		{ EROFS, VFIO_ERROR_SYSFS, "run this on the host" },
		{ ENOMEM, VFIO_ERROR_SYSFS, "free memory" },
		{ EIO, VFIO_ERROR_SYSFS, "nvidia-vgpu-mgr" },
	};
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-vf");
	g_autoptr(VfioHost) host = open_host(fake);
	const VfioRequest request = { "nvidia-1428", "81:00.5", NULL };
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		set_answer(rows[i].number, NULL, 100);
		CU_ASSERT_PTR_NULL(vfio_device_create(host, &request, NULL, &error));
		TEST_ERROR(error, VFIO_ERROR, rows[i].code, rows[i].text);
	}
}

CU_TestInfo suite_vfio_create[] = {
	{ "one is made where it is asked for", one_is_made_where_it_is_asked_for },
	{ "one that is there is reused", one_that_is_there_is_reused },
	{ "one that differs is not touched", one_that_differs_is_not_touched },
	{ "a new UUID is made up", a_new_uuid_is_made_up },
	{ "a full parent leads to the next", a_full_parent_leads_to_the_next },
	{ "every errno says what to do", every_errno_says_what_to_do },
	{ "a UUID that lingers is waited for", a_uuid_that_lingers_is_waited_for },
	{ "one that no driver takes is taken back", one_that_no_driver_takes_is_taken_back },
	{ "what is not there is told", what_is_not_there_is_told },
	{ "every kind of board makes them", every_kind_of_board_makes_them },
	{ "a board stands for its functions", a_board_stands_for_its_functions },
	{ "virtual functions are vGPUs too", virtual_functions_are_vgpus_too },
	{ "every errno of a function says what to do", every_errno_of_a_function_says_what_to_do },
	CU_TEST_INFO_NULL,
};
