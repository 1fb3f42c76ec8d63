/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A handshake, from the first byte to a plain descriptor.
 *
 *   source                                agent
 *   ClientHello (ALPN, proof) --------->  admit it?
 *                         <----------     its certificate; it asks for ours
 *   is it the intended host?
 *   our certificate       ---------->     is it from our authority, and allowed?
 *                         <----------     one byte: 'k' its end is in its kernel, 'p' in a process;
 *                                         or '!' and the reason of the rejection, as text
 *
 * The last byte is necessary because in TLS 1.3 a client is done before the server has checked the
 * client's certificate. Only this byte tells the source that it is accepted, and the source sends
 * nothing before it. So when the agent passes its socket on, OpenSSL's buffers have no bytes of the
 * source either.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <glib-unix.h>
#include <openssl/err.h>

#include "engine/gw-error.h"
#include "engine/tls/tls-handshake.h"
#include "engine/tls/tls-probe.h"
#include "engine/tls/tls-pump.h"

#define WORD_KERNEL  'k'
#define WORD_PROCESS 'p'
#define WORD_REFUSED '!'

void
tls_info_clear(TlsInfo *self)
{
	g_clear_pointer(&self->cipher, g_free);
}

/* Records what is wrong with which certificate; OpenSSL keeps this only for a certificate that it
 * accepts. */
static int
on_verify(int is_good, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	TlsHandshake *self = SSL_get_app_data(ssl);
	X509 *certificate = X509_STORE_CTX_get0_cert(store);
	if (is_good && X509_STORE_CTX_get_error_depth(store) != 0)
		return is_good;
	self->verify_error = is_good ? X509_V_OK : X509_STORE_CTX_get_error(store);
	g_free(self->subject);
	self->subject = certificate != NULL
				? openssl_name_to_string(X509_get_subject_name(certificate))
				: NULL;
	return is_good;
}

static TlsHandshake *
handshake_new(TlsCreds *creds, int fd)
{
	TlsHandshake *self = g_new0(TlsHandshake, 1);
	self->creds = tls_creds_ref(creds);
	self->kernel_version = tls_creds_get_kernel_version(creds);
	self->fd = fd;
	self->verify_error = X509_V_OK;
	self->ssl = tls_creds_new_ssl(creds);
	SSL_set_app_data(self->ssl, self);
	SSL_set_verify(self->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
	SSL_set_fd(self->ssl, fd);
	return self;
}

void
tls_handshake_free(TlsHandshake *self)
{
	if (self == NULL)
		return;
	SSL_free(self->ssl);
	if (self->fd >= 0)
		close(self->fd);
	tls_creds_unref(self->creds);
	g_free(self->refusal);
	g_free(self->subject);
	g_free(self);
}

TlsHandshake *
tls_handshake_new_server(TlsCreds *creds, int fd, const TlsServerPolicy *door, gpointer data)
{
	TlsHandshake *self = handshake_new(creds, fd);
	self->door = door;
	self->door_data = data;
	tls_hello_prepare(self);
	return self;
}

/* Sets the name or address that must be in the agent's certificate. */
static gboolean
expect_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
						       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return g_hostname_is_ip_address(host) ? X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1
					      : X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

static gboolean
is_allowed(TlsHandshake *self)
{
	const char *const *allowed = self->door != NULL ? self->door->allowed : NULL;
	if (allowed == NULL)
		return TRUE;
	for (guint i = 0; self->subject != NULL && allowed[i] != NULL; i++)
		if (g_pattern_match_simple(allowed[i], self->subject))
			return TRUE;
	return FALSE;
}

/* Returns what OpenSSL needs after a call that did not succeed. */
static TlsStep
step_of(TlsHandshake *self, int result, GError **error)
{
	int why = SSL_get_error(self->ssl, result);
	if (why == SSL_ERROR_WANT_READ)
		return TLS_WANTS_READ;
	if (why == SSL_ERROR_WANT_WRITE)
		return TLS_WANTS_WRITE;
	tls_set_error(self, error);
	return TLS_FAILED;
}

static const char *
own_end(TlsHandshake *self)
{
	return !self->rekey && tls_is_in_kernel(self->ssl) ? "kernel-tls" : "tls";
}

/* A new record of a few bytes is sent completely or not at all. */
static TlsStep
write_verdict(TlsHandshake *self, GError **error)
{
	size_t n = 0;
	char word = own_end(self)[0] == 'k' ? WORD_KERNEL : WORD_PROCESS;
	const char *text = self->refusal != NULL ? self->refusal : &word;
	int result = SSL_write_ex(self->ssl, text,
				  self->refusal != NULL ? strlen(self->refusal) : 1, &n);
	if (result != 1)
		return step_of(self, result, error);
	if (self->refusal == NULL)
		return TLS_DONE;
	g_set_error(error, GW_ERROR, GW_ERROR_TLS, "'%s' is not among the accepted subjects",
		    self->subject);
	return TLS_FAILED;
}

/* @text comes from the agent. We trust its identity, but not that it sends valid UTF-8. */
static TlsStep
take_refusal(TlsHandshake *self, GError **error)
{
	g_autofree char *text = g_utf8_make_valid(self->heard + 1, (gssize)self->n_heard - 1);
	g_set_error(error, GW_ERROR, GW_ERROR_TLS, "the agent rejects us: %s", text);
	return TLS_FAILED;
}

static TlsStep
read_verdict(TlsHandshake *self, GError **error)
{
	size_t n = 0;
	/* One byte: what follows the verdict is not for us. A rejection is one record, and ends the
	 * connection. */
	gsize room = self->n_heard == 0 ? 1 : TLS_REFUSAL_BYTES - self->n_heard;
	int result = SSL_read_ex(self->ssl, self->heard + self->n_heard, room, &n);
	if (result != 1 && self->n_heard > 0 &&
	    SSL_get_error(self->ssl, result) != SSL_ERROR_WANT_READ)
		return take_refusal(self, error);
	if (result != 1)
		return step_of(self, result, error);
	self->n_heard += n;
	if (self->heard[0] == WORD_KERNEL || self->heard[0] == WORD_PROCESS)
		return TLS_DONE;
	if (self->heard[0] == WORD_REFUSED)
		return self->n_heard < TLS_REFUSAL_BYTES ? TLS_WANTS_READ
							 : take_refusal(self, error);
	g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL, "the agent sends an unknown verdict");
	return TLS_FAILED;
}

TlsStep
tls_handshake_step(TlsHandshake *self, GError **error)
{
	ERR_clear_error();
	if (!self->shaken) {
		int result = SSL_do_handshake(self->ssl);
		if (result != 1)
			return step_of(self, result, error);
		self->shaken = TRUE;
		if (!is_allowed(self))
			self->refusal =
				g_strdup_printf("%c'%s' is not among the subjects that it accepts",
						WORD_REFUSED, self->subject);
	}
	return self->wish != NULL ? read_verdict(self, error) : write_verdict(self, error);
}

static void
fill_in_info(TlsHandshake *self, TlsInfo *info)
{
	info->here = own_end(self);
	info->there = self->wish == NULL	      ? NULL
		      : self->heard[0] == WORD_KERNEL ? "kernel-tls"
						      : "tls";
	info->cipher = g_strdup_printf("%s %s", SSL_get_version(self->ssl),
				       SSL_get_cipher_name(self->ssl));
}

const char *
tls_handshake_get_subject(const TlsHandshake *self)
{
	return self->subject;
}

int
tls_handshake_finish(TlsHandshake *self, TlsInfo *ret_info, GError **error)
{
	gboolean in_kernel = own_end(self)[0] == 'k';
	if (ret_info != NULL)
		fill_in_info(self, ret_info);
	int fd = self->fd;
	self->fd = -1;
	/* OpenSSL releases the socket, and the kernel keeps the keys. */
	if (in_kernel)
		return fd;
	TlsPumpLimits limits = tls_pump_limits(self->rekey);
	if (self->wish != NULL && self->wish->limits != NULL)
		limits = *self->wish->limits;
	SSL *ssl = g_steal_pointer(&self->ssl);
	SSL_set_app_data(ssl, NULL);
	TlsPumps *pumps = self->wish != NULL ? self->wish->pumps : self->door->pumps;
	return tls_pumps_start(pumps, self->creds, ssl, fd, &limits, error);
}

/* Waits until the descriptor is ready for @step. */
static gboolean
wait_for(TlsHandshake *self, TlsStep step, gint64 deadline_us, GCancellable *cancellable,
	 GError **error)
{
	GPollFD cancel = { .fd = -1 };
	gboolean has_cancel =
		cancellable != NULL && g_cancellable_make_pollfd(cancellable, &cancel);
	GPollFD fds[] = { { self->fd, step == TLS_WANTS_READ ? G_IO_IN : G_IO_OUT, 0 }, cancel };
	gint64 left_ms = (deadline_us - g_get_monotonic_time()) / 1000;
	int n = left_ms > 0 ? g_poll(fds, has_cancel ? 2 : 1, (int)left_ms) : 0;
	int saved = errno;
	if (has_cancel)
		g_cancellable_release_fd(cancellable);
	if (g_cancellable_set_error_if_cancelled(cancellable, error))
		return FALSE;
	if (n > 0 || (n < 0 && saved == EINTR))
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_TLS, "the agent does not finish the handshake");
	return FALSE;
}

int
tls_connect(TlsCreds *creds, int fd, const TlsClientOptions *wish, int timeout_ms,
	    TlsInfo *ret_info, GCancellable *cancellable, GError **error)
{
	gint64 deadline_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
	g_autoptr(TlsHandshake) self = handshake_new(creds, fd);
	self->wish = wish;
	if (!g_unix_set_fd_nonblocking(fd, TRUE, error))
		return -1;
	if (!tls_hello_prepare(self) || !expect_host(self->ssl, wish->host)) {
		openssl_set_error(error, "the handshake cannot be prepared");
		return -1;
	}
	while (TRUE) {
		TlsStep step = tls_handshake_step(self, error);
		if (step == TLS_DONE)
			return tls_handshake_finish(self, ret_info, error);
		if (step == TLS_FAILED || !wait_for(self, step, deadline_us, cancellable, error))
			return -1;
	}
}
