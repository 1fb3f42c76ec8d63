/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdatomic.h>

#include "engine/stream/stream.h"

/* The internals of Stream, for the files that know QEMU's format. stream-machine.c explains how it
 * works. */

#define STREAM_MAX_SECTIONS 128
#define STREAM_NAME_BYTES   256 /* a length of one byte, and a NUL */
#define STREAM_FIELD_BYTES  320 /* the longest awaited field */
#define STREAM_SCAN_BYTES   12	/* a footer, and the beginning of a section */
#define STREAM_ERROR_BYTES  512
#define STREAM_WORDS	    (sizeof(StreamCounts) / sizeof(guint64))

/* Takes the awaited field (NULL after bytes that were passed), and sets what comes next with one
 * call of stream_await(), stream_pass(), stream_scan() or stream_lose(). */
typedef void (*StreamStep)(Stream *self, const guint8 *field);
/* Examines up to @len bytes, at least one; returns how many. */
typedef gsize (*StreamScan)(Stream *self, const guint8 *data, gsize len);

/* The first byte of a section, or of what may come instead of one. */
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

/* One handler of QEMU, by the id of its sections. */
typedef struct {
	guint32 id;
	SectionKind kind;
	guint device; /* an index into vfio[], of SECTION_VFIO */
	char name[STREAM_NAME_BYTES];
} StreamSection;

/* A group of members belongs to the file that is named with it: between the stream's begin and its
 * end only that file writes them. The other files may read them. */
struct Stream {
	StreamCounts counts; /* only for the pushing thread; the part that knows a byte counts it */
	guint64 at;	     /* the offset of the next byte */
	guint64 undecided;   /* bytes of fields that no counter has yet */

	/* stream-machine.c: what is awaited. */
	struct {
		StreamStep step;
		gsize need;	  /* bytes that @step awaits */
		gsize have;	  /* bytes of them in @field */
		guint64 *counter; /* the counter of these bytes */
		guint64 passing;  /* bytes to pass before @step is called */
		guint8 field[STREAM_FIELD_BYTES];
	} wanted;

	/* stream-scan.c: instead of a field, the end of a body without a length. */
	struct {
		StreamScan look; /* (nullable): NULL while no end is looked for */
		guint64 tag;
		guint64 before; /* the last eight bytes that were scanned */
		guint8 kept[STREAM_SCAN_BYTES];
		gsize have;	/* bytes that are kept */
		guint64 passed; /* bytes that were scanned */
		guint64 *counter;
		guint64 *end_counter;
	} scan;

	/* stream-main.c: the frame around the parts of the main channel. The parts do not know it,
	 * so they call back. */
	struct {
		void (*end_body)(Stream *self); /* the body's end was found: the footer follows */
		void (*end_section)(Stream *self); /* and the footer's end was found */
		guint8 type;			   /* of the current section */
		guint64 at;			   /* its offset */
		guint64 phase_at;		   /* where the phase began */
		StreamSection
			*section; /* (nullable): the current one: one of @sections, or @full */
		StreamSection *sections; /* (owned): those with several parts */
		guint n_sections;
		StreamSection full;
	} frame;

	/* stream-configuration.c */
	struct {
		char machine[STREAM_NAME_BYTES]; /* set before has_machine, then never changed */
		char subsection[STREAM_NAME_BYTES];
		guint32 n_capabilities;
		gboolean ignores_shared;
		guint64 page_bytes;
	} configuration;

	/* stream-ram.c */
	struct {
		guint64 flags;
		guint64 left_bytes;	   /* remaining bytes of the sum of all blocks */
		guint64 n_flushes, n_ends; /* before the switchover */
	} ram;

	/* stream-multifd.c: the current packet. */
	struct {
		guint64 bytes; /* after its headers */
		guint32 n_offsets;
		gboolean is_mark;
		guint device;
	} packet;

	/* For all threads: stream.c publishes, stream-machine.c sets devices and errors. */
	struct {
		_Atomic guint32 sequence; /* odd while @published is written */
		_Atomic guint64 published[STREAM_WORDS];
		/* (owned): set before n_devices counts it, then never changed */
		char *devices[STREAM_MAX_DEVICES];
		char error[STREAM_ERROR_BYTES]; /* set before the state becomes STREAM_LOST */
	} shared;
};

/* @need: 1 to STREAM_FIELD_BYTES. @counter: (nullable): NULL if stream_settle() is called later. */
void stream_await(Stream *self, gsize need, guint64 *counter, StreamStep step);
/* Passes @n bytes that are not examined. */
void stream_pass(Stream *self, guint64 n, guint64 *counter, StreamStep step);
/* Handles @len bytes as if they were pushed. */
void stream_take(Stream *self, const guint8 *data, gsize len);
/* Counts the undecided bytes. */
void stream_settle(Stream *self, guint64 *counter);
/* Gives the stream up forever. @format: what was expected and what came. */
void stream_lose(Stream *self, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Finds the index of the device with this name, or adds a new one. Returns FALSE when there are too
 * many devices; the stream is then lost. */
gboolean stream_find_device(Stream *self, const char *name, guint *ret_index);
/* Returns whether the name is "vfio" or ends with "/vfio". */
gboolean stream_is_vfio(const char *name);
/* The framing counter of self->frame.section. */
guint64 *stream_framing(Stream *self);
StreamRam *stream_ram(Stream *self);

/* (nullable): searches the sections with several parts. */
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
