/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks the driver of a device that a QEMU has open.
 *
 * Only one program at a time can open a device, so we borrow QEMU's own descriptor for a moment
 * with pidfd_getfd(2). But all of QEMU's device descriptors are called "anon_inode:[vfio-device]".
 * With several of them, nothing tells which belongs to which device: not their numbers (a free
 * number may be anywhere), not the order of their creation, not the sizes of their regions. The
 * descriptor of a device's group can be identified: it is a character device, and sysfs has its
 * number. So we take the group's descriptor and ask the kernel for the device in it by name. This
 * opens the device a second time, which only increments a counter: the driver's own open and close
 * run at the first open and the last close. With iommufd the device has a character device of its
 * own, and we take that descriptor.
 *
 * All of them are closed at once: one that stayed open would prevent the removal of the vGPU. We
 * only ever send VFIO_DEVICE_FEATURE with GET, for these two features: other requests clear data
 * that QEMU has not read yet.
 */
#include "vfio/vfio-feature.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "vfio/auto-fd.h"
#include "vfio/vfio-backend.h"

/* linux/vfio.h of Linux 6.2: MIG_DATA_SIZE, answered with a u64. */
#define FEATURE_DATA_SIZE 9

/* Both answers are one u64. */
typedef struct {
	struct vfio_device_feature head;
	guint64 value;
} Question;
G_STATIC_ASSERT(sizeof(Question) == sizeof(struct vfio_device_feature) + sizeof(guint64));

/* 0 or an errno. */
static int
ask(const VfioHost *host, int device, guint32 feature, guint64 *ret_value)
{
	Question question = { .head = { .argsz = sizeof question,
					.flags = VFIO_DEVICE_FEATURE_GET | feature } };
	if (host->ioctl(device, VFIO_DEVICE_FEATURE, &question) < 0)
		return errno;
	*ret_value = question.value;
	return 0;
}

static void
ask_data_size(const VfioHost *host, int device, VfioFeatures *features)
{
	guint64 bytes = 0;
	int number = ask(host, device, FEATURE_DATA_SIZE, &bytes);
	features->lacks_data_size = number == ENOTTY || number == EOPNOTSUPP;
	if (number == 0 && bytes <= G_MAXINT64)
		features->stop_copy_bytes = (gint64)bytes;
}

static void
ask_device(const VfioHost *host, int device, VfioFeatures *features)
{
	guint64 flags = 0;
	int number = ask(host, device, VFIO_DEVICE_FEATURE_MIGRATION, &flags);
	if (number == ENOTTY)
		features->flags = 0;
	if (number != 0)
		return;
	features->flags = flags & (VFIO_FLAG_STOP_COPY | VFIO_FLAG_P2P | VFIO_FLAG_PRE_COPY);
	if (features->flags & VFIO_FLAG_STOP_COPY)
		ask_data_size(host, device, features);
}

/* The number of a character device, read from sysfs's file "dev"; 0 when there is none. */
static dev_t
read_device_number(const VfioHost *host, const char *folder)
{
	g_autofree char *text = vfio_sysfs_read(host->sysfs, folder, "dev", NULL);
	guint major, minor;
	char end;
	if (text == NULL || sscanf(text, "%u:%u%c", &major, &minor, &end) != 2)
		return 0;
	return makedev(major, minor);
}

/* The number of the device's group. */
static dev_t
group_number(const VfioHost *host, const char *device_folder)
{
	g_autofree char *group = vfio_sysfs_link_name(host->sysfs, device_folder, "iommu_group");
	if (group == NULL)
		return 0;
	g_autofree char *folder = g_build_filename("class/vfio", group, NULL);
	return read_device_number(host, folder);
}

/* The number of the device's own character device, where the kernel has one. */
static dev_t
own_number(const VfioHost *host, const char *device_folder)
{
	g_auto(GStrv) names = vfio_sysfs_list(host->sysfs, device_folder, "vfio-dev");
	if (names[0] == NULL)
		return 0;
	g_autofree char *folder = g_build_filename(device_folder, "vfio-dev", names[0], NULL);
	return read_device_number(host, folder);
}

static gboolean
is_device_number(const char *folder, const char *name, dev_t number)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	struct stat status;
	return stat(path, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == number;
}

/* -1: none found. */
static int
find_descriptor(pid_t process, dev_t number)
{
	g_autofree char *folder = g_strdup_printf("/proc/%d/fd", (int)process);
	g_autoptr(GDir) dir = number != 0 ? g_dir_open(folder, 0, NULL) : NULL;
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
		if (is_device_number(folder, name, number))
			return atoi(name);
	return -1;
}

/* Our own copy of @process's descriptor of the device @number, or -1. The process may reuse the
 * descriptor's number before we take it, so the copy is checked. */
static int
take_descriptor(pid_t process, dev_t number)
{
	int theirs = find_descriptor(process, number);
	g_auto(AutoFd) pidfd = theirs >= 0 ? (int)syscall(SYS_pidfd_open, process, 0) : -1;
	g_auto(AutoFd) ours = pidfd >= 0 ? (int)syscall(SYS_pidfd_getfd, pidfd, theirs, 0) : -1;
	struct stat status;
	if (ours < 0 || fstat(ours, &status) != 0 || !S_ISCHR(status.st_mode) ||
	    status.st_rdev != number)
		return -1;
	return auto_fd_steal(&ours);
}

static int
open_device(const VfioHost *host, pid_t qemu, const char *folder, const char *id)
{
	int device = take_descriptor(qemu, own_number(host, folder));
	if (device >= 0)
		return device;
	g_auto(AutoFd) group = take_descriptor(qemu, group_number(host, folder));
	return group >= 0 ? host->ioctl(group, VFIO_GROUP_GET_DEVICE_FD, (gpointer)id) : -1;
}

void
vfio_feature_ask(const VfioHost *host, pid_t qemu, const char *id, VfioFeatures *ret_features)
{
	*ret_features = (VfioFeatures){ .flags = -1, .stop_copy_bytes = -1 };
	g_autofree char *name = vfio_id_normalize(id);
	if (name == NULL || qemu <= 0)
		return;
	g_autofree char *folder = vfio_backend_for_id(name)->device_folder(name);
	g_auto(AutoFd) device = open_device(host, qemu, folder, name);
	if (device >= 0)
		ask_device(host, device, ret_features);
}
