/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stream: what is not known is told, with its offset and what was expected, and nothing passes the
 * limits.
 */
#include <string.h>

#include "engine/stream/stream.h"
#include "tests/rig/stream-forge.h"
#include "tests/rig/stream-read.h"
#include "tests/rig/test-util.h"

#define DEVICE "0000:00:05.0/vfio"

#define HEADER	"5145564d 00000003 07 00000002 7063 "
#define RAM	HEADER "01 00000002 03 72616d 00000000 00000004 "
#define VFIO_7	HEADER "01 00000007 04 7666696f 00000000 00000001 "
#define TAG	"ffffffffef1000"
#define MULTIFD "11223344 00000001 "
#define PACKETS                                                                \
	MULTIFD "000000000000000000000000000000000000000000000000000000000000" \
		"0000000000000000000000000000000000000000000000000000 " MULTIFD

/* Hexadecimal digits, spaces aside. */
static GByteArray *
from_hex(const char *text)
{
	GByteArray *out = g_byte_array_new();
	for (const char *c = text; *c != '\0';) {
		if (*c == ' ') {
			c++;
			continue;
		}
		forge_u8(out,
			 (guint8)(g_ascii_xdigit_value(c[0]) << 4 | g_ascii_xdigit_value(c[1])));
		c += 2;
	}
	return out;
}

static const struct {
	const char *bytes;
	const char *error;
} bad[] = {
	{ "", "at offset 0: it ends here too early" },
	{ "51455600", "at offset 0: expected QEMU's magic number, 0x5145564d or of a multifd "
		      "channel 0x11223344, "
		      "not 0x51455600" },
	{ "5145564d 00000002", "at offset 4: expected version 3 of the stream, not 2" },
	{ "5145564d 00000003 07 00000000",
	  "at offset 9: expected the machine type's length, 1 to 255, not 0" },
	{ "5145564d 00000003 07 00000100",
	  "at offset 9: expected the machine type's length, 1 to 255, not 256" },
	{ HEADER "07 00000001", "at offset 16: expected one configuration, not two" },
	{ HEADER "05 00",
	  "at offset 16: expected the name of a part of the configuration, not an empty one" },
	{ HEADER "05 01 78 00000001",
	  "at offset 18: expected a known part of the configuration, not 'x'" },
	{ HEADER "09", "at offset 15: expected a section or the end, not 0x09" },
	{ HEADER "01 00000001 00",
	  "at offset 16: expected the name of section 1, not an empty one" },
	{ HEADER "02 00000001", "at offset 16: expected a section that was started before, not 1" },
	{ HEADER "01 00000002 03 72616d 00000000 00000003",
	  "at offset 24, in 'ram': expected version 4 of the RAM's format, not 3" },
	{ HEADER "08 0003 0000",
	  "at offset 16: expected a command of pre-copy, not 3: post-copy and COLO are not read" },
	{ HEADER "00 07", "at offset 16: expected nothing after the end, not 0x07" },
	{ HEADER "00 06 00000001 7b 00", "at offset 22: expected nothing after the end, not 0x00" },
	{ HEADER "00 06 00000002 7b", "at offset 22: it ends here too early" },
	{ RAM "0000000000000080",
	  "at offset 32, in 'ram': expected a record of RAM, not the flags 0x80" },
	{ RAM "000000000000000a",
	  "at offset 32, in 'ram': expected a record of RAM, not the flags 0xa" },
	{ RAM "0000000000001004 01 78 0000000000001001",
	  "at offset 42, in 'ram': expected a block of at most 4096 bytes, not of 4097" },
	{ RAM "0000000000000010 7e00000003",
	  "at offset 40, in 'ram': expected the footer of section 2, not 0x7e00000003" },
	{ RAM "0000000000000008 01", "at offset 41, in 'ram': it ends here too early" },
	{ VFIO_7 TAG "07",
	  "at offset 33, in 'vfio': expected a tag of VFIO, not 0xffffffffef100007" },
	{ VFIO_7 TAG "04 8000000000000000", "at offset 41, in 'vfio': expected the length of a "
					    "device's data, not 0x8000000000000000" },
	{ VFIO_7 TAG "02",
	  "at offset 33, in 'vfio': expected no configuration here: the format of QEMU before 8.0 "
	  "is not supported" },
	{ "11223344 00000002 000000000000000000000000000000000000000000000000000000000000"
	  "0000000000000000000000000000000000000000000000000000",
	  "at offset 4: expected version 1 of multifd, not 2" },
	{ PACKETS "00000080", "at offset 64: expected a packet of multifd, not the flags 0x80" },
};

static void
test_refusals(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GByteArray) data = from_hex(bad[i].bytes);
		stream_read_bad(data, bad[i].error);
	}
}

static void
test_bad_configuration(void)
{
	g_autoptr(GByteArray) bits = g_byte_array_new();
	forge_header(bits);
	forge_part(bits, "configuration/target-page-bits");
	forge_be32(bits, 31);
	stream_read_bad(bits, "at offset 51: expected pages of 2^10 to 2^20 bytes, not 2^31");
	g_autoptr(GByteArray) mapped = g_byte_array_new();
	forge_header(mapped);
	forge_part(mapped, "configuration/capabilities");
	forge_be32(mapped, 1);
	forge_name(mapped, "mapped-ram");
	stream_read_bad(mapped, "at offset 52: expected a stream, not a file of mapped-ram");
}

static void
test_bad_packets(void)
{
	g_autoptr(GByteArray) pages = g_byte_array_new();
	forge_multifd(pages);
	forge_pages(pages, 0, 4, 3, 2, 0);
	stream_read_bad(
		pages,
		"at offset 76: expected a packet of at most 1048576 pages, not 3 and 2 of 4");
	g_autoptr(GByteArray) magic = g_byte_array_new();
	forge_multifd(magic);
	forge_zeroes(magic, 12);
	stream_read_bad(
		magic,
		"at offset 64: expected a packet of multifd, version 1, not 0x0000000000000000");
	g_autoptr(GByteArray) little = g_byte_array_new();
	forge_multifd(little);
	forge_device(little, DEVICE, 11);
	stream_read_bad(little,
			"at offset 76: expected a VFIO device's packet, not one of 11 bytes");
	g_autoptr(GByteArray) flags = g_byte_array_new();
	forge_multifd(flags);
	forge_device(flags, DEVICE, 12);
	forge_vfio_packet(flags, 2);
	stream_read_bad(flags,
			"at offset 340: expected a VFIO device's packet, version 0, not version 0, "
			"flags 0x2, 0 bytes");
	g_autoptr(GByteArray) tag = g_byte_array_new();
	forge_multifd(tag);
	forge_device(tag, DEVICE, 12 + 16);
	forge_vfio_packet(tag, 1);
	forge_zeroes(tag, 16);
	stream_read_bad(tag, "at offset 352: expected VFIO's tag 0xffffffffef100002, not 0x0");
}

/* A section of VFIO each, with names of their own. */
static GByteArray *
many_devices(guint n)
{
	GByteArray *out = g_byte_array_new();
	forge_header(out);
	for (guint i = 0; i < n; i++) {
		g_autofree char *name = g_strdup_printf("%04u/vfio", i);
		forge_section(out, 1, i, name, 1);
		forge_be64(out, FORGE_TAG_END);
		forge_footer(out, i);
	}
	forge_u8(out, 0);
	return out;
}

static void
test_limits(void)
{
	g_autoptr(GByteArray) enough = many_devices(STREAM_MAX_DEVICES);
	CU_ASSERT_EQUAL(stream_read_good(enough).n_devices, STREAM_MAX_DEVICES);
	g_autoptr(GByteArray) devices = many_devices(STREAM_MAX_DEVICES + 1);
	stream_read_bad(devices,
			"at offset 2334, in '0064/vfio': expected at most 64 VFIO devices");
	g_autoptr(GByteArray) sections = g_byte_array_new();
	forge_header(sections);
	for (guint i = 0; i < 129; i++) {
		forge_section(sections, 1, i, "x", 1);
		forge_footer(sections, i);
	}
	stream_read_bad(sections, "at offset 2576: expected at most 128 sections that have parts");
}

/* Once lost it stays so, and counts no further but how much came. */
static void
test_lost_for_ever(void)
{
	g_autoptr(GByteArray) data = from_hex(HEADER "09");
	g_autoptr(Stream) stream = stream_new(FALSE);
	StreamCounts counts;
	stream_push(stream, data->data, data->len);
	stream_push(stream, data->data, data->len);
	stream_read(stream, &counts);
	CU_ASSERT_EQUAL(counts.state, STREAM_LOST);
	CU_ASSERT_EQUAL(counts.total_bytes, 2 * data->len);
	CU_ASSERT_EQUAL(counts.unparsed_bytes, data->len + 1);
	CU_ASSERT_EQUAL(counts.framing_bytes, data->len - 1);
}

CU_TestInfo suite_stream_refused[] = {
	{ "what is not known is told, and where", test_refusals },
	{ "a configuration that is not for a stream", test_bad_configuration },
	{ "packets that make no sense", test_bad_packets },
	{ "there is a most of everything", test_limits },
	{ "once lost it counts only bytes", test_lost_for_ever },
	CU_TEST_INFO_NULL,
};
