/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/stream/stream.h"

/* Where a migration stream ends that nobody loads: it is read, counted and thrown away. */
typedef struct Sink Sink;

/* Starts at once, in a thread of its own. %G_IO_ERROR. */
Sink *sink_new(GError **error);
/* Ends the connection, whatever comes in. */
void sink_free(Sink *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sink, sink_free);

/* The end for QEMU, borrowed; -1 once it was let go. */
int sink_get_fd(const Sink *self);
/* QEMU has its own copy: when that goes, so does the connection. */
void sink_let_go(Sink *self);
/* From now on nothing more is read, and QEMU's writes fail. */
void sink_sever(Sink *self);
/* (transfer none): to be read only: what has come. */
Stream *sink_get_stream(Sink *self);
