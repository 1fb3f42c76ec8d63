/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stream: each form that QEMU can send, to the byte.
 */
#include <string.h>

#include "engine/stream/stream.h"
#include "tests/rig/stream-forge.h"
#include "tests/rig/stream-read.h"
#include "tests/rig/test-util.h"

#define VFIO "0000:00:05.0/vfio"

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
	StreamCounts counts = stream_read_good(out);
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
	CU_ASSERT_EQUAL(stream_read_good(out).ram[STREAM_SETUP].page_bytes, 1 << 14);
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
	StreamCounts counts = stream_read_good(out);
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
	StreamCounts counts = stream_read_good(out);
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
	CU_ASSERT_EQUAL(stream_vfio_transferred(&stream_read_good(out).vfio[0]), 0);
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
	forge_vfio_packet(out, 0);
	forge_zeroes(out, 100);
	forge_device(out, VFIO, 12 + 16 + 30);
	forge_vfio_packet(out, 1);
	forge_be64(out, FORGE_TAG_CONFIGURATION);
	forge_zeroes(out, 30);
	forge_be64(out, FORGE_TAG_END);
	forge_device(out, "other", 9);
	forge_zeroes(out, 9);
	StreamCounts counts = stream_read_good(out);
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
	StreamCounts counts = stream_read_good(out);
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
	StreamCounts counts = stream_read_good(out);
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
	CU_ASSERT_EQUAL(stream_read_good(out).device_bytes, 1 + 4 + 7 + 8 + 10 + 5);
	/* The end is told by nothing but that no more comes. */
	forge_u8(out, 0);
	stream_read_bad(out, "at offset 52, in 'device': it ends here too early");
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
	stream_read_all(out, TRUE, &counts, &error);
	CU_ASSERT_EQUAL(counts.state, STREAM_COMPLETE);
	CU_ASSERT_EQUAL(counts.kind, STREAM_RETURN);
	CU_ASSERT_EQUAL(counts.framing_bytes, 12);
	forge_be16(out, 8);
	forge_be16(out, 0);
	stream_read_all(out, TRUE, &counts, &error);
	TEST_STRING(error, "at offset 12: expected a message of type 1 to 7, not 8");
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
	{ "another thread reads counts of one instant", test_read_by_another_thread },
	CU_TEST_INFO_NULL,
};
