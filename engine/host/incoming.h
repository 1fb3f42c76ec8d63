/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/host/qemu.h"

/* A QEMU that waits for a guest (-incoming) may have several monitors, and so several users. What
 * was true at the survey is asked again before each step that touches what is in it. */

/**
 * incoming_check_waits:
 * @session: ours
 *
 * Asked before QEMU is stopped, loaded or given back. Returns: %FALSE with %GW_ERROR_BUSY where it
 * does not wait any more, or where another session has marked it: then what is in it is not ours.
 */
gboolean
incoming_check_waits(Qemu *qemu, const char *session, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/**
 * incoming_check_not_started:
 *
 * Asked before QEMU is ended for a guest that was not handed over. Returns: %FALSE with
 * %GW_ERROR_UNKNOWN where the guest runs in it, or has run since it was loaded: somebody else has
 * started it, and only people can say which of the two guests counts. A QEMU that does not answer
 * is one that nobody has started.
 */
gboolean incoming_check_not_started(Qemu *qemu, GError **error) G_GNUC_WARN_UNUSED_RESULT;
