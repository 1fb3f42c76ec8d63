/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/control/peer.h"
#include "engine/record/journal.h"
#include "engine/record/ownership.h"

/* Settles what an agent that died has left. Needs a private context on the thread. */

/**
 * recover_destination:
 * @ret_text: (out) (nullable): what was found and done
 * @ret_is_clean: (out) (nullable): %FALSE when something could not be removed; @ret_text says what,
 *   and the journal stays for another try
 *
 * Settles the agent's side of @session by its journal: afterwards a guest that was committed runs,
 * and one that was not is proven gone. The VM's ownership record is written before the journal
 * goes.
 *
 * Returns: PEER_OUTCOME_UNKNOWN with @error set when the outcome cannot be told, or when the
 *   session's owner lives (%GW_ERROR_BUSY). PEER_OUTCOME_DEAD with @error set where this host was
 *   restarted and the guest may have run before that; without where it is known to have run.
 *   PEER_OUTCOME_RUNNING with @error set where the guest was taken over and its QEMU has died since
 */
PeerOutcome recover_destination(const char *state_dir, const char *session, char **ret_text,
				gboolean *ret_is_clean, GError **error);

/* Likewise, of each session of @vm_name whose owner has died; for who has the VM's lock. */
void recover_settle_vm(const char *state_dir, const char *vm_name);

/* What the record says of a session, without settling anything. PEER_OUTCOME_GONE only where it
 * proves that no commit has come, and there is no journal; @error as above. */
PeerOutcome recover_answer_by_record(const char *state_dir, const Ownership *record,
				     const char *session, GError **error);

/* What became of @session: as above where there is a journal, else by the record of @vm_name (as
 * the survey named it). */
PeerOutcome
recover_answer(const char *state_dir, const char *vm_name, const char *session, GError **error);

/* The source of @session will never ask again: confirms it in the record of @vm_name and removes
 * its journal. %FALSE, and both stay, where the session was not committed here or is under way. */
gboolean recover_forget(const char *state_dir, const char *vm_name, const char *session,
			GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Removes the vGPUs that @journal names; their QEMU must have ended. %GW_ERROR_VGPU. */
gboolean recover_remove_vgpus(Journal *journal, GError **error) G_GNUC_WARN_UNUSED_RESULT;
