/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-event.h"
#include "engine/gw-sample.h"

/* JSON lines while things happen, for --events. Every function accepts NULL and then does
 * nothing. */
typedef struct Events Events;

/* @path: (nullable): NULL for no events, "-" for stdout. Returns %FALSE with %G_FILE_ERROR. */
gboolean
events_open(const char *path, Events **ret_events, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void events_free(Events *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Events, events_free);

/* Says on stderr how many lines could not be written, and why; nothing when all were. */
void events_tell_lost(const Events *self);

void events_event(Events *self, const GwEvent *event);
void events_sample(Events *self, const GwSample *sample);
