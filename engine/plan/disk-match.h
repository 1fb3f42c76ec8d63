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
/* Does its identity hold on one host only? Then only a mark could tell more. @identity: (nullable) */
gboolean disk_identity_is_local(const char *identity);
