/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/util/process.h"
#include "qmp/qmp-client.h"

/**
 * qemu_process_prove:
 * @process: (out): the process that is QEMU; not known where that cannot be proven
 * @ret_is_indirect: (out): descriptors do not reach QEMU: a program in between does not pass them
 *   on
 *
 * Finds the process behind a monitor, and proves it. The number that the socket tells (SO_PEERCRED)
 * is of the process that listened on it: socat, ssh -L, a multiplexer or systemd may have done
 * that. A caller that takes this process for QEMU kills the wrong one, and takes its end for the
 * guest's.
 *
 * QEMU is sent one end of a pipe (getfd); the process that then holds this pipe is QEMU. A program
 * in between cannot pass the descriptor on, and QEMU refuses the command.
 *
 * Returns: %FALSE where QEMU is not directly behind its monitor, or its process cannot be looked at
 *   from here
 */
gboolean qemu_process_prove(QmpClient *qmp, Process *process, gboolean *ret_is_indirect);
