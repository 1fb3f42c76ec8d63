/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stream: each form that QEMU can send, to the byte, and how it says that something else came.
 */
#include <string.h>

#include "engine/stream.h"
#include "tests/stream-forge.h"
#include "tests/test-util.h"

#define VFIO "0000:00:05.0/vfio"

static void
read_all(const GByteArray *data, gboolean is_return, StreamCounts *ret_counts, char **ret_error)
{
	const gsize pieces[] = { 1, 1000000 };
	for (gsize i = 0; i < G_N_ELEMENTS(pieces); i++) {
		g_autoptr(Stream) stream = stream_new(is_return);
		for (gsize at = 0; at < data->len; at += pieces[i])
			stream_push(stream, data->data + at, MIN(pieces[i], data->len - at));
		stream_end(stream);
		StreamCounts counts;
		stream_read(stream, &counts);
		if (i > 0)
			CU_ASSERT_EQUAL(memcmp(&counts, ret_counts, sizeof counts), 0);
		*ret_counts = counts;
		g_free(*ret_error);
		*ret_error = g_strdup(stream_get_error(stream));
	}
}

static StreamCounts
read_good(const GByteArray *data)
{
	StreamCounts counts;
	g_autofree char *error = NULL;
	read_all(data, FALSE, &counts, &error);
	TEST_STRING(error, NULL);
	CU_ASSERT_EQUAL(counts.state, STREAM_COMPLETE);
	CU_ASSERT_EQUAL(counts.unparsed_bytes, 0);
	return counts;
}

/* It is lost, and says so with these words. */
static void
read_bad(const GByteArray *data, const char *expected)
{
	StreamCounts counts;
	g_autofree char *error = NULL;
	read_all(data, FALSE, &counts, &error);
	CU_ASSERT_EQUAL(counts.state, STREAM_LOST);
	TEST_STRING(error, expected);
}

/* RAM's first section, up to its records; its id is 2. */
static GByteArray *
ram_begin(void)
{
	GByteArray *out = g_byte_array_new();
	forge_header(out);
	forge_section(out, 1, 2, "ram", 4);
	return out;
}

static void
ram_end(GByteArray *out)
{
	forge_be64(out, 0x10);
	forge_footer(out, 2);
	forge_u8(out, 0);
}

/* ---- RAM ---- */

static void
test_ram_records(void)
{
	g_autoptr(GByteArray) out = ram_begin();
	forge_be64(out, 0x3000 | 0x04);
	forge_name(out, "pc.ram");
	forge_be64(out, 0x2000);
	forge_name(out, "");
	forge_be64(out, 0x1000);
	forge_be64(out, 0x1000 | 0x08);
	forge_name(out, "pc.ram");
	forge_zeroes(out, 4096);
	forge_be64(out, 0x2000 | 0x08 | 0x20);
	forge_zeroes(out, 4096);
	forge_be64(out, 0x0000 | 0x02);
	forge_name(out, "x");
	forge_u8(out, 0);
	forge_be64(out, 0x0000 | 0x02 | 0x20);
	forge_u8(out, 0);
	forge_be64(out, 0x5000 | 0x40 | 0x20);
	forge_u8(out, 1);
	forge_be16(out, 10);
	forge_zeroes(out, 10);
	forge_be64(out, 0x5000 | 0x100 | 0x20);
	forge_be32(out, 20);
	forge_zeroes(out, 20);
	forge_be64(out, 0x200);
	ram_end(out);
	StreamCounts counts = read_good(out);
	const StreamRam *ram = &counts.ram[STREAM_SETUP];
	CU_ASSERT_EQUAL(ram->page_bytes, 2 * 4096 + 10 + 20);
	CU_ASSERT_EQUAL(ram->zero_bytes, (8 + 2 + 1) + (8 + 1));
	CU_ASSERT_EQUAL(ram->pages, 4);
	CU_ASSERT_EQUAL(ram->zero_pages, 2);
	CU_ASSERT_EQUAL(counts.framing_bytes, 8 + 5 + 2 + 1);
}

static void
test_page_size_and_shared(void)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	forge_header(out);
	forge_part(out, "configuration/target-page-bits");
	forge_be32(out, 14);
	forge_part(out, "configuration/capabilities");
	forge_be32(out, 2);
	forge_name(out, "x-ignore-shared");
	forge_name(out, "multifd");
	forge_part(out, "configuration/uuid");
	forge_zeroes(out, 16);
	forge_section(out, 1, 2, "ram", 4);
	forge_be64(out, 0x4000 | 0x04);
	forge_name(out, "pc.ram");
	forge_be64(out, 0x4000);
	forge_be64(out, 0x123456);
	forge_be64(out, 0x4000 | 0x08 | 0x20);
	forge_zeroes(out, 1 << 14);
	ram_end(out);
	CU_ASSERT_EQUAL(read_good(out).ram[STREAM_SETUP].page_bytes, 1 << 14);
}

static void
test_phases(void)
{
	g_autoptr(GByteArray) out = ram_begin();
	forge_be64(out, 0x10);
	forge_footer(out, 2);
	guint setup_bytes = out->len;
	forge_more(out, 2, 2);
	forge_be64(out, 0x08 | 0x20);
	forge_zeroes(out, 4096);
	forge_be64(out, 0x10);
	forge_footer(out, 2);
	guint precopy_bytes = out->len - setup_bytes;
	forge_command(out, 11, 0);
	forge_more(out, 3, 2);
	forge_be64(out, 0x08 | 0x20);
	forge_zeroes(out, 4096);
	ram_end(out);
	StreamCounts counts = read_good(out);
	CU_ASSERT_EQUAL(counts.phase, STREAM_SWITCHOVER);
	CU_ASSERT_EQUAL(counts.phase_bytes[STREAM_SETUP], setup_bytes);
	CU_ASSERT_EQUAL(counts.phase_bytes[STREAM_PRECOPY], precopy_bytes);
	CU_ASSERT_EQUAL(counts.phase_bytes[STREAM_SWITCHOVER],
			out->len - setup_bytes - precopy_bytes);
	CU_ASSERT_EQUAL(counts.ram[STREAM_PRECOPY].page_bytes, 4096);
	CU_ASSERT_EQUAL(counts.ram[STREAM_SWITCHOVER].page_bytes, 4096);
	CU_ASSERT_EQUAL(counts.framing_bytes, 8 + 5 + 2 + 5 + 1);
}

/* ---- VFIO ---- */

static void
vfio_data(GByteArray *out, guint64 bytes)
{
	forge_be64(out, FORGE_TAG_DATA);
	forge_be64(out, bytes);
	forge_zeroes(out, bytes);
}

static void
vfio_end(GByteArray *out, guint64 tag)
{
	forge_be64(out, tag);
	forge_footer(out, 7);
}

static void
test_vfio(void)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	forge_header(out);
	forge_section(out, 1, 7, VFIO, 1);
	forge_be64(out, FORGE_TAG_SETUP);
	vfio_end(out, FORGE_TAG_END);
	forge_more(out, 2, 7);
	vfio_data(out, 1000);
	vfio_end(out, FORGE_TAG_INITIAL_SENT);
	forge_more(out, 2, 7);
	vfio_data(out, 0);
	vfio_end(out, FORGE_TAG_END);
	forge_more(out, 3, 7);
	vfio_data(out, 3000);
	vfio_data(out, 1);
	vfio_end(out, FORGE_TAG_END);
	forge_section(out, 4, 7, VFIO, 1);
	forge_be64(out, FORGE_TAG_CONFIGURATION);
	/* The tag and the footer alone are no end. */
	forge_be64(out, FORGE_TAG_END);
	forge_footer(out, 6);
	forge_footer(out, 7);
	forge_zeroes(out, 50);
	vfio_end(out, FORGE_TAG_END);
	forge_u8(out, 0);
	StreamCounts counts = read_good(out);
	CU_ASSERT_EQUAL_FATAL(counts.n_devices, 1);
	CU_ASSERT_EQUAL(counts.vfio[0].precopy_bytes, 1000);
	CU_ASSERT_EQUAL(counts.vfio[0].stop_copy_bytes, 3001);
	CU_ASSERT_EQUAL(counts.vfio[0].config_bytes, 8 + 5 + 5 + 50);
	CU_ASSERT_EQUAL(stream_vfio_transferred(&counts.vfio[0]), 4001);
	CU_ASSERT_EQUAL(counts.device_bytes, 0);
	CU_ASSERT_EQUAL(counts.framing_bytes, 8 + 5 + 2 + 1);
}

static void
test_vfio_with_multifd(void)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	forge_header(out);
	forge_section(out, 1, 7, VFIO, 1);
	forge_be64(out, FORGE_TAG_SETUP);
	vfio_end(out, FORGE_TAG_END);
	forge_more(out, 3, 7);
	vfio_end(out, FORGE_TAG_END);
	forge_section(out, 4, 7, VFIO, 1);
	vfio_end(out, FORGE_TAG_LOAD_READY);
	forge_u8(out, 0);
	CU_ASSERT_EQUAL(stream_vfio_transferred(&read_good(out).vfio[0]), 0);
}

static void
vfio_packet(GByteArray *out, guint32 flags)
{
	forge_be32(out, 0);
	forge_be32(out, 5);
	forge_be32(out, flags);
}

static void
test_multifd(void)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	forge_multifd(out);
	forge_pages(out, 1, 0, 0, 0, 0);
	forge_pages(out, 0, 64, 2, 3, 8192);
	forge_zeroes(out, 8192);
	/* As QEMU 7.2 leaves it: no pages, and a length. */
	forge_pages(out, 1, 0, 0, 0, 8192);
	out->len -= 64 * 8; /* as many offsets as before */
	forge_device(out, VFIO, 12 + 100);
	vfio_packet(out, 0);
	forge_zeroes(out, 100);
	forge_device(out, VFIO, 12 + 16 + 30);
	vfio_packet(out, 1);
	forge_be64(out, FORGE_TAG_CONFIGURATION);
	forge_zeroes(out, 30);
	forge_be64(out, FORGE_TAG_END);
	forge_device(out, "other", 9);
	forge_zeroes(out, 9);
	StreamCounts counts = read_good(out);
	CU_ASSERT_EQUAL(counts.kind, STREAM_MULTIFD);
	CU_ASSERT_EQUAL(counts.ram[STREAM_PRECOPY].pages, 2);
	CU_ASSERT_EQUAL(counts.ram[STREAM_PRECOPY].zero_pages, 3);
	CU_ASSERT_EQUAL(counts.ram[STREAM_PRECOPY].page_bytes, 8192);
	CU_ASSERT_EQUAL(counts.vfio[0].stop_copy_bytes, 100);
	CU_ASSERT_EQUAL(counts.vfio[0].config_bytes, 30);
	CU_ASSERT_EQUAL(stream_vfio_transferred(&counts.vfio[0]), 12 + 100 + 12 + 46);
	CU_ASSERT_EQUAL(counts.device_bytes, 276 + 9);
	CU_ASSERT_EQUAL(counts.n_marks, 2);
}

/* ---- other devices ---- */

/* Ends with a section whose body is @body, @len bytes, and has no length. */
static StreamCounts
read_body(guint8 type, guint32 id, const void *body, guint len)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	forge_header(out);
	forge_section(out, type, id, "device", 1);
	g_byte_array_append(out, body, len);
	forge_footer(out, id);
	forge_section(out, 4, 77, "next", 1);
	forge_footer(out, 77);
	forge_u8(out, 0);
	forge_u8(out, 6);
	forge_be32(out, 2);
	g_byte_array_append(out, (const guint8 *)"{}", 2);
	StreamCounts counts = read_good(out);
	CU_ASSERT_EQUAL(counts.device_bytes, (1 + 4 + 7 + 8 + len + 5) + (1 + 4 + 5 + 8 + 5));
	CU_ASSERT_EQUAL(counts.vmdesc_bytes, 1 + 4 + 2);
	return counts;
}

static void
test_device_without_length(void)
{
	const guint8 half_a_footer[] = { 0x7e, 0, 0, 0, 9, 0x7e, 0, 0, 0 };
	const guint8 marks[] = { 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e,
				 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e };
	read_body(4, 9, "", 0);
	read_body(4, 9, half_a_footer, sizeof half_a_footer);
	read_body(4, 0x7e, marks, sizeof marks);
	read_body(4, 0x7e7e, marks, sizeof marks);
	read_body(1, 9, "some other handler", 18);
}

/* What 'timer' has in one migration of 256: 7e, its section's number and the type of the end. */
static void
test_device_with_a_footer_in_it(void)
{
	const guint8 ticks[] = { 1, 2, 3, 4, 5, 6, 7, 0x7e, 0, 0, 0, 0, 0, 0, 0, 0, 9 };
	const guint8 end[] = { 0x7e, 0, 0, 0, 0, 0, 6, 0, 0, 0, 2, 'x' };
	const guint8 section[] = { 0x7e, 0, 0, 0, 0, 4, 0, 0, 0, 2, 0, 'x',
				   0x7e, 0, 0, 0, 0, 1, 0, 0, 0, 2, 3, 3 };
	const guint8 part[] = { 0x7e, 0, 0, 0, 0, 2, 0, 0, 0, 3 };
	const guint8 command[] = {
		0x7e, 0, 0, 0, 0, 8, 0, 99, 0, 0, 0x7e, 0, 0, 0, 0, 8, 0, 2, 9, 0
	};
	read_body(4, 0, ticks, sizeof ticks);
	read_body(4, 0, end, sizeof end);
	read_body(4, 0, section, sizeof section);
	read_body(4, 0, part, sizeof part);
	read_body(4, 0, command, sizeof command);
}

static void
test_sent_early(void)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	forge_header(out);
	forge_section(out, 4, 5, "early", 1);
	forge_zeroes(out, 10);
	forge_footer(out, 5);
	forge_section(out, 1, 2, "ram", 4);
	ram_end(out);
	StreamCounts counts = read_good(out);
	CU_ASSERT_EQUAL(counts.phase, STREAM_SETUP);
	CU_ASSERT_EQUAL(counts.device_bytes, 1 + 4 + 6 + 8 + 10 + 5);
}

static void
test_without_description(void)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	forge_header(out);
	forge_section(out, 4, 5, "device", 1);
	forge_zeroes(out, 10);
	forge_footer(out, 5);
	forge_u8(out, 0);
	CU_ASSERT_EQUAL(read_good(out).device_bytes, 1 + 4 + 7 + 8 + 10 + 5);
	/* The end is told by nothing but that no more comes. */
	forge_u8(out, 0);
	read_bad(out, "at offset 52, in 'device': it ends here, and should not yet");
}

/* ---- the other direction ---- */

static void
test_return_path(void)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	StreamCounts counts;
	g_autofree char *error = NULL;
	forge_be16(out, 2);
	forge_be16(out, 4);
	forge_be32(out, 1);
	forge_be16(out, 7);
	forge_be16(out, 0);
	read_all(out, TRUE, &counts, &error);
	CU_ASSERT_EQUAL(counts.state, STREAM_COMPLETE);
	CU_ASSERT_EQUAL(counts.kind, STREAM_RETURN);
	CU_ASSERT_EQUAL(counts.framing_bytes, 12);
	forge_be16(out, 8);
	forge_be16(out, 0);
	read_all(out, TRUE, &counts, &error);
	TEST_STRING(error, "at offset 12: expected a message of type 1 to 7, not 8");
}

/* ---- what is not known ---- */

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
	{ "", "at offset 0: it ends here, and should not yet" },
	{ "51455600", "at offset 0: expected QEMU's magic number, 0x5145564d or of a multifd "
		      "channel 0x11223344, "
		      "not 0x51455600" },
	{ "5145564d 00000002", "at offset 4: expected version 3 of the stream, not 2" },
	{ "5145564d 00000003 07 00000000",
	  "at offset 9: expected the machine type's length, 1 to 255, not 0" },
	{ "5145564d 00000003 07 00000100",
	  "at offset 9: expected the machine type's length, 1 to 255, not 256" },
	{ HEADER "05 00",
	  "at offset 16: expected the name of a part of the configuration, not nothing" },
	{ HEADER "05 01 78 00000001",
	  "at offset 18: expected a part of the configuration that is known, not 'x'" },
	{ HEADER "09", "at offset 15: expected a section or the end, not 0x09" },
	{ HEADER "01 00000001 00", "at offset 16: expected the name of section 1, not nothing" },
	{ HEADER "02 00000001", "at offset 16: expected a section that has begun, not 1" },
	{ HEADER "01 00000002 03 72616d 00000000 00000003",
	  "at offset 24, in 'ram': expected version 4 of the RAM's format, not 3" },
	{ HEADER "08 0003 0000",
	  "at offset 16: expected a command of pre-copy, not 3: post-copy and COLO are not read" },
	{ HEADER "00 07", "at offset 16: expected nothing after the end, not 0x07" },
	{ HEADER "00 06 00000001 7b 00", "at offset 22: expected nothing after the end, not 0x00" },
	{ HEADER "00 06 00000002 7b", "at offset 22: it ends here, and should not yet" },
	{ RAM "0000000000000080",
	  "at offset 32, in 'ram': expected a record of RAM, not the flags 0x80" },
	{ RAM "000000000000000a",
	  "at offset 32, in 'ram': expected a record of RAM, not the flags 0xa" },
	{ RAM "0000000000001004 01 78 0000000000001001",
	  "at offset 42, in 'ram': expected a block of at most 4096 bytes, not of 4097" },
	{ RAM "0000000000000010 7e00000003",
	  "at offset 40, in 'ram': expected the footer of section 2, not 0x7e00000003" },
	{ RAM "0000000000000008 01", "at offset 41, in 'ram': it ends here, and should not yet" },
	{ VFIO_7 TAG "07",
	  "at offset 33, in 'vfio': expected a tag of VFIO, not 0xffffffffef100007" },
	{ VFIO_7 TAG "04 8000000000000000", "at offset 41, in 'vfio': expected the length of a "
					    "device's data, not 0x8000000000000000" },
	{ VFIO_7 TAG "02",
	  "at offset 33, in 'vfio': expected no configuration here: the form of QEMU before 8.0 "
	  "is not read" },
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
		read_bad(data, bad[i].error);
	}
}

static void
test_bad_configuration(void)
{
	g_autoptr(GByteArray) bits = g_byte_array_new();
	forge_header(bits);
	forge_part(bits, "configuration/target-page-bits");
	forge_be32(bits, 31);
	read_bad(bits, "at offset 51: expected pages of 2^10 to 2^20 bytes, not 2^31");
	g_autoptr(GByteArray) mapped = g_byte_array_new();
	forge_header(mapped);
	forge_part(mapped, "configuration/capabilities");
	forge_be32(mapped, 1);
	forge_name(mapped, "mapped-ram");
	read_bad(mapped, "at offset 52: expected a stream, not a file of mapped-ram");
}

static void
test_bad_packets(void)
{
	g_autoptr(GByteArray) pages = g_byte_array_new();
	forge_multifd(pages);
	forge_pages(pages, 0, 4, 3, 2, 0);
	read_bad(pages,
		 "at offset 76: expected a packet of at most 1048576 pages, not 3 and 2 of 4");
	g_autoptr(GByteArray) magic = g_byte_array_new();
	forge_multifd(magic);
	forge_zeroes(magic, 12);
	read_bad(magic,
		 "at offset 64: expected a packet of multifd, version 1, not 0x0000000000000000");
	g_autoptr(GByteArray) little = g_byte_array_new();
	forge_multifd(little);
	forge_device(little, VFIO, 11);
	read_bad(little, "at offset 76: expected a VFIO device's packet, not one of 11 bytes");
	g_autoptr(GByteArray) flags = g_byte_array_new();
	forge_multifd(flags);
	forge_device(flags, VFIO, 12);
	vfio_packet(flags, 2);
	read_bad(flags, "at offset 340: expected a VFIO device's packet, version 0, not version 0, "
			"flags 0x2, 0 bytes");
	g_autoptr(GByteArray) tag = g_byte_array_new();
	forge_multifd(tag);
	forge_device(tag, VFIO, 12 + 16);
	vfio_packet(tag, 1);
	forge_zeroes(tag, 16);
	read_bad(tag, "at offset 352: expected VFIO's tag 0xffffffffef100002, not 0x0");
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
	CU_ASSERT_EQUAL(read_good(enough).n_devices, STREAM_MAX_DEVICES);
	g_autoptr(GByteArray) devices = many_devices(STREAM_MAX_DEVICES + 1);
	read_bad(devices, "at offset 2334, in '0064/vfio': expected at most 64 VFIO devices");
	g_autoptr(GByteArray) sections = g_byte_array_new();
	forge_header(sections);
	for (guint i = 0; i < 129; i++) {
		forge_section(sections, 1, i, "x", 1);
		forge_footer(sections, i);
	}
	read_bad(sections, "at offset 2576: expected at most 128 sections that have parts");
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

/* ---- other threads ---- */

typedef struct {
	Stream *stream;
	gint has_ended;
} Reader;

/* Counts of one instant have the sum that they name. */
static gpointer
read_on(gpointer data)
{
	Reader *reader = data;
	guint64 before = 0;
	guint wrong = 0;
	while (g_atomic_int_get(&reader->has_ended) == 0) {
		StreamCounts counts;
		stream_read(reader->stream, &counts);
		guint64 sum = counts.framing_bytes + counts.unparsed_bytes +
			      counts.ram[0].page_bytes + counts.ram[0].framing_bytes;
		wrong += sum != counts.total_bytes || counts.total_bytes < before;
		before = counts.total_bytes;
	}
	return GUINT_TO_POINTER(wrong);
}

static void
test_read_by_another_thread(void)
{
	g_autoptr(Stream) stream = stream_new(FALSE);
	g_autoptr(GByteArray) begin = ram_begin();
	g_autoptr(GByteArray) page = g_byte_array_new();
	forge_be64(page, 0x08 | 0x20);
	forge_zeroes(page, 4096);
	Reader reader = { stream, 0 };
	GThread *thread = g_thread_new("reader", read_on, &reader);
	stream_push(stream, begin->data, begin->len);
	for (guint i = 0; i < 100000; i++)
		stream_push(stream, page->data, page->len);
	g_atomic_int_set(&reader.has_ended, 1);
	CU_ASSERT_PTR_NULL(g_thread_join(thread));
}

CU_TestInfo suite_stream_forms[] = {
	{ "every record of RAM", test_ram_records },
	{ "page size and shared memory by the configuration", test_page_size_and_shared },
	{ "setup, pre-copy and switchover", test_phases },
	{ "every tag of VFIO", test_vfio },
	{ "VFIO's sections when multifd has the data", test_vfio_with_multifd },
	{ "every packet of multifd", test_multifd },
	{ "the end of a body without a length", test_device_without_length },
	{ "a body with what looks like its end", test_device_with_a_footer_in_it },
	{ "a device that is sent before the RAM", test_sent_early },
	{ "a stream without its description", test_without_description },
	{ "the return path", test_return_path },
	{ "what is not known is told, and where", test_refusals },
	{ "a configuration that is not for a stream", test_bad_configuration },
	{ "packets that make no sense", test_bad_packets },
	{ "there is a most of everything", test_limits },
	{ "once lost it counts only bytes", test_lost_for_ever },
	{ "another thread reads counts of one instant", test_read_by_another_thread },
	CU_TEST_INFO_NULL,
};
