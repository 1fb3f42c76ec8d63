/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/host/qemu.h"
#include "engine/record/journal.h"

/* The QEMU of a session whose owner has died. It is dealt with only where it is proven to be that
 * session's: see recover-qemu.c. */

/* The process that the journal names; not known where it names none, or one of an earlier boot. */
void recover_open_process(Journal *journal, Process *process);

/* Attaches to the session's QEMU. (transfer full): NULL with %GW_ERROR_MONITOR where nothing
 * answers, with %GW_ERROR_UNKNOWN where another QEMU does. */
Qemu *recover_attach(Journal *journal, Side side, GError **error);

/* Ends the session's QEMU on the destination. %TRUE: it is proven gone. %FALSE with
 * %GW_ERROR_UNKNOWN */
gboolean recover_end_qemu(Journal *journal, GError **error) G_GNUC_WARN_UNUSED_RESULT;
