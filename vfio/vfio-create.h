/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vfio/vfio-device.h"

/* The wanted vGPU. */
typedef struct {
	const char *type; /* its id: "nvidia-63" */
	const char
		*parent; /* (nullable): a parent's name or its board's; NULL for any that is free */
	const char *uuid; /* (nullable): NULL for a new one; ignored for virtual functions */
} VfioRequest;

/**
 * vfio_device_create:
 * @ret_reused: (nullable): a matching vGPU already existed, and nothing was created
 *
 * Creates the vGPU if it does not exist. When no parent is asked for and the kernel says that one
 * is full, the next one is tried. Blocks while the driver works, perhaps for seconds. A failure
 * leaves nothing behind.
 *
 * Returns: (transfer full): NULL with %VFIO_ERROR
 */
VfioDevice *vfio_device_create(const VfioHost *host, const VfioRequest *request,
			       gboolean *ret_reused, GError **error);
