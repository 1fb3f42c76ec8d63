/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's side of a fake sysfs: mdev's 'create' and 'remove', and NVIDIA's
 * 'current_vgpu_type'. As in the kernel, a UUID is taken on all parents at once and written in
 * lower case, and the 'remove' file disappears first.
 */
#include "tests/rig/fake-kernel.h"

#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUP "77"

static gboolean
write_file(const char *folder, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *above = g_path_get_dirname(path);
	return g_mkdir_with_parents(above, 0700) == 0 && g_file_set_contents(path, text, -1, NULL);
}

static void
add_link(const char *folder, const char *name, const char *target)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	if (symlink(target, path) != 0)
		abort();
}

static gint64
read_count(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *text = NULL;
	return g_file_get_contents(path, &text, NULL, NULL) ? g_ascii_strtoll(text, NULL, 10) : -1;
}

static void
count(const char *type_folder, gint64 step)
{
	g_autofree char *text =
		g_strdup_printf("%" G_GINT64_FORMAT "\n",
				read_count(type_folder, "available_instances") + step);
	write_file(type_folder, "available_instances", text);
}

/* (transfer full): the tree that @path is in. */
static char *
root_of(const char *path)
{
	const char *devices = strstr(path, "/devices/");
	return g_strndup(path, (gsize)(devices - path));
}

static char *
bus_link(const char *path, const char *uuid)
{
	g_autofree char *root = root_of(path);
	return g_build_filename(root, "bus", "mdev", "devices", uuid, NULL);
}

/* The folder of the device, complete before its link is on the bus. */
static void
add_device(const char *parent, const char *type, const char *uuid)
{
	g_autofree char *device = g_build_filename(parent, uuid, NULL);
	g_autofree char *driver = g_strndup(type, strcspn(type, "-"));
	g_autofree char *params = g_build_filename(driver, "vgpu_params", NULL);
	g_autofree char *own = g_strconcat("../drivers/", driver, "-vgpu-vfio", NULL);
	g_autofree char *to_type = g_build_filename("..", "mdev_supported_types", type, NULL);
	write_file(device, "remove", "");
	write_file(device, params, "\n");
	add_link(device, "mdev_type", to_type);
	add_link(device, "driver", own);
	g_autofree char *root = root_of(parent);
	g_autofree char *group = g_build_filename(root, "kernel", "iommu_groups", GROUP, NULL);
	g_mkdir_with_parents(group, 0700);
	add_link(device, "iommu_group", group);
	g_autofree char *target =
		g_build_filename("..", "..", "..", device + strlen(root) + 1, NULL);
	g_autofree char *link = bus_link(parent, uuid);
	if (symlink(target, link) != 0)
		abort();
}

static int
create(const char *path, const char *text)
{
	g_autofree char *type_folder = g_path_get_dirname(path);
	g_autofree char *types = g_path_get_dirname(type_folder);
	g_autofree char *parent = g_path_get_dirname(types);
	g_autofree char *type = g_path_get_basename(type_folder);
	g_autofree char *uuid = g_ascii_strdown(text, -1);
	g_autofree char *link = bus_link(path, uuid);
	if (!g_uuid_string_is_valid(uuid))
		return EINVAL;
	if (g_file_test(link, G_FILE_TEST_IS_SYMLINK))
		return EEXIST;
	if (read_count(type_folder, "available_instances") <= 0)
		return ENOSPC;
	count(type_folder, -1);
	add_device(parent, type, uuid);
	return 0;
}

static void
remove_folder(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *child = g_build_filename(path, name, NULL);
		if (g_unlink(child) != 0)
			remove_folder(child);
	}
	g_rmdir(path);
}

static int
remove_device(const char *path, const char *text)
{
	g_autofree char *device = g_path_get_dirname(path);
	g_autofree char *uuid = g_path_get_basename(device);
	g_autofree char *link = bus_link(path, uuid);
	g_autofree char *to_type = g_build_filename(device, "mdev_type", NULL);
	g_autofree char *type_folder = realpath(to_type, NULL);
	char *end;
	if (strtoul(text, &end, 0) == 0)
		return end == text ? EINVAL : 0;
	if (g_unlink(path) != 0)
		return ENODEV;
	g_unlink(link);
	remove_folder(device);
	if (type_folder != NULL)
		count(type_folder, 1);
	return 0;
}

static int
set_type(const char *path, const char *text)
{
	g_autofree char *folder = g_path_get_dirname(path);
	g_autofree char *line = g_strconcat(text, "\n", NULL);
	gboolean has = read_count(folder, "current_vgpu_type") != 0;
	gboolean wants = strcmp(text, "0") != 0;
	if (has == wants)
		return EPERM;
	return write_file(folder, "current_vgpu_type", line) ? 0 : EIO;
}

int
fake_kernel_write(const char *path, const char *text)
{
	g_autofree char *name = g_path_get_basename(path);
	/* It was open when somebody else removed it. */
	if (g_str_has_suffix(name, " (deleted)"))
		return ENODEV;
	if (strcmp(name, "create") == 0)
		return create(path, text);
	if (strcmp(name, "remove") == 0)
		return remove_device(path, text);
	if (strcmp(name, "current_vgpu_type") == 0)
		return set_type(path, text);
	return EINVAL;
}
