/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What all users of OpenSSL here share. This library runs inside other programs, so it does not
 * touch OpenSSL's global state. It has its own library context, whose configuration is the built-in
 * one and not the file in /etc. One thing is shared by all code of a thread, the queue of errors.
 * It is empty whenever one of our functions returns.
 */
#include "engine/tls/openssl.h"

#include <time.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "engine/gw-error.h"

OSSL_LIB_CTX *
openssl_library(void)
{
	static gsize library;
	if (g_once_init_enter(&library))
		g_once_init_leave(&library, (gsize)OSSL_LIB_CTX_new());
	return (OSSL_LIB_CTX *)library;
}

const char *
openssl_reason(void)
{
	unsigned long code = ERR_peek_error();
	if (code == 0)
		return "no reason given";
	/* A failed system call is a special kind of error: its reason is errno. */
	const char *text = ERR_SYSTEM_ERROR(code) ? g_strerror(ERR_GET_REASON(code))
						  : ERR_reason_error_string(code);
	return text != NULL ? text : "an unknown error";
}

void
openssl_set_error(GError **error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, GW_ERROR, GW_ERROR_TLS, "%s: %s", text, openssl_reason());
	ERR_clear_error();
}

char *
openssl_name_to_string(const X509_NAME *name)
{
	g_autoptr(BIO) memory = BIO_new(BIO_s_mem());
	char *text = NULL;
	if (X509_NAME_print_ex(memory, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0)
		return g_strdup("");
	long len = BIO_get_mem_data(memory, &text);
	g_autofree char *copy = g_strndup(text, (gsize)MAX(len, 0));
	return g_utf8_make_valid(copy, -1);
}

gint64
openssl_time_to_s(const ASN1_TIME *time)
{
	struct tm broken_down = { 0 };
	return ASN1_TIME_to_tm(time, &broken_down) == 1 ? (gint64)timegm(&broken_down) : -1;
}

int
openssl_no_passphrase(char *buffer, int size, int writing, void *data)
{
	return -1;
}

void
openssl_thread_done(void)
{
	OPENSSL_thread_stop();
}
