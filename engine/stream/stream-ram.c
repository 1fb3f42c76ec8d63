/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The body of a section of 'ram', version 4: records of be64 address | flags, the flags in the bits
 * below a page, followed by the data of each flag:
 *
 *	0x04 sizes     the address is the sum of all blocks; then, until the blocks add up to it:
 *		       u8 length, name | be64 bytes | with x-ignore-shared: be64 address
 *	0x02 zero      [block] u8 fill
 *	0x08 page      [block] a page
 *	0x40 xbzrle    [block] u8 1 | be16 length, the differences
 *	0x100 compress [block] be32 length, the page in zlib's form (QEMU up to 9.0)
 *	0x200 flush    nothing: with multifd a mark in all channels (8.1 on)
 *	0x10 end       nothing: the footer follows
 *	0x20 with any of them: no [block], it is the previous block; else it is u8 length, name
 *
 * (QEMU's migration/ram.c and ram.h, 7.2 to 11.1.) With post-copy and huge pages the sizes have one
 * more number; the parser gives such a stream up at its first command. 0x80 belongs to RDMA, and is
 * never in a byte stream.
 */
#include "engine/stream/stream-parts.h"

enum {
	FLAG_ZERO = 0x02,
	FLAG_SIZES = 0x04,
	FLAG_PAGE = 0x08,
	FLAG_END = 0x10,
	FLAG_CONTINUE = 0x20,
	FLAG_XBZRLE = 0x40,
	FLAG_COMPRESS = 0x100,
	FLAG_FLUSH = 0x200,
};

static void record(Stream *self, const guint8 *field);

static void
next_record(Stream *self, const guint8 *field)
{
	stream_await(self, 8, NULL, record);
}

static void
await(Stream *self, gsize need, StreamStep step)
{
	stream_await(self, need, &stream_ram(self)->framing_bytes, step);
}

/* ---- the sizes of all blocks ---- */

static void block_name_length(Stream *self, const guint8 *field);

static void
block_next(Stream *self)
{
	if (self->ram.left_bytes == 0)
		next_record(self, NULL);
	else
		await(self, 1, block_name_length);
}

static void
block_bytes(Stream *self, const guint8 *field)
{
	guint64 bytes = stream_be64(field);
	if (bytes > self->ram.left_bytes) {
		stream_lose(self,
			    "expected a block of at most %" G_GUINT64_FORMAT
			    " bytes, not of %" G_GUINT64_FORMAT,
			    self->ram.left_bytes, bytes);
		return;
	}
	self->ram.left_bytes -= bytes;
	block_next(self);
}

static void
after_block_name(Stream *self, const guint8 *field)
{
	await(self, self->configuration.ignores_shared ? 16 : 8, block_bytes);
}

static void
block_name_length(Stream *self, const guint8 *field)
{
	stream_pass(self, *field, &stream_ram(self)->framing_bytes, after_block_name);
}

/* ---- pages ---- */

static void
page(Stream *self, guint64 bytes)
{
	StreamRam *ram = stream_ram(self);
	ram->pages++;
	stream_pass(self, bytes, &ram->page_bytes, next_record);
}

static void
fill(Stream *self, const guint8 *field)
{
	stream_ram(self)->zero_pages++;
	next_record(self, NULL);
}

static void
xbzrle_length(Stream *self, const guint8 *field)
{
	page(self, stream_be16(field + 1));
}

static void
compressed_length(Stream *self, const guint8 *field)
{
	page(self, stream_be32(field));
}

/* Reads what follows the block's name. */
static void
content(Stream *self, const guint8 *field)
{
	switch (self->ram.flags) {
	case FLAG_ZERO:
		stream_await(self, 1, &stream_ram(self)->zero_bytes, fill);
		return;
	case FLAG_XBZRLE:
		await(self, 3, xbzrle_length);
		return;
	case FLAG_COMPRESS:
		await(self, 4, compressed_length);
		return;
	default:
		page(self, self->configuration.page_bytes);
	}
}

static guint64 *
record_counter(Stream *self)
{
	StreamRam *ram = stream_ram(self);
	return self->ram.flags == FLAG_ZERO ? &ram->zero_bytes : &ram->framing_bytes;
}

static void
page_block_length(Stream *self, const guint8 *field)
{
	stream_pass(self, *field, record_counter(self), content);
}

static void
page_record(Stream *self, gboolean continues)
{
	stream_settle(self, record_counter(self));
	if (continues)
		content(self, NULL);
	else
		stream_await(self, 1, record_counter(self), page_block_length);
}

/* ---- records ---- */

/* Notes a point where all multifd channels have a mark too: at each flush or, in the format without
 * flushes, at each end. */
static void
mark(Stream *self, guint64 *counter)
{
	if (self->counts.phase == STREAM_SWITCHOVER)
		return;
	(*counter)++;
	self->counts.n_marks = self->ram.n_flushes > 0 ? self->ram.n_flushes : self->ram.n_ends;
}

static void
record(Stream *self, const guint8 *field)
{
	guint64 head = stream_be64(field);
	guint64 flags = head & (self->configuration.page_bytes - 1);
	self->ram.flags = flags & ~(guint64)FLAG_CONTINUE;
	switch (self->ram.flags) {
	case FLAG_ZERO:
	case FLAG_PAGE:
	case FLAG_XBZRLE:
	case FLAG_COMPRESS:
		page_record(self, (flags & FLAG_CONTINUE) != 0);
		return;
	case FLAG_SIZES:
		stream_settle(self, &stream_ram(self)->framing_bytes);
		self->ram.left_bytes = head - flags;
		block_next(self);
		return;
	case FLAG_FLUSH:
		mark(self, &self->ram.n_flushes);
		stream_settle(self, &stream_ram(self)->framing_bytes);
		next_record(self, NULL);
		return;
	case FLAG_END:
		mark(self, &self->ram.n_ends);
		stream_settle(self, &stream_ram(self)->framing_bytes);
		self->frame.end_body(self);
		return;
	default:
		stream_lose(self,
			    "expected a record of RAM, not the flags 0x%" G_GINT64_MODIFIER "x",
			    flags);
	}
}

void
stream_begin_ram(Stream *self)
{
	next_record(self, NULL);
}
