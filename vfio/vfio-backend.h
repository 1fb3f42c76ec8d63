/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vfio/vfio-error.h"
#include "vfio/vfio-sysfs.h"
#include "vfio/vfio-type.h"

/* One way to make vGPUs through sysfs. One file each, one word in meson.build. Names of parents, types and
 * devices that are passed in are valid as names in sysfs; folders are below its root. */
typedef struct {
	const char *name;
	/* (transfer full): sorted; empty on a host without this framework. */
	GStrv (*list_parents)(const VfioSysfs *sysfs);
	/* (transfer full) */
	char *(*parent_folder)(const VfioSysfs *sysfs, const char *parent);
	/* Adds a VfioType for each; texts that are not there stay NULL. */
	void (*add_types)(const VfioSysfs *sysfs, const char *parent, GPtrArray *types);

	/* (transfer full): the ids of the vGPUs that are there, sorted. */
	GStrv (*list_devices)(const VfioSysfs *sysfs);
	/* Has @id the form of this framework's ids? */
	gboolean (*is_id)(const char *id);
	/* (transfer full) */
	char *(*device_folder)(const char *id);
	gboolean (*exists)(const VfioSysfs *sysfs, const char *id);
	/* Is nothing left of it, not even a removal that the driver has not ended? */
	gboolean (*is_gone)(const VfioSysfs *sysfs, const char *id);
	/* (transfer full), (nullable) */
	char *(*device_parent)(const VfioSysfs *sysfs, const char *id);
	/* (transfer full), (nullable): without its free instances */
	VfioType *(*device_type)(const VfioSysfs *sysfs, const char *id);

	/* (transfer full): what a vGPU on @parent will be called. @uuid: as the kernel writes it. */
	char *(*new_id)(const char *parent, const char *uuid);
	/* Returns 0 or an errno, to be read by the rows. %VFIO_ERROR_NO_INSTANCE and %VFIO_ERROR_BUSY
	 * there mean that another parent may still do it. */
	int (*create)(const VfioSysfs *sysfs, const char *parent, const char *type, const char *id);
	const VfioErrnoRow *create_rows;
	/* What to write where in the device's folder. %VFIO_ERROR_NOT_FOUND in the rows means that the
	 * vGPU has gone or is going, %VFIO_ERROR_BUSY that it is worth trying again. */
	const char *remove_attribute;
	const char *remove_text;
	const VfioErrnoRow *remove_rows;
} VfioBackend;

/* All of them; ends with NULL. */
const VfioBackend *const *vfio_backends(void);
/* (nullable): by the form of a device's id. */
const VfioBackend *vfio_backend_for_id(const char *id);
/* (nullable) */
const VfioErrnoRow *vfio_backend_find_row(const VfioErrnoRow *rows, int number);

/* (transfer full): as the kernel writes it; NULL when @text is no UUID. */
char *vfio_uuid_normalize(const char *text);
/* (transfer full): a UUID or PCI address as the kernel writes it; NULL when @text is neither. */
char *vfio_id_normalize(const char *text);
