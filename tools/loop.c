/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a verb waits for an operation that it has started. A signal cancels the operation, and the
 * verb waits until the operation has ended.
 */
#include "tools/loop.h"

#include "tools/stop-signals.h"

static gboolean
on_signal(gpointer data)
{
	g_cancellable_cancel(data);
	return G_SOURCE_CONTINUE;
}

void
loop_run(GMainLoop *loop, GCancellable *cancellable)
{
	StopSignals signals;
	stop_signals_begin(&signals, on_signal, cancellable);
	g_main_loop_run(loop);
	stop_signals_end(&signals);
}
