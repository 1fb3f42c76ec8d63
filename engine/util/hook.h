/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#define HOOK_TIMEOUT_MS 60000 /* what a hook of a session has; one of a test less */

/**
 * hook_run:
 * @command: (nullable): a shell command; NULL does nothing
 * @host: from side_to_string()
 * @timeout_ms: after this time the hook is killed, with all processes that it has started
 *
 * Runs the user's hook with GODWIT_PHASE, GODWIT_VM and GODWIT_HOST set, and runs the main loop
 * meanwhile. The VM's name may be a peer's, so it is escaped by safe_name_escape().
 *
 * Returns: %FALSE with %GW_ERROR_HOOK when the hook fails, cannot be run or takes too long
 */
gboolean hook_run(const char *command, const char *phase, const char *vm_name, const char *host,
		  int timeout_ms, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A hook that runs beside what its phase does. The loop has to turn, on the thread that began
 * it. */
typedef struct Hook Hook;

/* (nullable): as hook_run(), which see, but returns at once; NULL without a @command. hook_end()
 * has to follow. */
Hook *hook_begin(const char *command, const char *phase, const char *vm_name, const char *host,
		 int timeout_ms);
/* Would hook_end() return at once? */
gboolean hook_has_ended(const Hook *self);
/* @self: (transfer full) (nullable). Waits for its end, up to its time-out. As hook_run(). */
gboolean hook_end(Hook *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
