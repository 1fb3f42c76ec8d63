/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Writes what QEMU sends, piece by piece: each appends to @out. */

void forge_u8(GByteArray *out, guint8 value);
void forge_be16(GByteArray *out, guint16 value);
void forge_be32(GByteArray *out, guint32 value);
void forge_be64(GByteArray *out, guint64 value);
void forge_zeroes(GByteArray *out, gsize n);
/* u8 length and the letters. */
void forge_name(GByteArray *out, const char *name);

/* "QEVM", the version and the configuration, without its parts. */
void forge_header(GByteArray *out);
/* One part of the configuration, up to its own content. */
void forge_part(GByteArray *out, const char *name);
/* @type: 1 start or 4 full. */
void forge_section(GByteArray *out, guint8 type, guint32 id, const char *name, guint32 version);
/* @type: 2 part or 3 end. */
void forge_more(GByteArray *out, guint8 type, guint32 id);
void forge_footer(GByteArray *out, guint32 id);
void forge_command(GByteArray *out, guint16 command, guint16 len);

/* A VFIO device's tags, be64. */
#define FORGE_TAG_END		G_GUINT64_CONSTANT(0xffffffffef100001)
#define FORGE_TAG_CONFIGURATION G_GUINT64_CONSTANT(0xffffffffef100002)
#define FORGE_TAG_SETUP		G_GUINT64_CONSTANT(0xffffffffef100003)
#define FORGE_TAG_DATA		G_GUINT64_CONSTANT(0xffffffffef100004)
#define FORGE_TAG_INITIAL_SENT	G_GUINT64_CONSTANT(0xffffffffef100005)
#define FORGE_TAG_LOAD_READY	G_GUINT64_CONSTANT(0xffffffffef100006)

/* The first 64 bytes of a multifd channel; a packet of RAM up to its pages; one of a device up to
 * its data. */
void forge_multifd(GByteArray *out);
void forge_pages(GByteArray *out, guint32 flags, guint32 most, guint32 pages, guint32 zero_pages,
		 guint32 bytes);
void forge_device(GByteArray *out, const char *name, guint32 bytes);
/* What a VFIO device's data begins with; @flags: 1 it is the configuration. */
void forge_vfio_packet(GByteArray *out, guint32 flags);
