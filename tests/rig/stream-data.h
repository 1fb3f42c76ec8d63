/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/stream/stream.h"

/* The recordings of real migrations in tests/data/streams, which tests/streams/record.py makes. */

typedef struct {
	char *name;   /* "main", "multifd-0", "return" */
	GBytes *data; /* as it went over the wire */
} StreamChannel;

typedef struct {
	char *name;	     /* "10.0-vgpu" */
	GPtrArray *channels; /* of StreamChannel, the main one first */
	/* QEMU's last words on it; -1 when it did not say. */
	char *qemu; /* its version */
	gint64 ram_transferred, ram_total, pages, zero_pages, vfio_transferred, vgpus;
} StreamRecording;

/* (transfer full): names of all recordings, sorted. */
GStrv stream_data_names(void);
/* (transfer full): fails the test at once when it cannot be read. */
StreamRecording *stream_data_read(const char *name);
void stream_recording_free(StreamRecording *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StreamRecording, stream_recording_free);

/* Reads a channel in pieces of @piece bytes. @ret_error: (nullable): gets (transfer full)
 * (nullable) what is wrong. */
void stream_channel_count(const StreamChannel *self, gsize piece, StreamCounts *ret_counts,
			  char **ret_error);
