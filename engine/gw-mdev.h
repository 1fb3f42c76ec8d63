/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-version.h"

/* The vGPUs of this host, through sysfs: what can be made, what is there, making and removing. All blocks.
 * @sysfs: (nullable): another root than the kernel's own, for tests. Every error is %GW_ERROR_FAILED, and its
 * message says what to do. Texts are NULL and numbers -1 where nobody tells. */

/* One kind of vGPU that a parent can make. */
typedef struct {
	char *id;	   /* "nvidia-63" */
	char *name;	   /* "GRID P4-2Q" */
	char *description; /* may have several lines */
	char *device_api;
	gint64 vram_bytes;
	gint64 available; /* instances that can be made now */
} GwMdevType;

/* Something that vGPUs can be made on: a board, or a virtual function of one. */
typedef struct {
	char *name;	 /* "0000:3b:00.0" */
	char *board;	 /* the physical function that it is a virtual one of */
	char *model;	 /* "NVIDIA Corporation GP104GL [Tesla P4]" */
	char *framework; /* "mdev" or "vendor-vf" */
	char *driver;
	char *driver_version;
	GPtrArray *types; /* of GwMdevType */
} GwMdevParent;

/* One vGPU that is there. */
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
	char *parent_driver;  /* the one that makes it */
	char *driver_version; /* of @parent_driver */
	char *params;	      /* the vendor's settings of it */
} GwMdev;

GW_API void gw_mdev_parent_free(GwMdevParent *self);
GW_API void gw_mdev_free(GwMdev *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwMdev, gw_mdev_free)

/* (transfer full): of GwMdevParent, maybe empty. */
GW_API GPtrArray *gw_mdev_list_parents(const char *sysfs, GError **error);
/* (transfer full): of GwMdev, maybe empty. */
GW_API GPtrArray *gw_mdev_list(const char *sysfs, GError **error);

/**
 * gw_mdev_create:
 * @type: the id of a type
 * @parent: (nullable): a parent or its board; NULL for any with a free instance
 * @uuid: (nullable): NULL for a new one
 * @ret_reused: (nullable): it was there already, as wanted, and nothing was made
 *
 * A vGPU with that UUID and another type or parent is an error and not touched.
 *
 * Returns: (transfer full)
 */
GW_API GwMdev *gw_mdev_create(const char *sysfs, const char *type, const char *parent,
			      const char *uuid, gboolean *ret_reused, GError **error);

/**
 * gw_mdev_remove:
 * @id: as in #GwMdev
 * @timeout_us: how long to wait until it has gone, in microseconds
 * @ret_removed: (nullable): %FALSE when it was not there, which is no error
 *
 * The kernel waits until nobody has the vGPU open. When that takes longer than @timeout_us, this is an error;
 * the removal then happens by itself later, and nothing of it stays in this process.
 */
GW_API gboolean gw_mdev_remove(const char *sysfs, const char *id, gint64 timeout_us,
			       gboolean *ret_removed, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Could a vGPU be called so? */
GW_API gboolean gw_mdev_id_is_valid(const char *id);

/* (transfer full): JSON arrays as text. */
GW_API char *gw_mdev_parents_to_json(const GPtrArray *parents);
GW_API char *gw_mdev_array_to_json(const GPtrArray *mdevs);
/* (transfer full): a JSON object as text. */
GW_API char *gw_mdev_to_json(const GwMdev *self);
