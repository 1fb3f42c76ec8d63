/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * json-frame: where objects end, in whatever pieces they come, and what is refused.
 */
#include <string.h>

#include "qmp/json-frame.h"
#include "tests/rig/test-util.h"

#define MAX_BYTES 4096
#define MAX_DEPTH 8

static const JsonLimits limits = {
	.bytes = MAX_BYTES,
	.string_bytes = MAX_BYTES,
	.heap_bytes = 1024 * 1024,
	.depth = MAX_DEPTH,
};
static const JsonLimits large_limits = {
	.bytes = 1024 * 1024,
	.string_bytes = 1024 * 1024,
	.heap_bytes = 16 * 1024 * 1024,
	.depth = MAX_DEPTH,
};

/* All objects of @text fed in pieces of @piece bytes, with '|' between them; NULL and @error on
 * failure. */
static char *
cut(const char *text, gsize len, gsize piece, GError **error)
{
	g_autoptr(JsonFrame) frame = json_frame_new(&limits);
	g_autoptr(GString) out = g_string_new(NULL);
	const char *object = NULL;
	gsize object_len = 0;

	for (gsize at = 0; at < len; at += piece) {
		json_frame_push(frame, text + at, MIN(piece, len - at));
		do {
			if (!json_frame_next(frame, &object, &object_len, error))
				return NULL;
			if (object == NULL)
				break;
			g_string_append_len(out, object, object_len);
			g_string_append_c(out, '|');
		} while (TRUE);
	}
	if (!json_frame_end(frame, error))
		return NULL;
	return g_strdup(out->str);
}

static void
check_cut(const char *text, const char *expected)
{
	for (gsize piece = 1; piece <= strlen(text); piece++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *got = cut(text, strlen(text), piece, &error);
		TEST_NO_ERROR(error);
		TEST_STRING(got, expected);
	}
}

static void
check_refused(const char *text, gsize len, JsonScanError code)
{
	const gsize pieces[] = { 1, 3, len };

	for (gsize i = 0; i < G_N_ELEMENTS(pieces); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *got = cut(text, len, pieces[i], &error);
		CU_ASSERT_PTR_NULL(got);
		TEST_ERROR(error, JSON_SCAN_ERROR, (int)code, "");
	}
}

static void
test_objects_in_pieces(void)
{
	check_cut("{}", "{}|");
	check_cut("{\"a\":1}\r\n{\"b\":[1,{\"c\":2}]}\r\n", "{\"a\":1}|{\"b\":[1,{\"c\":2}]}|");
	check_cut("{}{}{\"x\":{}}", "{}|{}|{\"x\":{}}|");
}

static void
test_pretty_printed(void)
{
	check_cut("{\n    \"a\": [\n        1\n    ]\n}\n\t {\n}\n",
		  "{\n    \"a\": [\n        1\n    ]\n}|{\n}|");
}

static void
test_brackets_in_strings(void)
{
	check_cut("{\"}{][\":\"}\"}", "{\"}{][\":\"}\"}|");
	check_cut("{\"a\":\"\\\"}\"}{\"b\":\"\\\\\"}", "{\"a\":\"\\\"}\"}|{\"b\":\"\\\\\"}|");
}

static void
test_only_space(void)
{
	check_cut(" \r\n\t ", "");
}

static void
test_refuses_other_than_objects(void)
{
	check_refused("[1]", 3, JSON_SCAN_ERROR_SYNTAX);
	check_refused("{} x", 4, JSON_SCAN_ERROR_SYNTAX);
	check_refused("\0{}", 3, JSON_SCAN_ERROR_SYNTAX);
	check_refused("}", 1, JSON_SCAN_ERROR_SYNTAX);
	check_refused("{\"a\":[}", 7, JSON_SCAN_ERROR_SYNTAX);
	check_refused("{]", 2, JSON_SCAN_ERROR_SYNTAX);
}

static void
test_depth_limit(void)
{
	check_cut("{\"a\":[[[[[[[1]]]]]]]}", "{\"a\":[[[[[[[1]]]]]]]}|");
	check_refused("{\"a\":[[[[[[[[1]]]]]]]]}", 23, JSON_SCAN_ERROR_TOO_DEEP);
}

static char *
object_of(gsize len)
{
	char *text = g_malloc(len + 1);

	memset(text, 'x', len);
	memcpy(text, "{\"", 2);
	strcpy(text + len - 4, "\":1}");
	return text;
}

static void
test_size_limit(void)
{
	g_autofree char *largest = object_of(MAX_BYTES);
	g_autofree char *larger = object_of(MAX_BYTES + 1);
	g_autoptr(GError) error = NULL;
	g_autofree char *got = cut(largest, MAX_BYTES, 1000, &error);

	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(got);
	CU_ASSERT_EQUAL(strlen(got), MAX_BYTES + 1);
	check_refused(larger, MAX_BYTES + 1, JSON_SCAN_ERROR_TOO_LARGE);
}

static void
test_member_limit(void)
{
	g_autoptr(GString) text = g_string_new("{\"a\":0");
	g_autoptr(JsonFrame) frame = json_frame_new(&large_limits);
	g_autoptr(GError) error = NULL;
	const char *object = NULL;
	gsize len = 0;

	for (guint i = 0; i < 1024; i++)
		g_string_append(text, ",\"a\":0");
	g_string_append_c(text, '}');
	json_frame_push(frame, text->str, text->len);
	CU_ASSERT_FALSE(json_frame_next(frame, &object, &len, &error));
	TEST_ERROR(error, JSON_SCAN_ERROR, JSON_SCAN_ERROR_TOO_LARGE, "members");
}

static void
test_long_arrays_are_no_members(void)
{
	g_autoptr(GString) text = g_string_new("{\"a\":[0");
	g_autoptr(JsonFrame) frame = json_frame_new(&large_limits);
	const char *object = NULL;
	gsize len = 0;

	for (guint i = 0; i < 100000; i++)
		g_string_append(text, ",0");
	g_string_append(text, "]}");
	json_frame_push(frame, text->str, text->len);
	CU_ASSERT_TRUE(json_frame_next(frame, &object, &len, NULL));
	CU_ASSERT_EQUAL(len, text->len);
}

/* The first object has the limits of its time, and the second its own. */
static void
test_limits_change_between_objects(void)
{
	const JsonLimits narrow = { 16, 16, 1024, 2 };
	g_autoptr(JsonFrame) frame = json_frame_new(&limits);
	g_autoptr(GError) error = NULL;
	const char text[] = "{\"a\":[[0]]}{\"a\":[[0]]}";
	const char *object = NULL;
	gsize len = 0;

	json_frame_push(frame, text, strlen(text));
	CU_ASSERT_TRUE(json_frame_next(frame, &object, &len, NULL));
	CU_ASSERT_EQUAL(len, 11);
	CU_ASSERT_TRUE(json_frame_get_heap_bytes(frame) > 300);
	json_frame_set_limits(frame, &narrow);
	CU_ASSERT_FALSE(json_frame_next(frame, &object, &len, &error));
	TEST_ERROR(error, JSON_SCAN_ERROR, JSON_SCAN_ERROR_TOO_DEEP, "nested too deep, at byte 7");
}

/* What is refused must not be gathered first: this peer would go on forever. */
static void
test_refused_before_it_is_gathered(void)
{
	g_autoptr(JsonFrame) frame = json_frame_new(&large_limits);
	const char *object = NULL;
	gsize len = 0;
	guint n = 0;

	json_frame_push(frame, "{\"a\":[0", 7);
	while (json_frame_next(frame, &object, &len, NULL) && n++ < 100000)
		json_frame_push(frame, ",{}", 3);
	CU_ASSERT_TRUE(n > 10000 && n < 90000);
}

static void
test_fails_for_ever(void)
{
	g_autoptr(JsonFrame) frame = json_frame_new(&limits);
	const char *object = NULL;
	gsize len = 0;

	json_frame_push(frame, "x", 1);
	for (guint i = 0; i < 3; i++) {
		g_autoptr(GError) error = NULL;
		CU_ASSERT_FALSE(json_frame_next(frame, &object, &len, &error));
		TEST_ERROR(error, JSON_SCAN_ERROR, JSON_SCAN_ERROR_SYNTAX, "not a JSON object");
		json_frame_push(frame, "{}", 2);
	}
	CU_ASSERT_FALSE(json_frame_end(frame, NULL));
}

static void
test_truncated(void)
{
	const char *text = "{\"a\":\"\\\"b\",\"c\":[1]}";

	for (gsize len = 1; len < strlen(text); len++)
		check_refused(text, len, JSON_SCAN_ERROR_TRUNCATED);
}

/* A scanner that began again at each piece would look at 4 * 10^12 bytes here. */
static void
test_time_is_linear(void)
{
	const gsize len = test_under_valgrind() ? 1 << 18 : 1 << 22;
	const JsonLimits enough = { len + 16, len + 16, len + 4096, MAX_DEPTH };
	g_autoptr(JsonFrame) frame = json_frame_new(&enough);
	g_autofree char *text = object_of(len);
	const char *object = NULL;
	gsize object_len = 0;
	gint64 begin_us = g_get_monotonic_time();

	for (gsize i = 0; i < len; i += 4) {
		json_frame_push(frame, text + i, 4);
		CU_ASSERT_TRUE_FATAL(json_frame_next(frame, &object, &object_len, NULL));
	}
	CU_ASSERT_EQUAL(object_len, len);
	CU_ASSERT_TRUE(g_get_monotonic_time() - begin_us < 20 * G_USEC_PER_SEC);
}

CU_TestInfo suite_json_frame[] = {
	{ "objects in pieces of any size", test_objects_in_pieces },
	{ "pretty printed objects", test_pretty_printed },
	{ "brackets in strings do not count", test_brackets_in_strings },
	{ "white space alone is nothing", test_only_space },
	{ "anything but an object is refused", test_refuses_other_than_objects },
	{ "too deep is refused", test_depth_limit },
	{ "too large is refused", test_size_limit },
	{ "too many members are refused", test_member_limit },
	{ "a long array is accepted", test_long_arrays_are_no_members },
	{ "limits may change between objects", test_limits_change_between_objects },
	{ "too many values are refused as they come", test_refused_before_it_is_gathered },
	{ "once failed it fails for ever", test_fails_for_ever },
	{ "an end inside an object is told", test_truncated },
	{ "time is linear", test_time_is_linear },
	CU_TEST_INFO_NULL,
};
