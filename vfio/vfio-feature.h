/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "vfio/vfio-host.h"

/* The kernel's VFIO migration flags of a device. */
#define VFIO_FLAG_STOP_COPY 1
#define VFIO_FLAG_P2P	    2
#define VFIO_FLAG_PRE_COPY  4

/* What the driver of an open device reports about its migration. */
typedef struct {
	gint64 flags; /* VFIO_FLAG_…; 0: it cannot migrate; -1: not known */
	/* If the stop-copy began now: the driver's estimate; -1: not known. */
	gint64 stop_copy_bytes;
	/* The driver has no such estimate: QEMU then assumes 100 GiB. */
	gboolean lacks_data_size;
} VfioFeatures;

/**
 * vfio_feature_ask:
 * @qemu: the process that has the device open
 * @id: a UUID or PCI address, in any form
 *
 * Asks the driver two questions. They change nothing and are allowed while QEMU migrates the
 * device. The second question takes the driver's lock, so it may block as long as a change of state
 * does: ask in a thread then. The longer it takes, the less often you should ask, because some
 * drivers forward the question to the board.
 *
 * When it is not permitted, or anything else fails, the answer is that nothing is known.
 */
void vfio_feature_ask(const VfioHost *host, pid_t qemu, const char *id, VfioFeatures *ret_features);
