/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* One TCP connection as the kernel sees it at one instant. -1: this kernel does not report it. */
typedef struct {
	gint64 acked_bytes;  /* all bytes that the peer has acknowledged */
	gint64 unsent_bytes; /* bytes in the socket that were not sent yet */
	gint64 rtt_us;
	gint64 cwnd_bytes;
	gint64 retransmits;	     /* all segments that were sent again */
	gint64 delivery_bytes_per_s; /* TCP's latest measurement */
	gboolean is_waiting;	     /* the peer owes us an answer: to data, or to a window probe */
	gint64 silent_us;	     /* since its last acknowledgement */
} TcpInfo;

/* Returns %FALSE when @fd is not a TCP socket. */
gboolean tcp_info_read(int fd, TcpInfo *ret_look);

/* Begins zeroed. */
typedef struct {
	gint64 since_us; /* monotonic; 0: the peer owes nothing */
} TcpWatch;

/**
 * tcp_watch:
 * @look: newer than that of the previous call
 * @now_us: the time of @look, monotonic
 *
 * Pure. A destination that reads nothing, because it loads the state of a device, closes its
 * window. Its kernel still answers, so this does not count as silence.
 *
 * Returns: for how many microseconds the peer has owed an answer
 */
gint64 tcp_watch(TcpWatch *self, const TcpInfo *look, gint64 now_us);
