/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/channel/relay.h"
#include "engine/data/transport-kind.h"
#include "engine/host/qemu.h"
#include "engine/util/side.h"

/* How the data channels of one run get to QEMU; they are descriptors by now. A kind of transport is
 * a row in data/transport-kind.h and one file transport-<word>.c. */

typedef struct Transport Transport;

/* Who sees the bytes of one channel; @tap is NULL if nobody does. */
typedef struct {
	RelayTap tap;
	gpointer data;
} TransportTap;

typedef struct {
	/* Sets @uri and prepares QEMU for it. After a failure free() cleans up. */
	gboolean (*attach)(Transport *self, Qemu *qemu, GError **error);
	/* (nullable): takes back what attach() gave to a QEMU that has not begun. */
	void (*detach)(Transport *self, Qemu *qemu);
	/* (nullable): called when QEMU begins, or listens. */
	void (*start)(Transport *self);
	/* (nullable) (transfer full) (nullable): what has failed here, if anything. */
	char *(*get_failure)(Transport *self);
	/* (nullable): returns whether a part of the stream is lost, although QEMU continues. */
	gboolean (*is_broken)(Transport *self);
	/* (nullable): frees what is not in the common part; the channels are still open. */
	void (*clear)(Transport *self);
	gsize size; /* the size of the struct that begins with a Transport */
} TransportOps;

struct Transport {
	const TransportKind *kind;
	const TransportOps *ops;
	Side end;
	char *name;   /* (owned) */
	GArray *fds;  /* of int, by index: those that QEMU does not own yet; (owned) */
	GArray *tcps; /* of int, by index: the TCP sockets under the channels, to watch them;
		       * (owned) */
	GArray *taps; /* of TransportTap, by index; (owned) */
	char *uri;    /* the URI for migrate or migrate-incoming */
	GMainContext *context; /* of transport_attach(): woken when the transport breaks; (owned) */
	gboolean is_severed;
};

/**
 * transport_attach:
 * @session: the session of the channels, for names on this host
 * @fds: (transfer full): the channels by index, as channel_fds_new() makes them
 * @tcps: (nullable) (transfer full): likewise the TCP sockets under them, if the caller wants to
 *   watch these
 *
 * Gives the channels to @qemu, which has not begun anything yet.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_FAILED or QEMU's error
 */
Transport *transport_attach(const TransportKind *kind, Side end, Qemu *qemu, const char *session,
			    GArray *fds, GArray *tcps, GError **error);
/* Removes the files of @session that its transport left beside the monitor when its process
 * died. */
void transport_remove_left(Side end, const char *qmp_path, const char *session);
/* Sets who sees the bytes of channel @index from now on. Call it before transport_start(). Only for
 * transports that see bytes. */
void transport_set_tap(Transport *self, guint index, RelayTap tap, gpointer data);
/* Call this at the source before migrate, at the destination after migrate-incoming. */
void transport_start(Transport *self);
/* Takes everything back from a QEMU that was never told to begin. */
void transport_detach(Transport *self, Qemu *qemu);
/* QEMU has given up or died and closes its sockets. Descriptors that we keep must not hold them
 * open. */
void transport_release(Transport *self);
/* Ends all channels at once. At the source a QEMU whose bytes pass through us does not see this. */
void transport_sever(Transport *self);
/**
 * transport_is_broken:
 * @self: (nullable)
 *
 * At the source: returns whether a channel's peer is lost, or QEMU opened a channel without a
 * place. QEMU does not see this: what it sends is discarded until its migration is cancelled. The
 * main context of transport_attach() is woken when this becomes %TRUE. %FALSE after
 * transport_sever().
 */
gboolean transport_is_broken(Transport *self);
/* (transfer full) (nullable): what has failed here by itself, if anything. @self: (nullable) */
char *transport_get_failure(Transport *self);
void transport_free(Transport *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Transport, transport_free);
