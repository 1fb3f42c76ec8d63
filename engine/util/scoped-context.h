/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A main context of our own for as long as a scope lasts: what blocks there turns it, and the caller's
 * loop and everything attached to it are left alone. Declare it first, so that it goes last. */
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
	/* Late answers free what they hold. */
	while (g_main_context_iteration(*context, FALSE))
		continue;
	g_main_context_pop_thread_default(*context);
	g_main_context_unref(*context);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PrivateContext, private_context_pop);
