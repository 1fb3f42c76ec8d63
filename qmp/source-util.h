/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A source of the main loop that the caller owns. */

/* (transfer full): @source, which calls @callback in @context from now on. @source: (transfer
 * full);
 * @context: (nullable): NULL for the default one of all threads. */
static inline GSource *
source_begin(GSource *source, GSourceFunc callback, gpointer data, GMainContext *context)
{
	g_source_set_callback(source, callback, data, NULL);
	g_source_attach(source, context);
	return source;
}

/* Destroys it and clears the pointer; *@source may be NULL. */
static inline void
source_end(GSource **source)
{
	if (*source == NULL)
		return;
	g_source_destroy(*source);
	g_clear_pointer(source, g_source_unref);
}
