/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Do the model of the hand-over and the code still say the same? What spin proves of handover.pml
 * is worth nothing for a code that has other words, other states or other transitions. So its lists
 * and tables are read here, in the form in which they are written there, and compared with those of
 * the code.
 */
#include "engine/control/control.h"
#include "engine/control/peer.h"
#include "engine/record/journal.h"
#include "engine/record/ownership.h"
#include "tests/rig/test-util.h"

/* (transfer none) */
static const char *
read_model(void)
{
	static char *text;
	if (text == NULL && !g_file_get_contents(TEST_MODEL, &text, NULL, NULL))
		g_error("there is no '%s'", TEST_MODEL);
	return text;
}

/* (transfer full): the model's PREFIX_not_known as the code writes it: "not-known". */
static char *
to_word(const char *name, const char *prefix)
{
	g_autofree char *word = g_strdup(name + strlen(prefix));
	return g_strdup(g_strdelimit(word, "_", '-'));
}

/* (transfer full): the words of "mtype:KIND = { PREFIX_word, ... };" */
static GStrv
read_words(const char *kind, const char *prefix)
{
	g_autofree char *pattern = g_strdup_printf("mtype:%s = \\{([^}]*)\\}", kind);
	g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;
	g_autoptr(GStrvBuilder) words = g_strv_builder_new();
	CU_ASSERT_TRUE_FATAL(g_regex_match(regex, read_model(), 0, &match));
	g_autofree char *list = g_match_info_fetch(match, 1);
	g_auto(GStrv) names = g_strsplit(list, ",", -1);
	for (guint i = 0; names[i] != NULL; i++) {
		g_strstrip(names[i]);
		CU_ASSERT_TRUE_FATAL(g_str_has_prefix(names[i], prefix));
		g_autofree char *word = to_word(names[i], prefix);
		g_strv_builder_add(words, word);
	}
	return g_strv_builder_end(words);
}

typedef const char *(*ToString)(int value);

/* The number of @word among the first @n of the code's, or -1. */
static int
find(const char *word, ToString to_string, int n)
{
	for (int i = 0; i < n; i++)
		if (g_strcmp0(to_string(i), word) == 0)
			return i;
	return -1;
}

static void
check_known(const char *const *words, ToString to_string, int n)
{
	for (guint i = 0; words[i] != NULL; i++)
		if (find(words[i], to_string, n) < 0) {
			g_printerr("the model says '%s', the code does not\n", words[i]);
			CU_FAIL("a word of the model is none of the code");
		}
}

/* Likewise, and the code has no other. */
static void
check_same(const char *const *words, ToString to_string, int n)
{
	check_known(words, to_string, n);
	for (int i = 0; i < n; i++)
		if (!g_strv_contains(words, to_string(i))) {
			g_printerr("the code says '%s', the model does not\n", to_string(i));
			CU_FAIL("a word of the code is none of the model");
		}
}

static const char *
type_word(int type)
{
	return control_type_to_string((ControlType)type);
}

static const char *
state_word(int state)
{
	return control_state_to_string((ControlState)state);
}

static const char *
outcome_word(int outcome)
{
	return peer_outcome_to_string((PeerOutcome)outcome);
}

static const char *
place_word(int place)
{
	return ownership_place_to_string((OwnershipPlace)place);
}

static const char *
event_word(int event)
{
	return ownership_event_to_string((OwnershipEvent)event);
}

static const char *
phase_word(int phase)
{
	return journal_phase_to_string((JournalPhase)phase);
}

static void
it_has_the_code_s_words(void)
{
	g_auto(GStrv) messages = read_words("message", "MESSAGE_");
	g_auto(GStrv) states = read_words("state", "STATE_");
	g_auto(GStrv) outcomes = read_words("outcome", "OUTCOME_");
	g_auto(GStrv) places = read_words("place", "PLACE_");
	g_auto(GStrv) events = read_words("event", "EVENT_");
	check_known((const char *const *)messages, type_word, CONTROL_N_TYPES);
	check_known((const char *const *)states, state_word, CONTROL_N_STATES);
	check_same((const char *const *)outcomes, outcome_word, N_PEER_OUTCOMES);
	check_same((const char *const *)places, place_word, N_OWNERSHIP_PLACES);
	check_same((const char *const *)events, event_word, N_OWNERSHIP_EVENTS);
}

/* JOURNAL_none is the model's word for "there is no journal". */
static void
it_has_the_journal_s_lines(void)
{
	g_auto(GStrv) phases = read_words("journal", "JOURNAL_");
	CU_ASSERT_STRING_EQUAL(phases[0], "none");
	check_known((const char *const *)phases + 1, phase_word, N_JOURNAL_PHASES);
}

/* All that @pattern finds in the model. */
static GPtrArray *
read_rows(const char *pattern)
{
	g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;
	GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
	g_regex_match(regex, read_model(), 0, &match);
	for (; g_match_info_matches(match); g_match_info_next(match, NULL))
		g_ptr_array_add(rows, g_match_info_fetch_all(match));
	return rows;
}

/* Where the model's table leads, as the code's does; %N_OWNERSHIP_PLACES: it may not happen. */
static int
find_transition(GPtrArray *rows, OwnershipPlace from, OwnershipEvent event)
{
	for (guint i = 0; i < rows->len; i++) {
		char **row = rows->pdata[i]; /* all of it, event, from, to */
		g_autofree char *place = to_word(row[2], "PLACE_");
		g_autofree char *to = g_str_equal(row[3], "before") ? g_strdup("before")
								    : to_word(row[3], "PLACE_");
		if (g_strcmp0(row[1], event_word(event)) != 0 ||
		    g_strcmp0(place, place_word(from)) != 0)
			continue;
		return g_str_equal(to, "before") ? OWNERSHIP_NOT_KNOWN
						 : find(to, place_word, N_OWNERSHIP_PLACES);
	}
	return N_OWNERSHIP_PLACES;
}

/* ownership_next() says "not known" for "where it was before", as the table there explains. */
static void
it_has_the_records_transitions(void)
{
	g_autoptr(GPtrArray) rows =
		read_rows(":: event == EVENT_(\\w+) && place == (PLACE_\\w+) -> "
			  "(?:before = place; )?place = (PLACE_\\w+|before)\n");
	CU_ASSERT_TRUE(rows->len > 10);
	for (int from = 0; from < N_OWNERSHIP_PLACES; from++)
		for (int event = 0; event < N_OWNERSHIP_EVENTS; event++) {
			OwnershipPlace to = N_OWNERSHIP_PLACES;
			if (!ownership_next(from, event, &to))
				to = N_OWNERSHIP_PLACES;
			if ((int)to == find_transition(rows, from, event))
				continue;
			g_printerr("%s from %s: not as in the model\n", event_word(event),
				   place_word(from));
			CU_FAIL("the record's tables differ");
		}
}

static gboolean
is_heard(GPtrArray *rows, const char *message, const char *state)
{
	for (guint i = 0; i < rows->len; i++) {
		char **row = rows->pdata[i];
		if (g_strcmp0(row[1], message) == 0 && g_strcmp0(row[2], state) == 0)
			return TRUE;
	}
	return FALSE;
}

/* Only of the states and messages that the model has. 'outcome' comes over a connection that has
 * none of them. */
static void
it_hears_what_the_agent_hears(void)
{
	g_autoptr(GPtrArray) rows =
		read_rows(":: message == MESSAGE_(\\w+) && conversation == STATE_(\\w+)\n");
	g_auto(GStrv) messages = read_words("message", "MESSAGE_");
	g_auto(GStrv) states = read_words("state", "STATE_");
	CU_ASSERT_TRUE(rows->len > 2);
	for (guint i = 0; messages[i] != NULL; i++)
		for (guint j = 0; states[j] != NULL; j++) {
			int type = find(messages[i], type_word, CONTROL_N_TYPES);
			int state = find(states[j], state_word, CONTROL_N_STATES);
			CU_ASSERT_TRUE_FATAL(type >= 0 && state >= 0);
			if (control_is_allowed((ControlState)state, (ControlType)type) ==
			    is_heard(rows, messages[i], states[j]))
				continue;
			g_printerr("'%s' in '%s': not as in the model\n", messages[i], states[j]);
			CU_FAIL("the control protocol's tables differ");
		}
}

CU_TestInfo suite_model[] = {
	{ "it has the code's words", it_has_the_code_s_words },
	{ "it has the journal's lines", it_has_the_journal_s_lines },
	{ "it has the record's transitions", it_has_the_records_transitions },
	{ "it hears what the agent hears", it_hears_what_the_agent_hears },
	CU_TEST_INFO_NULL,
};
