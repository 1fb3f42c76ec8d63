/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/control/control.h"
#include "engine/control/net.h"
#include "engine/tls/tls.h"

/* Where an agent is, and on what terms it is spoken with. */
typedef struct {
	char *host;
	guint16 port;
	gboolean insecure;  /* plain text off loopback will do */
	char *tls_dir;	    /* (nullable): plain text */
	char *tls_hostname; /* (nullable): what must be in the agent's certificate; @host */
	guint timeout_ms;   /* a silent peer is a lost one after so long; 0: PEER_TIMEOUT_MS */
} PeerAddress;

#define PEER_TIMEOUT_MS	    5000
#define PEER_MIN_TIMEOUT_MS 1000
#define PEER_MAX_TIMEOUT_MS 600000

void peer_address_clear(PeerAddress *self);

/* Makes every connection to one agent, control and data alike: what is done between "connected" and the first
 * byte of ours is done here. */
typedef struct Dialer Dialer;

/* @address: copied. %GW_ERROR_TLS when its folder is not as it must be. */
Dialer *dialer_new(const PeerAddress *address, GError **error);
/* Its connections should be closed by now: see tls_pumps_free(). */
void dialer_free(Dialer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dialer, dialer_free);

/* How the source's end of data channels will be encrypted: "none", "tls" or "kernel-tls". From now on they are such
 * that @bytes may flow through each. */
const char *dialer_plan_channels(Dialer *self, gint64 bytes);

/**
 * dialer_connect:
 * @token: (nullable): of the session that waits for this data channel
 * @tuning: (nullable): of a data channel
 *
 * Blocks, 5 s at most an address and 5 s for the handshake. What comes back is a connected stream of ours alone; it
 * need not be TCP.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_UNKNOWN_HOST, %GW_ERROR_UNREACHABLE, %GW_ERROR_INSECURE,
 *   %GW_ERROR_TLS, %GW_ERROR_BUSY or %G_IO_ERROR_CANCELLED
 */
GSocket *dialer_connect(Dialer *self, NetUse use, const guint8 *token, const NetTuning *tuning,
			GCancellable *cancellable, GError **error);

/* (transfer full): the TCP socket under the data channel that was made last, to look at; -1: there is none. It keeps
 * the connection open, whoever else closes his: shut it down. */
int dialer_take_tcp(Dialer *self);

/* How the connection that was made last is encrypted. */
const TlsInfo *dialer_get_info(Dialer *self);
