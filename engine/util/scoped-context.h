/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A private main context for one scope. What blocks in the scope runs this context, so the caller's
 * main loop and its sources do not run. Declare it first, so that it is freed last. */
typedef GMainContext *PrivateContext;

static inline PrivateContext
private_context_push(void)
{
	GMainContext *context = g_main_context_new();
	g_main_context_push_thread_default(context);
	return context;
}

static inline void
private_context_pop(PrivateContext *context)
{
	/* Late answers must run, to free what they hold. */
	while (g_main_context_iteration(*context, FALSE))
		continue;
	g_main_context_pop_thread_default(*context);
	g_main_context_unref(*context);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PrivateContext, private_context_pop);
