/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text of the control protocol: every message good and spoilt, which may come when, the
 * version, errors on their way, the preamble byte by byte, and the same messages however the stream
 * is cut.
 */
#include <CUnit/CUnit.h>
#include <string.h>

#include "engine/control/control.h"
#include "engine/gw-error.h"
#include "qmp/json-frame.h"
#include "qmp/qmp-error.h"
#include "tests/rig/test-util.h"

static ControlMessage *
parse(const char *text, GError **error)
{
	return control_parse(text, strlen(text), error);
}

/* @text is refused with exactly @message. */
static void
check_refused(const char *text, const char *message)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(ControlMessage) parsed = parse(text, &error);

	CU_ASSERT_PTR_NULL(parsed);
	CU_ASSERT_TRUE_FATAL(error != NULL);
	CU_ASSERT_TRUE(g_error_matches(error, GW_ERROR, GW_ERROR_PROTOCOL));
	TEST_STRING(error->message, message);
}

static const struct {
	ControlType type;
	const char *name;
	gboolean is_request;
	const char *text;
} good[] = {
	{ CONTROL_HELLO, "hello", TRUE, "{\"type\":\"hello\",\"id\":1,\"versions\":[2,2]}" },
	{ CONTROL_SURVEY, "survey", TRUE,
	  "{\"type\":\"survey\",\"id\":2,\"session\":\"s\",\"vm\":\"\",\"check\":true,"
	  "\"vgpus\":[]}" },
	{ CONTROL_LOOK, "look", TRUE, "{\"type\":\"look\",\"id\":2,\"marks\":{}}" },
	{ CONTROL_PREPARE, "prepare", TRUE, "{\"type\":\"prepare\",\"id\":3,\"plan\":{}}" },
	{ CONTROL_SETUP, "setup", TRUE, "{\"type\":\"setup\",\"id\":4}" },
	{ CONTROL_SWITCHOVER, "switchover", TRUE, "{\"type\":\"switchover\",\"id\":5}" },
	{ CONTROL_COMMIT, "commit", TRUE, "{\"type\":\"commit\",\"id\":6,\"run\":true}" },
	{ CONTROL_DONE, "done", TRUE,
	  "{\"type\":\"done\",\"id\":7,\"session\":\"s\",\"vm\":\"\",\"proof\":\"p\"}" },
	{ CONTROL_ABORT, "abort", TRUE, "{\"type\":\"abort\",\"id\":8,\"reason\":\"r\"}" },
	{ CONTROL_OUTCOME, "outcome", TRUE,
	  "{\"type\":\"outcome\",\"id\":9,\"session\":\"s\",\"vm\":\"\",\"proof\":\"p\"}" },
	{ CONTROL_PING, "ping", TRUE, "{\"type\":\"ping\",\"id\":9223372036854775807}" },
	{ CONTROL_REPLY, "reply", TRUE, "{\"type\":\"reply\",\"id\":11}" },
	{ CONTROL_ERROR, "error", TRUE, "{\"type\":\"error\",\"id\":12,\"error\":{}}" },
	{ CONTROL_EVENT, "event", FALSE,
	  "{\"type\":\"event\",\"name\":\"STOP\",\"timestamp_us\":5}" },
	{ CONTROL_FAILED, "failed", FALSE, "{\"type\":\"failed\",\"error\":{}}" },
};

static void
every_message_is_understood(void)
{
	CU_ASSERT_EQUAL_FATAL(G_N_ELEMENTS(good), CONTROL_N_TYPES);
	for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(ControlMessage) message = parse(good[i].text, &error);
		TEST_NO_ERROR(error);
		CU_ASSERT_PTR_NOT_NULL_FATAL(message);
		CU_ASSERT_EQUAL(message->type, good[i].type);
		TEST_STRING(control_type_to_string(message->type), good[i].name);
		TEST_STRING(json_object_get_string_member(message->body, "type"), good[i].name);
		gint64 id = json_object_get_int_member_with_default(message->body, "id", 0);
		CU_ASSERT_EQUAL(message->id, (guint64)id);
		CU_ASSERT_EQUAL(message->id > 0, good[i].is_request);
	}
}

/* The whole line, and back again. */
static void
every_message_is_written_as_it_is_read(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
		g_autoptr(ControlMessage) message = parse(good[i].text, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(message);
		JsonNode *node = json_from_string(good[i].text, NULL);
		JsonObject *fields = json_node_dup_object(node);
		json_node_unref(node);
		json_object_remove_member(fields, "type");
		json_object_remove_member(fields, "id");
		g_autofree char *line = control_format(message->type, message->id, fields);
		CU_ASSERT_TRUE(g_str_has_suffix(line, "}\n"));
		CU_ASSERT_EQUAL(strcspn(line, "\n"), strlen(line) - 1);
		g_autoptr(ControlMessage) back = parse(line, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(back);
		CU_ASSERT_EQUAL(back->id, message->id);
		CU_ASSERT_EQUAL(json_object_get_size(back->body),
				json_object_get_size(message->body));
	}
	g_autofree char *ping = control_format(CONTROL_PING, 7, NULL);
	TEST_STRING(ping, "{\"type\":\"ping\",\"id\":7}\n");
	g_autofree char *notice = control_format(CONTROL_FAILED, 7, NULL);
	TEST_STRING(notice, "{\"type\":\"failed\"}\n");
}

static const struct {
	const char *type;
	const char *field;
} required[] = {
	{ "hello", "versions" },
	{ "commit", "run" },
	{ "survey", "session" },
	{ "survey", "vm" },
	{ "survey", "check" },
	{ "survey", "vgpus" },
	{ "prepare", "plan" },
	{ "done", "session" },
	{ "abort", "reason" },
	{ "outcome", "session" },
	{ "done", "vm" },
	{ "done", "proof" },
	{ "outcome", "vm" },
	{ "outcome", "proof" },
	{ "error", "error" },
	{ "event", "name" },
	{ "event", "timestamp_us" },
	{ "failed", "error" },
};

/* (transfer full): the good message of @type with @field taken out or, by @value, replaced. */
static char *
spoil(const char *type, const char *field, JsonNode *value)
{
	for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
		if (!g_str_equal(good[i].name, type))
			continue;
		g_autoptr(JsonNode) node = json_from_string(good[i].text, NULL);
		JsonObject *object = json_node_get_object(node);
		CU_ASSERT_TRUE_FATAL(json_object_has_member(object, field));
		if (value != NULL)
			json_object_set_member(object, field, value);
		else
			json_object_remove_member(object, field);
		return json_to_string(node, FALSE);
	}
	CU_FAIL_FATAL("no such type");
	return NULL;
}

static void
a_missing_field_is_named(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(required); i++) {
		g_autofree char *text = spoil(required[i].type, required[i].field, NULL);
		g_autofree char *message =
			g_strdup_printf("control message '%s': field '%s' is missing",
					required[i].type, required[i].field);
		check_refused(text, message);
	}
}

static const char *
kind_of(const char *json)
{
	return *json == '"'		   ? "string"
	       : *json == '['		   ? "array"
	       : *json == '{'		   ? "object"
	       : *json == 't'		   ? "boolean"
	       : strchr(json, '.') != NULL ? "double"
					   : "int";
}

static const char *
kind_of_field(const char *field)
{
	if (g_str_equal(field, "versions") || g_str_equal(field, "vgpus"))
		return "array";
	if (g_str_equal(field, "check") || g_str_equal(field, "run"))
		return "boolean";
	if (g_str_equal(field, "timestamp_us"))
		return "int";
	if (g_str_equal(field, "plan") || g_str_equal(field, "error"))
		return "object";
	return "string";
}

static void
a_field_of_another_type_is_named(void)
{
	static const char *const values[] = { "\"x\"", "7", "7.5", "true", "[]", "{}" };
	for (gsize i = 0; i < G_N_ELEMENTS(required); i++)
		for (gsize v = 0; v < G_N_ELEMENTS(values); v++) {
			const char *field = required[i].field;
			if (g_str_equal(kind_of(values[v]), kind_of_field(field)))
				continue;
			g_autofree char *text =
				spoil(required[i].type, field, json_from_string(values[v], NULL));
			g_autofree char *message = g_strdup_printf(
				"control message '%s': field '%s' has the wrong type",
				required[i].type, field);
			check_refused(text, message);
		}
	check_refused("{\"type\":\"prepare\",\"id\":3,\"plan\":null}",
		      "control message 'prepare': field 'plan' has the wrong type");
}

static void
requests_need_a_positive_id(void)
{
	static const char *const ids[] = { "0",	    "-1",  "-9223372036854775808",
					   "\"1\"", "1.0", "true",
					   "[1]",   "{}",  "null" };
	guint n_requests = 0;

	for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
		if (!good[i].is_request)
			continue;
		n_requests++;
		g_autofree char *message =
			g_strdup_printf("control message '%s' without a positive id", good[i].name);
		g_autofree char *without = spoil(good[i].name, "id", NULL);
		check_refused(without, message);
		for (gsize j = 0; j < G_N_ELEMENTS(ids); j++) {
			g_autofree char *text =
				spoil(good[i].name, "id", json_from_string(ids[j], NULL));
			check_refused(text, message);
		}
	}
	CU_ASSERT_EQUAL(n_requests, 13);
}

static void
an_id_in_a_notice_counts_for_nothing(void)
{
	g_autoptr(ControlMessage) message =
		parse("{\"type\":\"failed\",\"id\":-5,\"error\":{}}", NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	CU_ASSERT_EQUAL(message->id, 0);
}

static void
nonsense_is_refused(void)
{
	check_refused("{}", "control message without a type");
	check_refused("{\"type\":7}", "control message without a type");
	check_refused("{\"type\":null}", "control message without a type");
	check_refused("{\"type\":{\"type\":\"ping\"},\"id\":1}", "control message without a type");
	check_refused("{\"type\":\"\",\"id\":1}", "control message of unknown type ''");
	check_refused("{\"type\":\"Ping\",\"id\":1}", "control message of unknown type 'Ping'");
	check_refused("{\"type\":\"done\",\"id\":1,\"session\":\"\\ud83d{ude00\"}",
		      "control message: a string with half a surrogate pair, at byte 40");
	check_refused("[]", "control message: not a JSON object");
	check_refused("7", "control message: not a JSON object");
	check_refused("", "control message: it is empty, at byte 0");
	check_refused("{\"type\":\"ping\",/**/\"id\":1}",
		      "control message: not JSON: a comment or '/', at byte 16");
	check_refused("{\"type\":\"ping\",\"id\":1e999}",
		      "control message: a number that is too large, at byte 25");
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(parse("{\"type\":\"ping\",\"id\":1", &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_PROTOCOL, "control message: ended inside");
	g_clear_error(&error);
	CU_ASSERT_PTR_NULL(parse("{\"type\":\"\xff\xfe\",\"id\":1}", &error));
	CU_ASSERT_TRUE_FATAL(error != NULL);
	CU_ASSERT_TRUE(g_utf8_validate(error->message, -1, NULL));
}

/* The error quotes some of an unknown type, and goes back to the peer as JSON. */
static void
a_long_unknown_type_is_quoted_in_part(void)
{
	for (guint n = 0; n < 40; n++) {
		g_autofree char *filler = g_strnfill(n, 'x');
		g_autofree char *text =
			g_strdup_printf("{\"type\":\"%s\xe2\x82\xac\xe2\x82\xac%0200d\",\"id\":1}",
					filler, 0);
		g_autoptr(GError) error = NULL;
		CU_ASSERT_PTR_NULL(parse(text, &error));
		TEST_ERROR(error, GW_ERROR, GW_ERROR_PROTOCOL, "control message of unknown type '");
		CU_ASSERT_TRUE(strlen(error->message) < 160);
		CU_ASSERT_TRUE(g_utf8_validate(error->message, -1, NULL));
	}
}

static void
members_of_a_newer_peer_are_passed_over(void)
{
	g_autoptr(ControlMessage) message =
		parse("{\"type\":\"setup\",\"id\":1,\"novelty\":[{\"a\":null}]}", NULL);

	CU_ASSERT_PTR_NOT_NULL(message);
}

/* Which message may come in which state; notices go the other way and never come. */
static const struct {
	const char *state;
	const char *allowed;
} expected_table[CONTROL_N_STATES] = {
	[CONTROL_STATE_NEW] = { "new", " hello ping reply error " },
	[CONTROL_STATE_GREETED] = { "greeted", " survey done abort outcome ping reply error " },
	[CONTROL_STATE_SURVEYED] = { "surveyed", " look prepare abort ping reply error " },
	[CONTROL_STATE_PREPARED] = { "prepared", " setup abort ping reply error " },
	[CONTROL_STATE_LOADING] = { "loading", " switchover commit abort ping reply error " },
	[CONTROL_STATE_COMMITTED] = { "committed", " done ping reply error " },
	[CONTROL_STATE_DONE] = { "done", " ping reply error " },
	[CONTROL_STATE_REFUSED] = { "refused", " abort ping reply error " },
	[CONTROL_STATE_ENDED] = { "ended", " abort ping reply error " },
};

static void
every_type_is_allowed_where_the_table_says(void)
{
	for (guint state = 0; state < CONTROL_N_STATES; state++) {
		TEST_STRING(control_state_to_string(state), expected_table[state].state);
		for (guint type = 0; type < CONTROL_N_TYPES; type++) {
			g_autofree char *word =
				g_strdup_printf(" %s ", control_type_to_string(type));
			gboolean expected = strstr(expected_table[state].allowed, word) != NULL;
			CU_ASSERT_EQUAL(control_is_allowed(state, type) != FALSE, expected);
		}
	}
}

static void
best_common_version_is_chosen(void)
{
	static const struct {
		gint64 min, max;
		int chosen;
	} rows[] = {
		{ 2, 2, 2 },
		{ 2, 9, 2 },
		{ 0, 2, 2 },
		{ -5, G_MAXINT64, 2 },
		{ 3, 4, 0 },
		{ 1, 1, 0 }, /* from before a COMMIT said whether the guest was live */
		{ 0, 0, 0 },
		{ 2, 1, 0 },
		{ 3, 1, 0 },
		{ -2, -1, 0 },
		{ G_MININT64, 0, 0 },
		{ G_MAXINT64, G_MAXINT64, 0 },
	};
	CU_ASSERT_EQUAL(CONTROL_VERSION_MIN, 2);
	CU_ASSERT_EQUAL(CONTROL_VERSION_MAX, 2);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		CU_ASSERT_EQUAL(control_choose_version(rows[i].min, rows[i].max), rows[i].chosen);
}

static void
errors_cross_the_wire(void)
{
	for (guint code = 0; code <= GW_ERROR_CANCELLED; code++) {
		g_autoptr(GError) error = g_error_new(GW_ERROR, (gint)code, "say \"%u\"\n", code);
		g_autoptr(JsonObject) object = control_error_to_object(error);
		g_autoptr(GError) back = control_error_from_object(object);
		CU_ASSERT_TRUE(g_error_matches(back, GW_ERROR, (gint)code));
		TEST_STRING(back->message, error->message);
	}
}

static void
errors_of_other_domains_get_our_code(void)
{
	g_autoptr(GError) cancelled = g_error_new(G_IO_ERROR, G_IO_ERROR_CANCELLED, "enough");
	g_autoptr(GError) lost = g_error_new(QMP_ERROR, QMP_ERROR_CLOSED, "gone");
	g_autoptr(JsonObject) first = control_error_to_object(cancelled);
	g_autoptr(JsonObject) second = control_error_to_object(lost);

	TEST_STRING(json_object_get_string_member(first, "code"), "cancelled");
	TEST_STRING(json_object_get_string_member(first, "message"), "enough");
	TEST_STRING(json_object_get_string_member(second, "code"), "monitor-lost");
}

/* QEMU's stderr may hold any bytes, and the line must still be JSON. */
static void
any_words_make_a_line_that_can_be_read(void)
{
	g_autoptr(GError) error =
		g_error_new_literal(GW_ERROR, GW_ERROR_LAUNCH, "\xff\xfe \xe2\x82 x");
	JsonObject *fields = json_object_new();

	json_object_set_object_member(fields, "error", control_error_to_object(error));
	g_autofree char *line = control_format(CONTROL_FAILED, 0, fields);
	g_autoptr(GError) parse_error = NULL;
	g_autoptr(ControlMessage) message = parse(line, &parse_error);
	TEST_NO_ERROR(parse_error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	g_autoptr(GError) back =
		control_error_from_object(json_object_get_object_member(message->body, "error"));
	CU_ASSERT_TRUE(g_error_matches(back, GW_ERROR, GW_ERROR_LAUNCH));
	CU_ASSERT_TRUE(g_utf8_validate(back->message, -1, NULL));
	CU_ASSERT_TRUE(g_str_has_suffix(back->message, " x"));
}

static void
odd_errors_of_the_peer_are_read_all_the_same(void)
{
	static const struct {
		const char *text;
		GwError code;
		const char *message;
	} rows[] = {
		{ "{}", GW_ERROR_FAILED, "the peer gives no reason" },
		{ "{\"code\":\"busy\"}", GW_ERROR_BUSY, "the peer gives no reason" },
		{ "{\"code\":7,\"message\":[]}", GW_ERROR_FAILED, "the peer gives no reason" },
		{ "{\"code\":\"of a newer one\",\"message\":\"m\"}", GW_ERROR_FAILED, "m" },
		{ "{\"code\":\"refused\",\"message\":\"%s%n\"}", GW_ERROR_REFUSED, "%s%n" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(JsonNode) node = json_from_string(rows[i].text, NULL);
		g_autoptr(GError) error = control_error_from_object(json_node_get_object(node));
		CU_ASSERT_TRUE(g_error_matches(error, GW_ERROR, (gint)rows[i].code));
		TEST_STRING(error->message, rows[i].message);
	}
}

static const guint8 golden_preamble[CONTROL_PREAMBLE_BYTES] = {
	'g',  'w',  'd',  'a',	't',  'a',  0x00, 0x01, /* magic, version */
	0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, /* token */
	0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, /* */
	0x01, 0x02, 0x03, 0x04,				/* index, big end first */
};
static const char golden_token[] = "00112233445566778899aabbccddeeff";

static void
preamble_is_as_promised(void)
{
	ControlPreamble preamble = { .index = 0x01020304 };
	ControlPreamble back;
	guint8 bytes[CONTROL_PREAMBLE_BYTES];

	CU_ASSERT_TRUE(control_token_from_string(golden_token, preamble.token));
	control_preamble_format(&preamble, bytes);
	CU_ASSERT_EQUAL(memcmp(bytes, golden_preamble, sizeof bytes), 0);
	CU_ASSERT_TRUE(control_preamble_parse(bytes, sizeof bytes, &back, NULL));
	CU_ASSERT_EQUAL(memcmp(back.token, preamble.token, CONTROL_TOKEN_BYTES), 0);
	CU_ASSERT_EQUAL(back.index, 0x01020304);
}

static void
other_preambles_are_refused(void)
{
	ControlPreamble back;

	for (gsize len = 0; len < CONTROL_PREAMBLE_BYTES; len++) {
		g_autoptr(GError) error = NULL;
		g_autofree guint8 *piece = g_memdup2(golden_preamble, MAX(len, 1));
		CU_ASSERT_FALSE(control_preamble_parse(piece, len, &back, &error));
		TEST_ERROR(error, GW_ERROR, GW_ERROR_PROTOCOL,
			   "neither a control connection nor a data channel of ours");
	}
	for (gsize at = 0; at < CONTROL_PREAMBLE_BYTES; at++) {
		guint8 bytes[CONTROL_PREAMBLE_BYTES];
		g_autoptr(GError) error = NULL;
		memcpy(bytes, golden_preamble, sizeof bytes);
		bytes[at] ^= 0x02;
		gboolean is_header = at < 8; /* any other byte makes another token or index */
		CU_ASSERT_EQUAL(control_preamble_parse(bytes, sizeof bytes, &back, &error),
				!is_header);
		CU_ASSERT_EQUAL(error != NULL, is_header);
	}
}

static void
token_has_one_text(void)
{
	static const char *const bad[] = { "",
					   "00112233445566778899aabbccddeef",
					   "00112233445566778899aabbccddeeff0",
					   "00112233445566778899AABBCCDDEEFF",
					   "00112233445566778899aabbccddeefg",
					   " 0112233445566778899aabbccddeeff",
					   "0x112233445566778899aabbccddeeff" };
	guint8 token[CONTROL_TOKEN_BYTES];

	CU_ASSERT_TRUE(control_token_from_string(golden_token, token));
	CU_ASSERT_EQUAL(memcmp(token, golden_preamble + 8, sizeof token), 0);
	g_autofree char *text = control_token_to_string(token);
	TEST_STRING(text, golden_token);
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
		CU_ASSERT_FALSE(control_token_from_string(bad[i], token));
}

/* All messages of @stream, pushed in pieces of @piece bytes, as one text. (transfer full) */
static char *
read_in_pieces(const GString *stream, gsize piece)
{
	g_autoptr(JsonFrame) frame = json_frame_new(&control_limits);
	GString *seen = g_string_new(NULL);
	const char *text = NULL;
	gsize len = 0;

	for (gsize at = 0; at < stream->len; at += piece) {
		json_frame_push(frame, stream->str + at, MIN(piece, stream->len - at));
		while (json_frame_next(frame, &text, &len, NULL) && text != NULL) {
			g_autoptr(ControlMessage) message = control_parse(text, len, NULL);
			CU_ASSERT_PTR_NOT_NULL_FATAL(message);
			g_string_append_printf(seen, "%u:%" G_GUINT64_FORMAT ":%u ", message->type,
					       message->id, json_object_get_size(message->body));
		}
	}
	CU_ASSERT_TRUE(json_frame_end(frame, NULL));
	return g_string_free(seen, FALSE);
}

static void
cutting_the_stream_changes_nothing(void)
{
	g_autoptr(GString) stream = g_string_new(NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
		g_string_append_printf(stream, "%s%s", good[i].text, i % 2 == 0 ? "\n" : "\r\n ");
	g_autofree char *whole = read_in_pieces(stream, stream->len);
	CU_ASSERT_TRUE(g_str_has_prefix(whole, "0:1:3 1:2:6 2:2:3 3:3:3 "));
	CU_ASSERT_TRUE(g_str_has_suffix(whole, "13:0:3 14:0:2 "));
	for (gsize piece = 1; piece < stream->len; piece++) {
		g_autofree char *cut = read_in_pieces(stream, piece);
		CU_ASSERT_STRING_EQUAL(cut, whole);
	}
}

CU_TestInfo suite_control[] = {
	{ "every message is understood", every_message_is_understood },
	{ "every message is written as it is read", every_message_is_written_as_it_is_read },
	{ "a missing field is named", a_missing_field_is_named },
	{ "a field of another type is named", a_field_of_another_type_is_named },
	{ "requests need a positive id", requests_need_a_positive_id },
	{ "an id in a notice counts for nothing", an_id_in_a_notice_counts_for_nothing },
	{ "nonsense is refused", nonsense_is_refused },
	{ "a long unknown type is quoted in part", a_long_unknown_type_is_quoted_in_part },
	{ "members of a newer peer are passed over", members_of_a_newer_peer_are_passed_over },
	{ "every type is allowed where the table says",
	  every_type_is_allowed_where_the_table_says },
	{ "the best common version is chosen", best_common_version_is_chosen },
	{ "errors cross the wire with code and words", errors_cross_the_wire },
	{ "errors of other domains get our code", errors_of_other_domains_get_our_code },
	{ "any words make a line that can be read", any_words_make_a_line_that_can_be_read },
	{ "odd errors of the peer are read all the same",
	  odd_errors_of_the_peer_are_read_all_the_same },
	{ "the preamble is as promised, byte by byte", preamble_is_as_promised },
	{ "other preambles are refused", other_preambles_are_refused },
	{ "a token has one text", token_has_one_text },
	{ "cutting the stream changes nothing", cutting_the_stream_changes_nothing },
	CU_TEST_INFO_NULL,
};
