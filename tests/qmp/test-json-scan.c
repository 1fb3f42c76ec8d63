/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * json-scan and json-load: what is JSON and what is not, limit by limit, in whatever pieces it
 * comes; and that json-glib never sees what the scan refuses.
 */
#include <malloc.h>
#include <string.h>

#include "qmp/json-load.h"
#include "tests/rig/test-util.h"

#define KIB 1024
#define MIB (1024 * KIB)

static const JsonLimits small = {
	.bytes = 4 * KIB,
	.string_bytes = 40,
	.heap_bytes = 64 * KIB,
	.depth = 5,
};

/* The whole of @text as one value, fed in pieces of @piece bytes. */
static gboolean
scan_pieces(const char *text, gsize len, gsize piece, GError **error)
{
	g_autoptr(JsonScan) scan = json_scan_new(&small);

	for (gsize at = 0; at < len; at += piece) {
		gsize n = MIN(piece, len - at), used = 0;
		if (!json_scan_feed(scan, text + at, n, &used, error))
			return FALSE;
		if (used < n) {
			g_set_error(error, JSON_SCAN_ERROR, JSON_SCAN_ERROR_SYNTAX, "more");
			return FALSE;
		}
	}
	return json_scan_end(scan, error);
}

static void
what_is_json_is_taken(void)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		" \t\r\n{ \"a\" : [ 1 , -2 ] , \"b\" : { } }",
		"0",
		"-0",
		"-0.5e-3",
		"1E+2",
		"1e308",
		"1e-999",
		"9223372036854775807",
		"-9223372036854775808",
		"18446744073709551615",
		"true",
		"false",
		"null",
		"\"\"",
		"\"//\"",
		"\"/* \\\" */\"",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"",
		"\"\\ud83d\\ude00\"",
		"[[[[[]]]]]",
		"\"1234567890123456789012345678901234567890\"",
		"{\"a\":{\"a\":{\"a\":[{}]}}}",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		gsize len = strlen(texts[i]);
		for (gsize piece = 1; piece <= len; piece++) {
			g_autoptr(GError) error = NULL;
			CU_ASSERT_TRUE(scan_pieces(texts[i], len, piece, &error));
			TEST_NO_ERROR(error);
		}
		g_autoptr(JsonNode) node = json_load(texts[i], len, &small, NULL);
		CU_ASSERT_PTR_NOT_NULL(node);
	}
}

typedef struct {
	const char *text;
	JsonScanError code;
	const char *word;
} Refused;

static const Refused refused[] = {
	/* Comments, in each place and of each kind. */
	{ "/**/{}", JSON_SCAN_ERROR_SYNTAX, "a comment or '/', at byte 1" },
	{ "{/*\"*/}", JSON_SCAN_ERROR_SYNTAX, "comment" },
	{ "{\"a\":/*\"*/[[[[[[[]]]]]]]/*\"*/}", JSON_SCAN_ERROR_SYNTAX, "comment" },
	{ "{\"a\"/**/:1}", JSON_SCAN_ERROR_SYNTAX, "comment" },
	{ "[1,//\n2]", JSON_SCAN_ERROR_SYNTAX, "comment" },
	{ "[1/**/]", JSON_SCAN_ERROR_SYNTAX, "comment" },
	{ "[1 #\n]", JSON_SCAN_ERROR_SYNTAX, "'#' has no place there" },
	/* What json-glib takes besides. */
	{ "{\"a\":'x'}", JSON_SCAN_ERROR_SYNTAX, "'''" },
	{ "{'a':1}", JSON_SCAN_ERROR_SYNTAX, "'''" },
	{ "{a:1}", JSON_SCAN_ERROR_SYNTAX, "'a'" },
	{ "0x10", JSON_SCAN_ERROR_SYNTAX, "neither a number" },
	{ "[.5]", JSON_SCAN_ERROR_SYNTAX, "neither a number" },
	{ "[5.]", JSON_SCAN_ERROR_SYNTAX, "neither a number" },
	{ "[01]", JSON_SCAN_ERROR_SYNTAX, "neither a number" },
	{ "[+1]", JSON_SCAN_ERROR_SYNTAX, "neither a number" },
	{ "[--1]", JSON_SCAN_ERROR_SYNTAX, "neither a number" },
	{ "[- 1]", JSON_SCAN_ERROR_SYNTAX, "neither a number" },
	{ "[1e]", JSON_SCAN_ERROR_SYNTAX, "neither a number" },
	{ "[1e+]", JSON_SCAN_ERROR_SYNTAX, "neither a number" },
	{ "[1.e1]", JSON_SCAN_ERROR_SYNTAX, "neither a number" },
	{ "\"\\q\"", JSON_SCAN_ERROR_SYNTAX, "'q'" },
	{ "\"\\u12g4\"", JSON_SCAN_ERROR_SYNTAX, "'g'" },
	{ "\"a\tb\"", JSON_SCAN_ERROR_SYNTAX, "0x09" },
	{ "\"a\nb\"", JSON_SCAN_ERROR_SYNTAX, "0x0a" },
	{ "\"\\u0000\"", JSON_SCAN_ERROR_SYNTAX, "a NUL" },
	{ "\"\\ud83d\"", JSON_SCAN_ERROR_SYNTAX, "half a surrogate pair" },
	{ "\"\\ud83dx\"", JSON_SCAN_ERROR_SYNTAX, "half a surrogate pair" },
	{ "\"\\ud83d\\n\"", JSON_SCAN_ERROR_SYNTAX, "half a surrogate pair" },
	{ "\"\\ude00\"", JSON_SCAN_ERROR_SYNTAX, "half a surrogate pair" },
	{ "\"\\ud83d\\ud83d\"", JSON_SCAN_ERROR_SYNTAX, "half a surrogate pair" },
	/* Numbers that nothing can hold. */
	{ "1e999", JSON_SCAN_ERROR_SYNTAX, "too large" },
	{ "[-1e309]", JSON_SCAN_ERROR_SYNTAX, "too large" },
	{ "[NaN]", JSON_SCAN_ERROR_SYNTAX, "neither a number" },
	{ "[Infinity]", JSON_SCAN_ERROR_SYNTAX, "neither a number" },
	{ "[nan]", JSON_SCAN_ERROR_SYNTAX, "neither a number" },
	{ "18446744073709551616", JSON_SCAN_ERROR_SYNTAX, "too large" },
	{ "-9223372036854775809", JSON_SCAN_ERROR_SYNTAX, "too large" },
	{ "[1000000000000000000000000000000000000000000000000000000000000000000]",
	  JSON_SCAN_ERROR_SYNTAX, "too long" },
	{ "[0.000000000000000000000000000000000000000000000000000000000000000001]",
	  JSON_SCAN_ERROR_SYNTAX, "too long" },
	/* Grammar. */
	{ "", JSON_SCAN_ERROR_TRUNCATED, "it is empty" },
	{ "  ", JSON_SCAN_ERROR_TRUNCATED, "it is empty" },
	{ "{\"a\":1", JSON_SCAN_ERROR_TRUNCATED, "ended inside" },
	{ "\"a", JSON_SCAN_ERROR_TRUNCATED, "ended inside" },
	{ "tru", JSON_SCAN_ERROR_SYNTAX, "neither a number" },
	{ "[True]", JSON_SCAN_ERROR_SYNTAX, "neither a number" },
	{ "[truefalse]", JSON_SCAN_ERROR_SYNTAX, "neither a number" },
	{ "[1,]", JSON_SCAN_ERROR_SYNTAX, "']'" },
	{ "[,1]", JSON_SCAN_ERROR_SYNTAX, "','" },
	{ "{,}", JSON_SCAN_ERROR_SYNTAX, "','" },
	{ "{\"a\":1,}", JSON_SCAN_ERROR_SYNTAX, "'}'" },
	{ "{\"a\" 1}", JSON_SCAN_ERROR_SYNTAX, "'1'" },
	{ "{\"a\"}", JSON_SCAN_ERROR_SYNTAX, "'}'" },
	{ "{\"a\":}", JSON_SCAN_ERROR_SYNTAX, "'}'" },
	{ "{1:2}", JSON_SCAN_ERROR_SYNTAX, "'1'" },
	{ "[1 2]", JSON_SCAN_ERROR_SYNTAX, "'2'" },
	{ "[1}", JSON_SCAN_ERROR_SYNTAX, "'}'" },
	{ "{]", JSON_SCAN_ERROR_SYNTAX, "']'" },
	{ "}", JSON_SCAN_ERROR_SYNTAX, "'}'" },
	{ "\xef\xbb\xbf{}", JSON_SCAN_ERROR_SYNTAX, "0xef" },
	{ "\x1b[2J", JSON_SCAN_ERROR_SYNTAX, "0x1b" },
	/* Limits. */
	{ "[[[[[[]]]]]]", JSON_SCAN_ERROR_TOO_DEEP, "nested too deep, at byte 6" },
	{ "\"12345678901234567890123456789012345678901\"", JSON_SCAN_ERROR_TOO_LARGE, "a string" },
	{ "{\"12345678901234567890123456789012345678901\":0}", JSON_SCAN_ERROR_TOO_LARGE,
	  "a string" },
};

static void
what_is_no_json_is_refused(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
		const Refused *row = &refused[i];
		const gsize pieces[] = { 1, 2, 5, MAX(strlen(row->text), 1) };
		for (gsize p = 0; p < G_N_ELEMENTS(pieces); p++) {
			g_autoptr(GError) error = NULL;
			CU_ASSERT_FALSE(
				scan_pieces(row->text, strlen(row->text), pieces[p], &error));
			TEST_ERROR(error, JSON_SCAN_ERROR, (int)row->code, row->word);
		}
		g_autoptr(GError) error = NULL;
		CU_ASSERT_PTR_NULL(json_load(row->text, strlen(row->text), &small, &error));
		TEST_ERROR(error, JSON_SCAN_ERROR, (int)row->code, row->word);
	}
}

static void
one_value_and_no_more(void)
{
	static const char *const more[] = { "{}{}", "{} x", "1 2", "[],", "null//" };

	for (gsize i = 0; i < G_N_ELEMENTS(more); i++) {
		g_autoptr(GError) error = NULL;
		CU_ASSERT_PTR_NULL(json_load(more[i], strlen(more[i]), &small, &error));
		TEST_ERROR(error, JSON_SCAN_ERROR, JSON_SCAN_ERROR_SYNTAX, "more follows");
	}
	g_autoptr(JsonNode) node = json_load("{} \n", 4, &small, NULL);
	CU_ASSERT_PTR_NOT_NULL(node);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(json_load("{}\0", 3, &small, &error));
	TEST_ERROR(error, JSON_SCAN_ERROR, JSON_SCAN_ERROR_SYNTAX, "more follows");
}

static void
other_bytes_than_utf8_are_refused(void)
{
	static const char *const texts[] = { "\"\xff\"", "\"\xc3\"", "\"\xed\xa0\x80\"",
					     "\"\xc0\x80\"" };

	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(GError) error = NULL;
		CU_ASSERT_PTR_NULL(json_load(texts[i], strlen(texts[i]), &small, &error));
		TEST_ERROR(error, JSON_SCAN_ERROR, JSON_SCAN_ERROR_SYNTAX, "not UTF-8");
	}
}

/* (transfer full): @open, @item @n times with commas, @close */
static char *
repeat(const char *open, const char *item, guint n, const char *close)
{
	GString *text = g_string_new(open);

	for (guint i = 0; i < n; i++)
		g_string_append_printf(text, "%s%s", i > 0 ? "," : "", item);
	g_string_append(text, close);
	return g_string_free(text, FALSE);
}

static const JsonLimits wide = {
	.bytes = 8 * MIB,
	.string_bytes = 8 * MIB,
	.heap_bytes = 24 * MIB,
	.depth = 64,
};

/* What json-glib holds is measured: an estimate below that would let a peer take more than it
 * may. */
static void
the_estimate_holds(void)
{
	static const char *const items[] = {
		"0",	"-1.5e3",    "true",
		"null", "\"\"",	     "\"0123456789012345678901234567890123456789\"",
		"[]",	"[[]]",	     "{}",
		"[{}]", "{\"a\":0}", "{\"a\":{},\"bcdefghijk\":[],\"l\":\"m\"}",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(items); i++) {
		const guint n = 20000;
		g_autofree char *text = repeat("[", items[i], n, "]");
		g_autoptr(JsonScan) scan = json_scan_new(&wide);
		gsize used = 0;
		CU_ASSERT_TRUE(json_scan_feed(scan, text, strlen(text), &used, NULL));
		gsize before = mallinfo2().uordblks;
		g_autoptr(JsonNode) node = json_load(text, strlen(text), &wide, NULL);
		gsize held = mallinfo2().uordblks - before;
		CU_ASSERT_PTR_NOT_NULL(node);
		if (held > json_scan_get_heap_bytes(scan))
			printf("\n    %s: %.0f bytes a piece, estimated %.0f ", items[i],
			       (double)held / n, (double)json_scan_get_heap_bytes(scan) / n);
		CU_ASSERT_TRUE(held <= json_scan_get_heap_bytes(scan));
	}
}

/* Each of these is a MiB or more, and none may cost more than the limit says. */
static void
bombs_are_refused_early(void)
{
	g_autofree char *deep = g_strnfill(4 * MIB, '[');
	g_autofree char *objects = repeat("[", "{}", MIB, "]");
	g_autofree char *values = repeat("[", "0", 2 * MIB, "]");
	g_autofree char *members = repeat("{", "\"a\":0", 500000, "}");
	g_autofree char *many = repeat("[", "{\"a\":0,\"a\":0,\"a\":0}", 200000, "]");
	const char *const bombs[] = { deep, objects, values, members, many };

	for (gsize i = 0; i < G_N_ELEMENTS(bombs); i++) {
		g_autoptr(GError) error = NULL;
		gint64 begin_us = g_get_monotonic_time();
		gsize before = mallinfo2().uordblks;
		CU_ASSERT_PTR_NULL(json_load(bombs[i], strlen(bombs[i]), &wide, &error));
		CU_ASSERT_PTR_NOT_NULL(error);
		CU_ASSERT_TRUE(mallinfo2().uordblks < before + MIB);
		CU_ASSERT_TRUE(g_get_monotonic_time() - begin_us < 5 * G_USEC_PER_SEC);
	}
}

/* Equal keys make json-glib walk all members each time; within the limit that is soon over. */
static void
equal_keys_cost_little(void)
{
	g_autofree char *object = repeat("{", "\"a\":0", JSON_MAX_MEMBERS, "}");
	g_autofree char *text = repeat("[", object, 100, "]");
	gint64 begin_us = g_get_monotonic_time();

	g_autoptr(JsonNode) node = json_load(text, strlen(text), &wide, NULL);
	CU_ASSERT_PTR_NOT_NULL(node);
	CU_ASSERT_TRUE(test_under_valgrind() ||
		       g_get_monotonic_time() - begin_us < 2 * G_USEC_PER_SEC);
}

CU_TestInfo suite_json_scan[] = {
	{ "JSON is taken, in pieces of any size", what_is_json_is_taken },
	{ "anything else is refused, and told where", what_is_no_json_is_refused },
	{ "one value is loaded and no more", one_value_and_no_more },
	{ "other bytes than UTF-8 are refused", other_bytes_than_utf8_are_refused },
	{ "json-glib takes no more memory than is estimated", the_estimate_holds },
	{ "bombs are refused before json-glib sees them", bombs_are_refused_early },
	{ "an object of equal keys costs little", equal_keys_cost_little },
	CU_TEST_INFO_NULL,
};
