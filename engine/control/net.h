/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* TCP as Godwit uses it. */

typedef enum {
	NET_CONTROL, /* small messages: no delay */
	NET_DATA,    /* QEMU's stream */
} NetUse;

/* How one data connection is made, and how the kernel sends on it. All zero: the defaults. */
typedef struct {
	const char *host;	/* (nullable): another address of the peer for this connection */
	const char *local;	/* (nullable): the local address to connect from */
	const char *congestion; /* (nullable): the algorithm of congestion control */
	gint64 unsent_bytes;	/* the most unsent bytes in the socket (TCP_NOTSENT_LOWAT); 0: as
			      * many as it holds */
} NetTuning;

/* A name for the algorithm: keep that of the system. */
#define NET_CONGESTION_AS_IT_IS "system"

/* Checks whether this algorithm exists and we may choose it. %G_IO_ERROR_INVALID_ARGUMENT, which
 * names it. */
gboolean net_check_congestion(const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The algorithm that sends best in a data centre; NULL if that is the system's own. See net.c. */
const char *net_choose_congestion(void);
/* Checks whether @text is an IPv4 or IPv6 address. %G_IO_ERROR_INVALID_ARGUMENT, which names it. */
gboolean net_check_local(const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Best effort: an option that the kernel does not have is no error. */
void net_set_options(GSocket *socket, NetUse use);

/* Returns whether the socket's peer is on the loopback of this host. */
gboolean net_is_loopback(GSocket *socket);

/* (transfer full): "192.0.2.7:49160" of the peer, for messages. */
char *net_peer_to_string(GSocket *socket);

/* (transfer full): the group of addresses that count as one client: an IPv4 address, or an IPv6
 * network of 64 bits. */
char *net_peer_group(GSocket *socket);

/**
 * net_connect:
 * @host: a name or an address
 * @insecure: allow an address off loopback
 * @tuning: (nullable)
 *
 * Blocks, 5 s at most an address.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_UNKNOWN_HOST, %GW_ERROR_UNREACHABLE,
 *   %GW_ERROR_INSECURE or %G_IO_ERROR_CANCELLED
 */
GSocket *net_connect(const char *host, guint16 port, NetUse use, gboolean insecure,
		     const NetTuning *tuning, GCancellable *cancellable, GError **error);

/* Another descriptor of @socket's connection, for code that wants one of its own; -1 with
 * %GW_ERROR_FAILED when none is left. */
int net_dup(GSocket *socket, GError **error);
/* Likewise, for QEMU: it wants its connections blocking, and GSocket's never are, whatever it is
 * told. @socket shares that, so it must not be used any more. */
int net_dup_blocking(GSocket *socket, GError **error);

/* Reads "ADDR", "ADDR:PORT", "[ADDR]:PORT"; %G_IO_ERROR_INVALID_ARGUMENT naming @text. */
gboolean net_parse_address(const char *text, guint16 default_port, char **ret_host,
			   guint16 *ret_port, GError **error) G_GNUC_WARN_UNUSED_RESULT;
