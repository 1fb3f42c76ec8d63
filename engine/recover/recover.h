/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-recover.h"
#include "engine/record/journal.h"
#include "engine/control/peer.h"

/* What to do about a journal whose owner has died. Needs a private context on the thread. */

/**
 * recover_destination:
 * @ret_text: (out) (nullable): what was found and done
 * @ret_is_clean: (out) (nullable): %FALSE when something of it could not be removed; @ret_text says what, and the
 *   journal stays for another try
 *
 * Settles the agent's side of @session: a guest that was committed runs in the end, one that was not is
 * proven gone. No journal at all means that it was never committed here.
 *
 * Returns: PEER_OUTCOME_UNKNOWN with @error set when that cannot be told, or the session's owner lives
 */
PeerOutcome recover_destination(const char *state_dir, const char *session, char **ret_text,
				gboolean *ret_is_clean, GError **error);

/* Forgets a session whose guest runs here, since the source needs the record no more. */
gboolean recover_forget(const char *state_dir, const char *session,
			GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Removes the vGPUs that @journal names; their QEMU must have ended. %GW_ERROR_VGPU. */
gboolean recover_remove_vgpus(Journal *journal, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Settles the source's side of @journal. Fills in all of @result but its names. @tls_dir: as gw_recover() has it. */
void recover_source(Journal *journal, GwAssume assume, const char *tls_dir, GwRecovered *result);
