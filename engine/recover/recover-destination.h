/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/control/peer.h"
#include "engine/record/journal.h"

/* Settles what an agent that died has left. Needs a private context on the thread. */

/**
 * recover_destination:
 * @ret_text: (out) (nullable): what was found and done
 * @ret_is_clean: (out) (nullable): %FALSE when something could not be removed; @ret_text says what,
 *   and the journal stays for another try
 *
 * Settles the agent's side of @session: afterwards a guest that was committed runs, and one that
 * was not is proven gone. Without a journal the session was never committed here.
 *
 * Returns: PEER_OUTCOME_UNKNOWN with @error set when the outcome cannot be told, or when the
 *   session's owner lives (%GW_ERROR_BUSY)
 */
PeerOutcome recover_destination(const char *state_dir, const char *session, char **ret_text,
				gboolean *ret_is_clean, GError **error);

/* Forgets a session whose guest runs here: the source does not need the record any more. */
gboolean recover_forget(const char *state_dir, const char *session,
			GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Removes the vGPUs that @journal names; their QEMU must have ended. %GW_ERROR_VGPU. */
gboolean recover_remove_vgpus(Journal *journal, GError **error) G_GNUC_WARN_UNUSED_RESULT;
