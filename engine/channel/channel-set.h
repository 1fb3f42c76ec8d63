/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/control/control.h"

/* The number of connections for a stream of @channels: with two channels or more (multifd) QEMU's
 * main channel is an additional one. */
static inline guint
channel_count(guint channels)
{
	return channels > 1 ? channels + 1 : 1;
}

/* The data channels of one session as they arrive at the agent. Not locked: a caller that shares it
 * must lock it. */
typedef struct {
	guint8 token[CONTROL_TOKEN_BYTES];
	gboolean is_open;
	GArray *fds; /* (nullable): of int, by index; -1: has not arrived yet */
	guint n_missing;
} ChannelSet;

void channel_set_clear(ChannelSet *self);

/* Accepts @n channels from now on, with a new token. %GW_ERROR_FAILED without random numbers. */
gboolean channel_set_open(ChannelSet *self, guint n, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/**
 * channel_set_put:
 *
 * Takes over @fd if @preamble has the token and the index of a channel that has not arrived yet.
 *
 * Returns: %FALSE for any other; @fd then stays the caller's
 */
gboolean channel_set_put(ChannelSet *self, const ControlPreamble *preamble, int fd);

/* Returns whether @pass proves the token, and a channel is still missing. */
gboolean channel_set_expects(const ChannelSet *self, const char *pass);

gboolean channel_set_is_complete(const ChannelSet *self);

/* (transfer full): the channels that have arrived, as channel_fds_new() makes them, with -1 for
 * each missing one. No more are accepted. NULL when it was not open. */
GArray *channel_set_take(ChannelSet *self);

/* (transfer full): an empty array of int. It closes its descriptors when it is freed. */
GArray *channel_fds_new(void);
