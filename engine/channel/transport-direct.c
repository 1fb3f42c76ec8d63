/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The socket itself becomes QEMU's. There is no copy, no thread and no process of ours between QEMU
 * and the peer, and the stream continues if we die. QEMU accepts only one socket in this way
 * ("fd:"), so there is one channel.
 *
 * A break of the network cannot be hidden from QEMU, as relay.c does, also where TLS is in between
 * (tls-pump.c, or the kernel). This is not needed: the assertion of QEMU's 'yank' code concerns
 * only the channels of multifd, and there are none here. tests/live/test_early.py breaks and
 * cancels one channel many times on both QEMUs.
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

/* While this QEMU keeps the socket open, the destination waits for a stream forever. */
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
