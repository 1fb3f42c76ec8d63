/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: what a peer may send as a survey, and what comes of it. The input's first two JSON
 * objects are the two surveys; with one it is both. Besides not crashing: what was understood is
 * written and understood again in the same way, whatever plan they make goes to a peer and back,
 * each issue says what, where and why, and its text has no terminal's commands in it. The whole
 * input is also taken for what QEMU says of its devices and of its memory, in its form for people.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/plan/negotiate.h"
#include "engine/data/plan-json.h"
#include "engine/data/survey-json.h"
#include "engine/util/json-parse.h"
#include "qmp/json-frame.h"
#include "qmp/qmp-facts.h"
#include "tools/plan-text.h"

/* As on the wire, but small enough to find the limits. */
static const JsonLimits limits = {
	.bytes = 64 * 1024,
	.string_bytes = 16 * 1024,
	.heap_bytes = 4 * 1024 * 1024,
	.depth = 16,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static GwSurvey *
try_survey(const char *text, gsize len)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonNode) node = parse_object(text, len, &limits, NULL);

	if (node == NULL)
		return NULL;
	g_autoptr(GwSurvey) survey = survey_from_node(node, &error);
	g_assert((survey == NULL) == (error != NULL));
	if (survey == NULL) {
		/* An error names the field, and can be sent back. */
		g_assert(g_str_has_prefix(error->message, "survey"));
		g_assert(g_utf8_validate(error->message, -1, NULL));
		return NULL;
	}
	g_autoptr(JsonNode) written = survey_to_node(survey);
	g_autoptr(GwSurvey) again = survey_from_node(written, NULL);
	g_assert(again != NULL);
	g_autofree char *first = gw_survey_to_json(survey);
	g_autofree char *second = gw_survey_to_json(again);
	g_assert_cmpstr(first, ==, second);
	return g_steal_pointer(&survey);
}

static void
check_issues(const GwPlan *plan)
{
	for (guint i = 0; i < plan->issues->len; i++) {
		const GwIssue *issue = g_ptr_array_index(plan->issues, i);
		g_assert(issue->code != NULL && *issue->code != '\0');
		g_assert(issue->host != NULL && *issue->host != '\0');
		g_assert(issue->text != NULL && *issue->text != '\0');
		g_assert(g_utf8_validate(issue->text, -1, NULL));
	}
}

static void
check_text(const GwPlan *plan)
{
	g_autofree char *text = plan_text(plan, PLAN_TEXT_ALL);

	for (const char *c = text; *c != '\0'; c++)
		g_assert((guchar)*c >= 0x20 || *c == '\n' || *c == '\t');
}

static void
try_pair(const GwSurvey *source, const GwSurvey *destination, guint bits)
{
	static const char *const capabilities[] = { "xbzrle", "postcopy-ram", "no such", NULL };
	static const char *const allowed[] = { "uuid", "cpu-model", "device-property", NULL };
	const NegotiatePolicy policy = {
		.vm_name = "vm",
		.channels = bits & 7,
		.capabilities = (bits & 8) != 0 ? capabilities : NULL,
		.allowed = (bits & 16) != 0 ? allowed : NULL,
		.on_stall = GW_ON_STALL_THROTTLE,
	};
	g_autoptr(GwPlan) plan = negotiate(source, destination, &policy);

	check_issues(plan);
	check_text(plan);
	g_autofree char *errors = negotiate_describe_errors(plan);
	g_assert((*errors == '\0') == gw_plan_is_possible(plan));
	g_autoptr(JsonNode) written = gw_plan_to_json_node(plan);
	g_autoptr(GError) error = NULL;
	g_autoptr(GwPlan) again = gw_plan_from_json_node(written, &error);
	g_assert_no_error(error);
	if (!negotiate_check_destination(again, destination, &error))
		g_assert(error != NULL);
}

static void
try_texts(const uint8_t *data, gsize size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autoptr(GPtrArray) devices = qmp_qtree_parse(text);
	g_autoptr(GPtrArray) blocks = qmp_ram_blocks_new();

	for (guint i = 0; i < devices->len; i++) {
		const QmpQdev *device = g_ptr_array_index(devices, i);
		g_assert(device->path != NULL && device->type != NULL);
	}
	qmp_facts_add_ram_blocks(text, blocks);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(JsonFrame) frame = json_frame_new(&limits);
	GwSurvey *surveys[2] = { NULL, NULL };
	const char *text = NULL;
	gsize len = 0;

	json_frame_push(frame, data, size);
	for (guint i = 0; i < 2 && json_frame_next(frame, &text, &len, NULL) && text != NULL; i++)
		surveys[i] = try_survey(text, len);
	if (surveys[0] != NULL)
		try_pair(surveys[0], surveys[1] != NULL ? surveys[1] : surveys[0], (guint)size);
	if (surveys[1] != NULL && surveys[0] != NULL)
		try_pair(surveys[1], surveys[0], (guint)size / 2);
	try_texts(data, size);
	gw_survey_free(surveys[0]);
	gw_survey_free(surveys[1]);
	return 0;
}
