/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-version.h"

/* The certificates of a cluster, by two calls: an authority, kept in one safe place, and for each host a folder
 * that is copied to it as it is. The files have the names that QEMU's tls-creds-x509 looks for. */

/* What was made. */
typedef struct {
	char *folder;	    /* with the files in it */
	char *subject;	    /* "CN=b" */
	GStrv names;	    /* (nullable): what a host may be called: "DNS:b", "IP:192.0.2.2" */
	gint64 not_after_s; /* until when it is good, since the epoch */
} GwPki;

GW_API void gw_pki_free(GwPki *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPki, gw_pki_free)
/* (transfer full) */
GW_API char *gw_pki_to_json(const GwPki *self);

#define GW_PKI_CA_DAYS	 3650
#define GW_PKI_HOST_DAYS 825
#define GW_PKI_MAX_DAYS	 36500

/**
 * gw_pki_init:
 * @dir: made if it is not there
 * @days: how long it is good for, 1 to %GW_PKI_MAX_DAYS
 *
 * Makes an authority: ca-cert.pem and ca-key.pem in @dir, mode 0600. One that is there is never overwritten.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_TLS
 */
GW_API GwPki *gw_pki_init(const char *dir, guint days, GError **error);

/**
 * gw_pki_add_host:
 * @dir: of gw_pki_init()
 * @host: what it is called in the network; also the name of the new folder in @dir
 * @addresses: (nullable): more names and IP addresses that it is reached by
 * @days: how long it is good for, not longer than the authority
 * @renew: make new ones in the place of those that are there
 *
 * Makes the folder @dir/@host, mode 0700, with ca-cert.pem and the certificates and keys of a server and a client,
 * mode 0600.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_TLS, and nothing changed
 */
GW_API GwPki *gw_pki_add_host(const char *dir, const char *host, const char *const *addresses,
			      guint days, gboolean renew, GError **error);
