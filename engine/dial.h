/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/control.h"
#include "engine/net.h"

/* Where an agent is, and on what terms it is spoken with. */
typedef struct {
	char *host;
	guint16 port;
	gboolean insecure; /* plain text off loopback will do */
} PeerAddress;

void peer_address_clear(PeerAddress *self);

/* Makes every connection to one agent, control and data alike: what is done between "connected" and the first
 * byte of ours is done here. */
typedef struct Dialer Dialer;

/* @address: copied. */
Dialer *dialer_new(const PeerAddress *address, GError **error);
void dialer_free(Dialer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dialer, dialer_free)

/**
 * dialer_connect:
 * @token: (nullable): of the session that waits for this data channel
 *
 * Blocks, 5 s at most an address. What comes back is a connected stream of ours alone; it need not be TCP.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_UNREACHABLE, %GW_ERROR_INSECURE or %G_IO_ERROR_CANCELLED
 */
GSocket *dialer_connect(Dialer *self, NetUse use, const guint8 *token, GCancellable *cancellable,
			GError **error);
