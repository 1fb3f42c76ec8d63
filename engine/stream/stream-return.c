/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the destination sends on the main channel: messages of be16 type | be16 length | that many
 * bytes.
 *
 *	1 shut  2 pong  3 page request of a block  4 page request
 *	5 received bitmap  6 resume acknowledged
 *	7 switchover acknowledged (8.1 on)
 *
 * (QEMU's migration/migration.h.)
 */
#include "engine/stream/stream-parts.h"

#define HEADER_BYTES 4
#define FIRST_TYPE   1
#define LAST_TYPE    7

static void header(Stream *self, const guint8 *field);

static void
next_message(Stream *self, const guint8 *field)
{
	stream_await(self, HEADER_BYTES, &self->counts.framing_bytes, header);
}

static void
header(Stream *self, const guint8 *field)
{
	guint16 type = stream_be16(field);
	if (type < FIRST_TYPE || type > LAST_TYPE)
		stream_lose(self, "expected a message of type %d to %d, not %u", FIRST_TYPE,
			    LAST_TYPE, type);
	else
		stream_pass(self, stream_be16(field + 2), &self->counts.framing_bytes,
			    next_message);
}

void
stream_begin_return(Stream *self)
{
	self->counts.kind = STREAM_RETURN;
	next_message(self, NULL);
}

gboolean
stream_return_can_end(const Stream *self)
{
	return self->wanted.step == header && self->wanted.have == 0;
}
