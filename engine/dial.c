/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The way to an agent. Whoever needs a connection, for messages or for QEMU's stream, gets it here and sees
 * only a stream.
 */
#include "engine/dial.h"

struct Dialer {
	PeerAddress address;
};

void
peer_address_clear(PeerAddress *self)
{
	g_clear_pointer(&self->host, g_free);
}

Dialer *
dialer_new(const PeerAddress *address, GError **error)
{
	Dialer *self = g_new0(Dialer, 1);
	self->address = *address;
	self->address.host = g_strdup(address->host);
	return self;
}

void
dialer_free(Dialer *self)
{
	if (self == NULL)
		return;
	peer_address_clear(&self->address);
	g_free(self);
}

GSocket *
dialer_connect(Dialer *self, NetUse use, const guint8 *token, GCancellable *cancellable,
	       GError **error)
{
	return net_connect(self->address.host, self->address.port, use, self->address.insecure,
			   cancellable, error);
}
