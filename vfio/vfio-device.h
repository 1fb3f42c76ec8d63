/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vfio/vfio-parent.h"

/* One existing vGPU. */
typedef struct {
	const VfioBackend *backend;
	const VfioVendor *vendor;
	char *id;	      /* its UUID; for a virtual function its PCI address */
	char *path;	      /* in sysfs, as QEMU's sysfsdev= takes it */
	char *parent;	      /* (nullable) */
	char *board;	      /* (nullable): as in VfioParent */
	VfioType *type;	      /* (nullable): without its free instances */
	char *iommu_group;    /* (nullable): N of /dev/vfio/N; changes at each creation */
	char *driver;	      /* (nullable): the driver of the vGPU itself: "nvidia-vgpu-vfio" */
	char *parent_driver;  /* (nullable): the driver that makes it */
	char *driver_version; /* (nullable): of @parent_driver */
	char *params;	      /* (nullable): the vendor's settings, unchanged */
} VfioDevice;

/**
 * vfio_device_new:
 * @id: a UUID or the PCI address of a virtual function, in any form
 *
 * Returns: (transfer full): NULL with %VFIO_ERROR_NOT_FOUND
 */
VfioDevice *vfio_device_new(const VfioHost *host, const char *id, GError **error);
/* (transfer full): of VfioDevice, sorted by framework and id; empty when there are none. */
GPtrArray *vfio_devices_list(const VfioHost *host);
void vfio_device_free(VfioDevice *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VfioDevice, vfio_device_free);

/* (transfer full), (nullable): see VfioVendor.metadata. Asks the vendor's library. */
GBytes *vfio_device_metadata(const VfioHost *host, const VfioDevice *self);
