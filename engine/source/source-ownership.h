/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/source/source-context.h"

/* Where the VM belongs, as this host knows it; and the lock that keeps other sessions away. See
 * source-ownership.c. */

/* To be called before the monitor is opened: takes the VM's lock where its name is known.
 * %GW_ERROR_BUSY, which says what who does, or %GW_ERROR_STATE_DIR. */
gboolean source_own_lock(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The monitor could not be opened: does the record say why? Replaces *@error then. */
void source_own_explain(SourceRun *run, GError **error);
/**
 * source_own_check:
 *
 * To be called once our QEMU and the VM's name are known.
 *
 * Returns: %FALSE with %GW_ERROR_HANDED_OVER or %GW_ERROR_UNKNOWN when the guest is not proven to
 *   be in our QEMU; or as source_own_lock()
 */
gboolean source_own_check(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Where the guest is by the record alone: for a run that ends before it has seen our QEMU. */
GwPlace source_own_guess_place(SourceRun *run);
/* Is the agent one that uses our state folder? %GW_ERROR_STATE_DIR. */
gboolean source_own_check_agent(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Written before the stream begins: a COMMIT may follow. %GW_ERROR_HANDED_OVER when the guest has
 * left since. */
gboolean source_own_send(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The agent said RUNNING. */
gboolean source_own_give(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The guest is, or was until its QEMU died, on this host. */
gboolean source_own_undo(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
