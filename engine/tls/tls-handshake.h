/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/tls/tls.h"

/* What the parts of a handshake share: tls.c, tls-hello.c, tls-error.c. */

#define TLS_REFUSAL_BYTES 512 /* of an agent's reason, as text */

struct TlsHandshake {
	TlsCreds *creds;
	int kernel_version; /* from tls_creds_get_kernel_version() */
	SSL *ssl;
	int fd;
	gboolean rekey; /* agreed on */

	/* The server's. */
	const TlsServerPolicy *door; /* (nullable) */
	gpointer door_data;
	gboolean is_rejected; /* by admit() of @door */
	char *refusal; /* (nullable): the reason, sent to the peer, why a known peer is rejected */

	/* The client's. */
	const TlsClientOptions *wish; /* (nullable) */
	char heard[TLS_REFUSAL_BYTES + 1];
	gsize n_heard;

	gboolean shaken; /* the keys are agreed on; the verdict still has to be sent or received */
	/* About the peer's certificate, recorded while it is verified. */
	int verify_error;
	char *subject; /* (nullable) */
};

/* tls-hello.c: what a hello carries besides TLS itself. */
gboolean tls_hello_prepare(TlsHandshake *self);
/* For a server's contexts; each SSL made from it must have its TlsHandshake as app data. */
void tls_hello_install(SSL_CTX *context);

/* tls-error.c: sets an error for people after a failed step. Empties OpenSSL's queue. */
void tls_set_error(TlsHandshake *self, GError **error);
