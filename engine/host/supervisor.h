/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/**
 * supervisor_find:
 * @root: "" for this host; tests have a folder of their own with proc/ and etc/
 * @qemu: 0 where it is not known
 *
 * Finds what would start a QEMU again after its end: a second copy of the guest would then run.
 *
 * Returns: (transfer full) (nullable): in words: "the systemd unit 'web1.service'
 *   (Restart=always)", "process 12 (runsv)"; NULL where nothing is known to do that
 */
char *supervisor_find(const char *root, pid_t qemu);
