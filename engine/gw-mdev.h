/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-version.h"

/* The vGPUs of this host, through sysfs: list the types and the existing vGPUs, create and remove
 * vGPUs. All calls block.
 * @sysfs: (nullable): replaces the kernel's own root, for tests. Every error is %GW_ERROR_FAILED,
 *   and its message says
 * what to do. Unknown texts are NULL, unknown numbers -1. */

/* One type of vGPU that a parent can make. */
typedef struct {
	char *id;	   /* "nvidia-63" */
	char *name;	   /* "GRID P4-2Q" */
	char *description; /* may have several lines */
	char *device_api;
	gint64 vram_bytes;
	gint64 available; /* instances that can be created now */
} GwMdevType;

/* A device that vGPUs can be created on: a board, or a virtual function of one. */
typedef struct {
	char *name;	 /* "0000:3b:00.0" */
	char *board;	 /* the physical function of a virtual function */
	char *model;	 /* "NVIDIA Corporation GP104GL [Tesla P4]" */
	char *framework; /* "mdev" or "vendor-vf" */
	char *driver;
	char *driver_version;
	GPtrArray *types; /* of GwMdevType */
} GwMdevParent;

/* One existing vGPU. */
typedef struct {
	char *id;   /* its UUID; with the framework "vendor-vf" the PCI address of the function */
	char *path; /* in sysfs, as QEMU's sysfsdev= takes it */
	char *parent;
	char *framework;
	char *type;
	char *type_name;
	gint64 vram_bytes;
	char *iommu_group;
	char *driver;	      /* the vGPU's own */
	char *parent_driver;  /* the driver that makes it */
	char *driver_version; /* of @parent_driver */
	char *params;	      /* the vendor's settings */
} GwMdev;

GW_API void gw_mdev_parent_free(GwMdevParent *self);
GW_API void gw_mdev_free(GwMdev *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwMdev, gw_mdev_free);

/* (transfer full): of GwMdevParent, perhaps empty. */
GW_API GPtrArray *gw_mdev_list_parents(const char *sysfs, GError **error);
/* (transfer full): of GwMdev, perhaps empty. */
GW_API GPtrArray *gw_mdev_list(const char *sysfs, GError **error);

/**
 * gw_mdev_create:
 * @type: the id of a type
 * @parent: (nullable): a parent or its board; NULL for any with a free instance
 * @uuid: (nullable): NULL for a new one
 * @ret_reused: (nullable): a matching vGPU already existed, and nothing was created
 *
 * If the UUID belongs to a vGPU of another type or parent, that is an error, and that vGPU is not
 * touched.
 *
 * Returns: (transfer full)
 */
GW_API GwMdev *gw_mdev_create(const char *sysfs, const char *type, const char *parent,
			      const char *uuid, gboolean *ret_reused, GError **error);

/**
 * gw_mdev_remove:
 * @id: as in #GwMdev
 * @timeout_us: the longest wait until it is gone, in microseconds
 * @ret_removed: (nullable): %FALSE when it did not exist, which is no error
 *
 * The kernel waits until no program has the vGPU open. If that takes longer than @timeout_us, this
 * call fails. The kernel then removes the vGPU later by itself, and this process keeps nothing of
 * it.
 */
GW_API gboolean gw_mdev_remove(const char *sysfs, const char *id, gint64 timeout_us,
			       gboolean *ret_removed, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Is @id a possible id of a vGPU? */
GW_API gboolean gw_mdev_id_is_valid(const char *id);

/* (transfer full): JSON arrays as text. */
GW_API char *gw_mdev_parents_to_json(const GPtrArray *parents);
GW_API char *gw_mdev_array_to_json(const GPtrArray *mdevs);
/* (transfer full): a JSON object as text. */
GW_API char *gw_mdev_to_json(const GwMdev *self);
