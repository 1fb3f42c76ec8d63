/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the end of a section's body that has no length. What most devices send can be parsed only
 * with QEMU's own tables. But each section ends with a footer, and then another section begins, or
 * the end comes:
 *
 *	7e be32 id | 01 or 04 | be32 id below 2^16 | u8 length | the first letter of a name
 *	7e be32 id | 02 or 03 | be32 id of a section that has begun
 *	7e be32 id | 08 | be16 command | be16 length
 *	7e be32 id | 00 | 06 be32 length '{', or no more bytes at all
 *
 * The footer and the type alone are not enough: 'timer' is section 0 and begins with the clock's
 * ticks and eight zero bytes, so one migration in 256 has 7e 00000000 00 there. The PCI
 * configuration of a VFIO device has its tag END_OF_STATE before the footer.
 *
 * From each 7e on bytes are kept until it is clear whether this is the end. Only these few bytes
 * are examined twice.
 */
#include "engine/stream/stream-scan.h"

#include <string.h>

#define FOOTER_MARK	0x7e
#define FOOTER_BYTES	5
#define TAG_BYTES	8
#define MAX_ID		0xffff /* QEMU counts its sections from 0 */
#define MAX_COMMAND	11
#define MAX_COMMAND_LEN 64

typedef enum {
	NO,
	PERHAPS,
	YES,
} Verdict;

/* ---- what may follow the footer: @p has @n bytes of it ---- */

static Verdict
verdict(gsize have, gsize need, gboolean is_right)
{
	if (have < need)
		return PERHAPS;
	return is_right ? YES : NO;
}

static Verdict
is_header(const guint8 *p, gsize n)
{
	return verdict(n, 7,
		       n >= 7 && stream_be32(p + 1) <= MAX_ID && p[5] > 0 && g_ascii_isgraph(p[6]));
}

static Verdict
is_part(const Stream *self, const guint8 *p, gsize n)
{
	return verdict(n, 5, n >= 5 && stream_find_section(self, stream_be32(p + 1)) != NULL);
}

static Verdict
is_command(const guint8 *p, gsize n)
{
	return verdict(n, 5,
		       n >= 5 && stream_be16(p + 1) <= MAX_COMMAND &&
			       stream_be16(p + 3) <= MAX_COMMAND_LEN);
}

static Verdict
may_be_end(const guint8 *p, gsize n)
{
	if (n >= 2 && p[1] != TYPE_VMDESC)
		return NO;
	return verdict(n, 7, n >= 7 && p[6] == '{');
}

static Verdict
may_follow(const Stream *self, const guint8 *p, gsize n)
{
	if (n == 0)
		return PERHAPS;
	switch (p[0]) {
	case TYPE_START:
	case TYPE_FULL:
		return is_header(p, n);
	case TYPE_PART:
	case TYPE_LAST:
		return is_part(self, p, n);
	case TYPE_COMMAND:
		return is_command(p, n);
	case TYPE_END:
		return may_be_end(p, n);
	default:
		return NO;
	}
}

/* Checks the kept bytes. */
static Verdict
is_footer(const Stream *self)
{
	if (self->scan_tag != 0 && self->scan_before != self->scan_tag)
		return NO;
	if (self->scan_have < FOOTER_BYTES)
		return PERHAPS;
	if (stream_be32(self->scan_kept + 1) != self->section->id)
		return NO;
	return may_follow(self, self->scan_kept + FOOTER_BYTES, self->scan_have - FOOTER_BYTES);
}

/* ---- bytes ---- */

static void
pass(Stream *self, const guint8 *data, gsize len)
{
	for (gsize i = len > TAG_BYTES ? len - TAG_BYTES : 0; i < len; i++)
		self->scan_before = self->scan_before << 8 | data[i];
	self->scanned += len;
}

/* The kept bytes do not begin with a footer. They may do so at the next 7e in them. */
static void
drop_first(Stream *self)
{
	const guint8 *next = memchr(self->scan_kept + 1, FOOTER_MARK, self->scan_have - 1);
	gsize n = next != NULL ? (gsize)(next - self->scan_kept) : self->scan_have;
	pass(self, self->scan_kept, n);
	self->scan_have -= n;
	memmove(self->scan_kept, self->scan_kept + n, self->scan_have);
}

/* The body has ended; the kept bytes after the footer are handled like all other bytes. */
static void
finish(Stream *self)
{
	guint8 following[sizeof self->scan_kept];
	gsize n = self->scan_have - FOOTER_BYTES;
	gsize tag_bytes = self->scan_tag != 0 ? TAG_BYTES : 0;
	memcpy(following, self->scan_kept + FOOTER_BYTES, n);
	*self->scan_counter += self->scanned - tag_bytes;
	*self->scan_end_counter += FOOTER_BYTES + tag_bytes;
	self->scan_on = NULL;
	self->at -= n;
	self->end_section(self);
	stream_take(self, following, n);
}

static gsize
scan_on(Stream *self, const guint8 *data, gsize len)
{
	if (self->scan_have == 0) {
		const guint8 *mark = memchr(data, FOOTER_MARK, len);
		gsize n = mark != NULL ? (gsize)(mark - data) : len;
		pass(self, data, n);
		self->at += n;
		if (n > 0)
			return n;
	}
	self->scan_kept[self->scan_have++] = *data;
	self->at++;
	Verdict verdict;
	while (self->scan_have > 0 && (verdict = is_footer(self)) == NO)
		drop_first(self);
	if (self->scan_have > 0 && verdict == YES)
		finish(self);
	return 1;
}

void
stream_scan(Stream *self, guint64 tag, guint64 *counter, guint64 *end_counter)
{
	self->scan_on = scan_on;
	self->scan_tag = tag;
	self->scan_before = 0;
	self->scan_have = 0;
	self->scanned = 0;
	self->scan_counter = counter;
	self->scan_end_counter = end_counter;
}

void
stream_scan_end(Stream *self)
{
	if (self->scan_on == NULL)
		return;
	gboolean is_end =
		self->scan_have == FOOTER_BYTES + 1 && self->scan_kept[FOOTER_BYTES] == TYPE_END;
	if (is_end && is_footer(self) == PERHAPS)
		finish(self);
}
