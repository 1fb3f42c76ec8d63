/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/stream/stream-machine.h"

/* Looks for the end of self->section's body, footer included, and ends the section. @tag: what the body ends
 * with; 0 for nothing that is known. */
void stream_scan(Stream *self, guint64 tag, guint64 *counter, guint64 *end_counter);
/* No more bytes come: if an end is looked for, 00 after a footer is the end of the stream. */
void stream_scan_end(Stream *self);
