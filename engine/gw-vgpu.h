/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-version.h"

/* What a driver can do, as the kernel's VFIO has it. */
#define GW_VGPU_STOP_COPY 1 /* be migrated at all */
#define GW_VGPU_P2P	  2 /* be stopped together with others */
#define GW_VGPU_PRE_COPY  4 /* be copied while the guest runs */

/* One vGPU of a VM, as the host it is on describes it; or, on a host where it is still to be made, what
 * would be made. Texts are NULL and numbers -1 where the host does not tell. */
typedef struct {
	char *name;	  /* in the VM file, or QEMU's id of the device */
	char *guest_path; /* where QEMU has it in the guest: "0000:00:08.0" */
	char *id;	  /* its UUID; for a virtual function its PCI address; NULL: not made yet */
	char *type;	  /* "nvidia-63" */
	char *type_name;  /* "GRID P4-2Q" */
	char *description;    /* the driver's text about the type */
	char *parent;	      /* "0000:3b:00.0" */
	char *framework;      /* "mdev" or "vendor-vf"; NULL: that host cannot make it */
	char *vendor;	      /* the rules it goes by: "nvidia" */
	char *driver;	      /* that makes it */
	char *driver_version; /* of the module that runs now */
	char *params;	      /* the vendor's settings, as they are written there */
	gint64 vram_bytes;
	gint64 available; /* instances of its type that can still be made */
	/* What the driver says while QEMU has it open. */
	gint64 migration_flags;	  /* GW_VGPU_…; 0: it cannot migrate; -1: not known */
	gint64 stop_copy_bytes;	  /* what would have to be copied with the guest stopped */
	gboolean lacks_data_size; /* it does not tell that: QEMU takes 100 GiB for granted */
	gboolean cannot_verify;	  /* nothing would tell if its driver refused what it was sent */
	char *taken_type;	  /* the type of the vGPU that has this one's UUID there already */
	char *metadata; /* what the vendor's library says of it to that of another host, base64 */
	char *refusal;	/* why the vendor's library does not let it come to this host */
} GwVgpu;

GW_API void gw_vgpu_free(GwVgpu *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwVgpu, gw_vgpu_free)
