/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reads TCP_INFO of a connection, and decides from it whether the peer is alive.
 *
 * TCP_USER_TIMEOUT would be the kernel's own decision. But Linux counts a closed receive window
 * against it (tcp_probe_timer), even if the peer keeps answering that it has no room yet. So we
 * decide ourselves. A live peer acknowledges data within the retransmission timeout. With a closed
 * window it acknowledges each probe.
 */
#include "engine/channel/tcp-info.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/tcp.h>
#include <netinet/in.h>

/* The struct grows with newer kernels: returns whether this kernel has set the member. */
#define IS_TOLD(len, member) \
	((len) >= offsetof(struct tcp_info, member) + sizeof(((struct tcp_info *)NULL)->member))

gboolean
tcp_info_read(int fd, TcpInfo *ret_look)
{
	struct tcp_info info;
	socklen_t len = sizeof info;
	memset(&info, 0, sizeof info);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
	    !IS_TOLD(len, tcpi_total_retrans))
		return FALSE;
	*ret_look = (TcpInfo){
		.acked_bytes = IS_TOLD(len, tcpi_bytes_acked) ? (gint64)info.tcpi_bytes_acked : -1,
		.unsent_bytes =
			IS_TOLD(len, tcpi_notsent_bytes) ? (gint64)info.tcpi_notsent_bytes : -1,
		.rtt_us = info.tcpi_rtt,
		.cwnd_bytes = (gint64)info.tcpi_snd_cwnd * info.tcpi_snd_mss,
		.retransmits = info.tcpi_total_retrans,
		.delivery_bytes_per_s =
			IS_TOLD(len, tcpi_delivery_rate) ? (gint64)info.tcpi_delivery_rate : -1,
		.is_waiting = info.tcpi_unacked > 0 || info.tcpi_probes > 0,
		.silent_us = (gint64)info.tcpi_last_ack_recv * 1000,
	};
	return TRUE;
}

gint64
tcp_watch(TcpWatch *self, const TcpInfo *look, gint64 now_us)
{
	if (!look->is_waiting) {
		self->since_us = 0;
		return 0;
	}
	/* What was unacknowledged at the first look has been so since then at the earliest. */
	gint64 heard_us = now_us - look->silent_us;
	self->since_us = self->since_us == 0 ? now_us : MAX(self->since_us, heard_us);
	return now_us - self->since_us;
}
