/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* TCP as Godwit uses it. */

typedef enum {
	NET_CONTROL, /* small messages: no delay */
	NET_DATA,    /* QEMU's stream */
} NetUse;

/* Best effort: an option that the kernel has not got is no error. */
void net_set_options(GSocket *socket, NetUse use);

/* Does the socket's peer sit on this very host's loopback? */
gboolean net_is_loopback(GSocket *socket);

/* (transfer full): "192.0.2.7:49160" of the peer, for messages. */
char *net_peer_to_string(GSocket *socket);

/* (transfer full): who is to be taken for one and the same: an IPv4 address, an IPv6 network of 64 bits. */
char *net_peer_group(GSocket *socket);

/**
 * net_connect:
 * @host: a name or an address
 * @insecure: allow an address off loopback
 *
 * Blocks, 5 s at most an address.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_UNREACHABLE, %GW_ERROR_INSECURE or %G_IO_ERROR_CANCELLED
 */
GSocket *net_connect(const char *host, guint16 port, NetUse use, gboolean insecure,
		     GCancellable *cancellable, GError **error);

/* Reads "ADDR", "ADDR:PORT", "[ADDR]:PORT"; %G_IO_ERROR_INVALID_ARGUMENT naming @text. */
gboolean net_parse_address(const char *text, guint16 default_port, char **ret_host,
			   guint16 *ret_port, GError **error) G_GNUC_WARN_UNUSED_RESULT;
