/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "engine/gw-survey.h"

/*
 * What tells one disk from another. The words are compared by plan/negotiate-disks.c:
 *
 *   file BOOT DEVICE INODE       a file that only this host is known to have
 *   device BOOT MAJOR:MINOR      a block device without a name that is the same everywhere
 *   nfs SOURCE INODE             likewise "ceph", "lustre", ...: a file on a file system of many hosts
 *   wwn ID, dm ID, rbd ID, ...   a block device by a name that is the same everywhere
 *   url ADDRESS                  an address that means the same everywhere
 */

/**
 * disk_identify:
 * @disk: gets its identity, base_identity, deleted and digest
 * @qemu: 0: not known
 * @leaf: (nullable): the path or address that QEMU opened for it
 *
 * Looks at what @qemu has open, since the path may name another file by now. What cannot be told is
 * left out.
 */
void disk_identify(GwDisk *disk, pid_t qemu, const char *leaf);

/* (transfer full): a descriptor of what @qemu has open, or had, as @file; -1 where it cannot be
 * had.
 * @flags: O_PATH or O_RDONLY. */
int disk_open(pid_t qemu, const char *file, int flags);

/* (transfer full): of GwProperty: path and identity of each file that @qemu has mapped shared and
 * writable; empty where it cannot be told. */
GPtrArray *disk_list_shared_memory(pid_t qemu);
