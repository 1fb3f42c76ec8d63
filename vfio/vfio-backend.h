/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vfio/vfio-error.h"
#include "vfio/vfio-sysfs.h"
#include "vfio/vfio-type.h"

/* One framework that makes vGPUs through sysfs. Each has its own file and one word in meson.build.
 * Names of parents, types and devices are arguments that were checked: they are valid as names in
 * sysfs. Folders are relative to its root. */
typedef struct {
	const char *name;
	/* (transfer full): sorted; empty on a host without this framework. */
	GStrv (*list_parents)(const VfioSysfs *sysfs);
	/* (transfer full) */
	char *(*parent_folder)(const VfioSysfs *sysfs, const char *parent);
	/* Adds a VfioType for each type; absent texts stay NULL. */
	void (*add_types)(const VfioSysfs *sysfs, const char *parent, GPtrArray *types);

	/* (transfer full): the ids of the existing vGPUs, sorted. */
	GStrv (*list_devices)(const VfioSysfs *sysfs);
	/* Has @id the form of this framework's ids? */
	gboolean (*is_id)(const char *id);
	/* (transfer full) */
	char *(*device_folder)(const char *id);
	gboolean (*exists)(const VfioSysfs *sysfs, const char *id);
	/* Is it completely gone, with no removal in the driver still unfinished? */
	gboolean (*is_gone)(const VfioSysfs *sysfs, const char *id);
	/* (transfer full), (nullable) */
	char *(*device_parent)(const VfioSysfs *sysfs, const char *id);
	/* (transfer full), (nullable): without its free instances */
	VfioType *(*device_type)(const VfioSysfs *sysfs, const char *id);

	/* (transfer full): the id of a new vGPU on @parent. @uuid: as the kernel writes it. */
	char *(*new_id)(const char *parent, const char *uuid);
	/* Returns 0 or an errno; the rows explain it. %VFIO_ERROR_NO_INSTANCE and %VFIO_ERROR_BUSY
	 * in the rows mean that another parent may still succeed. */
	int (*create)(const VfioSysfs *sysfs, const char *parent, const char *type, const char *id);
	const VfioErrnoRow *create_rows;
	/* What to write, and into which file of the device's folder. In the rows
	 * %VFIO_ERROR_NOT_FOUND means that the vGPU is gone or disappears now, and %VFIO_ERROR_BUSY
	 * that another try may succeed. */
	const char *remove_attribute;
	const char *remove_text;
	const VfioErrnoRow *remove_rows;
} VfioBackend;

/* All frameworks; ends with NULL. */
const VfioBackend *const *vfio_backends(void);
/* (nullable): found by the form of a device's id. */
const VfioBackend *vfio_backend_for_id(const char *id);
/* (nullable) */
const VfioErrnoRow *vfio_backend_find_row(const VfioErrnoRow *rows, int number);

/* (transfer full): as the kernel writes it; NULL when @text is not a UUID. */
char *vfio_uuid_normalize(const char *text);
/* (transfer full): a UUID or PCI address as the kernel writes it; NULL when @text is neither. */
char *vfio_id_normalize(const char *text);
