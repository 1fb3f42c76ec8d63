/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Makes the connections to an agent. A caller that needs a connection, for messages or for QEMU's
 * stream, gets it here and sees only a stream. Errors that only this host can cause (its
 * certificates, its own rejection of plain text) are reported as the source's.
 */
#include "engine/control/dialer.h"

#include <unistd.h>

#include "engine/gw-error.h"
#include "engine/util/error-host.h"

#define HANDSHAKE_TIMEOUT_MS 5000

struct Dialer {
	PeerAddress address;
	TlsCreds *tls; /* (nullable) */
	TlsPumps *pumps;
	gboolean rekey;
	TlsInfo info;
	int data_tcp; /* under the latest data channel; -1 */
};

void
peer_address_clear(PeerAddress *self)
{
	g_clear_pointer(&self->host, g_free);
	g_clear_pointer(&self->tls_dir, g_free);
	g_clear_pointer(&self->tls_hostname, g_free);
}

Dialer *
dialer_new(const PeerAddress *address, GError **error)
{
	g_autoptr(TlsCreds) tls = NULL;
	if (address->tls_dir != NULL) {
		tls = tls_creds_load(address->tls_dir, TLS_CLIENT, error);
		if (tls == NULL) {
			error_add_side(error, SIDE_SOURCE);
			return NULL;
		}
	}
	Dialer *self = g_new0(Dialer, 1);
	self->data_tcp = -1;
	self->address = *address;
	self->address.host = g_strdup(address->host);
	self->address.tls_dir = g_strdup(address->tls_dir);
	self->address.tls_hostname = g_strdup(address->tls_hostname);
	self->tls = g_steal_pointer(&tls);
	self->pumps = tls_pumps_new();
	return self;
}

static void
forget_tcp(Dialer *self)
{
	if (self->data_tcp >= 0)
		close(self->data_tcp);
	self->data_tcp = -1;
}

void
dialer_free(Dialer *self)
{
	if (self == NULL)
		return;
	peer_address_clear(&self->address);
	tls_pumps_free(self->pumps);
	tls_creds_unref(self->tls);
	tls_info_clear(&self->info);
	forget_tcp(self);
	g_free(self);
}

int
dialer_take_tcp(Dialer *self)
{
	int fd = self->data_tcp;
	self->data_tcp = -1;
	return fd;
}

const TlsInfo *
dialer_get_info(Dialer *self)
{
	return &self->info;
}

const char *
dialer_plan_channels(Dialer *self, gint64 bytes)
{
	if (self->tls == NULL)
		return "none";
	self->rekey = bytes >= TLS_KEY_BYTES;
	return self->rekey || tls_creds_get_kernel_version(self->tls) == 0 ? "tls" : "kernel-tls";
}

/* @fd: (transfer full). Returns a descriptor for plain reads and writes, or -1 */
static int
encrypt(Dialer *self, int fd, NetUse use, const guint8 *token, GCancellable *cancellable,
	GError **error)
{
	const PeerAddress *address = &self->address;
	g_autofree char *pass = token != NULL ? control_token_proof(token) : NULL;
	const TlsClientOptions wish = {
		.pumps = self->pumps,
		.host = address->tls_hostname != NULL ? address->tls_hostname : address->host,
		.pass = pass,
		.rekey = use == NET_DATA && self->rekey,
	};
	int inner = tls_connect(self->tls, fd, &wish, HANDSHAKE_TIMEOUT_MS, &self->info,
				cancellable, error);
	if (inner < 0)
		g_prefix_error(error, "agent at %s port %u: ", address->host, address->port);
	return inner;
}

static GSocket *
connect_tcp(Dialer *self, NetUse use, const NetTuning *tuning, GCancellable *cancellable,
	    GError **error)
{
	const PeerAddress *address = &self->address;
	g_autoptr(GError) cause = NULL;
	GSocket *socket =
		net_connect(address->host, address->port, use,
			    address->insecure || self->tls != NULL, tuning, cancellable, &cause);
	if (socket != NULL)
		return socket;
	if (!g_error_matches(cause, GW_ERROR, GW_ERROR_UNREACHABLE))
		error_add_side(&cause, SIDE_SOURCE);
	g_propagate_error(error, g_steal_pointer(&cause));
	return NULL;
}

GSocket *
dialer_connect(Dialer *self, NetUse use, const guint8 *token, const NetTuning *tuning,
	       GCancellable *cancellable, GError **error)
{
	tls_info_clear(&self->info);
	self->info = (TlsInfo){ .here = "none", .there = "none" };
	g_autoptr(GSocket) socket = connect_tcp(self, use, tuning, cancellable, error);
	forget_tcp(self);
	if (socket != NULL && use == NET_DATA)
		self->data_tcp = net_dup(socket, NULL);
	if (socket == NULL || self->tls == NULL)
		return g_steal_pointer(&socket);
	int fd = net_dup(socket, error);
	if (fd < 0) {
		error_add_side(error, SIDE_SOURCE);
		return NULL;
	}
	int inner = encrypt(self, fd, use, token, cancellable, error);
	return inner >= 0 ? g_socket_new_from_fd(inner, error) : NULL;
}
