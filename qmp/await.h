/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Tells whether what is waited for has come; called after every turn of the loop. */
typedef gboolean (*AwaitReady)(gpointer data);

/**
 * await_until:
 * @ready: asked before the first turn and after each one; must not block
 * @timeout_ms: how long at most, in milliseconds; negative for no limit
 * @cancellable: (nullable): ends the wait; NULL for a wait that must not be cut short, as in an undo
 *
 * Runs the thread-default main context until @ready says %TRUE. The rule that makes this safe: the
 * callbacks it runs only write down what they saw; decisions are taken by the code that waits.
 *
 * Returns: %FALSE with %G_IO_ERROR_TIMED_OUT or %G_IO_ERROR_CANCELLED
 */
gboolean await_until(AwaitReady ready, gpointer data, int timeout_ms, GCancellable *cancellable,
		     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Turns the thread-default main context for @ms milliseconds. */
void await_ms(int ms);
