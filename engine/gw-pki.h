/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-version.h"

/* The certificates of a cluster, in two calls: an authority, which stays in one safe place, and a
 * folder for each host, which is copied to that host unchanged. The files have the names that
 * QEMU's tls-creds-x509 expects. */

/* The result. */
typedef struct {
	char *folder;	    /* the folder with the files */
	char *subject;	    /* "CN=b" */
	GStrv names;	    /* (nullable): the names of a host: "DNS:b", "IP:192.0.2.2" */
	gint64 not_after_s; /* valid until then, seconds since the epoch */
} GwPki;

GW_API void gw_pki_free(GwPki *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPki, gw_pki_free);
/* (transfer full) */
GW_API char *gw_pki_to_json(const GwPki *self);

#define GW_PKI_CA_DAYS	 3650
#define GW_PKI_HOST_DAYS 825
#define GW_PKI_MAX_DAYS	 36500

/**
 * gw_pki_init:
 * @dir: created if it does not exist
 * @days: how long the authority is valid, 1 to %GW_PKI_MAX_DAYS
 *
 * Makes an authority: ca-cert.pem and ca-key.pem in @dir, mode 0600. An existing authority is never
 * overwritten.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_TLS
 */
GW_API GwPki *gw_pki_init(const char *dir, guint days, GError **error);

/**
 * gw_pki_add_host:
 * @dir: of gw_pki_init()
 * @host: the host's name in the network; also the name of the new folder in @dir
 * @addresses: (nullable): more names and IP addresses of the host
 * @days: how long the certificates are valid, not longer than the authority
 * @renew: replace existing certificates
 *
 * Makes the folder @dir/@host, mode 0700, with ca-cert.pem and the certificates and keys of a
 * server and a client, mode 0600.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_TLS, and nothing changed
 */
GW_API GwPki *gw_pki_add_host(const char *dir, const char *host, const char *const *addresses,
			      guint days, gboolean renew, GError **error);
