/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Describes the devices that vGPUs can be created on. A value that cannot be read stays unknown: a
 * parent with half of its files missing is still a parent, and only the operation that needs the
 * missing half fails.
 */
#include "vfio/vfio-parent.h"

#include <string.h>

/* A parent may be bound to no driver; then its type ids contain the driver's own name. */
static char *
find_driver(const VfioHost *host, const char *folder, const GPtrArray *types)
{
	char *driver = vfio_sysfs_link_name(host->sysfs, folder, "driver");
	if (driver != NULL || types->len == 0)
		return driver;
	const VfioType *first = g_ptr_array_index(types, 0);
	return vfio_type_driver(first->id);
}

static VfioParent *
describe(const VfioHost *host, const VfioBackend *backend, const char *name)
{
	VfioParent *self = g_new0(VfioParent, 1);
	g_autofree char *folder = backend->parent_folder(host->sysfs, name);
	self->backend = backend;
	self->name = g_strdup(name);
	self->board = vfio_sysfs_link_name(host->sysfs, folder, "physfn");
	self->types = g_ptr_array_new_with_free_func((GDestroyNotify)vfio_type_free);
	backend->add_types(host->sysfs, name, self->types);
	self->driver = find_driver(host, folder, self->types);
	self->vendor = vfio_vendor_for_driver(self->driver);
	self->driver_version = self->vendor->driver_version(host, self->driver);
	self->pci = vfio_pci_id_new(host->sysfs, name, host->pci_names);
	for (guint i = 0; i < self->types->len; i++) {
		VfioType *type = g_ptr_array_index(self->types, i);
		type->vram_bytes = self->vendor->vram_bytes(host, type);
	}
	return self;
}

VfioParent *
vfio_parent_new(const VfioHost *host, const char *name)
{
	for (const VfioBackend *const *backend = vfio_backends(); *backend != NULL; backend++) {
		g_auto(GStrv) names = (*backend)->list_parents(host->sysfs);
		if (g_strv_contains((const char *const *)names, name))
			return describe(host, *backend, name);
	}
	return NULL;
}

GPtrArray *
vfio_parents_list(const VfioHost *host)
{
	GPtrArray *parents = g_ptr_array_new_with_free_func((GDestroyNotify)vfio_parent_free);
	for (const VfioBackend *const *backend = vfio_backends(); *backend != NULL; backend++) {
		g_auto(GStrv) names = (*backend)->list_parents(host->sysfs);
		for (char **name = names; *name != NULL; name++)
			g_ptr_array_add(parents, describe(host, *backend, *name));
	}
	return parents;
}

void
vfio_parent_free(VfioParent *self)
{
	if (self == NULL)
		return;
	g_free(self->name);
	g_free(self->board);
	g_free(self->driver);
	g_free(self->driver_version);
	vfio_pci_id_free(self->pci);
	g_ptr_array_unref(self->types);
	g_free(self);
}

const VfioType *
vfio_parent_find_type(const VfioParent *self, const char *type)
{
	for (guint i = 0; i < self->types->len; i++) {
		const VfioType *its = g_ptr_array_index(self->types, i);
		if (strcmp(its->id, type) == 0)
			return its;
	}
	return NULL;
}

gboolean
vfio_parent_is_called(const VfioParent *self, const char *name)
{
	g_autofree char *wanted = vfio_bdf_normalize(name);
	return strcmp(self->name, wanted) == 0 || g_strcmp0(self->board, wanted) == 0;
}
