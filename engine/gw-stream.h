/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "engine/gw-version.h"

/* What a migration stream carried, to the byte, by what each byte was for. */

typedef enum {
	GW_STREAM_SETUP,
	GW_STREAM_PRECOPY,
	GW_STREAM_SWITCHOVER, /* the guest stood still */
	GW_STREAM_N_PHASES,
} GwStreamPhase;

/* All in bytes, but the numbers of pages. */
typedef struct {
	gint64 page_bytes;    /* what pages hold, as it is sent: it may be compressed */
	gint64 zero_bytes;    /* records that stand for a page of zeroes, whole */
	gint64 framing_bytes; /* all else of the RAM */
	gint64 pages;	      /* sent as pages */
	gint64 zero_pages;
} GwStreamRam;

typedef struct {
	char *id;		  /* where QEMU has it: "0000:00:05.0/vfio" */
	gint64 precopy_bytes;	  /* its data, sent while the guest ran */
	gint64 stop_copy_bytes;	  /* and after that */
	gint64 config_bytes;	  /* its PCI configuration */
	gint64 framing_bytes;	  /* what is around these three */
	gint64 transferred_bytes; /* as QEMU's vfio.transferred counts it; no part of any sum */
} GwStreamDevice;

/* total_bytes is the sum of all the others. */
typedef struct {
	gint64 total_bytes;
	GwStreamRam ram[GW_STREAM_N_PHASES];
	GPtrArray *devices; /* of GwStreamDevice: those of VFIO */
	gint64 other_devices_bytes;
	gint64 description_bytes; /* of all devices' state, at the end of the stream */
	gint64 framing_bytes;	  /* of the stream itself */
	gint64 unparsed_bytes;	  /* what is not told apart (yet) */
} GwStreamBytes;

/* One connection, in one direction. */
typedef struct {
	char *name;
	const char *kind;     /* "main", "multifd", "return" or "unknown"; static */
	gboolean is_complete; /* it ended where it should */
	char *error; /* (nullable): the offset from which nothing is told apart, what was expected there and
				 what came */
	GwStreamBytes bytes;
} GwStreamChannel;

typedef struct {
	char *machine;	     /* (nullable): QEMU's machine type */
	GPtrArray *channels; /* of GwStreamChannel */
	GwStreamBytes bytes; /* of all channels but the return path: that is the other direction */
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
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwStreamAccount, gw_stream_account_free)

/*
 * GwStreamReader: counts the channels of one migration as they pass. Nothing in it waits: a channel's bytes are pushed
 * by one thread, any one of its own, while the owner reads the account. Memory is bounded whatever comes.
 */
typedef struct GwStreamReader GwStreamReader;

#define GW_STREAM_MAX_CHANNELS 1024

GW_API GwStreamReader *gw_stream_reader_new(void);
/* No thread may push any more. */
GW_API void gw_stream_reader_free(GwStreamReader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwStreamReader, gw_stream_reader_free)

/**
 * gw_stream_reader_add:
 * @name: what the account calls it
 * @is_return: it is what the destination answers
 *
 * For the owner's thread, before any byte of it is pushed.
 *
 * Returns: its number; -1 when there are %GW_STREAM_MAX_CHANNELS already
 */
GW_API int gw_stream_reader_add(GwStreamReader *self, const char *name, gboolean is_return);
/* The next bytes of a channel, cut anywhere. Never fails: the account says what is not known. */
GW_API void gw_stream_reader_push(GwStreamReader *self, int channel, gconstpointer data, gsize len);
/* The channel has ended. */
GW_API void gw_stream_reader_end(GwStreamReader *self, int channel);
/* (transfer full): for the owner's thread: as it is now. Each channel's numbers are of one instant. */
GW_API GwStreamAccount *gw_stream_reader_get_account(GwStreamReader *self);
