/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/channel/relay.h"
#include "engine/data/transport-kind.h"
#include "engine/host/qemu.h"
#include "engine/util/side.h"

/* How the data channels of one run, which are descriptors by now, get to QEMU. A way to do it is a row
 * in data/transport-kind.h and one file transport-<word>.c. */

typedef struct Transport Transport;

/* Who looks at one channel; nobody when @tap is NULL. */
typedef struct {
	RelayTap tap;
	gpointer data;
} TransportTap;

typedef struct {
	/* Sets @uri, and makes QEMU able to use it. On failure free() tidies up. */
	gboolean (*attach)(Transport *self, Qemu *qemu, GError **error);
	/* (nullable): takes back what attach() has given to a QEMU that did not begin. */
	void (*detach)(Transport *self, Qemu *qemu);
	/* (nullable): QEMU begins, or listens by now. */
	void (*start)(Transport *self);
	/* (nullable) (transfer full) (nullable): what has broken here, if anything has. */
	char *(*get_failure)(Transport *self);
	/* (nullable): is something of the stream lost, though QEMU goes on? */
	gboolean (*is_broken)(Transport *self);
	/* (nullable): what is beyond the common part; the channels are open still. */
	void (*clear)(Transport *self);
	gsize size; /* of the struct that begins with a Transport */
} TransportOps;

struct Transport {
	const TransportKind *kind;
	const TransportOps *ops;
	Side end;
	char *name;   /* (owned) */
	GArray *fds;  /* of int, by index: what is not QEMU's own yet; (owned) */
	GArray *tcps; /* of int, by index: the TCP sockets under the channels, to look at; (owned) */
	GArray *taps;	       /* of TransportTap, by index; (owned) */
	char *uri;	       /* what migrate or migrate-incoming is told */
	GMainContext *context; /* of transport_attach(): woken when it breaks; (owned) */
	gboolean is_severed;
};

/**
 * transport_attach:
 * @session: whose they are, for names of our own on this host
 * @fds: (transfer full): the channels by index, as channel_fds_new() makes them
 * @tcps: (nullable) (transfer full): likewise the TCP sockets under them, where somebody wants to look at these
 *
 * Gives the channels to @qemu, which has begun nothing yet.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_FAILED or what QEMU said
 */
Transport *transport_attach(const TransportKind *kind, Side end, Qemu *qemu, const char *session,
			    GArray *fds, GArray *tcps, GError **error);
/* Removes what the transport of @session left beside the monitor when its process died. */
void transport_remove_left(Side end, const char *qmp_path, const char *session);
/* Who looks at channel @index from now on; before transport_start(), where the transport sees bytes at all. */
void transport_set_tap(Transport *self, guint index, RelayTap tap, gpointer data);
/* At the source before migrate, at the destination after migrate-incoming. */
void transport_start(Transport *self);
/* QEMU was never told to begin: takes everything back. */
void transport_detach(Transport *self, Qemu *qemu);
/* QEMU has broken off, or died: it closes its sockets, and what is kept here must not hold them open. */
void transport_release(Transport *self);
/* Ends all channels at once. At the source a QEMU whose bytes pass through us is not told. */
void transport_sever(Transport *self);
/**
 * transport_is_broken:
 * @self: (nullable)
 *
 * At the source: is a channel's peer lost, or did QEMU open a channel that has no place? QEMU does
 * not see it: what it sends is thrown away until its migration is cancelled. The main context of
 * transport_attach() is woken when this becomes %TRUE. %FALSE after transport_sever().
 */
gboolean transport_is_broken(Transport *self);
/* (transfer full) (nullable): what has broken in here, if anything has by itself. @self: (nullable) */
char *transport_get_failure(Transport *self);
void transport_free(Transport *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Transport, transport_free);
