/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Stream: reads one connection of QEMU's migration stream as it passes, and says what each byte of it was for.
 * Pure. stream.c tells how it works, and the other files of that name what QEMU sends.
 *
 * It belongs to the thread that pushes: what others may call says so. It takes no lock,
 * and allocates only where a device is named for the first time. Memory is bounded whatever comes.
 */
typedef struct Stream Stream;

#define STREAM_MAX_DEVICES 64
#define STREAM_N_MARKS	   8

/* Where a migration is, as the stream itself tells. */
typedef enum {
	STREAM_SETUP,
	STREAM_PRECOPY, /* from the first PART section on */
	STREAM_SWITCHOVER, /* the guest stands still: from SWITCHOVER_START or the first END section on */
	STREAM_N_PHASES,
} StreamPhase;

/* What one connection carries; told by its first bytes. */
typedef enum {
	STREAM_UNKNOWN, /* too little has come yet, or it is nothing known */
	STREAM_MAIN,
	STREAM_MULTIFD,
	STREAM_RETURN, /* the other direction of the main channel: never guessed, see stream_new() */
} StreamKind;

typedef enum {
	STREAM_GOES_ON,
	STREAM_COMPLETE, /* all that belongs to it has come */
	STREAM_LOST,	 /* something that is not known came: all from there on is not told apart */
} StreamState;

typedef struct {
	guint64 page_bytes;    /* what pages hold, as it is sent (it may be compressed) */
	guint64 zero_bytes;    /* records that stand for a page of zeroes, whole */
	guint64 framing_bytes; /* all else of the RAM: headers, names, ends */
	guint64 pages;	       /* sent as pages */
	guint64 zero_pages;
} StreamRam;

typedef struct {
	guint64 precopy_bytes;	 /* its data while the guest ran */
	guint64 stop_copy_bytes; /* its data after that */
	guint64 config_bytes;	 /* its PCI configuration */
	guint64 framing_bytes;	 /* what says so */
	guint64 counted_bytes; /* of the last two, what QEMU's vfio.transferred counts: no part of the sum */
	guint64 n_parts;      /* turns that it was given while the guest ran; a number */
	guint64 n_data_parts; /* of them, those in which it had something to send; likewise */
} StreamVfio;

/*
 * All in bytes but what says otherwise. total_bytes is what was pushed; it is the sum of the others up to
 * unparsed_bytes, which are those of a field that has come in part, and after STREAM_LOST all that follows.
 * Made of guint64 only: it is copied by words.
 */
typedef struct {
	guint64 state; /* StreamState */
	guint64 kind;  /* StreamKind */
	guint64 phase; /* StreamPhase; of the main channel */
	guint64 has_machine;
	guint64 total_bytes;
	guint64 framing_bytes; /* of the stream itself: header, configuration, commands; a return path, whole */
	guint64 device_bytes; /* devices whose state has no length in the stream: all but RAM and VFIO */
	guint64 vmdesc_bytes; /* the description at the end */
	guint64 unparsed_bytes;
	guint64 phase_bytes
		[STREAM_N_PHASES]; /* all bytes once more, by phase; of the main channel */
	StreamRam ram[STREAM_N_PHASES];
	/* Where the channels meet: of the main channel, how many of these points came before the switchover; of a
	 * multifd channel, how many came, and what RAM there was at each of the last ones: number i at i modulo
	 * STREAM_N_MARKS. See stream_counts_split(). */
	guint64 n_marks;
	StreamRam marks[STREAM_N_MARKS];
	guint64 n_devices;
	StreamVfio vfio[STREAM_MAX_DEVICES]; /* the first n_devices of them are set */
} StreamCounts;

/* A multifd channel does not say when the switchover begins, and its RAM is counted as pre-copy: this moves what came
 * after the last mark that all channels have in common. Needs the main channel's counts, of the same instant or a
 * later one. */
void stream_counts_split(StreamCounts *self, const StreamCounts *main);

/* As QEMU's vfio.transferred counts. */
static inline guint64
stream_vfio_transferred(const StreamVfio *self)
{
	return self->precopy_bytes + self->stop_copy_bytes + self->counted_bytes;
}

/* @is_return: it is what the destination sends. */
Stream *stream_new(gboolean is_return);
void stream_free(Stream *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stream, stream_free);

/* The next bytes; a cut between two pushes may be anywhere. Never fails: see STREAM_LOST. */
void stream_push(Stream *self, const void *data, gsize len);
/* No more bytes come: one that is not complete then is lost. */
void stream_end(Stream *self);

/* From any thread: the counts as they were after some push, all of one instant. */
void stream_read(Stream *self, StreamCounts *ret_counts);
/* (transfer none): from any thread. QEMU's name of a device, "0000:00:05.0/vfio"; @index is below n_devices of counts
 * that were read. */
const char *stream_get_device(Stream *self, guint index);
/* (transfer none) (nullable): from any thread. What went wrong and at which offset, once it is lost. */
const char *stream_get_error(Stream *self);
/* (transfer none): from any thread, once counts that were read have it. QEMU's machine type, "pc-q35-10.0". */
const char *stream_get_machine(Stream *self);
