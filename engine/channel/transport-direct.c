/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The socket itself becomes QEMU's: no copy, no thread, no process of ours in the stream's way, and it
 * goes on when we die. QEMU takes one such socket only ("fd:"), so there is one channel.
 *
 * Nothing can hide from QEMU that the network breaks, as relay.c does. It is not needed: the
 * assertion of its 'yank' code concerns the channels of multifd, and here is none.
 */
#include "engine/channel/transport.h"

#define FD_NAME "godwit"

static gboolean
attach(Transport *self, Qemu *qemu, GError **error)
{
	if (!qmp_getfd(qemu->qmp, FD_NAME, g_array_index(self->fds, int, 0), error))
		return FALSE;
	self->uri = g_strdup("fd:" FD_NAME);
	g_array_set_size(self->fds, 0);
	return TRUE;
}

/* While QEMU has it the agent's QEMU would wait for a stream for ever. */
static void
detach(Transport *self, Qemu *qemu)
{
	g_autoptr(GError) error = NULL;
	if (!qmp_closefd(qemu->qmp, FD_NAME, &error))
		g_debug("closefd: %s", error->message);
}

const TransportOps transport_direct = {
	.attach = attach,
	.detach = detach,
	.size = sizeof(Transport),
};
