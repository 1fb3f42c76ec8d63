/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vfio/vfio-host.h"
#include "vfio/vfio-type.h"

/* What differs from one maker of vGPUs to the next. One file each, one word in meson.build; the first that
 * matches is taken, and "generic" matches all. */
typedef struct {
	const char *name;
	/* @driver: (nullable): of the parent */
	gboolean (*matches)(const char *driver);
	/* (transfer full): of the module that runs now; NULL when it does not tell. */
	char *(*driver_version)(const VfioHost *host, const char *driver);
	/* The frame buffer, in bytes; -1 when nobody tells. */
	gint64 (*vram_bytes)(const VfioHost *host, const VfioType *type);
	/* (nullable): where a device's settings are, below its folder */
	const char *params_attribute;
	/* (nullable): settings that, switched on, make it impossible to migrate; ends with NULL */
	const char *const *forbidden_params;
	/* (nullable), (transfer full): for check_live() on another host; NULL when there is nothing to
	 * tell. @gpu: PCI address of the board. */
	GBytes *(*metadata)(const VfioHost *host, const char *gpu, const char *id);
	/* (nullable): can the vGPU with this metadata go live to this host's @gpu? */
	VfioLive (*check_live)(const VfioHost *host, GBytes *metadata, const char *gpu,
			       char **ret_reason);
} VfioVendor;

/* Never NULL. @driver: (nullable) */
const VfioVendor *vfio_vendor_for_driver(const char *driver);
/* By its name; the generic one for a name that is not known. Never NULL. */
const VfioVendor *vfio_vendor_by_name(const char *name);

/* What most vendors do. (transfer full): of a module; NULL when it does not tell. */
char *vfio_vendor_module_version(const VfioHost *host, const char *driver);
gint64 vfio_vendor_described_vram(const VfioHost *host, const VfioType *type);

/* (transfer full), (nullable): those of the forbidden settings that are on in "enable_uvm=1,…", joined by
 * ", ". @params: (nullable) */
char *vfio_vendor_find_forbidden(const VfioVendor *self, const char *params);
