/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "engine/gw-survey.h"

/* What the kernel of this host tells of a QEMU. All of it is for comparing: unknown is an answer
 * too. */

/* Returns whether the QEMU stays when its guest shuts down, by its command line. */
GwTristate survey_host_no_shutdown(pid_t qemu);
/* (transfer full) (nullable): what its command line has for -incoming; NULL for "defer". */
char *survey_host_incoming(pid_t qemu);
/* 0: not known. */
guint64 survey_host_resident_bytes(pid_t qemu);
