/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "engine/gw-survey.h"

/* What the kernel of this host tells of a QEMU. All of it is for comparing: unknown is an answer too. */

/* Does it stay when its guest shuts down? By its command line. */
GwTristate survey_host_no_shutdown(pid_t qemu);
/* 0: not known. */
guint64 survey_host_resident_bytes(pid_t qemu);

/**
 * survey_host_file_identity:
 * @file: as that QEMU was told
 *
 * Two words or more, the last of them the file's number: "local BOOT DEVICE INODE" where only this host has it,
 * "shared KIND INODE" on a file system that other hosts may have too..
 *
 * Returns: (transfer full): NULL when it is no file, or cannot be looked at
 */
char *survey_host_file_identity(pid_t qemu, const char *file);
