/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vfio/vfio-nvml.h"
#include "vfio/vfio-pci.h"
#include "vfio/vfio-sysfs.h"

/* Takes the place of ioctl(2). */
typedef int (*VfioIoctl)(int fd, unsigned long request, gpointer argument);

/* One host as this folder sees it: its sysfs, and who can name and size what is in there. */
typedef struct {
	VfioSysfs *sysfs;
	VfioPciNames pci_names;
	VfioNvml *nvml; /* (nullable) */
	VfioIoctl ioctl;
} VfioHost;

/* What tests put in the place of the real thing. */
typedef struct {
	VfioSysfsWrite write;	/* (nullable) */
	VfioPciNames pci_names; /* (nullable) */
	const char *nvml;	/* (nullable): the library to load */
	VfioIoctl ioctl;	/* (nullable) */
} VfioSeams;

/**
 * vfio_host_new:
 * @root: (nullable): a tree in place of the kernel's own sysfs; NVML is not asked about it
 * @seams: (nullable)
 *
 * Returns: NULL with %VFIO_ERROR_SYSFS when @root is not a folder
 */
VfioHost *vfio_host_new(const char *root, const VfioSeams *seams, GError **error);
/* Atomic: a reference may be held and dropped in any thread. */
VfioHost *vfio_host_ref(VfioHost *self);
void vfio_host_unref(VfioHost *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VfioHost, vfio_host_unref)
