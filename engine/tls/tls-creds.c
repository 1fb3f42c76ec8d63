/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The files have the names that QEMU's tls-creds-x509 uses:
 *
 *   ca-cert.pem       the authorities that we trust; one or several
 *   ca-crl.pem        the certificates that they have revoked; optional
 *   ROLE-cert.pem     our certificate, with those between it and the authority
 *   ROLE-key.pem      its key, not encrypted; only its owner and group may read it
 *
 * All connections have these settings in common: TLS 1.2 at least, AES-GCM (the only family that
 * kernels take over, and processors have instructions for it), no session tickets, no
 * renegotiation, no close_notify. The last three would put records into the stream that a kernel
 * cannot pass to anybody: QEMU would read an error.
 */
#include "engine/tls/tls-creds.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>

#include "engine/gw-error.h"
#include "engine/tls/tls-handshake.h"
#include "engine/tls/tls-probe.h"

#define CIPHERS_1_3 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"
#define CIPHERS_1_2                                                    \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:" \
	"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"

#define OPTIONS                                                               \
	(SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | \
	 SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE)
#define MODES                                                                  \
	(SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | \
	 SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN)

struct TlsCreds {
	gatomicrefcount refs;
	TlsRole role;
	SSL_CTX *context;
	int kernel_version;
};

static const char *const role_words[] = { [TLS_CLIENT] = "client", [TLS_SERVER] = "server" };

TlsCreds *
tls_creds_ref(TlsCreds *self)
{
	g_atomic_ref_count_inc(&self->refs);
	return self;
}

void
tls_creds_unref(TlsCreds *self)
{
	if (self == NULL || !g_atomic_ref_count_dec(&self->refs))
		return;
	SSL_CTX_free(self->context);
	g_free(self);
}

int
tls_creds_get_kernel_version(TlsCreds *self)
{
	return self->kernel_version;
}

SSL *
tls_creds_new_ssl(TlsCreds *self)
{
	return SSL_new(self->context);
}

static gboolean
configure(SSL_CTX *context)
{
	SSL_CTX_set_options(context, OPTIONS);
	SSL_CTX_set_mode(context, MODES);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_quiet_shutdown(context, 1);
	SSL_CTX_set_default_passwd_cb(context, openssl_no_passphrase);
	return SSL_CTX_set_num_tickets(context, 0) == 1 &&
	       SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_ciphersuites(context, CIPHERS_1_3) == 1 &&
	       SSL_CTX_set_cipher_list(context, CIPHERS_1_2) == 1;
}

/* The mode of the folder itself is the owner's business. */
static gboolean
check_key_file(const char *path, GError **error)
{
	struct stat status;
	if (stat(path, &status) != 0) {
		g_set_error(error, GW_ERROR, GW_ERROR_TLS, "'%s': %s", path, g_strerror(errno));
		return FALSE;
	}
	if ((status.st_mode & (S_IRWXO | S_IWGRP)) == 0)
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_TLS,
		    "'%s' has mode %04o: other users can read this key (use chmod 600)", path,
		    status.st_mode & 07777);
	return FALSE;
}

static gboolean
load_pair(TlsCreds *self, const char *dir, GError **error)
{
	g_autofree char *certificate =
		g_strconcat(dir, "/", role_words[self->role], "-cert.pem", NULL);
	g_autofree char *key = g_strconcat(dir, "/", role_words[self->role], "-key.pem", NULL);
	if (!check_key_file(key, error))
		return FALSE;
	if (SSL_CTX_use_certificate_chain_file(self->context, certificate) != 1) {
		openssl_set_error(error, "'%s'", certificate);
		return FALSE;
	}
	if (SSL_CTX_use_PrivateKey_file(self->context, key, SSL_FILETYPE_PEM) != 1) {
		openssl_set_error(error, "'%s'", key);
		return FALSE;
	}
	return TRUE;
}

static gboolean
load_authority(TlsCreds *self, const char *dir, GError **error)
{
	g_autofree char *authority = g_strconcat(dir, "/ca-cert.pem", NULL);
	g_autofree char *revoked = g_strconcat(dir, "/ca-crl.pem", NULL);
	if (SSL_CTX_load_verify_file(self->context, authority) != 1) {
		openssl_set_error(error, "'%s'", authority);
		return FALSE;
	}
	if (!g_file_test(revoked, G_FILE_TEST_EXISTS))
		return TRUE;
	X509_STORE *store = SSL_CTX_get_cert_store(self->context);
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
	if (lookup == NULL || X509_load_crl_file(lookup, revoked, X509_FILETYPE_PEM) <= 0) {
		openssl_set_error(error, "'%s'", revoked);
		return FALSE;
	}
	return X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1;
}

/* An error here, once, is better than one from every peer. */
static gboolean
check_dates(TlsCreds *self, const char *dir, GError **error)
{
	X509 *certificate = SSL_CTX_get0_certificate(self->context);
	gint64 now_s = g_get_real_time() / G_USEC_PER_SEC;
	const char *wrong = NULL;
	if (openssl_time_to_s(X509_get0_notBefore(certificate)) > now_s)
		wrong = "is not valid yet; is the clock right?";
	else if (openssl_time_to_s(X509_get0_notAfter(certificate)) < now_s)
		wrong = "has expired";
	if (wrong == NULL)
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_TLS, "'%s/%s-cert.pem' %s", dir,
		    role_words[self->role], wrong);
	return FALSE;
}

TlsCreds *
tls_creds_load(const char *dir, TlsRole role, GError **error)
{
	g_autoptr(TlsCreds) self = g_new0(TlsCreds, 1);
	g_atomic_ref_count_init(&self->refs);
	self->role = role;
	self->context = SSL_CTX_new_ex(openssl_library(), NULL, TLS_method());
	if (self->context == NULL || !configure(self->context)) {
		openssl_set_error(error, "OpenSSL cannot be set up");
		return NULL;
	}
	if (!load_pair(self, dir, error) || !load_authority(self, dir, error) ||
	    !check_dates(self, dir, error))
		return NULL;
	self->kernel_version = tls_probe_kernel(self->context);
	if (role == TLS_SERVER)
		tls_hello_install(self->context);
	ERR_clear_error();
	return g_steal_pointer(&self);
}
