/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdatomic.h>

#include "engine/stream/stream.h"

/* The insides of Stream, for the files that know what QEMU sends. stream-machine.c tells how it works. */

#define STREAM_MAX_SECTIONS 128
#define STREAM_NAME_BYTES   256 /* a length of one byte, and a NUL */
#define STREAM_FIELD_BYTES  320 /* the longest that is awaited as one */
#define STREAM_SCAN_BYTES   12	/* a footer, and what tells a section's begin */
#define STREAM_ERROR_BYTES  512
#define STREAM_WORDS	    (sizeof(StreamCounts) / sizeof(guint64))

/* Takes the field that was awaited (NULL after bytes that were passed by), and says what comes next: by one call of
 * stream_await(), stream_pass(), stream_scan() or stream_lose(). */
typedef void (*StreamStep)(Stream *self, const guint8 *field);
/* Looks at up to @len bytes, and at one at least; returns at how many. */
typedef gsize (*StreamScan)(Stream *self, const guint8 *data, gsize len);

/* What a section, or what else may stand in its place, begins with. */
enum {
	TYPE_END = 0x00,
	TYPE_START = 0x01,
	TYPE_PART = 0x02,
	TYPE_LAST = 0x03,
	TYPE_FULL = 0x04,
	TYPE_SUBSECTION = 0x05,
	TYPE_VMDESC = 0x06,
	TYPE_CONFIGURATION = 0x07,
	TYPE_COMMAND = 0x08,
};

/* Around a VFIO device's configuration. */
#define STREAM_TAG_END		 G_GUINT64_CONSTANT(0xffffffffef100001)
#define STREAM_TAG_CONFIGURATION G_GUINT64_CONSTANT(0xffffffffef100002)

typedef enum {
	SECTION_OTHER,
	SECTION_RAM,
	SECTION_VFIO,
} SectionKind;

/* One handler of QEMU's, by the id that its sections have. */
typedef struct {
	guint32 id;
	SectionKind kind;
	guint device; /* an index into vfio[], of SECTION_VFIO */
	char name[STREAM_NAME_BYTES];
} StreamSection;

struct Stream {
	StreamCounts counts; /* the pushing thread's own */

	/* What is awaited. */
	StreamStep step;
	gsize need;	   /* so many bytes for @step */
	gsize have;	   /* so many of them are in @field */
	guint64 *counter;  /* where they belong */
	guint64 passing;   /* so many bytes are passed by, and then it is @step's turn */
	guint64 at;	   /* the offset of the next byte */
	guint64 undecided; /* bytes of fields that are in no counter yet */

	/* Instead of a field, the end of a body that has no length; see stream-scan.c. */
	StreamScan scan_on; /* (nullable) */
	guint64 scan_tag;
	guint64 scan_before; /* the last eight bytes that were passed by */
	guint8 scan_kept[STREAM_SCAN_BYTES];
	gsize scan_have; /* so many are kept */
	guint64 scanned; /* so many were passed by */
	guint64 *scan_counter;
	guint64 *scan_end_counter;

	/* The main channel. Its parts do not know the frame around them: it is called back. */
	void (*end_body)(Stream *self);	   /* the body's end is known: the footer follows */
	void (*end_section)(Stream *self); /* and so is the footer's */
	guint8 section_type;
	guint64 section_at;	 /* its offset */
	guint64 phase_at;	 /* where the phase began */
	StreamSection *section;	 /* (nullable): the one that is read: one of these, or @full */
	StreamSection *sections; /* (owned): those that have several parts */
	guint n_sections;
	StreamSection full;
	char machine[STREAM_NAME_BYTES]; /* set before has_machine says so, then never changed */
	char subsection[STREAM_NAME_BYTES];
	guint32 n_capabilities;
	gboolean ignores_shared;
	guint64 page_bytes;

	guint64 ram_flags;
	guint64 ram_left;	   /* of the sum of all blocks */
	guint64 n_flushes, n_ends; /* before the switchover */

	guint64 packet_bytes; /* of a multifd packet, after its headers */
	guint32 packet_offsets;
	gboolean packet_is_mark;
	guint packet_device;

	/* For all threads. */
	_Atomic guint32 sequence; /* odd while @published is written */
	_Atomic guint64 published[STREAM_WORDS];
	char *devices
		[STREAM_MAX_DEVICES]; /* (owned): set before n_devices says so, then never changed */
	char error[STREAM_ERROR_BYTES]; /* set before the state says so */

	guint8 field[STREAM_FIELD_BYTES];
};

/* @need: 1 to STREAM_FIELD_BYTES. @counter: (nullable): then stream_settle() is called for it later. */
void stream_await(Stream *self, gsize need, guint64 *counter, StreamStep step);
/* @n bytes that nobody looks at. */
void stream_pass(Stream *self, guint64 n, guint64 *counter, StreamStep step);
/* @len bytes go the way of all that is pushed. */
void stream_take(Stream *self, const guint8 *data, gsize len);
/* Counts what is undecided. */
void stream_settle(Stream *self, guint64 *counter);
/* For ever. @format: what was expected and what came. */
void stream_lose(Stream *self, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The index of the device of that name, a new one if there was none. FALSE: they are too many, and the stream is
 * lost. */
gboolean stream_find_device(Stream *self, const char *name, guint *ret_index);
/* "vfio" and ".../vfio". */
gboolean stream_is_vfio(const char *name);
/* Of self->section. */
guint64 *stream_framing(Stream *self);
StreamRam *stream_ram(Stream *self);

/* (nullable): of those that have several parts. */
StreamSection *stream_find_section(const Stream *self, guint32 id);

static inline guint16
stream_be16(const guint8 *p)
{
	return (guint16)(p[0] << 8 | p[1]);
}

static inline guint32
stream_be32(const guint8 *p)
{
	return (guint32)stream_be16(p) << 16 | stream_be16(p + 2);
}

static inline guint64
stream_be64(const guint8 *p)
{
	return (guint64)stream_be32(p) << 32 | stream_be32(p + 4);
}
