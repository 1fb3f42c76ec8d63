/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* OpenSSL in GLib's terms. */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SSL, SSL_free);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SSL_CTX, SSL_CTX_free);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_EXTENSION, X509_EXTENSION_free);

/* (transfer none): our library context. It lives as long as the process: for each thread that has
 * used a context OpenSSL keeps data, and touches it when that thread ends, at any time. */
OSSL_LIB_CTX *openssl_library(void);

/* (transfer none): the reason of the first error in this thread's queue, in OpenSSL's words; never
 * NULL. */
const char *openssl_reason(void);

/* Sets %GW_ERROR_TLS with "@format: reason" and empties this thread's queue. */
void openssl_set_error(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* (transfer full): "CN=b,O=Example": in the form of RFC 4514, but characters beyond ASCII are not
 * escaped. */
char *openssl_name_to_string(const X509_NAME *name);

/* Seconds since the epoch; -1 for a time that makes no sense. */
gint64 openssl_time_to_s(const ASN1_TIME *time);

/* For PEM readers: rejects a key with a passphrase. Without this OpenSSL would ask on the
 * terminal. */
int openssl_no_passphrase(char *buffer, int size, int writing, void *data);

/* Call this at the end of a thread that has used OpenSSL and that is not joined. Otherwise OpenSSL
 * frees the thread's data later, perhaps while the process itself frees everything. */
void openssl_thread_done(void);
