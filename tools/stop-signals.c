/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lost ssh session sends SIGHUP. It must end a verb in order, as SIGTERM does: the default action
 * would leave the guest stopped in the middle of its switchover. nohup ignores SIGHUP, and then we
 * do as well: that user wants the verb to go on.
 */
#include "tools/stop-signals.h"

#include <glib-unix.h>

static const int numbers[N_STOP_SIGNALS] = { SIGINT, SIGTERM, SIGHUP };

static gboolean
is_ignored(int number)
{
	struct sigaction action;
	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void
stop_signals_begin(StopSignals *self, GSourceFunc func, gpointer data)
{
	for (guint i = 0; i < N_STOP_SIGNALS; i++)
		self->ids[i] = numbers[i] == SIGHUP && is_ignored(SIGHUP)
				       ? 0
				       : g_unix_signal_add(numbers[i], func, data);
}

void
stop_signals_end(StopSignals *self)
{
	for (guint i = 0; i < N_STOP_SIGNALS; i++)
		if (self->ids[i] != 0)
			g_source_remove(self->ids[i]);
}

void
stop_signals_hold(sigset_t *ret_former)
{
	sigset_t held;
	sigemptyset(&held);
	for (guint i = 0; i < N_STOP_SIGNALS; i++)
		sigaddset(&held, numbers[i]);
	pthread_sigmask(SIG_BLOCK, &held, ret_former);
}

void
stop_signals_release(const sigset_t *former)
{
	pthread_sigmask(SIG_SETMASK, former, NULL);
}
