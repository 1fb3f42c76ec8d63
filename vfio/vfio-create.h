/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vfio/vfio-device.h"

/* The vGPU that somebody wants. */
typedef struct {
	const char *type; /* its id: "nvidia-63" */
	const char
		*parent; /* (nullable): a parent's name or its board's; NULL for any that is free */
	const char *uuid; /* (nullable): NULL for a new one; of no meaning for virtual functions */
} VfioRequest;

/**
 * vfio_device_create:
 * @ret_reused: (nullable): it was there already, just as wanted, and nothing was made
 *
 * Makes the vGPU if it is not there. Without a parent asked for, the next one is tried when the kernel says
 * that one is full. Blocks for as long as the driver takes, seconds perhaps. A failure leaves nothing
 * behind.
 *
 * Returns: (transfer full): NULL with %VFIO_ERROR
 */
VfioDevice *vfio_device_create(const VfioHost *host, const VfioRequest *request,
			       gboolean *ret_reused, GError **error);
