/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "vfio/vfio-host.h"

/**
 * vfio_device_remove:
 * @id: a UUID or the PCI address of a virtual function, in any form
 * @timeout_us: the longest wait until it is gone
 *
 * Removes a vGPU; an absent vGPU is success. Close every descriptor of it first: the kernel waits
 * for the last one. If it is still open at the deadline, the error is %VFIO_ERROR_BUSY. The kernel
 * then removes it when it is closed; that happens in a separate process and blocks nothing.
 *
 * Blocks for @timeout_us at most.
 */
gboolean vfio_device_remove(const VfioHost *host, const char *id, gint64 timeout_us,
			    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same in a thread: @callback is called in the thread-default context of the caller. A cancel
 * ends the wait but not the removal. */
void
vfio_device_remove_async(VfioHost *host, const char *id, gint64 timeout_us,
			 GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
gboolean vfio_device_remove_finish(GAsyncResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;
