/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/record/ownership-file.h"

/* The destination's part of a VM's ownership record. All of these load and save it; each fails with
 * %GW_ERROR_STATE_DIR where the record cannot be read or written, and can be repeated. */

/* @session is about to bring the VM here: from now on a commit may come. %GW_ERROR_UNKNOWN where
 *   another session of the VM is not settled. One that this host's restart has cut is settled by
 *   the same source's coming back. */
gboolean receiving_begin(const char *state_dir, const char *vm_name, const char *session,
			 const OwnershipPeer *source, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* This host was restarted while it received the VM of @record, and @source, from which that came,
 * comes again. It has the guest, and begins no second move before the first one is settled: so the
 * first one is over. */
gboolean receiving_may_follow(const Ownership *record, const OwnershipPeer *source);
/* @session was committed, and the guest has run here. %GW_ERROR_UNKNOWN where it never began. */
gboolean receiving_take(const char *state_dir, const char *vm_name, const char *session,
			GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* @session was not committed, and its QEMU is gone. %TRUE also where it never began. */
gboolean receiving_undo(const char *state_dir, const char *vm_name, const char *session,
			GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The source of @session will never ask again. A session of an earlier boot whose commit is not
 * known is lost by that: its QEMU has died here, and the source has settled the rest.
 * %GW_ERROR_UNKNOWN where it was not committed. */
gboolean receiving_confirm(const char *state_dir, const char *vm_name, const char *session,
			   GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* (transfer full): the record that knows @session: that of @vm_name, or, where the source has no
 * name for its VM (@vm_name is ""), whichever does. NULL with %GW_ERROR_STATE_DIR */
Ownership *
receiving_find(const char *state_dir, const char *vm_name, const char *session, GError **error);
