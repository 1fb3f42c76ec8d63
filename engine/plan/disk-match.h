/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-survey.h"

/* "Cannot tell" is an answer of its own, and is never taken for "the same". */
typedef enum {
	DISK_MATCH_UNKNOWN,
	DISK_MATCH_SAME,
	DISK_MATCH_OTHER,
} DiskMatch;

/* Compares the words of host/disk-identity.h, one of each host. Pure. @ours, @theirs: (nullable) */
DiskMatch disk_match(const char *ours, const char *theirs);
/* (transfer none) (nullable): the disk of @theirs that goes with number @i of @ours. */
const GwDisk *disk_find_partner(const GPtrArray *ours, const GPtrArray *theirs, guint i);
/* Is @disk a flash of the board? QEMU sends its contents. */
gboolean disk_is_flash(const GwDisk *disk);
/* Are both files of which only a mark beside them could tell whether they are the same? */
gboolean disk_needs_mark(const GwDisk *ours, const GwDisk *theirs);
