/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first section of the main channel: the machine type, and how to read the rest.
 *
 *	07 | be32 length, machine type | any number of subsections:
 *	05 | u8 length, name | be32 version | by name:
 *	   configuration/target-page-bits  be32
 *	   configuration/capabilities      be32 count | count times: u8 length, name
 *	   configuration/uuid              16 bytes
 *
 * It has no end marker: what is not a subsection is the next section. A target whose pages have
 * only one size does not send the size.
 */
#include "engine/stream/stream-parts.h"

#include <string.h>

#define UUID_BYTES    16
#define MIN_PAGE_BITS 10 /* the lower bits are the flags of a page */
#define MAX_PAGE_BITS 20

static void
await(Stream *self, gsize need, StreamStep step)
{
	stream_await(self, need, &self->counts.framing_bytes, step);
}

/* ---- subsections ---- */

static void
page_bits(Stream *self, const guint8 *field)
{
	guint32 bits = stream_be32(field);
	if (bits < MIN_PAGE_BITS || bits > MAX_PAGE_BITS) {
		stream_lose(self, "expected pages of 2^%d to 2^%d bytes, not 2^%u", MIN_PAGE_BITS,
			    MAX_PAGE_BITS, bits);
		return;
	}
	self->configuration.page_bytes = G_GUINT64_CONSTANT(1) << bits;
	self->frame.end_section(self);
}

static void capability_length(Stream *self, const guint8 *field);

static void
capability_next(Stream *self)
{
	if (self->configuration.n_capabilities == 0)
		self->frame.end_section(self);
	else
		await(self, 1, capability_length);
}

static void
capability(Stream *self, const guint8 *field)
{
	g_autofree char *name = g_strndup((const char *)field, self->wanted.need);
	self->configuration.n_capabilities--;
	if (strcmp(name, "mapped-ram") == 0) {
		stream_lose(self, "expected a stream, not a file of mapped-ram");
		return;
	}
	if (strcmp(name, "x-ignore-shared") == 0)
		self->configuration.ignores_shared = TRUE;
	capability_next(self);
}

static void
capability_length(Stream *self, const guint8 *field)
{
	if (*field == 0)
		stream_lose(self, "expected the name of a capability, not an empty one");
	else
		await(self, *field, capability);
}

static void
capability_count(Stream *self, const guint8 *field)
{
	self->configuration.n_capabilities = stream_be32(field);
	capability_next(self);
}

static void
uuid(Stream *self, const guint8 *field)
{
	self->frame.end_section(self);
}

static const struct {
	const char *name;
	gsize need;
	StreamStep step;
} subsections[] = {
	{ "configuration/target-page-bits", 4, page_bits },
	{ "configuration/capabilities", 4, capability_count },
	{ "configuration/uuid", UUID_BYTES, uuid },
};

static void
subsection_version(Stream *self, const guint8 *field)
{
	for (gsize i = 0; i < G_N_ELEMENTS(subsections); i++)
		if (strcmp(self->configuration.subsection, subsections[i].name) == 0) {
			await(self, subsections[i].need, subsections[i].step);
			return;
		}
	g_autofree char *name = g_utf8_make_valid(self->configuration.subsection, -1);
	stream_lose(self, "expected a known part of the configuration, not '%s'", name);
}

static void
subsection_name(Stream *self, const guint8 *field)
{
	memcpy(self->configuration.subsection, field, self->wanted.need);
	self->configuration.subsection[self->wanted.need] = '\0';
	await(self, 4, subsection_version);
}

static void
subsection_length(Stream *self, const guint8 *field)
{
	if (*field == 0)
		stream_lose(self,
			    "expected the name of a part of the configuration, not an empty one");
	else
		await(self, *field, subsection_name);
}

void
stream_begin_subsection(Stream *self)
{
	await(self, 1, subsection_length);
}

/* ---- the machine ---- */

static void
machine(Stream *self, const guint8 *field)
{
	memcpy(self->configuration.machine, field, self->wanted.need);
	self->configuration.machine[self->wanted.need] = '\0';
	self->counts.has_machine = TRUE;
	self->frame.end_section(self);
}

static void
machine_length(Stream *self, const guint8 *field)
{
	guint32 len = stream_be32(field);
	if (self->counts.has_machine)
		stream_lose(self, "expected one configuration, not two");
	else if (len == 0 || len >= STREAM_NAME_BYTES)
		stream_lose(self, "expected the machine type's length, 1 to %d, not %u",
			    STREAM_NAME_BYTES - 1, len);
	else
		await(self, len, machine);
}

void
stream_begin_configuration(Stream *self)
{
	await(self, 4, machine_length);
}
