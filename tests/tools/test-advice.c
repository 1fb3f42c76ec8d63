/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a user is told to do next: something for each error code, and nothing that is out of date.
 */
#include <string.h>

#include "tests/rig/golden.h"
#include "tests/rig/test-util.h"
#include "tools/advice.h"

/* The first code without a word of its own ends the list. */
static gboolean
is_code(guint code)
{
	return code == GW_ERROR_FAILED ||
	       strcmp(gw_error_code_to_string(code), gw_error_code_to_string(GW_ERROR_FAILED)) != 0;
}

static void
every_code_has_advice_of_its_own(void)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	guint code = 0;

	for (; is_code(code); code++) {
		const char *text = advice_for_code(code);
		if (text == NULL)
			printf("    '%s' has no advice\n", gw_error_code_to_string(code));
		CU_ASSERT_TRUE_FATAL(text != NULL);
		CU_ASSERT_TRUE(g_hash_table_add(seen, (gpointer)text));
		CU_ASSERT_TRUE(g_ascii_islower(text[0]));
		CU_ASSERT_FALSE(g_str_has_suffix(text, "."));
	}
	CU_ASSERT_TRUE(code > GW_ERROR_CANCELLED);
	CU_ASSERT_PTR_NULL(advice_for_code(code));
}

static void
every_code_is_in_the_man_page(void)
{
	g_autofree char *page = golden_read("../../tools/man/godwit.rst");
	const char *section = strstr(page, "\nERROR CODES\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(section);
	for (guint code = 0; is_code(code); code++) {
		const char *word = gw_error_code_to_string(code);
		g_autofree char *pattern = g_strdup_printf("(?m)^([a-z-]+, )*%s(,|$)", word);
		if (!g_regex_match_simple(pattern, section, 0, 0))
			printf("    '%s' is not in the man page\n", word);
		CU_ASSERT_TRUE(g_regex_match_simple(pattern, section, 0, 0));
	}
}

static const char *
advice(GwOutcome outcome, GwPlace place, GwError code)
{
	g_autoptr(GwReport) report = gw_report_new();

	report->outcome = outcome;
	report->vm_runs_on = place;
	report->error_code = code;
	return advice_for(report);
}

static void
plain_text_is_answered_by_tls(void)
{
	const char *text = advice(GW_OUTCOME_FAILED, GW_PLACE_SOURCE, GW_ERROR_INSECURE);

	CU_ASSERT_PTR_NOT_NULL(strstr(text, "--tls-dir on both hosts"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "--insecure on both"));
	CU_ASSERT_PTR_NULL(strstr(text, "not there yet"));
	text = advice(GW_OUTCOME_FAILED, GW_PLACE_SOURCE, GW_ERROR_TLS);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "'godwit pki'"));
}

static void
check_not_started(guint code)
{
	TEST_STRING(advice(GW_OUTCOME_FAILED, GW_PLACE_UNKNOWN, code),
		    advice_for_code(GW_ERROR_UNKNOWN));
	TEST_STRING(advice(GW_OUTCOME_UNKNOWN, GW_PLACE_UNKNOWN, code),
		    advice_for_code(GW_ERROR_UNKNOWN));
}

/* Whatever the error: who does not know where the guest is may start nothing. */
static void
a_guest_that_is_not_known_is_not_started(void)
{
	for (guint code = 0; is_code(code); code++)
		if (code != GW_ERROR_HANDED_OVER)
			check_not_started(code);
}

/* A run that ended before it had touched anything: its cause can be removed. */
static void
an_early_failure_has_its_own_advice(void)
{
	TEST_STRING(advice(GW_OUTCOME_FAILED, GW_PLACE_AS_BEFORE, GW_ERROR_MONITOR),
		    advice_for_code(GW_ERROR_MONITOR));
	TEST_STRING(advice(GW_OUTCOME_FAILED, GW_PLACE_AS_BEFORE, GW_ERROR_BUSY),
		    advice_for_code(GW_ERROR_BUSY));
}

static void
a_guest_that_was_handed_over_is_moved_from_there(void)
{
	const char *text = advice(GW_OUTCOME_UNKNOWN, GW_PLACE_UNKNOWN, GW_ERROR_HANDED_OVER);

	CU_ASSERT_PTR_NOT_NULL(strstr(text, "from the host that has it"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "once nothing else can"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "run 'godwit recover'"));
}

static void
success_and_cancel_need_no_advice(void)
{
	CU_ASSERT_PTR_NULL(advice(GW_OUTCOME_COMPLETED, GW_PLACE_DESTINATION, GW_ERROR_FAILED));
	CU_ASSERT_PTR_NULL(advice(GW_OUTCOME_CANCELLED, GW_PLACE_SOURCE, GW_ERROR_CANCELLED));
}

CU_TestInfo suite_advice[] = {
	{ "every code has advice of its own", every_code_has_advice_of_its_own },
	{ "every code is in the man page", every_code_is_in_the_man_page },
	{ "plain text is answered by TLS", plain_text_is_answered_by_tls },
	{ "a guest that is not known is not started", a_guest_that_is_not_known_is_not_started },
	{ "an early failure has its own advice", an_early_failure_has_its_own_advice },
	{ "a guest that was handed over is moved from there",
	  a_guest_that_was_handed_over_is_moved_from_there },
	{ "success and cancel need no advice", success_and_cancel_need_no_advice },
	CU_TEST_INFO_NULL,
};
