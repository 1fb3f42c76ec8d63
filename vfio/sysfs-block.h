/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/**
 * sysfs_block_identify:
 * @sys: (nullable): another root than the kernel's, for tests
 *
 * The words for a block device that are the same on all hosts which have it: "wwn naa.6000...", "dm
 * UUID (WHAT IT LIES ON)", "rbd CLUSTER POOL IMAGE SNAPSHOT", "drbd UUID", with " part N" for a
 * partition. A serial number of a local disk is not among them: makers and hypervisors give the
 * same one twice.
 *
 * Returns: (transfer full): NULL where the device has no such name
 */
char *sysfs_block_identify(const char *sys, dev_t device);
