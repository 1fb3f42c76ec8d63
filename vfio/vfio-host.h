/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vfio/vfio-nvml.h"
#include "vfio/vfio-pci.h"
#include "vfio/vfio-sysfs.h"

/* Replaces ioctl(2). */
typedef int (*VfioIoctl)(int fd, unsigned long request, gpointer argument);

/* One host as this folder sees it: its sysfs, and the sources of names and sizes. */
typedef struct {
	VfioSysfs *sysfs;
	VfioPciNames pci_names;
	VfioNvml *nvml; /* (nullable) */
	VfioIoctl ioctl;
} VfioHost;

/* What tests replace. */
typedef struct {
	VfioSysfsWrite write;	/* (nullable) */
	VfioPciNames pci_names; /* (nullable) */
	const char *nvml;	/* (nullable): the library to load */
	VfioIoctl ioctl;	/* (nullable) */
} VfioSeams;

/**
 * vfio_host_new:
 * @root: (nullable): a tree that replaces the kernel's own sysfs; NVML is not used for it
 * @seams: (nullable)
 *
 * Returns: NULL with %VFIO_ERROR_SYSFS when @root is not a folder
 */
VfioHost *vfio_host_new(const char *root, const VfioSeams *seams, GError **error);
/* Atomic: any thread may take and drop a reference. */
VfioHost *vfio_host_ref(VfioHost *self);
void vfio_host_unref(VfioHost *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VfioHost, vfio_host_unref);
