/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Listens on a free port of @address ("127.0.0.1", "::1"); NULL when this host has no such address.
 * (transfer full) */
GSocket *tcp_listen(const char *address);
/* (transfer full): a new connection to where @listener listens; fails the test at once if there is
 * none. */
GSocket *tcp_dial(GSocket *listener);
/* The two ends of one connection on 127.0.0.1. (transfer full) */
void tcp_pair(GSocket **ret_dialled, GSocket **ret_accepted);
/* Sends all of it, blocking. */
void tcp_send(GSocket *socket, const void *data, gsize len);
