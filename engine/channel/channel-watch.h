/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-sample.h"

/* Watches the data channels of one run while they carry its stream. */
typedef struct ChannelWatch ChannelWatch;

/* @fds: of int, by index; must outlive the watch. A descriptor that is not a TCP socket is
 *   skipped. */
ChannelWatch *channel_watch_new(const GArray *fds);
void channel_watch_free(ChannelWatch *self);

/**
 * channel_watch_look:
 * @limit_us: how long a peer may owe an answer
 *
 * Must be called several times in @limit_us.
 *
 * Returns: %FALSE with %GW_ERROR_PEER_LOST when a peer owes an answer for longer
 */
gboolean
channel_watch_look(ChannelWatch *self, gint64 limit_us, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Adds the result of the last look. @self: (nullable) */
void channel_watch_fill(const ChannelWatch *self, GwSample *sample);
