/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NVIDIA's framework for SR-IOV boards without mdev: every virtual function can carry one vGPU, whose type
 * number is written to the function's 'nvidia/current_vgpu_type'; 0 takes it away. A vGPU here has no UUID:
 * it is the function.
 *
 * 'nvidia/creatable_vgpu_types' is a table, "ID : NAME" a line below a heading, of what could be made at this
 * very moment. Types are called "nvidia-ID", as NVIDIA's mdev types are.
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

/* The number of its type: 0 has none; -1 is no such function. */
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

/* "1428  : NVIDIA H200X-141C"; NULL for a line that is none, as the heading. */
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

/* The table has the name only as long as one more of the type could be made. */
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
	  "the driver does not make this type there now: the vGPUs of one board may have to be of "
	  "one "
	  "size; the kernel log ('dmesg') has the reason" },
	{ ENOSPC, VFIO_ERROR_NO_INSTANCE,
	  "the board is full: remove a vGPU of this board, or choose another board" },
	{ EUSERS, VFIO_ERROR_NO_INSTANCE,
	  "the board is full: remove a vGPU of this board, or choose another board" },
	{ EBUSY, VFIO_ERROR_BUSY, "the function is in use: end the program that has it" },
	{ EAGAIN, VFIO_ERROR_BUSY, "the driver is not ready yet: try again in a moment" },
	{ ENODEV, VFIO_ERROR_BUSY,
	  "the function is going away: enable the virtual functions of the board again" },
	{ ENOENT, VFIO_ERROR_NOT_FOUND,
	  "the function has just gone: enable the virtual functions of the board again" },
	{ EACCES, VFIO_ERROR_SYSFS, "only root may make a vGPU: run this as root" },
	{ EROFS, VFIO_ERROR_SYSFS,
	  "sysfs is mounted read-only, as in a container: run this on the host" },
	{ ENOMEM, VFIO_ERROR_SYSFS,
	  "the driver has no memory for it: free memory of the host or of the board" },
	{ EIO, VFIO_ERROR_SYSFS,
	  "the driver failed: the kernel log and the journal of nvidia-vgpu-mgr tell why" },
	{ 0 },
};

static const VfioErrnoRow remove_rows[] = {
	{ EPERM, VFIO_ERROR_NOT_FOUND, "the function has no vGPU" },
	{ ENOENT, VFIO_ERROR_NOT_FOUND, "the function has gone" },
	{ ENODEV, VFIO_ERROR_NOT_FOUND, "the function has gone" },
	{ EBUSY, VFIO_ERROR_BUSY, "it is in use: end the VM that has it, then remove it again" },
	{ EAGAIN, VFIO_ERROR_BUSY, "it is in use: end the VM that has it, then remove it again" },
	{ EACCES, VFIO_ERROR_SYSFS, "only root may remove a vGPU: run this as root" },
	{ EROFS, VFIO_ERROR_SYSFS,
	  "sysfs is mounted read-only, as in a container: run this on the host" },
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
