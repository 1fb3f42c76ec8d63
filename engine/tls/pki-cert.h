/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/tls/openssl.h"

/* Keys and certificates: data in, PEM out; no file, no clock. */

typedef enum {
	PKI_AUTHORITY, /* signs others */
	PKI_SERVER,    /* an agent */
	PKI_CLIENT,    /* a source */
} PkiUse;

typedef struct {
	PkiUse use;
	const char *common_name;
	const char *const *names; /* (nullable): "DNS:b", "IP:192.0.2.2"; checked by the caller */
	gint64 not_before_s;	  /* since the epoch */
	gint64 not_after_s;
} PkiRequest;

/* A certificate and its key. */
typedef struct {
	X509 *certificate;
	EVP_PKEY *key;
} PkiPair;

void pki_pair_clear(PkiPair *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PkiPair, pki_pair_clear);

/**
 * pki_pair_make:
 * @issuer: (nullable): the signer; NULL: the certificate signs itself
 *
 * Makes a new key on the curve P-256, and a certificate for it with a random serial number of 128
 * bits.
 *
 * Returns: %FALSE with %GW_ERROR_TLS
 */
gboolean pki_pair_make(PkiPair *ret_pair, const PkiRequest *request, const PkiPair *issuer,
		       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Fails with %GW_ERROR_TLS when they cannot be read or do not belong together. */
gboolean pki_pair_parse(PkiPair *ret_pair, const char *certificate_pem, const char *key_pem,
			GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* (transfer full): PEM; NULL with %GW_ERROR_TLS. The key is not encrypted. */
char *pki_certificate_to_pem(X509 *certificate, GError **error);
char *pki_key_to_pem(EVP_PKEY *key, GError **error);
