/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting as a plain call: runs the thread-default main context until a condition holds. The wait
 * decides nothing and keeps no state. It adds two things to the context: a source for the time-out
 * and a handler on the cancellable. Both only wake the loop; the time-out also sets a flag. Both
 * are removed when the wait ends. If the condition holds in the same turn as a cancel or a
 * time-out, the condition wins.
 */
#include "qmp/await.h"

#include "qmp/source-util.h"

static gboolean
on_timeout(gpointer data)
{
	gboolean *timed_out = data;

	*timed_out = TRUE;
	return G_SOURCE_REMOVE;
}

/* Runs in the thread that cancels. */
static void
on_cancelled(GCancellable *cancellable, gpointer context)
{
	g_main_context_wakeup(context);
}

static gboolean
turn_until(GMainContext *context, AwaitReady ready, gpointer data, const gboolean *timed_out,
	   GCancellable *cancellable, GError **error)
{
	while (!ready(data)) {
		if (g_cancellable_set_error_if_cancelled(cancellable, error))
			return FALSE;
		if (*timed_out) {
			g_set_error(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "timed out");
			return FALSE;
		}
		g_main_context_iteration(context, TRUE);
	}
	return TRUE;
}

gboolean
await_until(AwaitReady ready, gpointer data, int timeout_ms, GCancellable *cancellable,
	    GError **error)
{
	g_autoptr(GMainContext) context = g_main_context_ref_thread_default();
	GSource *timeout = NULL;
	gulong cancel_id = 0;
	gboolean timed_out = FALSE;

	if (timeout_ms >= 0)
		timeout = source_begin(g_timeout_source_new((guint)timeout_ms), on_timeout,
				       &timed_out, context);
	/* Not a GCancellableSource: GLib 2.74 leaks one that ends while another thread cancels. */
	if (cancellable != NULL)
		cancel_id =
			g_cancellable_connect(cancellable, G_CALLBACK(on_cancelled), context, NULL);
	gboolean ok = turn_until(context, ready, data, &timed_out, cancellable, error);
	source_end(&timeout);
	g_cancellable_disconnect(cancellable, cancel_id);
	return ok;
}

void
await_take_result(GObject *source, GAsyncResult *result, gpointer data)
{
	GAsyncResult **slot = data;

	*slot = g_object_ref(result);
}

static gboolean
has_result(gpointer data)
{
	GAsyncResult **result = data;

	return *result != NULL;
}

gboolean
await_result(GAsyncResult **result, int timeout_ms, GError **error)
{
	return await_until(has_result, result, timeout_ms, NULL, error);
}

static gboolean
never(gpointer data)
{
	return FALSE;
}

void
await_ms(int ms)
{
	gboolean ready = await_until(never, NULL, ms, NULL, NULL);
	g_warn_if_fail(!ready);
}
