/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/tls/tls-creds.h"

/* RFC 8446, 5.5: AES-GCM is safe for 2^24.5 records of 2^14 bytes under one key. */
#define TLS_KEY_BYTES (G_GINT64_CONSTANT(23726566) << 14)

typedef struct {
	gboolean rekey;	    /* the peer accepts new keys */
	gint64 rekey_bytes; /* our key is renewed after this many bytes */
	gint64 max_bytes;   /* if it cannot be renewed, the connection ends here */
} TlsPumpLimits;

/* All pumps of one owner. The owner must not end before they have ended: OpenSSL frees its data at
 * the end of the process, and a thread that still uses it then crashes. */
typedef struct TlsPumps TlsPumps;

TlsPumps *tls_pumps_new(void);
/* Waits until everything was sent, for at most 2 s; connections that are still open then are
 * cut. */
void tls_pumps_free(TlsPumps *self);

/**
 * tls_pumps_start:
 * @ssl: (transfer full): after its handshake
 * @fd: (transfer full): its descriptor, non-blocking
 *
 * A thread carries bytes in both directions until both are closed. What is closed or broken at one
 * end is closed at the other, for each direction.
 *
 * Returns: the plain end for the caller; -1 with %GW_ERROR_TLS
 */
int tls_pumps_start(TlsPumps *self, TlsCreds *creds, SSL *ssl, int fd, const TlsPumpLimits *limits,
		    GError **error);

/* The usual limits. */
TlsPumpLimits tls_pump_limits(gboolean rekey);
