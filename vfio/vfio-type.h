/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* One type of vGPU that a parent can make. Texts are NULL where the driver does not report them. */
typedef struct {
	char *id;	   /* "nvidia-63" */
	char *name;	   /* "GRID P4-2Q" */
	char *description; /* may have several lines */
	char *device_api;  /* "vfio-pci" */
	gint64 vram_bytes; /* -1: not known */
	gint64 available;  /* instances that can be created now; -1: not known */
} VfioType;

VfioType *vfio_type_new(const char *id);
/* (transfer full) */
VfioType *vfio_type_copy(const VfioType *self);
void vfio_type_free(VfioType *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VfioType, vfio_type_free);

/* The size in "…, framebuffer=8192M, …", in bytes; -1 when there is none or it is invalid. */
gint64 vfio_type_framebuffer_bytes(const char *description);
/* (transfer full): the driver's own name, "nvidia" in "nvidia-63"; NULL when there is no such
 * part. */
char *vfio_type_driver(const char *id);
