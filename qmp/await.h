/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Returns %TRUE when the wait is over; called after every turn of the loop. */
typedef gboolean (*AwaitReady)(gpointer data);

/**
 * await_until:
 * @ready: called before the first turn and after each one; must not block
 * @timeout_ms: the longest wait, in milliseconds; negative for no limit
 * @cancellable: (nullable): ends the wait; NULL for a wait that must not be interrupted, for
 *   instance in an undo
 *
 * Runs the thread-default main context until @ready returns %TRUE. One rule makes this safe: the
 * callbacks that run meanwhile only write down what they saw. The code that waits takes the
 * decisions.
 *
 * Returns: %FALSE with %G_IO_ERROR_TIMED_OUT or %G_IO_ERROR_CANCELLED
 */
gboolean await_until(AwaitReady ready, gpointer data, int timeout_ms, GCancellable *cancellable,
		     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* For an asynchronous call whose result await_result() waits for: its callback and, as its @data,
 * the address of a pointer that is NULL. */
void await_take_result(GObject *source, GAsyncResult *result, gpointer data);

/* As await_until(), until *@result is set; then it is the caller's. The call holds its address:
 * when this fails, a later wait without a time-out has to follow. */
gboolean await_result(GAsyncResult **result, int timeout_ms, GError **error);

/* Runs the thread-default main context for @ms milliseconds. */
void await_ms(int ms);
