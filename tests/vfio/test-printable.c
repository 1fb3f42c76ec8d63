/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a terminal or a log is shown of any bytes.
 */
#include <CUnit/CUnit.h>
#include <string.h>

#include "tests/rig/test-util.h"
#include "vfio/printable.h"

static void
what_is_hidden_or_obeyed_is_replaced(void)
{
	static const struct {
		const char *text;
		const char *lines;
		const char *line;
	} rows[] = {
		{ "", "", "" },
		{ "plain \xc3\xbc \xe2\x82\xac", "plain \xc3\xbc \xe2\x82\xac",
		  "plain \xc3\xbc \xe2\x82\xac" },
		{ "a\n\tb", "a\n\tb", "a  b" },
		{ "a\r\033[2J\177", "a??[2J?", "a??[2J?" },
		{ "\302\2332J", "?2J", "?2J" },			    /* CSI in one character */
		{ "\342\200\256gpj.x", "?gpj.x", "?gpj.x" },	    /* from right to left */
		{ "\xe2\x81\xa6\xe2\x81\xa9", "??", "??" },	    /* isolates */
		{ "\xe2\x80\xa8x\xe2\x80\xa9", "?x?", "?x?" },	    /* line, paragraph */
		{ "\xe2\x80\x8b\xef\xbb\xbf", "??", "??" },	    /* no width */
		{ "\xe2\x80\x8d", "\xe2\x80\x8d", "\xe2\x80\x8d" }, /* joins letters */
		{ "\xff\xc3", "??", "??" },
		{ "\xed\xa0\x80", "???", "???" }, /* half a surrogate pair */
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *lines = printable_make(g_strdup(rows[i].text), PRINTABLE_LINES);
		g_autofree char *line = printable_make(g_strdup(rows[i].text), PRINTABLE_ONE_LINE);
		TEST_STRING(lines, rows[i].lines);
		TEST_STRING(line, rows[i].line);
	}
}

static void
any_bytes_become_text_that_is_no_longer(void)
{
	guint32 state = 1;
	for (guint i = 0; i < 20000; i++) {
		char bytes[17] = "";
		for (guint j = 0; j < sizeof bytes - 1; j++) {
			state = state * 1664525u + 1013904223u;
			bytes[j] = (char)(state >> 24);
		}
		gsize len = strlen(bytes);
		g_autofree char *text = printable_make(g_strdup(bytes), PRINTABLE_ONE_LINE);
		CU_ASSERT_TRUE(strlen(text) <= len);
		CU_ASSERT_TRUE(g_utf8_validate(text, -1, NULL));
		CU_ASSERT_PTR_NULL(strpbrk(text, "\n\r\t\033"));
	}
}

CU_TestInfo suite_printable[] = {
	{ "what is hidden or obeyed is replaced", what_is_hidden_or_obeyed_is_replaced },
	{ "any bytes become text that is no longer", any_bytes_become_text_that_is_no_longer },
	CU_TEST_INFO_NULL,
};
