/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mediated devices. The parent has one folder a type; writing a UUID to the folder's 'create' makes
 * a vGPU.
 *
 * 'create' is synchronous: when the write returns, a driver has bound the device. The kernel keeps
 * one list of UUIDs for all parents, and a UUID stays on it for a moment after the device is gone.
 * After a failed write to 'remove' the kernel has already taken the file away forever. So this code
 * writes it only once, and never before the create has returned.
 */
#include <errno.h>

#include "vfio/vfio-backend.h"

#define PARENTS	      "class/mdev_bus"
#define PCI_DEVICES   "bus/pci/devices"
#define DEVICES	      "bus/mdev/devices"
#define TYPES	      "mdev_supported_types"
#define MAX_INSTANCES 65536
#define LINGER_TRIES  20
#define LINGER_US     (100 * 1000)

static char *
parent_folder(const VfioSysfs *sysfs, const char *parent)
{
	const char *folder = vfio_sysfs_exists(sysfs, PARENTS, parent) ? PARENTS : PCI_DEVICES;
	return g_build_filename(folder, parent, NULL);
}

/* The class is a compatibility link: some kernels do not have it. */
static GStrv
list_parents(const VfioSysfs *sysfs)
{
	if (vfio_sysfs_exists(sysfs, PARENTS, NULL))
		return vfio_sysfs_list(sysfs, PARENTS, NULL);
	g_autoptr(GStrvBuilder) found = g_strv_builder_new();
	g_auto(GStrv) all = vfio_sysfs_list(sysfs, PCI_DEVICES, NULL);
	for (char **name = all; *name != NULL; name++) {
		g_autofree char *folder = g_build_filename(PCI_DEVICES, *name, NULL);
		if (vfio_sysfs_exists(sysfs, folder, TYPES))
			g_strv_builder_add(found, *name);
	}
	return g_strv_builder_end(found);
}

static VfioType *
read_type(const VfioSysfs *sysfs, const char *folder, const char *id)
{
	VfioType *type = vfio_type_new(id);
	type->name = vfio_sysfs_read(sysfs, folder, "name", NULL);
	type->description = vfio_sysfs_read(sysfs, folder, "description", NULL);
	type->device_api = vfio_sysfs_read(sysfs, folder, "device_api", NULL);
	return type;
}

static void
add_types(const VfioSysfs *sysfs, const char *parent, GPtrArray *types)
{
	g_autofree char *above = parent_folder(sysfs, parent);
	g_autofree char *folder = g_build_filename(above, TYPES, NULL);
	g_auto(GStrv) ids = vfio_sysfs_list(sysfs, folder, NULL);
	for (char **id = ids; *id != NULL; id++) {
		g_autofree char *its = g_build_filename(folder, *id, NULL);
		if (!vfio_sysfs_exists(sysfs, its, "create"))
			continue;
		VfioType *type = read_type(sysfs, its, *id);
		type->available =
			vfio_sysfs_read_count(sysfs, its, "available_instances", MAX_INSTANCES);
		g_ptr_array_add(types, type);
	}
}

static gboolean
is_id(const char *id)
{
	return g_uuid_string_is_valid(id);
}

static char *
device_folder(const char *id)
{
	return g_build_filename(DEVICES, id, NULL);
}

static GStrv
list_devices(const VfioSysfs *sysfs)
{
	g_auto(GStrv) all = vfio_sysfs_list(sysfs, DEVICES, NULL);
	g_autoptr(GStrvBuilder) found = g_strv_builder_new();
	for (char **name = all; *name != NULL; name++)
		if (is_id(*name))
			g_strv_builder_add(found, *name);
	return g_strv_builder_end(found);
}

static gboolean
exists(const VfioSysfs *sysfs, const char *id)
{
	return vfio_sysfs_exists(sysfs, DEVICES, id);
}

/* While the driver removes a device, the device is no longer on the bus. But the folder in its
 * parent still exists and the instance is still taken. */
static gboolean
is_gone(const VfioSysfs *sysfs, const char *id)
{
	g_auto(GStrv) parents = list_parents(sysfs);
	for (char **parent = parents; *parent != NULL; parent++) {
		g_autofree char *folder = parent_folder(sysfs, *parent);
		if (vfio_sysfs_exists(sysfs, folder, id))
			return FALSE;
	}
	return !exists(sysfs, id);
}

/* The device is a folder in its parent's folder, and the bus has a link to it. */
static char *
device_parent(const VfioSysfs *sysfs, const char *id)
{
	g_autofree char *target = vfio_sysfs_link(sysfs, DEVICES, id);
	g_autofree char *above = target != NULL ? g_path_get_dirname(target) : NULL;
	g_autofree char *name = above != NULL ? g_path_get_basename(above) : NULL;
	return vfio_sysfs_name_is_valid(name) ? g_steal_pointer(&name) : NULL;
}

static VfioType *
device_type(const VfioSysfs *sysfs, const char *id)
{
	g_autofree char *device = device_folder(id);
	g_autofree char *type_id = vfio_sysfs_link_name(sysfs, device, "mdev_type");
	g_autofree char *folder = g_build_filename(device, "mdev_type", NULL);
	return type_id != NULL ? read_type(sysfs, folder, type_id) : NULL;
}

static char *
new_id(const char *parent, const char *uuid)
{
	return g_strdup(uuid);
}

static int
create(const VfioSysfs *sysfs, const char *parent, const char *type, const char *id)
{
	g_autofree char *above = parent_folder(sysfs, parent);
	g_autofree char *folder = g_build_filename(above, TYPES, type, NULL);
	int number = vfio_sysfs_write(sysfs, folder, "create", id);
	/* The UUID of a device that is just gone becomes free in a moment. */
	for (guint i = 0; number == EEXIST && !exists(sysfs, id) && i < LINGER_TRIES; i++) {
		g_usleep(LINGER_US);
		number = vfio_sysfs_write(sysfs, folder, "create", id);
	}
	return number;
}

static const VfioErrnoRow create_rows[] = {
	{ EINVAL, VFIO_ERROR_UNSUPPORTED,
	  "the driver rejects this type or UUID: the kernel log ('dmesg') has the reason" },
	{ EEXIST, VFIO_ERROR_EXISTS,
	  "the UUID is in use on this host: choose another one, or remove the vGPU that has it" },
	{ EUSERS, VFIO_ERROR_NO_INSTANCE,
	  "no instance of the type is free: remove a vGPU of this parent, or choose another "
	  "parent" },
	{ ENOSPC, VFIO_ERROR_NO_INSTANCE,
	  "the parent is full: remove a vGPU of this parent, or choose another parent" },
	{ ENODEV, VFIO_ERROR_BUSY,
	  "the parent is being removed: wait until its driver is loaded again" },
	{ EAGAIN, VFIO_ERROR_BUSY, "the driver is not ready yet: try again in a moment" },
	{ EBUSY, VFIO_ERROR_BUSY, "the parent is busy: try again in a moment" },
	{ ENOENT, VFIO_ERROR_NOT_FOUND, "the parent or its type is gone: list the types again" },
	{ EACCES, VFIO_ERROR_SYSFS, "only root may create a vGPU: run this as root" },
	{ EPERM, VFIO_ERROR_SYSFS,
	  "the driver or a security policy forbids it: run this as root, and read the kernel "
	  "log" },
	{ EROFS, VFIO_ERROR_SYSFS,
	  "sysfs is mounted read-only, as in a container: run this on the host itself" },
	{ ENOMEM, VFIO_ERROR_SYSFS,
	  "the driver has not enough memory: free memory of the host or of the board" },
	{ EIO, VFIO_ERROR_SYSFS,
	  "the driver failed: the kernel log and, for NVIDIA, the journal of nvidia-vgpu-mgr say "
	  "why" },
	{ 0 },
};

static const VfioErrnoRow remove_rows[] = {
	{ EINVAL, VFIO_ERROR_SYSFS, "the kernel rejects the request: is this tree a sysfs?" },
	{ ENOENT, VFIO_ERROR_NOT_FOUND, "it is gone, or its removal has already begun" },
	{ ENODEV, VFIO_ERROR_NOT_FOUND, "it is gone, or its parent is being removed" },
	{ EAGAIN, VFIO_ERROR_NOT_FOUND, "another program is creating or removing it now" },
	{ EACCES, VFIO_ERROR_SYSFS, "only root may remove a vGPU: run this as root" },
	{ EPERM, VFIO_ERROR_SYSFS, "the driver or a security policy forbids it: run this as root" },
	{ EROFS, VFIO_ERROR_SYSFS,
	  "sysfs is mounted read-only, as in a container: run this on the host itself" },
	{ 0 },
};

const VfioBackend vfio_backend_mdev = {
	.name = "mdev",
	.list_parents = list_parents,
	.parent_folder = parent_folder,
	.add_types = add_types,
	.list_devices = list_devices,
	.is_id = is_id,
	.device_folder = device_folder,
	.exists = exists,
	.is_gone = is_gone,
	.device_parent = device_parent,
	.device_type = device_type,
	.new_id = new_id,
	.create = create,
	.create_rows = create_rows,
	.remove_attribute = "remove",
	.remove_text = "1",
	.remove_rows = remove_rows,
};
