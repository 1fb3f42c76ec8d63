/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "engine/control.h"

/* New connections, until it is clear what they are. */
typedef struct GreeterSet GreeterSet;

typedef struct {
	/* A control connection; nothing was read from it. */
	void (*control)(GSocket *socket, gpointer data);
	/* A data channel: takes over @fd and says %TRUE, or leaves it and says %FALSE. */
	gboolean (*channel)(const ControlPreamble *preamble, int fd, gpointer data);
	void (*rejected)(const char *peer, const GError *error, gpointer data);
} GreeterListener;

/* Lives in the thread-default main context. */
GreeterSet *greeter_set_new(const GreeterListener *listener, gpointer data);
void greeter_set_free(GreeterSet *self);

/* Looks after a connection that was just accepted; %FALSE when there are too many. */
gboolean greeter_set_add(GreeterSet *self, GSocket *socket);
