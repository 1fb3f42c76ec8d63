/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "engine/control/control.h"
#include "engine/tls/tls-pump.h"

/* New connections, until it is clear what they are. */
typedef struct AcceptorSet AcceptorSet;

typedef struct {
	/* A control connection; nothing was read from it. @peer: its address. %FALSE when there is no room. */
	gboolean (*control)(GSocket *socket, const char *peer, gpointer data);
	/* A data channel: takes over @fd and says %TRUE, or leaves it and says %FALSE. */
	gboolean (*channel)(const ControlPreamble *preamble, int fd, gpointer data);
	/* Does a session wait for a channel with this pass? See control_token_proof(). */
	gboolean (*expects_proof)(const char *pass, gpointer data);
	void (*rejected)(const char *peer, const GError *error, gpointer data);
} AcceptorListener;

/* How much it puts up with. */
typedef struct {
	guint decide_ms;		  /* until a stranger must have said what it is */
	guint costly_per_s, costly_burst; /* what is dear, for one address */
	guint total_per_s, total_burst;	  /* and for all together */
} AcceptorLimits;

/* Whom it lets in. */
typedef struct {
	TlsCreds *tls;	 /* (nullable): then nobody speaks TLS */
	TlsPumps *pumps; /* with @tls */
	const char *const
		*allowed;  /* (nullable): subjects that may come; NULL: all of the authority */
	gboolean insecure; /* plain text will do, from anywhere */
	const AcceptorLimits *limits; /* (nullable): the usual ones */
} AcceptorConfig;

/* Lives in the thread-default main context. @terms: copied but for what it points to. */
AcceptorSet *
acceptor_set_new(const AcceptorListener *listener, const AcceptorConfig *terms, gpointer data);
void acceptor_set_free(AcceptorSet *self);

/* Looks after a connection that was just accepted. When there are too many, the oldest of those who have the most
 * has to go. */
void acceptor_set_add(AcceptorSet *self, GSocket *socket);
