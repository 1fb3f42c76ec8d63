/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NVIDIA's framework for SR-IOV boards without mdev. Every virtual function can carry one vGPU.
 * Writing the number of a type to the function's 'nvidia/current_vgpu_type' creates the vGPU;
 * writing 0 removes it. A vGPU has no UUID here: it is the function.
 *
 * 'nvidia/creatable_vgpu_types' is a table with one line "ID : NAME" a type below a heading. It
 * lists the types that could be created at this moment. Types are called "nvidia-ID" here, like
 * NVIDIA's mdev types.
 */
#include <errno.h>
#include <string.h>

#include "vfio/vfio-backend.h"
#include "vfio/vfio-pci.h"

#define DEVICES	  "bus/pci/devices"
#define CREATABLE "nvidia/creatable_vgpu_types"
#define CURRENT	  "nvidia/current_vgpu_type"
#define PREFIX	  "nvidia-"
#define MAX_TYPE  999999

static char *
folder_of(const char *id)
{
	return g_build_filename(DEVICES, id, NULL);
}

static char *
parent_folder(const VfioSysfs *sysfs, const char *parent)
{
	return folder_of(parent);
}

/* The number of the function's type; 0: no vGPU; -1: no such function. */
static gint64
current_type(const VfioSysfs *sysfs, const char *id)
{
	g_autofree char *folder = folder_of(id);
	return vfio_sysfs_read_count(sysfs, folder, CURRENT, MAX_TYPE);
}

static gboolean
exists(const VfioSysfs *sysfs, const char *id)
{
	return current_type(sysfs, id) > 0;
}

static gboolean
is_gone(const VfioSysfs *sysfs, const char *id)
{
	return !exists(sysfs, id);
}

static gboolean
is_function(const VfioSysfs *sysfs, const char *name)
{
	g_autofree char *folder = folder_of(name);
	return vfio_sysfs_exists(sysfs, folder, "physfn") &&
	       vfio_sysfs_exists(sysfs, folder, CURRENT);
}

static GStrv
list_where(const VfioSysfs *sysfs, gboolean (*wanted)(const VfioSysfs *, const char *))
{
	g_auto(GStrv) all = vfio_sysfs_list(sysfs, DEVICES, NULL);
	g_autoptr(GStrvBuilder) found = g_strv_builder_new();
	for (char **name = all; *name != NULL; name++)
		if (wanted(sysfs, *name))
			g_strv_builder_add(found, *name);
	return g_strv_builder_end(found);
}

static GStrv
list_parents(const VfioSysfs *sysfs)
{
	return list_where(sysfs, is_function);
}

static GStrv
list_devices(const VfioSysfs *sysfs)
{
	return list_where(sysfs, exists);
}

/* Parses "1428  : NVIDIA H200X-141C"; NULL for another line, for instance the heading. */
static VfioType *
parse_line(const char *line)
{
	char *rest;
	guint64 number = g_ascii_strtoull(line, &rest, 10);
	if (!g_ascii_isdigit(line[0]) || number == 0 || number > MAX_TYPE)
		return NULL;
	while (*rest == ' ' || *rest == '\t')
		rest++;
	if (*rest != ':')
		return NULL;
	g_autofree char *id = g_strdup_printf(PREFIX "%u", (guint)number);
	VfioType *type = vfio_type_new(id);
	type->name = g_strstrip(g_strdup(rest + 1));
	type->device_api = g_strdup("vfio-pci");
	return type;
}

static void
add_types(const VfioSysfs *sysfs, const char *parent, GPtrArray *types)
{
	g_autofree char *folder = folder_of(parent);
	g_autofree char *text = vfio_sysfs_read(sysfs, folder, CREATABLE, NULL);
	g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
	gboolean taken = exists(sysfs, parent);
	for (char **line = lines; *line != NULL; line++) {
		VfioType *type = parse_line(g_strstrip(*line));
		if (type == NULL)
			continue;
		type->available = taken ? 0 : 1;
		g_ptr_array_add(types, type);
	}
}

static gboolean
is_id(const char *id)
{
	VfioBdf bdf;
	return vfio_bdf_parse(id, &bdf);
}

static char *
device_parent(const VfioSysfs *sysfs, const char *id)
{
	return g_strdup(id);
}

/* The table has the name only while one more vGPU of the type could be created. */
static VfioType *
device_type(const VfioSysfs *sysfs, const char *id)
{
	gint64 number = current_type(sysfs, id);
	if (number <= 0)
		return NULL;
	g_autofree char *type_id = g_strdup_printf(PREFIX "%" G_GINT64_FORMAT, number);
	g_autoptr(GPtrArray) types = g_ptr_array_new_with_free_func((GDestroyNotify)vfio_type_free);
	add_types(sysfs, id, types);
	for (guint i = 0; i < types->len; i++) {
		const VfioType *type = g_ptr_array_index(types, i);
		if (strcmp(type->id, type_id) == 0)
			return vfio_type_copy(type);
	}
	VfioType *type = vfio_type_new(type_id);
	type->device_api = g_strdup("vfio-pci");
	return type;
}

static char *
new_id(const char *parent, const char *uuid)
{
	return g_strdup(parent);
}

static int
create(const VfioSysfs *sysfs, const char *parent, const char *type, const char *id)
{
	if (!g_str_has_prefix(type, PREFIX))
		return EINVAL;
	g_autofree char *folder = folder_of(parent);
	return vfio_sysfs_write(sysfs, folder, CURRENT, type + strlen(PREFIX));
}

static const VfioErrnoRow create_rows[] = {
	{ EPERM, VFIO_ERROR_NO_INSTANCE,
	  "the function has a vGPU already: remove it, or choose another function" },
	{ EINVAL, VFIO_ERROR_UNSUPPORTED,
	  "the driver cannot create this type there now: perhaps all vGPUs of one board must have "
	  "the same size; the kernel log ('dmesg') has the reason" },
	{ ENOSPC, VFIO_ERROR_NO_INSTANCE,
	  "the board is full: remove a vGPU of this board, or choose another board" },
	{ EUSERS, VFIO_ERROR_NO_INSTANCE,
	  "the board is full: remove a vGPU of this board, or choose another board" },
	{ EBUSY, VFIO_ERROR_BUSY, "the function is in use: end the program that uses it" },
	{ EAGAIN, VFIO_ERROR_BUSY, "the driver is not ready yet: try again in a moment" },
	{ ENODEV, VFIO_ERROR_BUSY,
	  "the function is being removed: enable the virtual functions of the board again" },
	{ ENOENT, VFIO_ERROR_NOT_FOUND,
	  "the function is gone: enable the virtual functions of the board again" },
	{ EACCES, VFIO_ERROR_SYSFS, "only root may create a vGPU: run this as root" },
	{ EROFS, VFIO_ERROR_SYSFS,
	  "sysfs is mounted read-only, as in a container: run this on the host itself" },
	{ ENOMEM, VFIO_ERROR_SYSFS,
	  "the driver has not enough memory: free memory of the host or of the board" },
	{ EIO, VFIO_ERROR_SYSFS,
	  "the driver failed: the kernel log and the journal of nvidia-vgpu-mgr say why" },
	{ 0 },
};

static const VfioErrnoRow remove_rows[] = {
	{ EPERM, VFIO_ERROR_NOT_FOUND, "the function has no vGPU" },
	{ ENOENT, VFIO_ERROR_NOT_FOUND, "the function is gone" },
	{ ENODEV, VFIO_ERROR_NOT_FOUND, "the function is gone" },
	{ EBUSY, VFIO_ERROR_BUSY, "it is in use: end the VM that uses it, then remove it again" },
	{ EAGAIN, VFIO_ERROR_BUSY, "it is in use: end the VM that uses it, then remove it again" },
	{ EACCES, VFIO_ERROR_SYSFS, "only root may remove a vGPU: run this as root" },
	{ EROFS, VFIO_ERROR_SYSFS,
	  "sysfs is mounted read-only, as in a container: run this on the host itself" },
	{ 0 },
};

const VfioBackend vfio_backend_vf = {
	.name = "vendor-vf",
	.list_parents = list_parents,
	.parent_folder = parent_folder,
	.add_types = add_types,
	.list_devices = list_devices,
	.is_id = is_id,
	.device_folder = folder_of,
	.exists = exists,
	.is_gone = is_gone,
	.device_parent = device_parent,
	.device_type = device_type,
	.new_id = new_id,
	.create = create,
	.create_rows = create_rows,
	.remove_attribute = CURRENT,
	.remove_text = "0",
	.remove_rows = remove_rows,
};
