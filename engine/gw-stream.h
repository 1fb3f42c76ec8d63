/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "engine/gw-version.h"

/* What a migration stream carried: an exact count of bytes by their purpose. */

typedef enum {
	GW_STREAM_SETUP,
	GW_STREAM_PRECOPY,
	GW_STREAM_SWITCHOVER, /* the guest was stopped */
	GW_STREAM_N_PHASES,
} GwStreamPhase;

/* All in bytes, except the numbers of pages. */
typedef struct {
	gint64 page_bytes;    /* page contents as sent: they may be compressed */
	gint64 zero_bytes;    /* whole records for pages of zeroes */
	gint64 framing_bytes; /* the rest of the RAM sections */
	gint64 pages;	      /* sent as pages */
	gint64 zero_pages;
} GwStreamRam;

typedef struct {
	char *id;		  /* its name in QEMU: "0000:00:05.0/vfio" */
	gint64 precopy_bytes;	  /* its data, sent while the guest ran */
	gint64 stop_copy_bytes;	  /* its data, sent after that */
	gint64 config_bytes;	  /* its PCI configuration */
	gint64 framing_bytes;	  /* the framing of these three */
	gint64 transferred_bytes; /* as QEMU's vfio.transferred counts; not part of any sum */
} GwStreamDevice;

/* total_bytes is the sum of all the others. */
typedef struct {
	gint64 total_bytes;
	GwStreamRam ram[GW_STREAM_N_PHASES];
	GPtrArray *devices; /* of GwStreamDevice: those of VFIO */
	gint64 other_devices_bytes;
	gint64 description_bytes; /* of all devices' state, at the end of the stream */
	gint64 framing_bytes;	  /* of the stream itself */
	gint64 unparsed_bytes;	  /* not classified (yet) */
} GwStreamBytes;

/* One connection, in one direction. */
typedef struct {
	char *name;
	const char *kind;     /* "main", "multifd", "return" or "unknown"; static */
	gboolean is_complete; /* it ended where a stream must end */
	/* (nullable): the offset where parsing stopped, what was expected there and what was
	 * found. */
	char *error;
	GwStreamBytes bytes;
} GwStreamChannel;

typedef struct {
	char *machine;		       /* (nullable): QEMU's machine type */
	GPtrArray *channels;	       /* of GwStreamChannel */
	GwStreamBytes bytes;	       /* of all channels except the return path, which is the other
			      * direction */
	gint64 vfio_transferred_bytes; /* of all devices, as QEMU counts */
} GwStreamAccount;

#define GW_TYPE_STREAM_ACCOUNT (gw_stream_account_get_type())
GW_API GType gw_stream_account_get_type(void);
GW_API GwStreamAccount *gw_stream_account_copy(const GwStreamAccount *self);
GW_API void gw_stream_account_free(GwStreamAccount *self);
/* Every channel is complete. */
GW_API gboolean gw_stream_account_is_complete(const GwStreamAccount *self);
/* (transfer full): indented. */
GW_API char *gw_stream_account_to_json(const GwStreamAccount *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwStreamAccount, gw_stream_account_free);

/*
 * GwStreamReader: counts the channels of one migration as their bytes pass. It never waits: one
 * thread of its own pushes the bytes of a channel, while the owner reads the account. Memory is
 * bounded whatever arrives.
 */
typedef struct GwStreamReader GwStreamReader;

#define GW_STREAM_MAX_CHANNELS 1024

GW_API GwStreamReader *gw_stream_reader_new(void);
/* After this call no thread may push. */
GW_API void gw_stream_reader_free(GwStreamReader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwStreamReader, gw_stream_reader_free);

/**
 * gw_stream_reader_add:
 * @name: the channel's name in the account
 * @is_return: the channel carries the destination's answers
 *
 * Call it in the owner's thread, before any byte of the channel is pushed.
 *
 * Returns: the channel's number; -1 when there are %GW_STREAM_MAX_CHANNELS already
 */
GW_API int gw_stream_reader_add(GwStreamReader *self, const char *name, gboolean is_return);
/* Takes the next bytes of a channel, cut anywhere. Never fails: the account says what is not
 * known. */
GW_API void gw_stream_reader_push(GwStreamReader *self, int channel, gconstpointer data, gsize len);
/* The channel has ended. */
GW_API void gw_stream_reader_end(GwStreamReader *self, int channel);
/* (transfer full): the account as of now; for the owner's thread. Each channel's numbers are from
 * one instant. */
GW_API GwStreamAccount *gw_stream_reader_get_account(GwStreamReader *self);
