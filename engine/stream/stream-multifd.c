/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A multifd channel. It begins with 64 bytes:
 *
 *	be32 0x11223344 | be32 version 1 | uuid[16] | u8 channel | 39 zero bytes
 *
 * then packets come, up to the end of the connection: be32 0x11223344 | be32 version 1 | be32
 * flags, and
 *
 *	without the flag 0x40, RAM:
 *		be32 pages at most | be32 pages | be32 bytes | be64 number |
 *		be32 pages of zeroes (8.2 on) | 28 bytes |
 *		char block[256] | be64 offset, once for each of the pages at most | the bytes
 *	with it, a device's state (10.0 on):
 *		char device[256] | be32 instance | be32 bytes | the bytes
 *
 * Flags: 1 a mark that all channels have, bits 1 to 5 how the pages are compressed. (QEMU's
 * migration/multifd.h.)
 *
 * A VFIO device sends only its stop-copy data here, never its pre-copy data. Its bytes begin with
 *
 *	be32 version 0 | be32 index | be32 flags
 *	flag 1: it is the configuration, as in stream-vfio.c with both tags
 *
 * (QEMU's hw/vfio/migration-multifd.c.) vfio.transferred also counts these twelve bytes and the
 * configuration.
 */
#include "engine/stream/stream-parts.h"

#include <string.h>

#define MAGIC		  0x11223344
#define VERSION		  1
#define INIT_BYTES	  60 /* after the magic */
#define HEADER_BYTES	  12
#define RAM_BYTES	  308 /* of the RAM header, after the common part, without offsets */
#define DEVICE_BYTES	  264
#define DEVICE_NAME_BYTES 256
#define VFIO_BYTES	  12
#define TAG_BYTES	  8
#define FLAG_MARK	  0x01
#define FLAG_DEVICE	  0x40
#define FLAGS_KNOWN	  0x7f
#define DEFAULT_OFFSETS	  128 /* QEMU has 512 KiB in 4 KiB pages, until a packet says otherwise */
#define MAX_PAGES	  (1 << 20) /* of a packet: QEMU has 128 */
#define VFIO_FLAG_CONFIG  1

static void packet(Stream *self, const guint8 *field);

static void
next_packet(Stream *self, const guint8 *field)
{
	stream_await(self, HEADER_BYTES, NULL, packet);
}

static gboolean
is_ours(Stream *self, const guint8 *field)
{
	gboolean right = stream_be32(field) == MAGIC && stream_be32(field + 4) == VERSION;
	if (!right)
		stream_lose(self, "expected a packet of multifd, version %d, not 0x%08x%08x",
			    VERSION, stream_be32(field), stream_be32(field + 4));
	return right;
}

/* ---- RAM ---- */

static void
ram_end(Stream *self, const guint8 *field)
{
	StreamCounts *counts = &self->counts;
	if (self->packet.is_mark)
		counts->marks[counts->n_marks++ % STREAM_N_MARKS] = *stream_ram(self);
	next_packet(self, NULL);
}

static void
ram_pages(Stream *self, const guint8 *field)
{
	stream_pass(self, self->packet.bytes, &stream_ram(self)->page_bytes, ram_end);
}

/* A mark alone says 0 pages at most, but has the same number of offsets as before. */
static guint32
offsets(Stream *self, guint32 n_offsets)
{
	if (n_offsets > 0)
		self->packet.n_offsets = n_offsets;
	return self->packet.n_offsets;
}

static void
ram(Stream *self, const guint8 *field)
{
	guint32 n_offsets = offsets(self, stream_be32(field));
	guint32 n_pages = stream_be32(field + 4);
	guint32 n_zero = stream_be32(field + 20);
	if (n_offsets > MAX_PAGES || (guint64)n_pages + n_zero > n_offsets) {
		stream_lose(self, "expected a packet of at most %d pages, not %u and %u of %u",
			    MAX_PAGES, n_pages, n_zero, n_offsets);
		return;
	}
	StreamRam *counts = stream_ram(self);
	counts->pages += n_pages;
	counts->zero_pages += n_zero;
	/* QEMU 7.2 leaves the last packet's length in one that has no pages. */
	self->packet.bytes = n_pages > 0 ? stream_be32(field + 8) : 0;
	stream_settle(self, &counts->framing_bytes);
	stream_pass(self, (guint64)n_offsets * sizeof(guint64), &counts->framing_bytes, ram_pages);
}

/* ---- devices ---- */

static StreamVfio *
device(Stream *self)
{
	return &self->counts.vfio[self->packet.device];
}

static gboolean
is_tag(Stream *self, const guint8 *field, guint64 expected)
{
	guint64 value = stream_be64(field);
	if (value != expected)
		stream_lose(self,
			    "expected VFIO's tag 0x%" G_GINT64_MODIFIER
			    "x, not 0x%" G_GINT64_MODIFIER "x",
			    expected, value);
	return value == expected;
}

static void
config_last_tag(Stream *self, const guint8 *field)
{
	if (is_tag(self, field, STREAM_TAG_END))
		next_packet(self, NULL);
}

static void
config_end(Stream *self, const guint8 *field)
{
	device(self)->counted_bytes += self->packet.bytes;
	stream_await(self, TAG_BYTES, &device(self)->framing_bytes, config_last_tag);
}

static void
config_first_tag(Stream *self, const guint8 *field)
{
	if (!is_tag(self, field, STREAM_TAG_CONFIGURATION))
		return;
	stream_pass(self, self->packet.bytes - 2 * TAG_BYTES, &device(self)->config_bytes,
		    config_end);
}

static void
vfio(Stream *self, const guint8 *field)
{
	guint32 version = stream_be32(field);
	guint32 flags = stream_be32(field + 8);
	gboolean is_config = flags == VFIO_FLAG_CONFIG;
	if (version != 0 || (flags != 0 && !is_config) ||
	    (is_config && self->packet.bytes < 2 * TAG_BYTES)) {
		stream_lose(self,
			    "expected a VFIO device's packet, version 0, not version %u, flags "
			    "0x%x, %" G_GUINT64_FORMAT " bytes",
			    version, flags, self->packet.bytes);
		return;
	}
	device(self)->counted_bytes += VFIO_BYTES;
	if (is_config)
		stream_await(self, TAG_BYTES, &device(self)->framing_bytes, config_first_tag);
	else
		stream_pass(self, self->packet.bytes, &device(self)->stop_copy_bytes, next_packet);
}

static void
device_state(Stream *self, const guint8 *field)
{
	char name[DEVICE_NAME_BYTES + 1] = "";
	memcpy(name, field, DEVICE_NAME_BYTES);
	guint32 bytes = stream_be32(field + DEVICE_NAME_BYTES + 4);
	if (!stream_is_vfio(name)) {
		stream_settle(self, &self->counts.device_bytes);
		stream_pass(self, bytes, &self->counts.device_bytes, next_packet);
		return;
	}
	if (!stream_find_device(self, name, &self->packet.device))
		return;
	stream_settle(self, &device(self)->framing_bytes);
	if (bytes < VFIO_BYTES) {
		stream_lose(self, "expected a VFIO device's packet, not one of %u bytes", bytes);
		return;
	}
	self->packet.bytes = bytes - VFIO_BYTES;
	stream_await(self, VFIO_BYTES, &device(self)->framing_bytes, vfio);
}

/* ---- packets ---- */

static void
packet(Stream *self, const guint8 *field)
{
	guint32 flags = stream_be32(field + 8);
	if (!is_ours(self, field))
		return;
	self->packet.is_mark = (flags & FLAG_MARK) != 0;
	if ((flags & ~FLAGS_KNOWN) != 0)
		stream_lose(self, "expected a packet of multifd, not the flags 0x%x", flags);
	else if ((flags & FLAG_DEVICE) != 0)
		stream_await(self, DEVICE_BYTES, NULL, device_state);
	else
		stream_await(self, RAM_BYTES, NULL, ram);
}

static void
init(Stream *self, const guint8 *field)
{
	guint32 version = stream_be32(field);
	if (version == VERSION)
		next_packet(self, NULL);
	else
		stream_lose(self, "expected version %d of multifd, not %u", VERSION, version);
}

void
stream_begin_multifd(Stream *self)
{
	self->counts.kind = STREAM_MULTIFD;
	self->counts.phase = STREAM_PRECOPY;
	self->packet.n_offsets = DEFAULT_OFFSETS;
	stream_settle(self, &self->counts.framing_bytes);
	stream_await(self, INIT_BYTES, &self->counts.framing_bytes, init);
}

gboolean
stream_multifd_can_end(const Stream *self)
{
	return self->wanted.step == packet && self->wanted.have == 0;
}

static void
move(guint64 *from, guint64 *to, guint64 keep)
{
	*to += *from - keep;
	*from = keep;
}

void
stream_counts_split(StreamCounts *self, const StreamCounts *main)
{
	StreamRam *precopy = &self->ram[STREAM_PRECOPY];
	StreamRam *switchover = &self->ram[STREAM_SWITCHOVER];
	guint64 n = main->n_marks;
	if (self->kind != STREAM_MULTIFD || main->phase != STREAM_SWITCHOVER || n == 0 ||
	    n > self->n_marks || self->n_marks - n >= STREAM_N_MARKS)
		return;
	const StreamRam *mark = &self->marks[(n - 1) % STREAM_N_MARKS];
	move(&precopy->page_bytes, &switchover->page_bytes, mark->page_bytes);
	move(&precopy->zero_bytes, &switchover->zero_bytes, mark->zero_bytes);
	move(&precopy->framing_bytes, &switchover->framing_bytes, mark->framing_bytes);
	move(&precopy->pages, &switchover->pages, mark->pages);
	move(&precopy->zero_pages, &switchover->zero_pages, mark->zero_pages);
}
