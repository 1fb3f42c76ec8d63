/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "qmp/qmp-requests.h"

/* The two directions of a connected monitor, driven by a main context. What it carries it does not know. */
typedef struct QmpLink QmpLink;

/* Either may end the link; @owner is what qmp_link_new() was given. */
typedef struct {
	/* Bytes came: at most 16 KiB at a time, once a turn of the loop. */
	void (*bytes)(gpointer owner, const char *bytes, gsize len);
	/* No more will come. @error: (nullable): why, if it was not an orderly end. */
	void (*end)(gpointer owner, const GError *error);
} QmpLinkOps;

/* @socket: connected; @requests: (borrowed): what to write, lives longer than the link. */
QmpLink *qmp_link_new(GSocket *socket, GMainContext *context, QmpRequests *requests,
		      const QmpLinkOps *ops, gpointer owner);
/* Writes what may be written now; the rest when the socket takes it. */
void qmp_link_flush(QmpLink *self);
/* Closes the socket and frees the link; no callback comes any more. Accepts NULL. */
void qmp_link_close(QmpLink *self);
