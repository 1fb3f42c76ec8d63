/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Migration streams made by hand, for what no recording has: what QEMU never sends, and what it
 * sends with devices that are not here.
 */
#include "tests/rig/stream-forge.h"

#include <string.h>

#define MULTIFD_MAGIC 0x11223344

void
forge_u8(GByteArray *out, guint8 value)
{
	g_byte_array_append(out, &value, 1);
}

void
forge_be16(GByteArray *out, guint16 value)
{
	value = GUINT16_TO_BE(value);
	g_byte_array_append(out, (const guint8 *)&value, sizeof value);
}

void
forge_be32(GByteArray *out, guint32 value)
{
	value = GUINT32_TO_BE(value);
	g_byte_array_append(out, (const guint8 *)&value, sizeof value);
}

void
forge_be64(GByteArray *out, guint64 value)
{
	value = GUINT64_TO_BE(value);
	g_byte_array_append(out, (const guint8 *)&value, sizeof value);
}

void
forge_zeroes(GByteArray *out, gsize n)
{
	for (gsize i = 0; i < n; i++)
		forge_u8(out, 0);
}

void
forge_name(GByteArray *out, const char *name)
{
	forge_u8(out, (guint8)strlen(name));
	g_byte_array_append(out, (const guint8 *)name, (guint)strlen(name));
}

void
forge_header(GByteArray *out)
{
	forge_be32(out, 0x5145564d);
	forge_be32(out, 3);
	forge_u8(out, 7);
	forge_be32(out, 2);
	g_byte_array_append(out, (const guint8 *)"pc", 2);
}

void
forge_part(GByteArray *out, const char *name)
{
	forge_u8(out, 5);
	forge_name(out, name);
	forge_be32(out, 1);
}

void
forge_section(GByteArray *out, guint8 type, guint32 id, const char *name, guint32 version)
{
	forge_more(out, type, id);
	forge_name(out, name);
	forge_be32(out, 0);
	forge_be32(out, version);
}

void
forge_more(GByteArray *out, guint8 type, guint32 id)
{
	forge_u8(out, type);
	forge_be32(out, id);
}

void
forge_footer(GByteArray *out, guint32 id)
{
	forge_more(out, 0x7e, id);
}

void
forge_command(GByteArray *out, guint16 command, guint16 len)
{
	forge_u8(out, 8);
	forge_be16(out, command);
	forge_be16(out, len);
}

void
forge_multifd(GByteArray *out)
{
	forge_be32(out, MULTIFD_MAGIC);
	forge_be32(out, 1);
	forge_zeroes(out, 56);
}

static void
packet(GByteArray *out, guint32 flags)
{
	forge_be32(out, MULTIFD_MAGIC);
	forge_be32(out, 1);
	forge_be32(out, flags);
}

void
forge_pages(GByteArray *out, guint32 flags, guint32 most, guint32 pages, guint32 zero_pages,
	    guint32 bytes)
{
	packet(out, flags);
	forge_be32(out, most);
	forge_be32(out, pages);
	forge_be32(out, bytes);
	forge_be64(out, 1);
	forge_be32(out, zero_pages);
	forge_zeroes(out, 28 + 256 + (gsize)(most > 0 ? most : 128) * 8);
}

void
forge_device(GByteArray *out, const char *name, guint32 bytes)
{
	packet(out, 0x40);
	g_byte_array_append(out, (const guint8 *)name, (guint)strlen(name));
	forge_zeroes(out, 256 - strlen(name));
	forge_be32(out, 0);
	forge_be32(out, bytes);
}

void
forge_vfio_packet(GByteArray *out, guint32 flags)
{
	forge_be32(out, 0);
	forge_be32(out, 5);
	forge_be32(out, flags);
}
