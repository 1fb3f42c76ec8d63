/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <signal.h>

#define N_STOP_SIGNALS 3

/* The signals that ask a verb to end in order: SIGINT, SIGTERM and SIGHUP. */
typedef struct {
	guint ids[N_STOP_SIGNALS];
} StopSignals;

/* From now on @func is called for each of them. A SIGHUP that is ignored (nohup) stays ignored. */
void stop_signals_begin(StopSignals *self, GSourceFunc func, gpointer data);
void stop_signals_end(StopSignals *self);

/* Delays these signals in this thread until stop_signals_release(), for work that must not end
 * halfway. */
void stop_signals_hold(sigset_t *ret_former);
void stop_signals_release(const sigset_t *former);
