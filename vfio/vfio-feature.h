/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "vfio/vfio-host.h"

/* What the kernel's VFIO says a device can do, as its bits are. */
#define VFIO_FLAG_STOP_COPY 1
#define VFIO_FLAG_P2P	    2
#define VFIO_FLAG_PRE_COPY  4

/* What the driver of an open device says of its migration. */
typedef struct {
	gint64 flags;		/* VFIO_FLAG_…; 0: it cannot migrate; -1: not known */
	gint64 stop_copy_bytes; /* of a stop-copy that began now, the driver's estimate; -1: not known */
	gboolean
		lacks_data_size; /* the driver has no such estimate: QEMU takes 100 GiB for granted */
} VfioFeatures;

/**
 * vfio_feature_ask:
 * @qemu: the process that has the device open
 * @id: a UUID or PCI address, in any form
 *
 * Two questions to the driver that change nothing and may be put while QEMU migrates the device. The second
 * takes the driver's lock, so it may block for as long as a change of state does: ask in a thread then, and
 * the less often the longer it takes, since some drivers pass it on to the board.
 *
 * Where it is not permitted, or anything else is in the way, the answer is that nothing is known.
 */
void vfio_feature_ask(const VfioHost *host, pid_t qemu, const char *id, VfioFeatures *ret_features);
