/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Explains why a connection failed, for the person who has to fix it. There are three kinds of
 * reasons: we do not trust the peer's certificate; the peer does not trust ours (it says so by an
 * alert, RFC 8446 6.2); or the peer does not speak our TLS at all.
 */
#include <openssl/err.h>

#include "engine/gw-error.h"
#include "engine/tls/tls-handshake.h"

typedef struct {
	int code;
	const char *text;
} Words;

#define OTHER_AUTHORITY "is signed by an authority that our ca-cert.pem does not have"
#define OTHER_NAME	"is for other names"

static const Words verify_words[] = {
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, OTHER_AUTHORITY },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, OTHER_AUTHORITY },
	{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, OTHER_AUTHORITY },
	{ X509_V_ERR_CERT_SIGNATURE_FAILURE, OTHER_AUTHORITY },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, OTHER_AUTHORITY },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "is signed by itself" },
	{ X509_V_ERR_CERT_HAS_EXPIRED, "has expired" },
	{ X509_V_ERR_CERT_NOT_YET_VALID, "is not valid yet; is the clock right?" },
	{ X509_V_ERR_CERT_REVOKED, "has been revoked" },
	{ X509_V_ERR_HOSTNAME_MISMATCH, OTHER_NAME },
	{ X509_V_ERR_IP_ADDRESS_MISMATCH, OTHER_NAME },
	{ X509_V_ERR_INVALID_PURPOSE, "is made for another purpose" },
	{ X509_V_ERR_UNABLE_TO_GET_CRL, "cannot be checked: ca-crl.pem is from another authority" },
	{ X509_V_ERR_CRL_HAS_EXPIRED, "cannot be checked: ca-crl.pem is out of date" },
};

static const Words alert_words[] = {
	{ SSL3_AD_BAD_CERTIFICATE, "our certificate is bad" },
	{ SSL3_AD_UNSUPPORTED_CERTIFICATE, "our certificate was made for another purpose" },
	{ SSL3_AD_CERTIFICATE_REVOKED, "our certificate has been revoked" },
	{ SSL3_AD_CERTIFICATE_EXPIRED, "our certificate has expired" },
	{ SSL3_AD_CERTIFICATE_UNKNOWN, "our certificate is not acceptable" },
	{ TLS1_AD_UNKNOWN_CA, "our certificate is signed by an authority that it does not trust" },
	{ TLS13_AD_CERTIFICATE_REQUIRED, "it got no certificate from us" },
	{ SSL3_AD_HANDSHAKE_FAILURE, "the two sides have no algorithm in common" },
	{ TLS1_AD_PROTOCOL_VERSION, "the two sides have no version of TLS in common" },
	{ TLS1_AD_NO_APPLICATION_PROTOCOL, "it does not know the protocol 'godwit/1'" },
};

static const char *
find_words(const Words *words, gsize n, int code)
{
	for (gsize i = 0; i < n; i++)
		if (words[i].code == code)
			return words[i].text;
	return NULL;
}

static const char *
peer_of(const TlsHandshake *self)
{
	return self->wish != NULL ? "the agent" : "the peer";
}

static void
set_verify_error(TlsHandshake *self, GError **error)
{
	const char *text = find_words(verify_words, G_N_ELEMENTS(verify_words), self->verify_error);
	if (text == NULL)
		text = X509_verify_cert_error_string(self->verify_error);
	gboolean other_name = g_str_equal(text, OTHER_NAME);
	g_set_error(error, GW_ERROR, GW_ERROR_TLS, "the certificate '%s' of %s %s%s%s%s",
		    self->subject != NULL ? self->subject : "", peer_of(self), text,
		    other_name ? " than '" : "", other_name ? self->wish->host : "",
		    other_name ? "' (see --tls-hostname)" : "");
}

static void
set_alert_error(TlsHandshake *self, int alert, GError **error)
{
	if (alert == SSL_AD_INTERNAL_ERROR) {
		g_set_error(error, GW_ERROR, GW_ERROR_BUSY,
			    "%s is busy with too many connections: try again", peer_of(self));
		return;
	}
	const char *text = find_words(alert_words, G_N_ELEMENTS(alert_words), alert);
	g_set_error(error, GW_ERROR, GW_ERROR_TLS, "%s rejects the handshake: %s", peer_of(self),
		    text != NULL ? text : SSL_alert_desc_string_long(alert));
}

/* Returns whether the reason shows a peer that does not speak TLS. */
static gboolean
is_no_tls(int reason)
{
	return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
	       reason == SSL_R_HTTPS_PROXY_REQUEST || reason == SSL_R_PACKET_LENGTH_TOO_LONG ||
	       reason == SSL_R_UNEXPECTED_MESSAGE;
}

void
tls_set_error(TlsHandshake *self, GError **error)
{
	unsigned long code = ERR_peek_error();
	int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
	if (self->is_rejected)
		g_set_error(error, GW_ERROR, GW_ERROR_BUSY, "too many handshakes");
	else if (self->verify_error != X509_V_OK)
		set_verify_error(self, error);
	else if (reason > SSL_AD_REASON_OFFSET)
		set_alert_error(self, reason - SSL_AD_REASON_OFFSET, error);
	else if (is_no_tls(reason) && self->wish != NULL)
		g_set_error(error, GW_ERROR, GW_ERROR_TLS,
			    "the agent does not speak TLS: it has no --tls-dir");
	else if (code == 0 || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		g_set_error(error, GW_ERROR, GW_ERROR_TLS,
			    "%s closed the connection in the handshake", peer_of(self));
	else
		openssl_set_error(error, "the handshake with %s failed", peer_of(self));
	ERR_clear_error();
}
