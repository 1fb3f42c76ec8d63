/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vfio/vfio-host.h"
#include "vfio/vfio-type.h"

/* The differences between the makers of vGPUs. Each maker has its own file and one word in
 * meson.build. The first match is used; "generic" matches every driver. */
typedef struct {
	const char *name;
	/* @driver: (nullable): of the parent */
	gboolean (*matches)(const char *driver);
	/* (transfer full): the version of the loaded module; NULL when it reports none. */
	char *(*driver_version)(const VfioHost *host, const char *driver);
	/* The frame buffer, in bytes; -1 when it is not known. */
	gint64 (*vram_bytes)(const VfioHost *host, const VfioType *type);
	/* (nullable): the file with a device's settings, below the device's folder */
	const char *params_attribute;
	/* (nullable): settings that prevent migration when they are on; ends with NULL */
	const char *const *forbidden_params;
	/* (nullable), (transfer full): for check_live() on another host; NULL when there is no
	 * metadata. @gpu: PCI address of the board. */
	GBytes *(*metadata)(const VfioHost *host, const char *gpu, const char *id);
	/* (nullable): can the vGPU with this metadata migrate live to this host's @gpu? */
	VfioLive (*check_live)(const VfioHost *host, GBytes *metadata, const char *gpu,
			       char **ret_reason);
} VfioVendor;

/* Never NULL. @driver: (nullable) */
const VfioVendor *vfio_vendor_for_driver(const char *driver);
/* Finds a vendor by name; the generic one for an unknown name. Never NULL. */
const VfioVendor *vfio_vendor_by_name(const char *name);

/* What most vendors use. (transfer full): the version of a module; NULL when it reports none. */
char *vfio_vendor_module_version(const VfioHost *host, const char *driver);
gint64 vfio_vendor_described_vram(const VfioHost *host, const VfioType *type);

/* (transfer full), (nullable): the forbidden settings that are on in "enable_uvm=1,…", joined by ",
 * ". @params: (nullable) */
char *vfio_vendor_find_forbidden(const VfioVendor *self, const char *params);
