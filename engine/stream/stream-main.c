/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The frame of the main channel. All numbers are big-endian; the only lengths are those shown here:
 *
 *	be32 "QEVM" | be32 version 3
 *	07 configuration, with its parts 05 (stream-configuration.c)
 *	then sections, up to 00, the end:
 *	01 start    be32 id | u8 length, name | be32 instance | be32 version | body | footer
 *	02 part     be32 id | body | footer
 *	03 end      be32 id | body | footer
 *	04 full     as start
 *	08 command  be16 command | be16 length, data
 *	after the end, perhaps: 06 be32 length, a description as JSON
 *	footer: 7e be32 id
 *
 * (QEMU's migration/savevm.c and savevm.h, 7.2 to 11.1; machine types before 2.4 have no footer and
 * are not parsed.) Each handler has its own format of the body: those of RAM and VFIO are parsed;
 * for all others only the end is searched. Post-copy and COLO begin with their own command; their
 * streams are not parsed.
 */
#include "engine/stream/stream-parts.h"

#include <string.h>

#include "engine/stream/stream-scan.h"

#define STREAM_VERSION 3
#define RAM_VERSION    4

/* For a target whose pages have only one size: it does not send the size. */
#define DEFAULT_PAGE_BYTES 4096

enum {
	COMMAND_OPEN_RETURN_PATH = 1,
	COMMAND_PING = 2,
	COMMAND_SWITCHOVER_START = 11,
};

static void section_type(Stream *self, const guint8 *field);

static void
next_section(Stream *self)
{
	self->frame.section = NULL;
	stream_await(self, 1, NULL, section_type);
}

/* ---- phases ---- */

static void
enter(Stream *self, StreamPhase phase)
{
	StreamCounts *counts = &self->counts;
	if (phase <= counts->phase)
		return;
	counts->phase_bytes[counts->phase] = self->frame.at - self->frame.phase_at;
	counts->phase = phase;
	self->frame.phase_at = self->frame.at;
}

/* Enters the phase that a section of this type shows. A device may be sent whole before any section
 * with parts: this is early device state. */
static void
enter_by_type(Stream *self, guint8 type)
{
	if (type == TYPE_PART)
		enter(self, STREAM_PRECOPY);
	else if (type == TYPE_LAST || (type == TYPE_FULL && self->counts.phase > STREAM_SETUP))
		enter(self, STREAM_SWITCHOVER);
}

/* ---- the end ---- */

static void
after_all(Stream *self, const guint8 *field)
{
	stream_lose(self, "expected nothing after the end, not 0x%02x", *field);
}

static void
vmdesc_end(Stream *self, const guint8 *field)
{
	self->counts.state = STREAM_COMPLETE;
	stream_await(self, 1, NULL, after_all);
}

static void
vmdesc_length(Stream *self, const guint8 *field)
{
	stream_pass(self, stream_be32(field), &self->counts.vmdesc_bytes, vmdesc_end);
}

static void
after_end(Stream *self, const guint8 *field)
{
	if (*field != TYPE_VMDESC) {
		after_all(self, field);
		return;
	}
	self->counts.state = STREAM_GOES_ON;
	stream_settle(self, &self->counts.vmdesc_bytes);
	stream_await(self, 4, &self->counts.vmdesc_bytes, vmdesc_length);
}

static void
end(Stream *self)
{
	self->counts.state = STREAM_COMPLETE;
	stream_await(self, 1, NULL, after_end);
}

/* ---- sections ---- */

static void
body(Stream *self)
{
	stream_settle(self, stream_framing(self));
	switch (self->frame.section->kind) {
	case SECTION_RAM:
		stream_begin_ram(self);
		return;
	case SECTION_VFIO:
		stream_begin_vfio(self);
		return;
	default:
		stream_scan(self, 0, &self->counts.device_bytes, &self->counts.device_bytes);
	}
}

static void
footer(Stream *self, const guint8 *field)
{
	if (field[0] != 0x7e || stream_be32(field + 1) != self->frame.section->id) {
		stream_lose(self, "expected the footer of section %u, not 0x%02x%08x",
			    self->frame.section->id, field[0], stream_be32(field + 1));
		return;
	}
	next_section(self);
}

static void
await_footer(Stream *self)
{
	stream_await(self, 5, stream_framing(self), footer);
}

static gboolean
set_kind(Stream *self, StreamSection *section, guint32 version)
{
	section->kind = SECTION_OTHER;
	if (stream_is_vfio(section->name)) {
		section->kind = SECTION_VFIO;
		return stream_find_device(self, section->name, &section->device);
	}
	if (section != &self->frame.full && strcmp(section->name, "ram") == 0) {
		section->kind = SECTION_RAM;
		if (version != RAM_VERSION)
			stream_lose(self, "expected version %d of the RAM's format, not %u",
				    RAM_VERSION, version);
		return version == RAM_VERSION;
	}
	return TRUE;
}

static void
section_versions(Stream *self, const guint8 *field)
{
	if (set_kind(self, self->frame.section, stream_be32(field + 4)))
		body(self);
}

static void
section_name(Stream *self, const guint8 *field)
{
	memcpy(self->frame.section->name, field, self->wanted.need);
	self->frame.section->name[self->wanted.need] = '\0';
	stream_await(self, 8, NULL, section_versions);
}

/* Returns where to note a new section. One with several parts is kept until the end of the
 * stream. */
static StreamSection *
note_section(Stream *self, guint32 id)
{
	StreamSection *section =
		self->frame.type == TYPE_FULL ? &self->frame.full : stream_find_section(self, id);
	if (section == NULL && self->frame.n_sections < STREAM_MAX_SECTIONS)
		section = &self->frame.sections[self->frame.n_sections++];
	return section;
}

static void
section_header(Stream *self, const guint8 *field)
{
	guint32 id = stream_be32(field);
	StreamSection *section = note_section(self, id);
	if (section == NULL) {
		stream_lose(self, "expected at most %d sections that have parts",
			    STREAM_MAX_SECTIONS);
		return;
	}
	if (field[4] == 0) {
		stream_lose(self, "expected the name of section %u, not an empty one", id);
		return;
	}
	memset(section, 0, sizeof *section);
	section->id = id;
	self->frame.section = section;
	stream_await(self, field[4], NULL, section_name);
}

static void
section_part(Stream *self, const guint8 *field)
{
	guint32 id = stream_be32(field);
	self->frame.section = stream_find_section(self, id);
	if (self->frame.section == NULL)
		stream_lose(self, "expected a section that was started before, not %u", id);
	else
		body(self);
}

/* ---- commands ---- */

static void
after_command(Stream *self, const guint8 *field)
{
	next_section(self);
}

static void
command(Stream *self, const guint8 *field)
{
	guint16 number = stream_be16(field);
	switch (number) {
	case COMMAND_OPEN_RETURN_PATH:
	case COMMAND_PING:
		break;
	case COMMAND_SWITCHOVER_START:
		enter(self, STREAM_SWITCHOVER);
		break;
	default:
		stream_lose(
			self,
			"expected a command of pre-copy, not %u: post-copy and COLO are not read",
			number);
		return;
	}
	stream_settle(self, &self->counts.framing_bytes);
	stream_pass(self, stream_be16(field + 2), &self->counts.framing_bytes, after_command);
}

static void
section_type(Stream *self, const guint8 *field)
{
	guint8 type = *field;
	self->frame.type = type;
	self->frame.at = self->at - 1;
	enter_by_type(self, type);
	switch (type) {
	case TYPE_END:
		stream_settle(self, &self->counts.framing_bytes);
		end(self);
		return;
	case TYPE_START:
	case TYPE_FULL:
		stream_await(self, 5, NULL, section_header);
		return;
	case TYPE_PART:
	case TYPE_LAST:
		stream_await(self, 4, NULL, section_part);
		return;
	case TYPE_COMMAND:
		stream_await(self, 4, NULL, command);
		return;
	case TYPE_CONFIGURATION:
		stream_settle(self, &self->counts.framing_bytes);
		stream_begin_configuration(self);
		return;
	case TYPE_SUBSECTION:
		stream_settle(self, &self->counts.framing_bytes);
		stream_begin_subsection(self);
		return;
	default:
		stream_lose(self, "expected a section or the end, not 0x%02x", type);
	}
}

/* ---- the begin ---- */

static void
version(Stream *self, const guint8 *field)
{
	guint32 number = stream_be32(field);
	if (number == STREAM_VERSION)
		next_section(self);
	else
		stream_lose(self, "expected version %d of the stream, not %u", STREAM_VERSION,
			    number);
}

void
stream_begin_main(Stream *self)
{
	self->counts.kind = STREAM_MAIN;
	self->frame.end_body = await_footer;
	self->frame.end_section = next_section;
	self->configuration.page_bytes = DEFAULT_PAGE_BYTES;
	self->frame.sections = g_new0(StreamSection, STREAM_MAX_SECTIONS);
	stream_settle(self, &self->counts.framing_bytes);
	stream_await(self, 4, &self->counts.framing_bytes, version);
}
