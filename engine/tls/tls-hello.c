/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the two sides agree on in their first messages, besides TLS itself:
 *
 *   ALPN  "godwit/1"         keys stay the same: a kernel may hold them, at either end
 *         "godwit/1+rekey"   too much data for one key: TLS 1.3, in a process at both ends
 *   SNI   a token proof (control.h): this is a channel of a session that this agent waits for
 *
 * An agent checks these before it computes anything, so a stranger's hello costs it little.
 */
#include "engine/tls/tls-handshake.h"

#include <string.h>

#define PROTOCOL       "godwit/1"
#define PROTOCOL_REKEY "godwit/1+rekey"
#define MAX_PASS_BYTES 64

/* ALPN has a length byte before the name. */
static const guint8 wire_plain[] = "\x08" PROTOCOL;
static const guint8 wire_rekey[] = "\x0e" PROTOCOL_REKEY;
G_STATIC_ASSERT(sizeof PROTOCOL == 0x08 + 1 && sizeof PROTOCOL_REKEY == 0x0e + 1);

static gboolean
prepare_client(TlsHandshake *self)
{
	const TlsClientOptions *wish = self->wish;
	const guint8 *protocol = wish->rekey ? wire_rekey : wire_plain;
	guint len = (guint)(wish->rekey ? sizeof wire_rekey : sizeof wire_plain) - 1;
	SSL_set_connect_state(self->ssl);
	self->rekey = wish->rekey;
	if (!wish->rekey && self->kernel_version != 0) {
		SSL_set_options(self->ssl, SSL_OP_ENABLE_KTLS);
		SSL_set_max_proto_version(self->ssl, self->kernel_version);
	}
	if (wish->rekey && SSL_set_min_proto_version(self->ssl, TLS1_3_VERSION) != 1)
		return FALSE;
	return SSL_set_alpn_protos(self->ssl, protocol, len) == 0 &&
	       (wish->pass == NULL || SSL_set_tlsext_host_name(self->ssl, wish->pass) == 1);
}

/* The name in a server_name extension (RFC 6066): its length, 0, its length again, itself.
 * (nullable) */
static char *
read_pass(SSL *ssl)
{
	const guint8 *data = NULL;
	size_t len = 0;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &len) != 1 || len < 5 ||
	    data[2] != TLSEXT_NAMETYPE_host_name || len - 5 > MAX_PASS_BYTES ||
	    (gsize)(data[3] << 8 | data[4]) != len - 5)
		return NULL;
	return g_strndup((const char *)data + 5, len - 5);
}

static gboolean
offers(const guint8 *in, gsize in_len, const guint8 *protocol)
{
	for (gsize at = 0; at < in_len; at += in[at] + 1u)
		if (in_len - at > protocol[0] && memcmp(in + at, protocol, protocol[0] + 1u) == 0)
			return TRUE;
	return FALSE;
}

static gboolean
hello_offers(SSL *ssl, const guint8 *protocol)
{
	const guint8 *data = NULL;
	size_t len = 0;
	return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
					 &data, &len) == 1 &&
	       len > 2 && offers(data + 2, len - 2, protocol);
}

/* Runs before a version, a key or a certificate is chosen. */
static int
on_hello(SSL *ssl, int *ret_alert, void *data)
{
	TlsHandshake *self = SSL_get_app_data(ssl);
	g_autofree char *pass = read_pass(ssl);
	self->is_rejected = self->door->admit != NULL && !self->door->admit(pass, self->door_data);
	if (self->is_rejected) {
		*ret_alert = SSL_AD_INTERNAL_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
	self->rekey = hello_offers(ssl, wire_rekey);
	if (!self->rekey && self->kernel_version != 0) {
		SSL_set_options(ssl, SSL_OP_ENABLE_KTLS);
		SSL_set_max_proto_version(ssl, self->kernel_version);
	}
	return SSL_CLIENT_HELLO_SUCCESS;
}

static int
on_protocols(SSL *ssl, const guint8 **ret_out, guint8 *ret_len, const guint8 *in, guint in_len,
	     void *data)
{
	TlsHandshake *self = SSL_get_app_data(ssl);
	const guint8 *chosen = self->rekey ? wire_rekey : wire_plain;
	if (!offers(in, in_len, chosen))
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret_out = chosen + 1;
	*ret_len = chosen[0];
	return SSL_TLSEXT_ERR_OK;
}

void
tls_hello_install(SSL_CTX *context)
{
	SSL_CTX_set_client_hello_cb(context, on_hello, NULL);
	SSL_CTX_set_alpn_select_cb(context, on_protocols, NULL);
}

gboolean
tls_hello_prepare(TlsHandshake *self)
{
	if (self->wish != NULL)
		return prepare_client(self);
	SSL_set_accept_state(self->ssl);
	return TRUE;
}
