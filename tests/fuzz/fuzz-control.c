/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: what a peer may send to an agent or a source. The input is a stream of control
 * messages; each one goes the way of a message, and what it carries the way of an error, a plan and
 * a survey. The input's begin is also taken for a data channel's preamble. Besides not crashing:
 * what was understood is written and understood again in the same way, and cutting the stream in
 * other places changes nothing.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/control/control.h"
#include "engine/plan/negotiate.h"
#include "engine/data/plan-json.h"
#include "engine/data/survey-json.h"
#include "qmp/json-frame.h"

/* Small, so that the fuzzer finds the limits. */
static const JsonLimits limits = {
	.bytes = 8192,
	.string_bytes = 4096,
	.heap_bytes = 256 * 1024,
	.depth = 16,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static GwPlan *
try_plan(JsonNode *node)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GwPlan) plan = gw_plan_from_json_node(node, &error);

	g_assert((plan == NULL) == (error != NULL));
	if (plan == NULL)
		return NULL;
	g_autoptr(JsonNode) written = gw_plan_to_json_node(plan);
	g_autoptr(GwPlan) again = gw_plan_from_json_node(written, NULL);
	g_assert(again != NULL);
	g_autofree char *first = gw_plan_to_json(plan);
	g_autofree char *second = gw_plan_to_json(again);
	g_assert_cmpstr(first, ==, second);
	return g_steal_pointer(&plan);
}

static GwSurvey *
try_survey(JsonNode *node)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GwSurvey) survey = survey_from_node(node, &error);

	g_assert((survey == NULL) == (error != NULL));
	if (survey == NULL)
		return NULL;
	g_autoptr(JsonNode) written = survey_to_node(survey);
	g_autoptr(GwSurvey) again = survey_from_node(written, NULL);
	g_assert(again != NULL);
	g_autofree char *first = gw_survey_to_json(survey);
	g_autofree char *second = gw_survey_to_json(again);
	g_assert_cmpstr(first, ==, second);
	return g_steal_pointer(&survey);
}

/* The agent's own look at a plan, and the source's at two surveys. */
static void
try_negotiate(JsonObject *body)
{
	const NegotiatePolicy policy = { .vm_name = "vm" };
	g_autoptr(GwPlan) plan = try_plan(json_object_get_member(body, "plan"));
	g_autoptr(GwSurvey) survey = try_survey(json_object_get_member(body, "survey"));
	g_autoptr(GError) error = NULL;

	if (survey == NULL)
		return;
	g_autoptr(GwPlan) own = negotiate(survey, survey, &policy);
	g_autofree char *text = negotiate_describe_errors(own);
	g_assert((*text == '\0') == gw_plan_is_possible(own));
	if (plan != NULL && !negotiate_check_destination(plan, survey, &error))
		g_assert(error != NULL);
}

static void
try_error(JsonObject *body)
{
	JsonNode *node = json_object_get_member(body, "error");

	if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node))
		return;
	g_autoptr(GError) error = control_error_from_object(json_node_get_object(node));
	g_autoptr(JsonObject) object = control_error_to_object(error);
	g_autoptr(GError) again = control_error_from_object(object);
	g_assert(g_error_matches(again, error->domain, error->code));
	g_assert_cmpstr(again->message, ==, error->message);
}

static void
try_message(const char *text, gsize len)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(ControlMessage) message = control_parse(text, len, &error);

	g_assert((message == NULL) == (error != NULL));
	if (message == NULL) {
		g_assert(g_utf8_validate(error->message, -1, NULL));
		return;
	}
	for (guint state = 0; state < CONTROL_N_STATES; state++)
		if (control_is_allowed(state, message->type))
			g_assert(message->id > 0);
	try_error(message->body);
	try_negotiate(message->body);
	/* Last: it writes type and id into the body. */
	g_autofree char *line =
		control_format(message->type, message->id, json_object_ref(message->body));
	/* json-glib lets half a surrogate pair through, as bytes: in members that nobody reads. */
	if (!g_utf8_validate(line, -1, NULL))
		return;
	g_autoptr(ControlMessage) again = control_parse(line, strlen(line), NULL);
	g_assert(again != NULL && again->type == message->type && again->id == message->id);
}

/* How many objects there are, and the sum of their lengths. */
static guint64
walk(const uint8_t *data, gsize size, gsize piece, gboolean parse)
{
	g_autoptr(JsonFrame) frame = json_frame_new(&limits);
	const char *text = NULL;
	gsize len = 0;
	guint64 digest = 0;

	for (gsize at = 0; at < size; at += piece) {
		json_frame_push(frame, data + at, MIN(piece, size - at));
		while (json_frame_next(frame, &text, &len, NULL) && text != NULL) {
			digest += (G_GUINT64_CONSTANT(1) << 32) + len;
			if (parse)
				try_message(text, len);
		}
	}
	return digest * 2 + json_frame_end(frame, NULL);
}

static void
try_preamble(const uint8_t *data, gsize size)
{
	ControlPreamble preamble;
	guint8 again[CONTROL_PREAMBLE_BYTES];
	guint8 token[CONTROL_TOKEN_BYTES];

	if (!control_preamble_parse(data, MIN(size, CONTROL_PREAMBLE_BYTES), &preamble, NULL))
		return;
	control_preamble_format(&preamble, again);
	g_assert(memcmp(again, data, sizeof again) == 0);
	g_autofree char *text = control_token_to_string(preamble.token);
	g_assert(control_token_from_string(text, token));
	g_assert(memcmp(token, preamble.token, sizeof token) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING | G_LOG_FATAL_MASK);
	try_preamble(data, size);
	guint64 whole = walk(data, size, size, TRUE);
	g_assert(walk(data, size, 1, FALSE) == whole);
	return 0;
}
