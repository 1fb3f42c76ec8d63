/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/stream/stream-machine.h"

/* Finds the end of the body of self->frame.section, with its footer, and ends the section. @tag:
 * what the body ends with; 0 if that is not known. */
void stream_scan(Stream *self, guint64 tag, guint64 *counter, guint64 *end_counter);
/* No more bytes will come. If an end is being searched, 00 after a footer is the end of the
 * stream. */
void stream_scan_end(Stream *self);
