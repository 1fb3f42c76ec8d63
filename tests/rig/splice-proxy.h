/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A TCP forwarder on 127.0.0.1 that can lose connections at an exact word. It has a thread of its
 * own. */
typedef struct SpliceProxy SpliceProxy;

/* All from any thread. */
SpliceProxy *splice_proxy_new(guint16 target_port);
guint16 splice_proxy_get_port(SpliceProxy *self);
/* Where connections go from now on: an agent that is back listens elsewhere. */
void splice_proxy_set_target(SpliceProxy *self, guint16 target_port);
/* When @word (static) passes, in either direction and for the first time, all connections are
 * cut and what it came with is swallowed. @refuse: and new ones end at once, until
 * splice_proxy_heal(). */
void splice_proxy_trap(SpliceProxy *self, const char *word, gboolean refuse);
void splice_proxy_cut(SpliceProxy *self, gboolean refuse);
void splice_proxy_heal(SpliceProxy *self);
/* (transfer full): all whole lines of JSON that have passed so far, in their order on each
 * connection; what the server sent begins with '<', what the client sent with '>'. */
GStrv splice_proxy_get_lines(SpliceProxy *self);
void splice_proxy_free(SpliceProxy *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpliceProxy, splice_proxy_free);
