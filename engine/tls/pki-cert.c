/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * X.509 v3 by RFC 5280, with what QEMU's tls-creds-x509 requires: basicConstraints in all
 * certificates, and keyCertSign in the authority's keyUsage. keyEncipherment is not allowed for
 * elliptic curves (RFC 8813). QEMU requires it only if keyUsage is critical, so the keyUsage of
 * hosts is not critical.
 */
#include "engine/tls/pki-cert.h"

#include <openssl/pem.h>
#include <openssl/rand.h>

#include "engine/gw-error.h"

#define CURVE	     "P-256"
#define SERIAL_BYTES 16

typedef struct {
	int nid;
	const char *value;
} Extension;

#define MAX_EXTENSIONS 8

static const Extension extensions[][MAX_EXTENSIONS] = {
	[PKI_AUTHORITY] = {
		{ NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
		{ NID_key_usage, "critical,keyCertSign,cRLSign" },
		{ NID_subject_key_identifier, "hash" },
	},
	[PKI_SERVER] = {
		{ NID_basic_constraints, "critical,CA:FALSE" },
		{ NID_key_usage, "digitalSignature" },
		{ NID_ext_key_usage, "serverAuth" },
		{ NID_subject_key_identifier, "hash" },
		{ NID_authority_key_identifier, "keyid:always" },
	},
	[PKI_CLIENT] = {
		{ NID_basic_constraints, "critical,CA:FALSE" },
		{ NID_key_usage, "digitalSignature" },
		{ NID_ext_key_usage, "clientAuth" },
		{ NID_subject_key_identifier, "hash" },
		{ NID_authority_key_identifier, "keyid:always" },
	},
};

void
pki_pair_clear(PkiPair *self)
{
	g_clear_pointer(&self->certificate, X509_free);
	g_clear_pointer(&self->key, EVP_PKEY_free);
}

static gboolean
add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	g_autoptr(X509_EXTENSION) extension = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
	return extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
}

static gboolean
add_extensions(X509 *certificate, X509 *issuer, const PkiRequest *request)
{
	const Extension *rows = extensions[request->use];
	for (guint i = 0; i < MAX_EXTENSIONS && rows[i].value != NULL; i++)
		if (!add_extension(certificate, issuer, rows[i].nid, rows[i].value))
			return FALSE;
	if (request->names == NULL || request->names[0] == NULL)
		return TRUE;
	g_autofree char *names = g_strjoinv(",", (char **)request->names);
	return add_extension(certificate, issuer, NID_subject_alt_name, names);
}

static gboolean
set_serial(X509 *certificate)
{
	guint8 bytes[SERIAL_BYTES];
	if (RAND_bytes_ex(openssl_library(), bytes, sizeof bytes, 0) != 1)
		return FALSE;
	BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
	gboolean set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
	BN_free(number);
	return set;
}

static gboolean
fill_in(X509 *certificate, EVP_PKEY *key, const PkiRequest *request, X509 *issuer)
{
	const guchar *name = (const guchar *)request->common_name;
	return X509_set_version(certificate, X509_VERSION_3) == 1 &&
	       X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName,
					  MBSTRING_UTF8, name, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
	       ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)request->not_before_s) !=
		       NULL &&
	       ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)request->not_after_s) !=
		       NULL &&
	       X509_set_pubkey(certificate, key) == 1 &&
	       add_extensions(certificate, issuer, request);
}

gboolean
pki_pair_make(PkiPair *ret_pair, const PkiRequest *request, const PkiPair *issuer, GError **error)
{
	g_autoptr(EVP_PKEY) key = EVP_PKEY_Q_keygen(openssl_library(), NULL, "EC", CURVE);
	g_autoptr(X509) certificate = X509_new_ex(openssl_library(), NULL);
	X509 *signer = issuer != NULL ? issuer->certificate : certificate;
	if (key == NULL || certificate == NULL || !set_serial(certificate) ||
	    !fill_in(certificate, key, request, signer) ||
	    X509_sign(certificate, issuer != NULL ? issuer->key : key, EVP_sha256()) == 0) {
		openssl_set_error(error, "cannot make a certificate for '%s'",
				  request->common_name);
		return FALSE;
	}
	ret_pair->key = g_steal_pointer(&key);
	ret_pair->certificate = g_steal_pointer(&certificate);
	return TRUE;
}

gboolean
pki_pair_parse(PkiPair *ret_pair, const char *certificate_pem, const char *key_pem, GError **error)
{
	g_autoptr(BIO) certificate_bio = BIO_new_mem_buf(certificate_pem, -1);
	g_autoptr(BIO) key_bio = BIO_new_mem_buf(key_pem, -1);
	g_autoptr(EVP_PKEY) key = PEM_read_bio_PrivateKey_ex(key_bio, NULL, openssl_no_passphrase,
							     NULL, openssl_library(), NULL);
	if (key == NULL) {
		openssl_set_error(error, "this is not a usable key");
		return FALSE;
	}
	g_autoptr(X509) certificate = X509_new_ex(openssl_library(), NULL);
	if (PEM_read_bio_X509(certificate_bio, &certificate, NULL, NULL) == NULL) {
		openssl_set_error(error, "this is not a certificate");
		return FALSE;
	}
	if (X509_check_private_key(certificate, key) != 1) {
		openssl_set_error(error, "the key does not belong to this certificate");
		return FALSE;
	}
	ret_pair->key = g_steal_pointer(&key);
	ret_pair->certificate = g_steal_pointer(&certificate);
	return TRUE;
}

static char *
take_text(BIO *memory)
{
	char *text = NULL;
	long len = BIO_get_mem_data(memory, &text);
	return g_strndup(text, (gsize)MAX(len, 0));
}

char *
pki_certificate_to_pem(X509 *certificate, GError **error)
{
	g_autoptr(BIO) memory = BIO_new(BIO_s_mem());
	if (PEM_write_bio_X509(memory, certificate) == 1)
		return take_text(memory);
	openssl_set_error(error, "cannot write a certificate");
	return NULL;
}

char *
pki_key_to_pem(EVP_PKEY *key, GError **error)
{
	g_autoptr(BIO) memory = BIO_new(BIO_s_secmem());
	if (PEM_write_bio_PKCS8PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL) == 1)
		return take_text(memory);
	openssl_set_error(error, "cannot write a key");
	return NULL;
}
