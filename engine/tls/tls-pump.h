/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/tls/tls-creds.h"

/* RFC 8446, 5.5: AES-GCM is safe for 2^24.5 records of 2^14 bytes under one key. */
#define TLS_KEY_BYTES (G_GINT64_CONSTANT(23726566) << 14)

typedef struct {
	gboolean rekey;	    /* the peer takes new keys */
	gint64 rekey_bytes; /* ours is renewed after so many */
	gint64 max_bytes;   /* where it cannot be: the connection ends here */
} TlsPumpLimits;

/* All the pumps of one owner, who may not go before they have ended: at a process's end OpenSSL tidies up, and whoever
 * still uses it then crashes. */
typedef struct TlsPumps TlsPumps;

TlsPumps *tls_pumps_new(void);
/* Waits until what was sent is on its way, 2 s at most; what is still open then is cut. */
void tls_pumps_free(TlsPumps *self);

/**
 * tls_pumps_start:
 * @ssl: (transfer full): has shaken hands
 * @fd: (transfer full): its descriptor, which does not block
 *
 * A thread of its own carries bytes both ways until both are closed. What is closed or broken at one end is closed
 * at the other, per direction.
 *
 * Returns: the end for whoever speaks in plain; -1 with %GW_ERROR_TLS
 */
int tls_pumps_start(TlsPumps *self, TlsCreds *creds, SSL *ssl, int fd, const TlsPumpLimits *limits,
		    GError **error);

/* The usual limits. */
TlsPumpLimits tls_pump_limits(gboolean rekey);
