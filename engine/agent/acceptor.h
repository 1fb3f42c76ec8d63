/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "engine/control/control.h"
#include "engine/tls/tls-pump.h"

/* New connections, until their first bytes show what they are. */
typedef struct AcceptorSet AcceptorSet;

/* A control connection that has said hello. All of it is borrowed. */
typedef struct {
	GSocket *socket;
	const char *peer;    /* its address, for messages */
	const char *group;   /* the addresses that share a limit: net_peer_group() */
	const char *subject; /* (nullable): of its TLS certificate */
	const char *said;    /* what was read from it: a hello, and perhaps more */
	gsize n_said;
} AcceptedControl;

typedef struct {
	/* %FALSE when there is no room for it. */
	gboolean (*control)(const AcceptedControl *accepted, gpointer data);
	/* A data channel. %TRUE: @fd was taken over; %FALSE: it is still the caller's. */
	gboolean (*channel)(const ControlPreamble *preamble, int fd, gpointer data);
	/* Does a session wait for a channel that proves itself by @proof? See
	 * control_token_proof(). */
	gboolean (*expects_proof)(const char *proof, gpointer data);
	void (*rejected)(const char *peer, const GError *error, gpointer data);
} AcceptorListener;

/* How much work strangers may make. */
typedef struct {
	guint decide_ms;		  /* until the first bytes must have come */
	guint costly_per_s, costly_burst; /* handshakes and control connections of one address */
	guint total_per_s, total_burst;	  /* and of all together */
} AcceptorLimits;

/* Who is let in. */
typedef struct {
	TlsCreds *tls;	 /* (nullable): NULL: no TLS */
	TlsPumps *pumps; /* with @tls */
	/* (nullable): certificate subjects that are let in; NULL: all that the authority signed */
	const char *const *allowed;
	gboolean insecure;	      /* plain text is taken from any address */
	const AcceptorLimits *limits; /* (nullable): the usual ones */
} AcceptorConfig;

/* Lives in the thread-default main context. @config is copied, but not what it points to. */
AcceptorSet *
acceptor_set_new(const AcceptorListener *listener, const AcceptorConfig *config, gpointer data);
void acceptor_set_free(AcceptorSet *self);

/* Takes care of a connection that was just accepted. When too many are undecided, the address that
 * has the most of them loses its oldest. */
void acceptor_set_add(AcceptorSet *self, GSocket *socket);
