/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What all transports have in common: they own the descriptors of the channels.
 *
 * If we keep a socket to watch it while QEMU has it too, the connection stays open when QEMU dies,
 * and the peer would wait for bytes that never come. So a caller that sees QEMU end calls
 * transport_release(). If the bytes pass through us, QEMU's end is seen directly, after its last
 * byte.
 *
 * At the source, a QEMU whose bytes pass through us never sees a channel break: relay.c says why. A
 * descriptor that QEMU owns (direct, and TLS in the kernel) breaks when the network does.
 */
#include "engine/channel/transport.h"

#include <string.h>
#include <sys/socket.h>

#include "engine/channel/channel-set.h"
#include "engine/host/private-dir.h"

#define X(word, ...) extern const TransportOps transport_##word;
TRANSPORT_KINDS(X)
#undef X

static const struct {
	const char *name;
	const TransportOps *ops;
} transports[] = {
#define X(word, ...) { #word, &transport_##word },
	TRANSPORT_KINDS(X)
#undef X
};

static const TransportOps *
find_ops(const TransportKind *kind)
{
	for (guint i = 0; i < G_N_ELEMENTS(transports); i++)
		if (strcmp(transports[i].name, kind->name) == 0)
			return transports[i].ops;
	g_return_val_if_reached(NULL); /* both lists come from the same rows */
}

/* Both ends may be on one host with their monitors in one folder, so the name has the end in it. */
static char *
make_name(Side end, const char *session)
{
	return g_strdup_printf("%.8s-%s", session, end == SIDE_SOURCE ? "out" : "in");
}

Transport *
transport_attach(const TransportKind *kind, Side end, Qemu *qemu, const char *session, GArray *fds,
		 GArray *tcps, GError **error)
{
	g_return_val_if_fail(fds->len == 1 || (fds->len > 1 && kind->carries_many), NULL);
	const TransportOps *ops = find_ops(kind);
	g_autoptr(Transport) self = g_malloc0(ops->size);
	self->kind = kind;
	self->ops = ops;
	self->end = end;
	self->name = make_name(end, session);
	self->fds = fds;
	self->tcps = tcps != NULL ? tcps : channel_fds_new();
	self->taps = g_array_new(FALSE, TRUE, sizeof(TransportTap));
	g_array_set_size(self->taps, fds->len);
	self->context = g_main_context_ref_thread_default();
	return ops->attach(self, qemu, error) ? g_steal_pointer(&self) : NULL;
}

void
transport_remove_left(Side end, const char *qmp_path, const char *session)
{
	g_autofree char *name = make_name(end, session);
	private_dir_remove(qmp_path, name);
}

void
transport_set_tap(Transport *self, guint index, RelayTap tap, gpointer data)
{
	g_return_if_fail(self->kind->sees_bytes && index < self->taps->len);
	g_array_index(self->taps, TransportTap, index) = (TransportTap){ tap, data };
}

void
transport_start(Transport *self)
{
	if (self->ops->start != NULL)
		self->ops->start(self);
}

void
transport_detach(Transport *self, Qemu *qemu)
{
	if (self != NULL && self->ops->detach != NULL)
		self->ops->detach(self, qemu);
}

static void
shut_all(const GArray *fds)
{
	for (guint i = 0; i < fds->len; i++)
		shutdown(g_array_index(fds, int, i), SHUT_RDWR);
}

static void
shut(Transport *self)
{
	shut_all(self->fds);
	shut_all(self->tcps);
}

void
transport_release(Transport *self)
{
	if (self != NULL && !self->kind->sees_bytes)
		shut(self);
}

void
transport_sever(Transport *self)
{
	if (self == NULL)
		return;
	self->is_severed = TRUE;
	shut(self);
}

gboolean
transport_is_broken(Transport *self)
{
	return self != NULL && !self->is_severed && self->ops->is_broken != NULL &&
	       self->ops->is_broken(self);
}

char *
transport_get_failure(Transport *self)
{
	if (self == NULL || self->is_severed || self->ops->get_failure == NULL)
		return NULL;
	return self->ops->get_failure(self);
}

void
transport_free(Transport *self)
{
	if (self == NULL)
		return;
	if (self->ops->clear != NULL)
		self->ops->clear(self);
	g_array_unref(self->fds);
	g_array_unref(self->tcps);
	g_array_unref(self->taps);
	g_main_context_unref(self->context);
	g_free(self->uri);
	g_free(self->name);
	g_free(self);
}
