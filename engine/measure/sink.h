/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/stream/stream.h"

/* The end of a migration stream that no QEMU loads: it is read, counted and discarded. */
typedef struct Sink Sink;

/* Starts at once, in a thread. %G_IO_ERROR. */
Sink *sink_new(GError **error);
/* Ends the connection, even if bytes still arrive. */
void sink_free(Sink *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sink, sink_free);

/* QEMU's end, borrowed; -1 after sink_let_go(). */
int sink_get_fd(const Sink *self);
/* QEMU has a copy of the descriptor now: when QEMU closes it the connection ends. */
void sink_let_go(Sink *self);
/* From now on nothing is read, and QEMU's writes fail. */
void sink_sever(Sink *self);
/* (transfer none): what has arrived; read only. */
Stream *sink_get_stream(Sink *self);
