/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/qemu.h"

/* How the data channels of one run, which are descriptors by now, get to QEMU. A way to do it is one file
 * transport-<word>.c and the word in engine/meson.build. */

typedef enum {
	TRANSPORT_SOURCE,
	TRANSPORT_DESTINATION,
} TransportEnd;

typedef struct Transport Transport;

typedef struct {
	const char *name;      /* what --transport takes */
	gboolean carries_many; /* more than one channel */
	gboolean sees_bytes;   /* the stream passes through us */
	/* Sets @uri, and makes QEMU able to use it. On failure free() tidies up. */
	gboolean (*attach)(Transport *self, Qemu *qemu, GError **error);
	/* (nullable): takes back what attach() has given to a QEMU that did not begin. */
	void (*detach)(Transport *self, Qemu *qemu);
	/* (nullable): what is beyond the common part; the channels are open still. */
	void (*clear)(Transport *self);
	gsize size; /* of the struct that begins with a Transport */
} TransportOps;

struct Transport {
	const TransportOps *ops;
	TransportEnd end;
	GArray *fds; /* of int, by index; (owned) */
	char *uri;   /* what migrate or migrate-incoming is told */
};

/* The transport of that name; NULL when there is none. */
const TransportOps *transport_find(const char *name);

/**
 * transport_attach:
 * @fds: (transfer full): the channels by index, as channel_fds_new() makes them
 *
 * Gives the channels to @qemu, which has begun nothing yet.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_FAILED or what QEMU said
 */
Transport *transport_attach(const TransportOps *ops, TransportEnd end, Qemu *qemu, GArray *fds,
			    GError **error);
/* QEMU was never told to begin: takes everything back. */
void transport_detach(Transport *self, Qemu *qemu);
/* Ends all channels at once, for both ends, also where QEMU still holds a copy of the socket. */
void transport_sever(Transport *self);
void transport_free(Transport *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Transport, transport_free)
