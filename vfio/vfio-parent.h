/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vfio/vfio-backend.h"
#include "vfio/vfio-vendor.h"

/* A device that vGPUs can be created on: a board, a virtual function of one, or a device of a
 * lab. */
typedef struct {
	const VfioBackend *backend;
	const VfioVendor *vendor;
	char *name;	      /* "0000:3b:00.0" */
	char *board;	      /* (nullable): the physical function of a virtual function */
	char *driver;	      /* (nullable) */
	char *driver_version; /* (nullable) */
	VfioPciId *pci;	      /* (nullable): it may not be a PCI device */
	GPtrArray *types;     /* of VfioType */
} VfioParent;

/* (transfer full): NULL when there is no such parent. */
VfioParent *vfio_parent_new(const VfioHost *host, const char *name);
/* (transfer full): of VfioParent, sorted by framework and name; empty when there are none. */
GPtrArray *vfio_parents_list(const VfioHost *host);
void vfio_parent_free(VfioParent *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VfioParent, vfio_parent_free);

/* (transfer none), (nullable) */
const VfioType *vfio_parent_find_type(const VfioParent *self, const char *type);
/* Is @name the parent's own name or its board's, in any form that people write? */
gboolean vfio_parent_is_called(const VfioParent *self, const char *name);
