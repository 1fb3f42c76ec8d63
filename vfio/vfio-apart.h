/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vfio/vfio-sysfs.h"

typedef enum {
	VFIO_APART_DONE,  /* the write has returned */
	VFIO_APART_STUCK, /* the write still blocks in the kernel; nothing of ours waits for it */
	VFIO_APART_LOST,  /* the result will never be known: the process did not start, or was
			  * killed */
} VfioApart;

/**
 * vfio_apart_write:
 * @deadline_us: of g_get_monotonic_time()
 * @ret_errno: the result of the write, 0 for success; for %VFIO_APART_LOST the reason
 *
 * Writes to an attribute in a process of its own. Blocks until @deadline_us at most.
 */
VfioApart vfio_apart_write(const VfioSysfs *sysfs, const char *folder, const char *name,
			   const char *text, gint64 deadline_us, int *ret_errno);
