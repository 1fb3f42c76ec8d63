/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* NVIDIA's management library, where it is installed. */
typedef struct _VfioNvml VfioNvml;

/* NULL, without an error, when the library is absent or too old, or finds no driver. @library: the
 * argument of dlopen(3). */
VfioNvml *vfio_nvml_open(const char *library);
void vfio_nvml_close(VfioNvml *self);

/* The frame buffer of the type with this number, in bytes; -1 when the library does not know it. */
gint64 vfio_nvml_framebuffer_bytes(VfioNvml *self, guint type);

/* (transfer full): the library's metadata of a vGPU that a VM uses. Only another host's library can
 * read it. NULL when the library does not know that vGPU. @gpu: PCI address of the board. */
GBytes *vfio_nvml_vgpu_metadata(VfioNvml *self, const char *gpu, const char *mdev_uuid);

typedef enum {
	VFIO_LIVE_UNKNOWN, /* no answer */
	VFIO_LIVE_YES,
	VFIO_LIVE_NO,
} VfioLive;

/**
 * vfio_nvml_check_live:
 * @metadata: of the vGPU, from any host: it is not trusted
 * @gpu: PCI address of the board that the vGPU would migrate to
 * @ret_reason: (transfer full): why not, for %VFIO_LIVE_NO
 */
VfioLive vfio_nvml_check_live(VfioNvml *self, GBytes *metadata, const char *gpu, char **ret_reason);
