/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Stream: reads one connection of QEMU's migration stream as it passes, and counts what each byte
 * of it was for. Pure. stream.c explains how it works; the other files stream-*.c know QEMU's
 * format.
 *
 * It belongs to the pushing thread; the functions that other threads may call say so. It takes no
 * lock, and allocates only for the first appearance of a device. Its memory is bounded for any
 * input.
 */
typedef struct Stream Stream;

#define STREAM_MAX_DEVICES 64
#define STREAM_N_MARKS	   8

/* The phase of the migration, according to the stream itself. */
typedef enum {
	STREAM_SETUP,
	STREAM_PRECOPY,	   /* from the first PART section on */
	STREAM_SWITCHOVER, /* the guest is stopped: from SWITCHOVER_START or the first END
			    * section on */
	STREAM_N_PHASES,
} StreamPhase;

/* What one connection carries; its first bytes show it. */
typedef enum {
	STREAM_UNKNOWN, /* too few bytes yet, or nothing that is known */
	STREAM_MAIN,
	STREAM_MULTIFD,
	STREAM_RETURN, /* the other direction of the main channel: never guessed, see
		        * stream_new() */
} StreamKind;

typedef enum {
	STREAM_GOES_ON,
	STREAM_COMPLETE, /* everything has arrived */
	STREAM_LOST,	 /* something unknown came: nothing after it is recognized */
} StreamState;

typedef struct {
	guint64 page_bytes;    /* the content of pages, as it is sent (it may be compressed) */
	guint64 zero_bytes;    /* records for pages of zeroes, with their headers */
	guint64 framing_bytes; /* everything else of RAM: headers, names, ends */
	guint64 pages;	       /* sent as pages */
	guint64 zero_pages;
} StreamRam;

typedef struct {
	guint64 precopy_bytes;	 /* its data while the guest ran */
	guint64 stop_copy_bytes; /* its data after that */
	guint64 config_bytes;	 /* its PCI configuration */
	guint64 framing_bytes;	 /* headers and tags */
	guint64 counted_bytes;	 /* the part of precopy and stop_copy in QEMU's vfio.transferred;
			        * not part of the sum */
	guint64 n_parts;	 /* the number of its sections while the guest ran */
	guint64 n_data_parts;	 /* those of them with data */
} StreamVfio;

/*
 * All in bytes, except where a member says otherwise. total_bytes is what was pushed. It is the sum
 * of the others up to unparsed_bytes. unparsed_bytes counts an incomplete field and, after
 * STREAM_LOST, everything that follows. Made of guint64 only: it is copied by words.
 */
typedef struct {
	guint64 state; /* StreamState */
	guint64 kind;  /* StreamKind */
	guint64 phase; /* StreamPhase; of the main channel */
	guint64 has_machine;
	guint64 total_bytes;
	guint64 framing_bytes; /* of the stream itself: header, configuration, commands; a return
			        * path, whole */
	guint64 device_bytes;  /* devices whose state has no length in the stream: all except RAM
			       * and VFIO */
	guint64 vmdesc_bytes;  /* the description at the end */
	guint64 unparsed_bytes;
	guint64 phase_bytes[STREAM_N_PHASES]; /* all bytes again, by phase; of the main channel */
	StreamRam ram[STREAM_N_PHASES];
	/* The marks that all channels have in common. For the main channel: how many marks came
	 * before the switchover. For a multifd channel: how many marks came, and the RAM counts at
	 * each of the last ones: number i at i modulo STREAM_N_MARKS. See stream_counts_split(). */
	guint64 n_marks;
	StreamRam marks[STREAM_N_MARKS];
	guint64 n_devices;
	StreamVfio vfio[STREAM_MAX_DEVICES]; /* the first n_devices are set */
} StreamCounts;

/* A multifd channel does not show when the switchover begins, so its RAM counts as pre-copy. This
 * function moves what came after the last common mark to the switchover. It needs the main
 * channel's counts of the same instant or a later one. */
void stream_counts_split(StreamCounts *self, const StreamCounts *main);

/* Counts like QEMU's vfio.transferred. */
static inline guint64
stream_vfio_transferred(const StreamVfio *self)
{
	return self->precopy_bytes + self->stop_copy_bytes + self->counted_bytes;
}

/* @is_return: the stream is what the destination sends. */
Stream *stream_new(gboolean is_return);
void stream_free(Stream *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stream, stream_free);

/* Takes the next bytes. The bytes may be split anywhere between two pushes. Never fails: see
 * STREAM_LOST. */
void stream_push(Stream *self, const void *data, gsize len);
/* No more bytes will come. An incomplete stream is then lost. */
void stream_end(Stream *self);

/* From any thread: the counts after one of the pushes, all of one instant. */
void stream_read(Stream *self, StreamCounts *ret_counts);
/* (transfer none): from any thread. QEMU's name of a device, "0000:00:05.0/vfio"; @index must be
 * below n_devices of counts that were read. */
const char *stream_get_device(Stream *self, guint index);
/* (transfer none) (nullable): from any thread. The error and its offset, after the stream was
 * lost. */
const char *stream_get_error(Stream *self);
/* (transfer none): from any thread, after counts that have it were read. QEMU's machine type,
 * "pc-q35-10.0". */
const char *stream_get_machine(Stream *self);
