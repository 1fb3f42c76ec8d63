/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/control/control.h"
#include "engine/control/net.h"
#include "engine/tls/tls.h"

/* The address of an agent, and how to connect to it. */
typedef struct {
	char *host;
	guint16 port;
	gboolean insecure;  /* plain text over other networks than loopback is allowed */
	char *tls_dir;	    /* (nullable): plain text */
	char *tls_hostname; /* (nullable): the name that must be in the agent's certificate;
			     * NULL: @host */
	guint timeout_ms;   /* the silence after which the peer counts as lost; 0:
			     * PEER_TIMEOUT_MS */
} PeerAddress;

#define PEER_TIMEOUT_MS	    5000
#define PEER_MIN_TIMEOUT_MS 1000
#define PEER_MAX_TIMEOUT_MS 600000

void peer_address_clear(PeerAddress *self);

/* Makes every connection to one agent, for control and data. Everything between "connected" and our
 * first byte happens here. */
typedef struct Dialer Dialer;

/* @address: copied. %GW_ERROR_TLS when its TLS folder is wrong. */
Dialer *dialer_new(const PeerAddress *address, GError **error);
/* Its connections should be closed before: see tls_pumps_free(). */
void dialer_free(Dialer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dialer, dialer_free);

/* Returns how the source's end of the data channels will be encrypted: "none", "tls" or
 * "kernel-tls". From now on each of them can carry @bytes. */
const char *dialer_plan_channels(Dialer *self, gint64 bytes);

/**
 * dialer_connect:
 * @token: (nullable): the token of the session that waits for this data channel
 * @tuning: (nullable): for a data channel
 *
 * Blocks for at most 5 s for each address, plus 5 s for the handshake. The result is a connected
 * stream that only the caller uses; it need not be TCP.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_UNKNOWN_HOST, %GW_ERROR_UNREACHABLE,
 *   %GW_ERROR_INSECURE, %GW_ERROR_TLS, %GW_ERROR_BUSY or %G_IO_ERROR_CANCELLED
 */
GSocket *dialer_connect(Dialer *self, NetUse use, const guint8 *token, const NetTuning *tuning,
			GCancellable *cancellable, GError **error);

/* (transfer full): the TCP socket under the latest data channel, to watch it; -1: there is none. It
 * keeps the connection open even if all others close it: use shutdown(). */
int dialer_take_tcp(Dialer *self);

/* How the latest connection is encrypted. */
const TlsInfo *dialer_get_info(Dialer *self);
