/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "engine/tls/tls-creds.h"
#include "engine/tls/tls-pump.h"

/* Turns a connected TCP socket into a descriptor for plain reads and writes. It is the socket
 * itself if the kernel does the TLS of both directions, else one end of a socketpair with
 * tls-pump.c behind it. */

/* How a connection is encrypted at its two ends: "none", "tls" (by a process) or "kernel-tls". */
typedef struct {
	const char *here;
	const char *there;
	char *cipher; /* (owned) (nullable): "TLSv1.3 TLS_AES_128_GCM_SHA256" */
} TlsInfo;

void tls_info_clear(TlsInfo *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TlsInfo, tls_info_clear);

/* What a source wants. */
typedef struct {
	TlsPumps *pumps;  /* the set for its pump, if a process does the TLS */
	const char *host; /* must be in the agent's certificate: a name or an IP address */
	const char
		*pass;	/* (nullable): control_token_proof(): lets a busy agent tell the connection
		       * from those of strangers */
	gboolean rekey; /* too much data for one key: no kernel TLS, on either side */
	const TlsPumpLimits *limits; /* (nullable): NULL for the usual limits; tests have others */
} TlsClientOptions;

/**
 * tls_connect:
 * @fd: (transfer full): connected; closed on failure
 * @ret_info: (out) (nullable)
 *
 * The source's side of a handshake, until the agent accepts us. Blocks for at most @timeout_ms.
 *
 * Returns: a descriptor that the caller owns; -1 with %GW_ERROR_TLS, %GW_ERROR_BUSY or
 *   %G_IO_ERROR_CANCELLED
 */
int tls_connect(TlsCreds *creds, int fd, const TlsClientOptions *wish, int timeout_ms,
		TlsInfo *ret_info, GCancellable *cancellable, GError **error);

typedef enum {
	TLS_WANTS_READ,
	TLS_WANTS_WRITE,
	TLS_DONE,
	TLS_FAILED,
} TlsStep;

/* One handshake under way, for a caller with its own main loop. */
typedef struct TlsHandshake TlsHandshake;

/* What an agent requires of a source. */
typedef struct {
	TlsPumps *pumps; /* as in TlsClientOptions */
	/* Returns whether to continue this handshake, which costs us much more than it costs a
	 * stranger. Called once, after the peer's hello and before anything is computed. @pass:
	 * (nullable) */
	gboolean (*admit)(const char *pass, gpointer data);
	/* (nullable): patterns like "CN=a" with * and ?; NULL: every source that the authority has
	 * signed */
	const char *const *allowed;
} TlsServerPolicy;

/* Takes over @fd, which must not block. @door lives as long as the handshake. */
TlsHandshake *
tls_handshake_new_server(TlsCreds *creds, int fd, const TlsServerPolicy *door, gpointer data);
/* Closes its descriptor, unless tls_handshake_finish() was called. */
void tls_handshake_free(TlsHandshake *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TlsHandshake, tls_handshake_free);

/* Continues as far as possible without waiting. %TLS_FAILED with %GW_ERROR_TLS or
 * %GW_ERROR_BUSY. */
TlsStep tls_handshake_step(TlsHandshake *self, GError **error);
/* (nullable): whom the peer's certificate names; once it is known. */
const char *tls_handshake_get_subject(const TlsHandshake *self);
/* After %TLS_DONE. Returns the same as tls_connect(). */
int tls_handshake_finish(TlsHandshake *self, TlsInfo *ret_info, GError **error);
