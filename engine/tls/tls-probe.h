/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/tls/openssl.h"

/**
 * tls_probe_kernel:
 * @context: with a certificate and a key
 *
 * Does a handshake with itself over loopback and checks what the kernel has taken over. This
 * depends on the kernel, on its module "tls", on the version of OpenSSL and on how OpenSSL was
 * built, so no version number shows it.
 *
 * Returns: the newest version of which the kernel does both directions; 0 for none
 */
int tls_probe_kernel(SSL_CTX *context);

/* Returns whether the kernel has both directions of a finished handshake, and OpenSSL's buffers
 * have no bytes of the peer. */
gboolean tls_is_in_kernel(SSL *ssl);
