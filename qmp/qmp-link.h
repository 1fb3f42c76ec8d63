/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "qmp/qmp-requests.h"

/* The two directions of a connected monitor, driven by a main context. The link does not know what
 * it carries. */
typedef struct QmpLink QmpLink;

/* Both callbacks may close the link; @owner is the argument of qmp_link_new(). */
typedef struct {
	/* Bytes arrived: at most 16 KiB at a time, once in each turn of the loop. */
	void (*bytes)(gpointer owner, const char *bytes, gsize len);
	/* No more bytes will arrive. @error: (nullable): why, if it was not an orderly end. */
	void (*end)(gpointer owner, const GError *error);
} QmpLinkOps;

/* @socket: connected; @requests: (borrowed): the text to write; it must outlive the link. */
QmpLink *qmp_link_new(GSocket *socket, GMainContext *context, QmpRequests *requests,
		      const QmpLinkOps *ops, gpointer owner);
/* Writes what may be written now, and the remaining text when the socket takes it. */
void qmp_link_flush(QmpLink *self);
/* Closes the socket and frees the link; no callback comes afterwards. Accepts NULL. */
void qmp_link_close(QmpLink *self);
