/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Carries one channel between a socket of QEMU and the connection to the peer, in both directions,
 * in a thread. */
typedef struct Relay Relay;

typedef enum {
	RELAY_TO_PEER,
	RELAY_TO_QEMU,
	RELAY_N_DIRECTIONS,
} RelayDirection;

/* Gets every byte before it is sent on, in order, in the relay's thread. It must be quick, and only
 * record what it sees. */
typedef void (*RelayTap)(gpointer data, const guint8 *bytes, gsize n_bytes,
			 RelayDirection direction);

typedef struct {
	/* QEMU's socket stays open when the peer is lost: see relay.c. For the source. */
	gboolean outlives_peer;
	RelayTap tap; /* (nullable) */
	gpointer tap_data;
	void (*on_lost)(gpointer data); /* (nullable): once, in the relay's thread */
	gpointer on_lost_data;
} RelayOptions;

/**
 * relay_new:
 * @qemu_fd, @peer_fd: connected stream sockets, borrowed until relay_free(); nothing else may read
 *   or write them
 *
 * Starts at once. The end of one direction is passed on as the end of that direction only. A
 * failure in one direction ends both directions for both ends. With @outlives_peer QEMU sees
 * neither the peer's end nor its failure.
 *
 * Returns: NULL with %G_THREAD_ERROR when no thread can be had; both sockets are shut down then
 */
Relay *relay_new(int qemu_fd, int peer_fd, const RelayOptions *options, GError **error);
/* Ends the relay, whatever it is doing, and the traffic of both sockets. */
void relay_free(Relay *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Relay, relay_free);

/* All functions below may be called from any thread. */
/* The bytes that were sent in this direction. */
gint64 relay_get_bytes(const Relay *self, RelayDirection direction);
gboolean relay_has_ended(const Relay *self);
/* With @outlives_peer: returns whether the peer has failed, or has been closed for 2 s while QEMU
 * still sends. */
gboolean relay_has_lost_peer(const Relay *self);
/* (transfer full) (nullable): what failed: "the peer's side: Connection reset by peer". NULL when
 * nothing has failed. */
char *relay_get_failure(Relay *self);
