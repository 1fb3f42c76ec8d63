/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Removing a vGPU: every errno, the kernel that does not return from the write, and what that must
 * never hold up. The seam in the place of write(2) runs in the process apart: it may not allocate,
 * and what it does is seen in files.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/rig/fake-sysfs.h"
#include "tests/rig/test-util.h"
#include "vfio/vfio-device.h"
#include "vfio/vfio-error.h"
#include "vfio/vfio-remove.h"

#define UUID   "c0b26072-dd1b-4340-84fe-bf338c510818"
#define DEVICE "bus/mdev/devices/" UUID
#define FOLDER "devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0/" UUID
#define TYPE   "class/mdev_bus/0000:3b:00.0/mdev_supported_types/nvidia-64/available_instances"
#define VF     "bus/pci/devices/0000:81:00.4/nvidia/current_vgpu_type"
#define LONG   (20 * G_TIME_SPAN_SECOND)
/* To be waited for in vain; and yet longer than a machine with other work needs for a fork. */
#define SHORT G_TIME_SPAN_SECOND

static int forced;

static int
forced_write(int fd, const char *path, const char *text)
{
	return forced;
}

/* The kernel waits until the vGPU is closed: here until the tree has a file "closed". */
static int
blocking_write(int fd, const char *path, const char *text)
{
	char root[PATH_MAX], closed[PATH_MAX + 8];
	if (!fake_sysfs_target(fd, root))
		return EBADF;
	*strstr(root, "/devices/") = '\0';
	g_snprintf(closed, sizeof closed, "%s/closed", root);
	for (guint i = 0; i < 2000 && access(closed, F_OK) != 0 && access(root, F_OK) == 0; i++)
		g_usleep(10 * 1000);
	return fake_sysfs_write(fd, path, text);
}

static VfioHost *
open_host(const FakeSysfs *fake, VfioSysfsWrite write)
{
	const VfioSeams seams = { .write = write };
	VfioHost *host = vfio_host_new(fake_sysfs_get_root(fake), &seams, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(host);
	return host;
}

static gboolean
wait_for(const FakeSysfs *fake, const char *path, gboolean there)
{
	for (guint i = 0; i < 1000; i++) {
		if (fake_sysfs_exists(fake, path) == there)
			return TRUE;
		g_usleep(10 * 1000);
	}
	return FALSE;
}

static void
one_is_removed(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
	g_autoptr(VfioHost) host = open_host(fake, fake_sysfs_write);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(
		vfio_device_remove(host, "C0B26072-DD1B-4340-84FE-BF338C510818", LONG, &error));
	TEST_NO_ERROR(error);
	CU_ASSERT_FALSE(fake_sysfs_exists(fake, DEVICE));
	g_autofree char *available = fake_sysfs_read(fake, TYPE);
	TEST_STRING(available, "4");
	/* The process apart is nobody's child here: none is left, running or dead. */
	CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
	CU_ASSERT_EQUAL(errno, ECHILD);
}

static void
one_that_is_not_there_is_no_error(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
	g_autoptr(VfioHost) host = open_host(fake, fake_sysfs_write);
	static const char *const ids[] = { "00000000-0000-0000-0000-000000000000", "3b:00.0",
					   "0000:81:00.4" };
	for (guint i = 0; i < G_N_ELEMENTS(ids); i++) {
		g_autoptr(GError) error = NULL;
		CU_ASSERT_TRUE(vfio_device_remove(host, ids[i], 0, &error));
		TEST_NO_ERROR(error);
	}
	g_autoptr(GError) error = NULL;
	CU_ASSERT_FALSE(vfio_device_remove(host, "../" UUID, LONG, &error));
	TEST_ERROR(error, VFIO_ERROR, VFIO_ERROR_NOT_FOUND, "neither a UUID nor a PCI address");
	CU_ASSERT_TRUE(fake_sysfs_exists(fake, DEVICE));
}

static void
every_errno_says_what_to_do(void)
{
	static const struct {
		int number;
		VfioError code;
		const char *text;
	} rows[] = {
		{ EINVAL, VFIO_ERROR_SYSFS, "is this tree a sysfs?" },
		{ EACCES, VFIO_ERROR_SYSFS, "run this as root" },
		{ EPERM, VFIO_ERROR_SYSFS, "run this as root" },
		{ EROFS, VFIO_ERROR_SYSFS, "run this on the host" },
		{ EIO, VFIO_ERROR_SYSFS, "the kernel log" },
		/* Taken, gone, or going by another's hand, and yet it does not go. */
		{ 0, VFIO_ERROR_BUSY, "end the program that has it open" },
		{ ENOENT, VFIO_ERROR_BUSY, "end the program that has it open" },
		{ ENODEV, VFIO_ERROR_BUSY, "end the program that has it open" },
		{ EAGAIN, VFIO_ERROR_BUSY, "end the program that has it open" },
	};
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
	g_autoptr(VfioHost) host = open_host(fake, forced_write);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		forced = rows[i].number;
		gint64 timeout_us = rows[i].code == VFIO_ERROR_BUSY ? SHORT : LONG;
		CU_ASSERT_FALSE(vfio_device_remove(host, UUID, timeout_us, &error));
		TEST_ERROR(error, VFIO_ERROR, rows[i].code, rows[i].text);
		CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "remove '" UUID "'"));
	}
}

static gpointer
remove_soon(gpointer data)
{
	g_usleep(200 * 1000);
	fake_sysfs_remove(data, DEVICE);
	g_usleep(200 * 1000);
	fake_sysfs_remove(data, FOLDER);
	return NULL;
}

/* Some drivers remove a vGPU by themselves when its VM ends. */
static void
one_that_somebody_else_removes_is_waited_for(void)
{
	static const int numbers[] = { 0, ENOENT, ENODEV, EAGAIN };
	for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
		g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
		g_autoptr(VfioHost) host = open_host(fake, forced_write);
		forced = numbers[i];
		GThread *other = g_thread_new("other", remove_soon, fake);
		g_autoptr(GError) error = NULL;
		CU_ASSERT_TRUE(vfio_device_remove(host, UUID, LONG, &error));
		TEST_NO_ERROR(error);
		g_thread_join(other);
	}
}

/* The bus forgets a vGPU before its driver has ended the removal; until then its instance is
 * taken. */
static void
one_that_the_driver_still_holds_is_not_gone(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
	g_autoptr(VfioHost) host = open_host(fake, fake_sysfs_write);
	fake_sysfs_remove(fake, DEVICE);
	for (guint i = 0; i < 2; i++) {
		g_autoptr(GError) error = NULL;
		CU_ASSERT_FALSE(vfio_device_remove(host, UUID, SHORT, &error));
		TEST_ERROR(error, VFIO_ERROR, VFIO_ERROR_BUSY, "its removal has begun");
	}
	fake_sysfs_remove(fake, FOLDER);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(vfio_device_remove(host, UUID, SHORT, &error));
	TEST_NO_ERROR(error);
}

static void
one_whose_file_is_gone_is_told(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
	g_autoptr(VfioHost) host = open_host(fake, fake_sysfs_write);
	fake_sysfs_remove(fake, DEVICE "/remove");
	g_autoptr(GError) error = NULL;
	CU_ASSERT_FALSE(vfio_device_remove(host, UUID, SHORT, &error));
	TEST_ERROR(error, VFIO_ERROR, VFIO_ERROR_BUSY, "its removal has begun");
}

static void
a_stuck_kernel_holds_up_nobody(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
	g_autoptr(VfioHost) host = open_host(fake, blocking_write);
	int ends[2];
	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	gint64 begun_us = g_get_monotonic_time();
	g_autoptr(GError) error = NULL;
	CU_ASSERT_FALSE(vfio_device_remove(host, UUID, SHORT, &error));
	CU_ASSERT_TRUE(g_get_monotonic_time() - begun_us < 10 * SHORT);
	TEST_ERROR(error, VFIO_ERROR, VFIO_ERROR_BUSY,
		   "still has it open after 1.0 s: end that program, and the kernel removes it");
	CU_ASSERT_TRUE(fake_sysfs_exists(fake, DEVICE));

	/* What is stuck has no descriptor of ours: the other end of our pipe sees that we closed
	 * it. */
	close(ends[1]);
	struct pollfd poll_fd = { .fd = ends[0], .events = POLLIN };
	CU_ASSERT_EQUAL(poll(&poll_fd, 1, 10000), 1);
	CU_ASSERT_TRUE(poll_fd.revents & POLLHUP);
	close(ends[0]);

	/* Once it is closed, the vGPU goes by itself. */
	fake_sysfs_file(fake, "closed", "");
	CU_ASSERT_TRUE(wait_for(fake, DEVICE, FALSE));
	CU_ASSERT_TRUE(wait_for(fake, DEVICE "/remove", FALSE));
}

/* A program that gave up must be able to end: its parent would wait for it for ever otherwise. */
static void
a_process_ends_while_the_kernel_is_stuck(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
	g_autoptr(VfioHost) host = open_host(fake, blocking_write);
	pid_t child = fork();
	if (child == 0) {
		if (!vfio_device_remove(host, UUID, SHORT, NULL))
			fake_sysfs_file(fake, "gave-up", "");
		/* The code is no answer: valgrind sets its own when it takes what is ours for a
		 * leak. */
		_exit(0);
	}
	CU_ASSERT_TRUE_FATAL(child > 0);
	gint64 begun_us = g_get_monotonic_time();
	int status = -1;
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_TRUE(WIFEXITED(status));
	CU_ASSERT_TRUE(g_get_monotonic_time() - begun_us < 10 * SHORT);
	CU_ASSERT_TRUE(fake_sysfs_exists(fake, "gave-up"));
	CU_ASSERT_TRUE(fake_sysfs_exists(fake, DEVICE));
	fake_sysfs_file(fake, "closed", "");
	CU_ASSERT_TRUE(wait_for(fake, DEVICE, FALSE));
}

typedef struct {
	gboolean done;
	gboolean removed;
	GError *error;
} Answer;

static void
on_removed(GObject *source, GAsyncResult *result, gpointer data)
{
	Answer *answer = data;
	answer->removed = vfio_device_remove_finish(result, &answer->error);
	answer->done = TRUE;
}

static void
the_loop_turns_meanwhile(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
	VfioHost *host = open_host(fake, blocking_write);
	Answer answer = { 0 };
	vfio_device_remove_async(host, UUID, LONG, NULL, on_removed, &answer);
	vfio_host_unref(host);
	test_turn(100);
	CU_ASSERT_FALSE(answer.done);
	CU_ASSERT_TRUE(fake_sysfs_exists(fake, DEVICE));
	fake_sysfs_file(fake, "closed", "");
	CU_ASSERT_TRUE(test_wait(&answer.done));
	CU_ASSERT_TRUE(answer.removed);
	TEST_NO_ERROR(answer.error);
	CU_ASSERT_FALSE(fake_sysfs_exists(fake, DEVICE));
}

static void
a_cancel_ends_the_waiting_only(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
	g_autoptr(VfioHost) host = open_host(fake, blocking_write);
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	Answer answer = { 0 };
	vfio_device_remove_async(host, UUID, LONG, cancellable, on_removed, &answer);
	test_turn(300);
	g_cancellable_cancel(cancellable);
	CU_ASSERT_TRUE(test_wait(&answer.done));
	CU_ASSERT_FALSE(answer.removed);
	TEST_ERROR(answer.error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "");
	g_clear_error(&answer.error);
	fake_sysfs_file(fake, "closed", "");
	CU_ASSERT_TRUE(wait_for(fake, DEVICE, FALSE));
}

static void
four_at_once_all_go(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-sriov");
	g_autoptr(VfioHost) host = open_host(fake, fake_sysfs_write);
	Answer answers[4] = { 0 };
	for (guint i = 0; i < G_N_ELEMENTS(answers); i++)
		vfio_device_remove_async(host, "3d5b1e2a-8f4c-4d19-a0f1-5a6bd2a7e001", LONG, NULL,
					 on_removed, &answers[i]);
	for (guint i = 0; i < G_N_ELEMENTS(answers); i++) {
		CU_ASSERT_TRUE(test_wait(&answers[i].done));
		TEST_NO_ERROR(answers[i].error);
		CU_ASSERT_TRUE(answers[i].removed);
	}
	g_autoptr(GPtrArray) devices = vfio_devices_list(host);
	CU_ASSERT_EQUAL(devices->len, 0);
}

static void
a_function_gives_up_its_type(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-vf");
	g_autoptr(VfioHost) host = open_host(fake, fake_sysfs_write);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(vfio_device_remove(host, "81:00.4", LONG, &error));
	TEST_NO_ERROR(error);
	g_autofree char *type = fake_sysfs_read(fake, VF);
	TEST_STRING(type, "0");
	CU_ASSERT_TRUE(vfio_device_remove(host, "81:00.4", LONG, &error));
}

static void
every_errno_of_a_function_says_what_to_do(void)
{
	static const struct {
		int number;
		VfioError code;
		const char *text;
	} rows[] = {
		{ EBUSY, VFIO_ERROR_BUSY, "end the VM that uses it" },
		{ EAGAIN, VFIO_ERROR_BUSY, "end the VM that uses it" },
		{ EPERM, VFIO_ERROR_BUSY, "its removal has begun" },
		{ ENODEV, VFIO_ERROR_BUSY, "its removal has begun" },
		{ EACCES, VFIO_ERROR_SYSFS, "run this as root" },
		{ EROFS, VFIO_ERROR_SYSFS, "run this on the host" },
	};
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-vf");
	g_autoptr(VfioHost) host = open_host(fake, forced_write);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		forced = rows[i].number;
		gint64 timeout_us = rows[i].code == VFIO_ERROR_BUSY ? SHORT : LONG;
		CU_ASSERT_FALSE(vfio_device_remove(host, "0000:81:00.4", timeout_us, &error));
		TEST_ERROR(error, VFIO_ERROR, rows[i].code, rows[i].text);
	}
}

/* Busy for the first tries: each is a process of its own, so that is counted in the tree. */
static int
busy_twice(int fd, const char *path, const char *text)
{
	char target[PATH_MAX], mark[PATH_MAX + 16];
	if (!fake_sysfs_target(fd, target))
		return EBADF;
	for (guint i = 0; i < 2; i++) {
		g_snprintf(mark, sizeof mark, "%s-busy%u", target, i);
		int made = open(mark, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (made >= 0)
			return close(made) == 0 ? EBUSY : EIO;
	}
	return fake_sysfs_write(fd, path, text);
}

static void
a_busy_function_is_tried_again(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-vf");
	g_autoptr(VfioHost) host = open_host(fake, busy_twice);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(vfio_device_remove(host, "0000:81:00.4", LONG, &error));
	TEST_NO_ERROR(error);
	CU_ASSERT_TRUE(fake_sysfs_exists(fake, VF "-busy1"));
}

CU_TestInfo suite_vfio_remove[] = {
	{ "one is removed", one_is_removed },
	{ "one that is not there is no error", one_that_is_not_there_is_no_error },
	{ "every errno says what to do", every_errno_says_what_to_do },
	{ "one that somebody else removes is waited for",
	  one_that_somebody_else_removes_is_waited_for },
	{ "one that the driver still holds is not gone",
	  one_that_the_driver_still_holds_is_not_gone },
	{ "one whose file is gone is told", one_whose_file_is_gone_is_told },
	{ "a stuck kernel holds up nobody", a_stuck_kernel_holds_up_nobody },
	{ "a process ends while the kernel is stuck", a_process_ends_while_the_kernel_is_stuck },
	{ "the loop turns meanwhile", the_loop_turns_meanwhile },
	{ "a cancel ends the waiting only", a_cancel_ends_the_waiting_only },
	{ "four at once all go", four_at_once_all_go },
	{ "a function gives up its type", a_function_gives_up_its_type },
	{ "every errno of a function says what to do", every_errno_of_a_function_says_what_to_do },
	{ "a busy function is tried again", a_busy_function_is_tried_again },
	CU_TEST_INFO_NULL,
};
