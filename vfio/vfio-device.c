/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Describes one vGPU. All values are read again each time: a vGPU has another IOMMU group each time
 * it is created, and the number of NVIDIA's free instances changes whenever a sibling is created.
 */
#include "vfio/vfio-device.h"

static void
describe_parent(const VfioHost *host, VfioDevice *self)
{
	self->parent = self->backend->device_parent(host->sysfs, self->id);
	g_autoptr(VfioParent) parent =
		self->parent != NULL ? vfio_parent_new(host, self->parent) : NULL;
	if (parent != NULL) {
		self->board = g_strdup(parent->board);
		self->parent_driver = g_strdup(parent->driver);
		self->driver_version = g_strdup(parent->driver_version);
	} else if (self->type != NULL) {
		self->parent_driver = vfio_type_driver(self->type->id);
	}
	self->vendor = vfio_vendor_for_driver(self->parent_driver);
}

static VfioDevice *
describe(const VfioHost *host, const VfioBackend *backend, const char *id)
{
	VfioDevice *self = g_new0(VfioDevice, 1);
	g_autofree char *folder = backend->device_folder(id);
	self->backend = backend;
	self->id = g_strdup(id);
	self->path = vfio_sysfs_path(host->sysfs, folder, NULL);
	self->type = backend->device_type(host->sysfs, id);
	describe_parent(host, self);
	if (self->type != NULL)
		self->type->vram_bytes = self->vendor->vram_bytes(host, self->type);
	self->iommu_group = vfio_sysfs_link_name(host->sysfs, folder, "iommu_group");
	self->driver = vfio_sysfs_link_name(host->sysfs, folder, "driver");
	if (self->vendor->params_attribute != NULL)
		self->params =
			vfio_sysfs_read(host->sysfs, folder, self->vendor->params_attribute, NULL);
	return self;
}

VfioDevice *
vfio_device_new(const VfioHost *host, const char *id, GError **error)
{
	g_autofree char *wanted = vfio_id_normalize(id);
	const VfioBackend *backend = wanted != NULL ? vfio_backend_for_id(wanted) : NULL;
	if (backend == NULL) {
		g_autofree char *quote = vfio_error_quote(id);
		g_set_error(error, VFIO_ERROR, VFIO_ERROR_NOT_FOUND,
			    "'%s' is neither a UUID nor a PCI address", quote);
		return NULL;
	}
	if (!backend->exists(host->sysfs, wanted)) {
		g_set_error(error, VFIO_ERROR, VFIO_ERROR_NOT_FOUND,
			    "there is no vGPU '%s' on this host", wanted);
		return NULL;
	}
	return describe(host, backend, wanted);
}

GPtrArray *
vfio_devices_list(const VfioHost *host)
{
	GPtrArray *devices = g_ptr_array_new_with_free_func((GDestroyNotify)vfio_device_free);
	for (const VfioBackend *const *backend = vfio_backends(); *backend != NULL; backend++) {
		g_auto(GStrv) ids = (*backend)->list_devices(host->sysfs);
		for (char **id = ids; *id != NULL; id++)
			g_ptr_array_add(devices, describe(host, *backend, *id));
	}
	return devices;
}

void
vfio_device_free(VfioDevice *self)
{
	if (self == NULL)
		return;
	g_free(self->id);
	g_free(self->path);
	g_free(self->parent);
	g_free(self->board);
	vfio_type_free(self->type);
	g_free(self->iommu_group);
	g_free(self->driver);
	g_free(self->parent_driver);
	g_free(self->driver_version);
	g_free(self->params);
	g_free(self);
}

GBytes *
vfio_device_metadata(const VfioHost *host, const VfioDevice *self)
{
	const char *gpu = self->board != NULL ? self->board : self->parent;
	if (self->vendor->metadata == NULL || gpu == NULL)
		return NULL;
	return self->vendor->metadata(host, gpu, self->id);
}
