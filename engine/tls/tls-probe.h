/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/tls/openssl.h"

/**
 * tls_probe_kernel:
 * @context: with a certificate and a key
 *
 * Shakes hands with itself over loopback to see what ends up in the kernel: that depends on the kernel, on its
 * module "tls", on the version of OpenSSL and how it was built, and no one number tells it.
 *
 * Returns: the newest version of which both directions do; 0 for none
 */
int tls_probe_kernel(SSL_CTX *context);

/* Are both directions of a finished handshake in the kernel, and nothing of the peer's in OpenSSL's buffers? */
gboolean tls_is_in_kernel(SSL *ssl);
