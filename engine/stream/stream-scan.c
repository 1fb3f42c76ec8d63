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
	if (self->scan.tag != 0 && self->scan.before != self->scan.tag)
		return NO;
	if (self->scan.have < FOOTER_BYTES)
		return PERHAPS;
	if (stream_be32(self->scan.kept + 1) != self->frame.section->id)
		return NO;
	return may_follow(self, self->scan.kept + FOOTER_BYTES, self->scan.have - FOOTER_BYTES);
}

/* ---- bytes ---- */

static void
pass(Stream *self, const guint8 *data, gsize len)
{
	for (gsize i = len > TAG_BYTES ? len - TAG_BYTES : 0; i < len; i++)
		self->scan.before = self->scan.before << 8 | data[i];
	self->scan.passed += len;
}

/* The kept bytes do not begin with a footer. They may do so at the next 7e in them. */
static void
drop_first(Stream *self)
{
	const guint8 *next = memchr(self->scan.kept + 1, FOOTER_MARK, self->scan.have - 1);
	gsize n = next != NULL ? (gsize)(next - self->scan.kept) : self->scan.have;
	pass(self, self->scan.kept, n);
	self->scan.have -= n;
	memmove(self->scan.kept, self->scan.kept + n, self->scan.have);
}

/* The body has ended; the kept bytes after the footer are handled like all other bytes. */
static void
finish(Stream *self)
{
	guint8 following[sizeof self->scan.kept];
	gsize n = self->scan.have - FOOTER_BYTES;
	gsize tag_bytes = self->scan.tag != 0 ? TAG_BYTES : 0;
	memcpy(following, self->scan.kept + FOOTER_BYTES, n);
	*self->scan.counter += self->scan.passed - tag_bytes;
	*self->scan.end_counter += FOOTER_BYTES + tag_bytes;
	self->scan.look = NULL;
	self->at -= n;
	self->frame.end_section(self);
	stream_take(self, following, n);
}

static gsize
scan_on(Stream *self, const guint8 *data, gsize len)
{
	if (self->scan.have == 0) {
		const guint8 *mark = memchr(data, FOOTER_MARK, len);
		gsize n = mark != NULL ? (gsize)(mark - data) : len;
		pass(self, data, n);
		self->at += n;
		if (n > 0)
			return n;
	}
	self->scan.kept[self->scan.have++] = *data;
	self->at++;
	Verdict verdict;
	while (self->scan.have > 0 && (verdict = is_footer(self)) == NO)
		drop_first(self);
	if (self->scan.have > 0 && verdict == YES)
		finish(self);
	return 1;
}

void
stream_scan(Stream *self, guint64 tag, guint64 *counter, guint64 *end_counter)
{
	self->scan.look = scan_on;
	self->scan.tag = tag;
	self->scan.before = 0;
	self->scan.have = 0;
	self->scan.passed = 0;
	self->scan.counter = counter;
	self->scan.end_counter = end_counter;
}

void
stream_scan_end(Stream *self)
{
	if (self->scan.look == NULL)
		return;
	gboolean is_end =
		self->scan.have == FOOTER_BYTES + 1 && self->scan.kept[FOOTER_BYTES] == TYPE_END;
	if (is_end && is_footer(self) == PERHAPS)
		finish(self);
}
