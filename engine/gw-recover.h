/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-report.h"

typedef enum {
	GW_ASSUME_NOTHING,
	GW_ASSUME_RUNNING, /* the user has looked: the guest runs on the destination */
	GW_ASSUME_GONE,	   /* the user has looked: it does not, and never will */
} GwAssume;

/* What was found in one journal and what was done about it. */
typedef struct {
	char *session;
	char *vm_name;
	char *role;	  /* "source" or "destination" */
	gboolean settled; /* nothing is left to do */
	gboolean acted;	  /* it was settled by this call */
	gboolean busy;	  /* its owner is alive: not touched */
	GwPlace vm_runs_on;
	char *text; /* what was found and done, for people */
} GwRecovered;

GW_API void gw_recovered_free(GwRecovered *self);

/**
 * gw_recover:
 * @state_dir: (nullable): NULL for gw_default_state_dir()
 * @names: (nullable): which: names of VMs, sessions or monitors; NULL or empty: all
 * @assume: counts only where the agent does not know; needs @names
 * @tls_dir: (nullable): for the peers; replaces the folder that each journal names
 *
 * Settles the journals whose owner has died, one by one, by the rules of the hand-over. Blocks;
 * asks the peers.
 *
 * Returns: (transfer full): of GwRecovered, perhaps empty; NULL with %GW_ERROR_STATE_DIR, or
 *   %GW_ERROR_FAILED for @assume without @names
 */
GW_API GPtrArray *gw_recover(const char *state_dir, const char *const *names, GwAssume assume,
			     const char *tls_dir, GError **error);
