/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pairs of surveys, each a small difference from a good one, and what exactly is found.
 * data/pairs/good.json is what a QEMU 7.2 with a running guest and a QEMU 10.0 that waits for it
 * have said; a file NAME.pair changes it:
 *
 *   source run_state = "paused"              a member is set to some JSON; a level deeper behind each '/'
 *   destination devices/id=net0 -            is taken away; in a list the first one of which that holds
 *   destination devices + {"path": ...}      is added to a list
 *   both devices + {"path": ...}             likewise, in both surveys
 *   like vgpu                                all changes of vgpu.pair first, and none of what it expects
 *   policy allow uuid                        allow, capability, channels, transport, on-stall
 *   expect error both uuid UUID              severity, host, code, subject of each issue, in order
 *
 * '~' stands for a '/' in a word. The texts for people are in data/pairs/texts.txt.
 */
#include <CUnit/CUnit.h>
#include <string.h>

#include "engine/plan/negotiate.h"
#include "engine/data/plan-json.h"
#include "engine/data/survey-json.h"
#include "tests/rig/golden.h"
#include "tests/rig/test-util.h"

#define MIN_PAIRS 60

typedef struct {
	const char *name;
	JsonNode *surveys; /* (owned) */
	NegotiatePolicy policy;
	GPtrArray *allowed;	 /* (owned): of owned char *; ends with NULL when it is used */
	GPtrArray *capabilities; /* likewise */
	char *transport;	 /* (owned) */
	GString *expected;	 /* (owned) */
} Pair;

/* The index of the first element that has @member with the text @value. */
static guint
find_element(JsonArray *array, const char *member, const char *value)
{
	for (guint i = 0; i < json_array_get_length(array); i++) {
		JsonObject *object = json_array_get_object_element(array, i);
		if (json_object_has_member(object, member) &&
		    g_str_equal(json_object_get_string_member(object, member), value))
			return i;
	}
	g_error("no element with %s '%s'", member, value);
}

/* "id=net0" in a list, a name in an object. */
static guint
index_of(JsonArray *array, const char *word)
{
	g_auto(GStrv) parts = g_strsplit(word, "=", 2);
	g_autofree char *value = g_strdelimit(g_strdup(parts[1]), "~", '/');
	return find_element(array, parts[0], value);
}

static JsonNode *
step_into(JsonNode *node, const char *word)
{
	if (JSON_NODE_HOLDS_ARRAY(node))
		return json_array_get_element(json_node_get_array(node),
					      index_of(json_node_get_array(node), word));
	return json_object_get_member(json_node_get_object(node), word);
}

static void
set_member(JsonNode *parent, const char *word, JsonNode *value)
{
	json_object_set_member(json_node_get_object(parent), word, value);
}

static void
remove_member(JsonNode *parent, const char *word)
{
	if (JSON_NODE_HOLDS_ARRAY(parent))
		json_array_remove_element(json_node_get_array(parent),
					  index_of(json_node_get_array(parent), word));
	else
		json_object_remove_member(json_node_get_object(parent), word);
}

static JsonNode *
parse_value(Pair *self, const char *text)
{
	JsonNode *value = json_from_string(text, NULL);
	if (value == NULL)
		g_error("%s: not JSON: %s", self->name, text);
	return value;
}

/* "PATH = VALUE", "PATH + VALUE", "PATH -" */
static void
change(Pair *self, const char *side, const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, " ", 3);
	g_auto(GStrv) path = g_strsplit(parts[0], "/", -1);
	guint n = g_strv_length(path);
	JsonNode *node = json_object_get_member(json_node_get_object(self->surveys), side);
	for (guint i = 0; i + 1 < n; i++) {
		node = step_into(node, path[i]);
		g_assert_nonnull(node);
	}
	if (g_str_equal(parts[1], "-"))
		remove_member(node, path[n - 1]);
	else if (g_str_equal(parts[1], "="))
		set_member(node, path[n - 1], parse_value(self, parts[2]));
	else
		json_array_add_element(json_node_get_array(step_into(node, path[n - 1])),
				       parse_value(self, parts[2]));
}

static void
set_policy(Pair *self, const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, " ", 2);
	if (g_str_equal(parts[0], "allow"))
		g_ptr_array_add(self->allowed, g_strdup(parts[1]));
	else if (g_str_equal(parts[0], "capability"))
		g_ptr_array_add(self->capabilities, g_strdup(parts[1]));
	else if (g_str_equal(parts[0], "channels"))
		self->policy.channels = (guint)atoi(parts[1]);
	else if (g_str_equal(parts[0], "transport"))
		self->transport = g_strdup(parts[1]);
	else
		g_assert_true(g_str_equal(parts[0], "on-stall") &&
			      gw_on_stall_from_string(parts[1], &self->policy.on_stall));
}

static void
change_both(Pair *self, const char *text)
{
	change(self, "source", text);
	change(self, "destination", text);
}

static void read_pair(Pair *self, const char *file);

static void
begin_like(Pair *self, const char *name)
{
	g_autofree char *file = g_strconcat(name, ".pair", NULL);
	read_pair(self, file);
	g_string_truncate(self->expected, 0);
}

static void
read_line(Pair *self, const char *line)
{
	const char *rest = strchr(line, ' ');
	if (*line == '\0' || *line == '#')
		return;
	g_autofree char *word = g_strndup(line, (gsize)(rest - line));
	if (g_str_equal(word, "policy"))
		set_policy(self, rest + 1);
	else if (g_str_equal(word, "expect"))
		g_string_append_printf(self->expected, "%s\n", rest + 1);
	else if (g_str_equal(word, "like"))
		begin_like(self, rest + 1);
	else if (g_str_equal(word, "both"))
		change_both(self, rest + 1);
	else
		change(self, word, rest + 1);
}

static void
read_pair(Pair *self, const char *file)
{
	g_autofree char *name = g_strconcat("pairs/", file, NULL);
	g_autofree char *text = golden_read(name);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++)
		read_line(self, lines[i]);
}

static void
pair_init(Pair *self, const char *file)
{
	g_autofree char *good = golden_read("pairs/good.json");
	*self = (Pair){ .name = file, .surveys = json_from_string(good, NULL) };
	self->policy.downtime_limit_us = 300000;
	self->allowed = g_ptr_array_new_with_free_func(g_free);
	self->capabilities = g_ptr_array_new_with_free_func(g_free);
	self->expected = g_string_new(NULL);
	read_pair(self, file);
	g_ptr_array_add(self->allowed, NULL);
	g_ptr_array_add(self->capabilities, NULL);
	self->policy.allowed = (const char *const *)self->allowed->pdata;
	self->policy.capabilities = (const char *const *)self->capabilities->pdata;
	self->policy.transport = self->transport;
}

static void
pair_clear(Pair *self)
{
	json_node_unref(self->surveys);
	g_ptr_array_unref(self->allowed);
	g_ptr_array_unref(self->capabilities);
	g_free(self->transport);
	g_string_free(self->expected, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pair, pair_clear);

/* (transfer full): as it comes from a peer. */
static GwSurvey *
take_survey(Pair *self, const char *side)
{
	g_autoptr(GError) error = NULL;
	GwSurvey *survey =
		survey_from_node(json_object_get_member(json_node_get_object(self->surveys), side),
				 &error);
	if (survey == NULL)
		g_error("%s: %s: %s", self->name, side, error->message);
	return survey;
}

static void
append_texts(GString *texts, const char *name, const GwPlan *plan)
{
	g_string_append_printf(texts, "%s\n", name);
	for (guint i = 0; i < plan->issues->len; i++) {
		const GwIssue *issue = g_ptr_array_index(plan->issues, i);
		g_string_append_printf(texts, "  %s%s on %s: %s: %s [%s]\n",
				       gw_severity_to_string(issue->severity),
				       issue->is_allowed ? " (allowed)" : "", issue->host,
				       issue->subject, issue->text, issue->code);
		if (issue->remedy != NULL)
			g_string_append_printf(texts, "    %s\n", issue->remedy);
	}
}

static void
check_pair(const char *file, GString *texts)
{
	g_auto(Pair) pair;
	pair_init(&pair, file);
	g_autoptr(GwSurvey) source = take_survey(&pair, "source");
	g_autoptr(GwSurvey) destination = take_survey(&pair, "destination");
	g_autoptr(GwPlan) plan = negotiate(source, destination, &pair.policy);
	g_autoptr(GString) found = g_string_new(NULL);
	gboolean has_error = FALSE;
	for (guint i = 0; i < plan->issues->len; i++) {
		const GwIssue *issue = g_ptr_array_index(plan->issues, i);
		has_error = has_error || issue->severity == GW_SEVERITY_ERROR;
		g_string_append_printf(found, "%s %s %s %s\n",
				       gw_severity_to_string(issue->severity), issue->host,
				       issue->code, issue->subject);
	}
	if (!g_str_equal(found->str, pair.expected->str))
		g_printerr("\n%s:\n", file);
	TEST_STRING(found->str, pair.expected->str);
	CU_ASSERT_EQUAL(gw_plan_is_possible(plan), !has_error);
	append_texts(texts, file, plan);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
	return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

/* (transfer full): of char *, sorted. */
static GPtrArray *
list_pairs(void)
{
	GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *path = g_build_filename(TEST_DATA, "pairs", NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	for (const char *name; (name = g_dir_read_name(dir)) != NULL;)
		if (g_str_has_suffix(name, ".pair"))
			g_ptr_array_add(files, g_strdup(name));
	g_ptr_array_sort(files, compare_names);
	return files;
}

static void
each_difference_is_found_and_no_other(void)
{
	g_autoptr(GPtrArray) files = list_pairs();
	g_autoptr(GString) texts = g_string_new(NULL);
	CU_ASSERT_TRUE(files->len > MIN_PAIRS);
	for (guint i = 0; i < files->len; i++)
		check_pair(g_ptr_array_index(files, i), texts);
	golden_check("pairs/texts.txt", texts->str);
}

/* By itself, or of one subject. */
static gboolean
can_be_allowed(const char *code)
{
	g_autofree char *of_one = g_strconcat(code, ":x", NULL);
	return gw_code_can_be_allowed(of_one);
}

/* Is @code in the man page, with a star where it can be allowed? */
static gboolean
is_in_page(const char *page, const char *code)
{
	g_autofree char *word = g_regex_escape_string(code, -1);
	g_autofree char *pattern = g_strdup_printf("(?m)(^|[ *])%s%s(,|\\*\\*|$)", word,
						   can_be_allowed(code) ? "\\*" : "");
	return g_regex_match_simple(pattern, page, 0, 0);
}

static void
each_code_is_in_the_man_page(void)
{
	g_autofree char *texts = golden_read("pairs/texts.txt");
	g_autofree char *page = golden_read("../../tools/man/godwit-check.rst");
	g_autofree char *allowable = gw_codes_that_can_be_allowed();
	g_auto(GStrv) lines = g_strsplit(texts, "\n", -1);
	g_auto(GStrv) words = g_strsplit(allowable, " ", -1);
	guint n = 0;

	for (guint i = 0; lines[i] != NULL; i++) {
		const char *open = strrchr(lines[i], '[');
		if (open == NULL || !g_str_has_suffix(lines[i], "]"))
			continue;
		g_autofree char *code = g_strndup(open + 1, strlen(open) - 2);
		if (!is_in_page(page, code))
			g_printerr("\n%s is not in the man page\n", code);
		CU_ASSERT_TRUE(is_in_page(page, code));
		n++;
	}
	CU_ASSERT_TRUE(n > MIN_PAIRS);
	for (guint i = 0; words[i] != NULL; i++) {
		words[i][strcspn(words[i], ":")] = '\0';
		CU_ASSERT_TRUE(is_in_page(page, words[i]));
	}
	CU_ASSERT_FALSE(is_in_page(page, "no-such-code"));
}

CU_TestInfo suite_pairs[] = {
	{ "each difference is found, and no other", each_difference_is_found_and_no_other },
	{ "each code is in the man page", each_code_is_in_the_man_page },
	CU_TEST_INFO_NULL,
};
