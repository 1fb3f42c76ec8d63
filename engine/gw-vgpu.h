/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-version.h"

/* The driver's abilities, as the kernel's VFIO encodes them. */
#define GW_VGPU_STOP_COPY 1 /* it can be migrated at all */
#define GW_VGPU_P2P	  2 /* it can be stopped together with others */
#define GW_VGPU_PRE_COPY  4 /* it can be copied while the guest runs */

/* One vGPU of a VM, as its host describes it. On a host where it does not exist yet, this describes
 * the vGPU that would be created. Texts are NULL and numbers -1 where the host does not report
 * them. */
typedef struct {
	char *name;	      /* in the VM file, or QEMU's id of the device */
	char *guest_path;     /* its address in the guest: "0000:00:08.0" */
	char *id;	      /* its UUID; for a virtual function its PCI address; NULL: not created
			   * yet */
	char *type;	      /* "nvidia-63" */
	char *type_name;      /* "GRID P4-2Q" */
	char *description;    /* the driver's text about the type */
	char *parent;	      /* "0000:3b:00.0" */
	char *framework;      /* "mdev" or "vendor-vf"; NULL: that host cannot make it */
	char *vendor;	      /* the rules that apply: "nvidia" */
	char *driver;	      /* the driver that makes it */
	char *driver_version; /* of the loaded module */
	char *params;	      /* the vendor's settings, unchanged */
	gint64 vram_bytes;
	gint64 available; /* instances of its type that can still be created */
	/* What the driver reports while QEMU has the device open. */
	gint64 migration_flags;	  /* GW_VGPU_…; 0: it cannot migrate; -1: not known */
	gint64 stop_copy_bytes;	  /* what must be copied with the guest stopped */
	gboolean lacks_data_size; /* it does not report that size: QEMU assumes 100 GiB */
	gboolean cannot_verify;	  /* it would not be noticed if its driver rejected the state */
	char *taken_type;	  /* the type of an existing vGPU with the same UUID there */
	char *metadata; /* the vendor library's description for the other host's library, base64 */
	char *refusal;	/* why the vendor's library rejects it for this host */
} GwVgpu;

GW_API void gw_vgpu_free(GwVgpu *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwVgpu, gw_vgpu_free);
