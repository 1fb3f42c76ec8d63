/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* NVIDIA's management library, where it is installed. */
typedef struct _VfioNvml VfioNvml;

/* NULL without a word when the library is not there, is too old, or finds no driver. @library: what
 * dlopen(3) takes. */
VfioNvml *vfio_nvml_open(const char *library);
void vfio_nvml_close(VfioNvml *self);

/* The frame buffer of the type with this number, in bytes; -1 when it does not know. */
gint64 vfio_nvml_framebuffer_bytes(VfioNvml *self, guint type);

/* (transfer full): what the library tells of a vGPU that a VM uses; it is read by another host's library
 * and by nobody else. NULL when it does not know that vGPU. @gpu: PCI address of the board. */
GBytes *vfio_nvml_vgpu_metadata(VfioNvml *self, const char *gpu, const char *mdev_uuid);

typedef enum {
	VFIO_LIVE_UNKNOWN, /* nobody could tell */
	VFIO_LIVE_YES,
	VFIO_LIVE_NO,
} VfioLive;

/**
 * vfio_nvml_check_live:
 * @metadata: of the vGPU, from any host: it is not trusted
 * @gpu: PCI address of the board that it would go to
 * @ret_reason: (transfer full): why not, for %VFIO_LIVE_NO
 */
VfioLive vfio_nvml_check_live(VfioNvml *self, GBytes *metadata, const char *gpu, char **ret_reason);
