/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What all transports have in common: they are found by name, and they own the channels' descriptors.
 *
 * A descriptor that is kept here while QEMU has a copy of it keeps the connection open when QEMU dies: the
 * peer would wait for bytes that never come. So whoever sees QEMU end says transport_sever().
 */
#include "engine/transport.h"

#include <string.h>
#include <sys/socket.h>

#define X(word) extern const TransportOps transport_##word;
ENGINE_TRANSPORTS(X)
#undef X

static const TransportOps *const transports[] = {
#define X(word) &transport_##word,
	ENGINE_TRANSPORTS(X)
#undef X
};

const TransportOps *
transport_find(const char *name)
{
	for (guint i = 0; i < G_N_ELEMENTS(transports); i++)
		if (g_strcmp0(transports[i]->name, name) == 0)
			return transports[i];
	return NULL;
}

Transport *
transport_attach(const TransportOps *ops, TransportEnd end, Qemu *qemu, GArray *fds, GError **error)
{
	g_return_val_if_fail(fds->len == 1 || (fds->len > 1 && ops->carries_many), NULL);
	g_autoptr(Transport) self = g_malloc0(ops->size);
	self->ops = ops;
	self->end = end;
	self->fds = fds;
	return ops->attach(self, qemu, error) ? g_steal_pointer(&self) : NULL;
}

void
transport_detach(Transport *self, Qemu *qemu)
{
	if (self != NULL && self->ops->detach != NULL)
		self->ops->detach(self, qemu);
}

void
transport_sever(Transport *self)
{
	for (guint i = 0; self != NULL && i < self->fds->len; i++)
		shutdown(g_array_index(self->fds, int, i), SHUT_RDWR);
}

void
transport_free(Transport *self)
{
	if (self == NULL)
		return;
	if (self->ops->clear != NULL)
		self->ops->clear(self);
	g_array_unref(self->fds);
	g_free(self->uri);
	g_free(self);
}
