/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/tls/tls.h"

/* What the parts of a handshake share: tls.c, tls-hello.c, tls-error.c. */

#define TLS_REFUSAL_BYTES 512 /* of an agent's reason, in words */

struct TlsHandshake {
	TlsCreds *creds;
	int kernel_version; /* as tls_creds_get_kernel_version() tells */
	SSL *ssl;
	int fd;
	gboolean rekey; /* agreed on */

	/* The server's. */
	const TlsServerPolicy *door; /* (nullable) */
	gpointer door_data;
	gboolean is_rejected; /* by @door's admit() */
	char *refusal; /* (nullable): why a peer that is known is not taken, for it to read */

	/* The client's. */
	const TlsClientOptions *wish; /* (nullable) */
	char heard[TLS_REFUSAL_BYTES + 1];
	gsize n_heard;

	gboolean shaken; /* the keys are agreed on; a word is still to come or to go */
	/* About the peer's certificate, written down while it is verified. */
	int verify_error;
	char *subject; /* (nullable) */
};

/* tls-hello.c: what a hello says beside TLS's own affairs. */
gboolean tls_hello_prepare(TlsHandshake *self);
/* For a server's contexts; each SSL made from it must have its TlsHandshake as app data. */
void tls_hello_install(SSL_CTX *context);

/* tls-error.c: a failed step in words for people. Empties OpenSSL's queue. */
void tls_set_error(TlsHandshake *self, GError **error);
