/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The channels of one run, each with its last TCP_INFO and what that says about the peer. The
 * control connection has a heartbeat; a channel that takes another route through the network may be
 * dead while the control connection works.
 */
#include "engine/channel/channel-watch.h"

#include "engine/gw-error.h"
#include "engine/data/sample-json.h"
#include "engine/channel/tcp-info.h"

typedef struct {
	TcpInfo look;
	TcpWatch watch;
	gboolean is_seen;
} Channel;

struct ChannelWatch {
	const GArray *fds;
	Channel channels[];
};

ChannelWatch *
channel_watch_new(const GArray *fds)
{
	ChannelWatch *self = g_malloc0(sizeof *self + fds->len * sizeof(Channel));
	self->fds = fds;
	return self;
}

void
channel_watch_free(ChannelWatch *self)
{
	g_free(self);
}

gboolean
channel_watch_look(ChannelWatch *self, gint64 limit_us, GError **error)
{
	for (guint i = 0; i < self->fds->len; i++) {
		Channel *channel = &self->channels[i];
		channel->is_seen = tcp_info_read(g_array_index(self->fds, int, i), &channel->look);
		if (!channel->is_seen)
			continue;
		gint64 unacked_us =
			tcp_watch(&channel->watch, &channel->look, g_get_monotonic_time());
		if (unacked_us <= limit_us)
			continue;
		g_set_error(error, GW_ERROR, GW_ERROR_PEER_LOST,
			    "data channel %u: the peer's host acknowledges nothing for %.1f s", i,
			    (double)unacked_us / 1e6);
		return FALSE;
	}
	return TRUE;
}

void
channel_watch_fill(const ChannelWatch *self, GwSample *sample)
{
	for (guint i = 0; self != NULL && i < self->fds->len; i++) {
		const Channel *channel = &self->channels[i];
		if (!channel->is_seen)
			continue;
		GwChannelSample *filled = sample_add_channel(sample, i);
		filled->acked_bytes = channel->look.acked_bytes;
		filled->unsent_bytes = channel->look.unsent_bytes;
		filled->rtt_us = channel->look.rtt_us;
		filled->cwnd_bytes = channel->look.cwnd_bytes;
		filled->retransmits = channel->look.retransmits;
		filled->delivery_bytes_per_s = channel->look.delivery_bytes_per_s;
	}
}
