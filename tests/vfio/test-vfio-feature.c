/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is asked of a device that somebody has open, and of which descriptor. This process plays the
 * QEMU: it has /dev/null open for a group and /dev/zero for a device of its own, and a model of
 * VFIO answers for them. The real one is asked in the lab.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "tests/rig/fake-sysfs.h"
#include "tests/rig/test-util.h"
#include "vfio/auto-fd.h"
#include "vfio/vfio-feature.h"

#define UUID  "c0b26072-dd1b-4340-84fe-bf338c510818"
#define OTHER "d0b26072-dd1b-4340-84fe-bf338c510818"
#define BDF   "0000:41:00.4"
#define GROUP makedev(1, 3) /* /dev/null */
#define CDEV  makedev(1, 5) /* /dev/zero */

/* What the model answers, and what it was asked. */
static struct {
	guint64 flags;
	guint64 bytes;
	int flags_errno;
	int bytes_errno;
	char name[64];
	guint n_questions;
} model;

static dev_t
device_of(int fd)
{
	struct stat status;
	CU_ASSERT_EQUAL_FATAL(fstat(fd, &status), 0);
	return status.st_rdev;
}

static int
open_in_group(int fd, const char *name)
{
	CU_ASSERT_EQUAL(device_of(fd), GROUP);
	g_strlcpy(model.name, name, sizeof model.name);
	return open("/dev/full", O_RDWR | O_CLOEXEC);
}

static int
answer(int fd, struct vfio_device_feature *question)
{
	gboolean is_size = (question->flags & VFIO_DEVICE_FEATURE_MASK) == 9;
	CU_ASSERT_NOT_EQUAL(device_of(fd), GROUP);
	CU_ASSERT_EQUAL(question->argsz, sizeof *question + sizeof(guint64));
	CU_ASSERT_EQUAL(question->flags & ~VFIO_DEVICE_FEATURE_MASK, VFIO_DEVICE_FEATURE_GET);
	CU_ASSERT_TRUE(is_size || (question->flags & VFIO_DEVICE_FEATURE_MASK) ==
					  VFIO_DEVICE_FEATURE_MIGRATION);
	model.n_questions++;
	errno = is_size ? model.bytes_errno : model.flags_errno;
	memcpy(question->data, is_size ? &model.bytes : &model.flags, sizeof(guint64));
	return errno == 0 ? 0 : -1;
}

static int
model_ioctl(int fd, unsigned long request, gpointer argument)
{
	if (request == VFIO_GROUP_GET_DEVICE_FD)
		return open_in_group(fd, argument);
	CU_ASSERT_EQUAL_FATAL(request, VFIO_DEVICE_FEATURE);
	return answer(fd, argument);
}

static gboolean
has_pidfd(void)
{
	g_auto(AutoFd) fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (fd < 0)
		test_skip("no pidfd here");
	return fd >= 0;
}

static guint
count_descriptors(void)
{
	guint n = 0;
	g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
	while (g_dir_read_name(dir) != NULL)
		n++;
	return n;
}

/* Two vGPUs, in the groups 7 and 8; nobody has the second's open. */
static FakeSysfs *
make_tree(void)
{
	FakeSysfs *fake = fake_sysfs_new();
	fake_sysfs_link(fake, "bus/mdev/devices/" UUID "/iommu_group", "../groups/7");
	fake_sysfs_link(fake, "bus/mdev/devices/" OTHER "/iommu_group", "../groups/8");
	fake_sysfs_file(fake, "class/vfio/7/dev", "1:3\n");
	fake_sysfs_file(fake, "class/vfio/8/dev", "511:77\n");
	fake_sysfs_file(fake, "bus/pci/devices/" BDF "/vfio-dev/vfio0/dev", "1:5\n");
	return fake;
}

/* Nothing of it stays open, whatever the answer. */
static void
ask(const FakeSysfs *fake, const char *id, VfioFeatures *ret)
{
	const VfioSeams seams = { .ioctl = model_ioctl };
	g_autoptr(VfioHost) host = vfio_host_new(fake_sysfs_get_root(fake), &seams, NULL);
	g_auto(AutoFd) group = open("/dev/null", O_RDWR | O_CLOEXEC);
	g_auto(AutoFd) cdev = open("/dev/zero", O_RDWR | O_CLOEXEC);
	guint before = count_descriptors();
	model.name[0] = '\0';
	model.n_questions = 0;
	vfio_feature_ask(host, getpid(), id, ret);
	CU_ASSERT_EQUAL(count_descriptors(), before);
}

static void
check(const FakeSysfs *fake, const char *id, gint64 flags, gint64 bytes, gboolean lacks)
{
	VfioFeatures features;
	ask(fake, id, &features);
	CU_ASSERT_EQUAL(features.flags, flags);
	CU_ASSERT_EQUAL(features.stop_copy_bytes, bytes);
	CU_ASSERT_EQUAL(features.lacks_data_size, lacks);
}

static void
set_model(guint64 flags, int flags_errno, guint64 bytes, int bytes_errno)
{
	model.flags = flags;
	model.flags_errno = flags_errno;
	model.bytes = bytes;
	model.bytes_errno = bytes_errno;
}

static void
a_device_is_asked_through_its_group(void)
{
	if (!has_pidfd())
		return;
	g_autoptr(FakeSysfs) fake = make_tree();
	set_model(7, 0, 4096, 0);
	check(fake, "C0B26072-DD1B-4340-84FE-BF338C510818", 7, 4096, FALSE);
	TEST_STRING(model.name, UUID);
	CU_ASSERT_EQUAL(model.n_questions, 2);
}

static void
a_device_with_a_file_of_its_own_is_asked_there(void)
{
	if (!has_pidfd())
		return;
	g_autoptr(FakeSysfs) fake = make_tree();
	set_model(3, 0, 0, 0);
	check(fake, "41:00.4", 3, 0, FALSE);
	TEST_STRING(model.name, "");
}

/* A flag that a later kernel adds is not ours to judge by. */
static void
each_answer_is_told_as_it_is(void)
{
	static const struct {
		guint64 flags;
		int flags_errno;
		guint64 bytes;
		int bytes_errno;
		gint64 expected_flags;
		gint64 expected_bytes;
		gboolean lacks;
	} rows[] = {
		{ 1, 0, 1 << 20, 0, 1, 1 << 20, FALSE },
		{ 0xffff, 0, 1, 0, 7, 1, FALSE },
		{ 7, 0, G_MAXUINT64, 0, 7, -1, FALSE },
		{ 7, 0, 1, EOPNOTSUPP, 7, -1, TRUE },
		{ 7, 0, 1, ENOTTY, 7, -1, TRUE },
		{ 7, 0, 1, EIO, 7, -1, FALSE },
		{ 7, ENOTTY, 1, 0, 0, -1, FALSE },
		{ 7, EINVAL, 1, 0, -1, -1, FALSE },
		{ 6, 0, 1, 0, 6, -1, FALSE },
	};
	if (!has_pidfd())
		return;
	g_autoptr(FakeSysfs) fake = make_tree();
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		set_model(rows[i].flags, rows[i].flags_errno, rows[i].bytes, rows[i].bytes_errno);
		check(fake, UUID, rows[i].expected_flags, rows[i].expected_bytes, rows[i].lacks);
	}
}

static void
what_cannot_be_asked_is_not_known(void)
{
	g_autoptr(FakeSysfs) fake = make_tree();
	set_model(7, 0, 1, 0);
	check(fake, OTHER, -1, -1, FALSE);     /* not open here */
	check(fake, "3b:00.0", -1, -1, FALSE); /* not there */
	check(fake, "../../etc", -1, -1, FALSE);
	check(fake, "", -1, -1, FALSE);
	static const char *const numbers[] = { "", "1", "1:", "x:3", "1:3:5", "1:3 x", "0:0" };
	for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
		fake_sysfs_file(fake, "class/vfio/7/dev", numbers[i]);
		check(fake, UUID, -1, -1, FALSE);
	}
	CU_ASSERT_EQUAL(model.n_questions, 0);
}

static void
a_process_that_is_no_qemu_has_nothing(void)
{
	const VfioSeams seams = { .ioctl = model_ioctl };
	g_autoptr(FakeSysfs) fake = make_tree();
	g_autoptr(VfioHost) host = vfio_host_new(fake_sysfs_get_root(fake), &seams, NULL);
	static const pid_t pids[] = { 0, -1, G_MAXINT };
	for (guint i = 0; i < G_N_ELEMENTS(pids); i++) {
		VfioFeatures features;
		vfio_feature_ask(host, pids[i], UUID, &features);
		CU_ASSERT_EQUAL(features.flags, -1);
	}
}

CU_TestInfo suite_vfio_feature[] = {
	{ "a device is asked through its group", a_device_is_asked_through_its_group },
	{ "a device with a file of its own is asked there",
	  a_device_with_a_file_of_its_own_is_asked_there },
	{ "each answer is told as it is", each_answer_is_told_as_it_is },
	{ "what cannot be asked is not known", what_cannot_be_asked_is_not_known },
	{ "a process that is no QEMU has nothing", a_process_that_is_no_qemu_has_nothing },
	CU_TEST_INFO_NULL,
};
