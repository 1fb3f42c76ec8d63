/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/tls/openssl.h"

/* Our certificate and the authorities that we trust: a folder of PEM files, loaded once for one of
 * the two roles. Immutable; reference-counted, from any thread. */
typedef struct TlsCreds TlsCreds;

typedef enum {
	TLS_CLIENT, /* a source: client-cert.pem, client-key.pem */
	TLS_SERVER, /* an agent: server-cert.pem, server-key.pem */
} TlsRole;

/**
 * tls_creds_load:
 *
 * Reads ca-cert.pem, the role's certificate and key and, if it exists, ca-crl.pem. Also finds out
 * what this host's kernel can take over, by a handshake with itself.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_TLS: a file is missing or malformed, a key can be
 *   read by others, or the certificate is not valid now
 */
TlsCreds *tls_creds_load(const char *dir, TlsRole role, GError **error);
TlsCreds *tls_creds_ref(TlsCreds *self);
void tls_creds_unref(TlsCreds *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TlsCreds, tls_creds_unref);

/* The newest version of TLS for which the kernel takes over both directions, %TLS1_3_VERSION or
 * %TLS1_2_VERSION; 0 for none. */
int tls_creds_get_kernel_version(TlsCreds *self);

/* (transfer full): for one connection; @self must outlive it. */
SSL *tls_creds_new_ssl(TlsCreds *self);
