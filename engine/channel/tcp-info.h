/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* One TCP connection as the kernel sees it at one instant. What this kernel does not tell is -1. */
typedef struct {
	gint64 acked_bytes;  /* that the peer has acknowledged, in all */
	gint64 unsent_bytes; /* that wait in the socket and are not out yet */
	gint64 rtt_us;
	gint64 cwnd_bytes;
	gint64 retransmits;	     /* segments sent again, in all */
	gint64 delivery_bytes_per_s; /* as TCP has measured it lately */
	gboolean
		is_waiting; /* the peer owes us an answer: to data, or to whether it has room again */
	gint64 silent_us;   /* since it acknowledged anything last */
} TcpInfo;

/* %FALSE when @fd is no TCP socket. */
gboolean tcp_info_read(int fd, TcpInfo *ret_look);

/* Begins zeroed. */
typedef struct {
	gint64 since_us; /* monotonic; 0: nothing is owed */
} TcpWatch;

/**
 * tcp_watch:
 * @look: newer than at the call before
 * @now_us: of the look, monotonic
 *
 * Pure. A destination that reads nothing, for it loads the state of a device, closes its window; its kernel goes on
 * answering, so that is no silence.
 *
 * Returns: for how many microseconds the peer has owed an answer
 */
gint64 tcp_watch(TcpWatch *self, const TcpInfo *look, gint64 now_us);
