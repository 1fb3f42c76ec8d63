/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trace-line: the lines of QEMU's trace points as real QEMUs write them, and all that is none.
 */
#include <string.h>

#include "qmp/trace-line.h"
#include "tests/rig/test-util.h"

#define UUID "3df02b56-2461-4faa-8062-f0d0c5b4850b"

static const struct {
	const char *text;
	const char *device; /* NULL: it is no such line */
	gint64 initial, dirty, stop;
	gboolean is_exact;
} rows[] = {
	{ "vfio_state_pending_estimate  (" UUID
	  ") precopy 23 postcopy 0 precopy initial size 11 precopy dirty size 12",
	  UUID, 11, 12, -1, FALSE },
	{ "vfio_state_pending_exact  (" UUID
	  ") precopy 23 postcopy 0 stopcopy size 99 precopy initial size 0 precopy "
	  "dirty size 12",
	  UUID, 0, 12, 99, TRUE },
	{ "vfio_state_pending_exact  (0000:3b:00.4) precopy 0x17 postcopy 0x0 stopcopy size 0x63 "
	  "precopy initial size "
	  "0xa precopy dirty size 0x0",
	  "0000:3b:00.4", 10, 0, 99, TRUE },
	{ "vfio_state_pending  (" UUID
	  ") stopcopy size 99 precopy initial size 11 precopy dirty size 12 request "
	  "switchover ack 0 exact 0 final 0",
	  UUID, 11, 12, 99, FALSE },
	{ "vfio_state_pending  (" UUID
	  ") stopcopy size 99 precopy initial size 11 precopy dirty size 12 request "
	  "switchover ack 1 exact 1 final 0",
	  UUID, 11, 12, 99, TRUE },
	{ "4711@1732462030.123456:vfio_state_pending_exact  (" UUID
	  ") precopy 1 postcopy 0 stopcopy size 7 precopy "
	  "initial size 0 precopy dirty size 0",
	  UUID, 0, 0, 7, TRUE },
	/* A driver that has no such number: QEMU's 100 GiB; one that says nonsense. */
	{ "vfio_state_pending_exact  (gpu) precopy 0 postcopy 0 stopcopy size 107374182400 precopy "
	  "initial size "
	  "18446744073709551615 precopy dirty size 9223372036854775808",
	  "gpu", -1, -1, G_GINT64_CONSTANT(107374182400), TRUE },
	{ "vfio_state_pending_exact  (gpu) stopcopy size 9223372036854775807", "gpu", -1, -1,
	  G_MAXINT64, TRUE },
	{ "vfio_state_pending_exact  (gpu) stopcopy size 99999999999999999999999 precopy dirty "
	  "size 1",
	  "gpu", -1, 1, -1, TRUE },
	{ "vfio_state_pending_exact  (gpu) stopcopy size -5 precopy dirty size 1", "gpu", -1, 1, -1,
	  TRUE },
	/* No such lines, or no longer. */
	{ "", NULL, 0, 0, 0, FALSE },
	{ "vfio_save_iterate  (gpu) precopy initial size 1 precopy dirty size 2", NULL, 0, 0, 0,
	  FALSE },
	{ "vfio_state_pending_exact  (gpu) precopy 0 postcopy 0", NULL, 0, 0, 0, FALSE },
	{ "vfio_state_pending_exact  (gpu precopy dirty size 1", NULL, 0, 0, 0, FALSE },
	{ "vfio_state_pending_exact  () precopy dirty size 1", NULL, 0, 0, 0, FALSE },
	{ "vfio_state_pending_exact", NULL, 0, 0, 0, FALSE },
	{ "migrate_pending_exact exact pending size 5 (pre = 5 post=0)", NULL, 0, 0, 0, FALSE },
	{ "vfio_state_pending_exact  (gpu) stopcopy size ", NULL, 0, 0, 0, FALSE },
};

static void
test_lines(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		TraceLine line;
		gboolean is_line = trace_line_parse(rows[i].text, strlen(rows[i].text), &line);
		CU_ASSERT_EQUAL(is_line, rows[i].device != NULL);
		if (!is_line)
			continue;
		TEST_STRING(line.device, rows[i].device);
		CU_ASSERT_EQUAL(line.initial_bytes, rows[i].initial);
		CU_ASSERT_EQUAL(line.dirty_bytes, rows[i].dirty);
		CU_ASSERT_EQUAL(line.stop_bytes, rows[i].stop);
		CU_ASSERT_EQUAL(line.is_exact, rows[i].is_exact);
	}
}

/* Of a line that is cut anywhere nothing is read beyond its end. */
static void
test_cut(void)
{
	const char *text = rows[1].text;
	for (gsize len = 0; len < strlen(text); len++) {
		g_autofree char *part = g_memdup2(text, MAX(len, 1));
		TraceLine line;
		if (trace_line_parse(part, len, &line))
			TEST_STRING(line.device, UUID);
	}
}

static void
test_long_name(void)
{
	g_autofree char *name = g_strnfill(TRACE_LINE_NAME_BYTES, 'x');
	g_autofree char *text =
		g_strdup_printf("vfio_state_pending_exact  (%s) stopcopy size 1", name);
	TraceLine line;
	CU_ASSERT_FALSE(trace_line_parse(text, strlen(text), &line));
	name[TRACE_LINE_NAME_BYTES - 1] = '\0';
	g_autofree char *fits =
		g_strdup_printf("vfio_state_pending_exact  (%s) stopcopy size 1", name);
	CU_ASSERT_TRUE(trace_line_parse(fits, strlen(fits), &line));
	TEST_STRING(line.device, name);
}

static void
lines_are_taken_out_of_what_is_said(void)
{
	static const struct {
		const char *text, *left;
	} taken[] = {
		{ "", "" },
		{ "qemu: no\n", "qemu: no\n" },
		{ "7@1.000002:vfio_state_pending_exact  (a) precopy 1\nqemu: no\n", "qemu: no\n" },
		{ "vfio_state_pending  (a) stopcopy size 1\n", "" },
		{ "qemu: 7@1.000002:vfio_state_pending_estimate  (a) x\nno\n", "qemu: no\n" },
		{ "no\n7@1.000002:vfio_state_pending  (a", "no\n" },
		{ "say vfio_state_pending\n", "say vfio_state_pending\n" },
	};
	for (guint i = 0; i < G_N_ELEMENTS(taken); i++) {
		g_autofree char *left = trace_line_remove(taken[i].text);
		TEST_STRING(left, taken[i].left);
	}
}

CU_TestInfo suite_trace_line[] = {
	{ "lines of 8.1 to 11.1, and others", test_lines },
	{ "a line that is cut", test_cut },
	{ "a name that is too long", test_long_name },
	{ "lines are taken out of what is said", lines_are_taken_out_of_what_is_said },
	CU_TEST_INFO_NULL,
};
