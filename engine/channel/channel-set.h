/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/control/control.h"

/* How many connections carry a stream of @channels: QEMU's main one has company from two on (multifd). */
static inline guint
channel_count(guint channels)
{
	return channels > 1 ? channels + 1 : 1;
}

/* The data channels of one session as they come in at the agent. Not locked: whoever shares it does that. */
typedef struct {
	guint8 token[CONTROL_TOKEN_BYTES];
	gboolean is_open;
	GArray *fds; /* (nullable): of int, by index; -1: has not come yet */
	guint n_missing;
} ChannelSet;

void channel_set_clear(ChannelSet *self);

/* From now on takes @n channels with a token of its own. %GW_ERROR_FAILED without random numbers. */
gboolean channel_set_open(ChannelSet *self, guint n, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/**
 * channel_set_put:
 *
 * Takes over @fd if @preamble has the token and the index of a channel that has not come yet.
 *
 * Returns: %FALSE, and @fd is still the caller's, for any other
 */
gboolean channel_set_put(ChannelSet *self, const ControlPreamble *preamble, int fd);

/* Is @pass that of its token, and does it still wait for a channel? */
gboolean channel_set_expects(const ChannelSet *self, const char *pass);

gboolean channel_set_is_complete(const ChannelSet *self);

/* (transfer full): those that have come, as channel_fds_new() makes them, -1 where one is missing. No more
 * are taken. NULL when it was not open. */
GArray *channel_set_take(ChannelSet *self);

/* (transfer full): an empty array of int that closes the descriptors in it when it goes. */
GArray *channel_fds_new(void);
