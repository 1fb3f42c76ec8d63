/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs the unit tests. A test file exports one table, suite_<name>; meson lists the names in
 * TEST_SUITES(X). With an argument only the suite of that name is run, so that each is a meson test
 * with a time limit of its own.
 *
 * It fails when a test fails, and when none was run. A warning of GLib ends the program: code under
 * test has to tell what is wrong by its errors. The last line counts tests, "N passed, N failed". A
 * test that cannot be done here calls test_skip(); when all of a run did, the exit code is 77.
 */
#include <CUnit/Basic.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "tests/rig/test-util.h"

#define X(name) extern CU_TestInfo suite_##name[];
TEST_SUITES(X)
#undef X

static const struct {
	const char *name;
	CU_TestInfo *tests;
} suites[] = {
#define X(name) { #name, suite_##name },
	TEST_SUITES(X)
#undef X
};

enum { EXIT_SKIP = 77 };

/* "json-frame" is suite_json_frame. */
static gboolean
is_chosen(const char *word, const char *name)
{
	g_autofree char *wanted = g_strdelimit(g_strdup(word), "-", '_');

	return g_str_equal(wanted, name);
}

static gboolean
register_suites(const char *word)
{
	for (gsize i = 0; i < G_N_ELEMENTS(suites); i++) {
		if (word != NULL && !is_chosen(word, suites[i].name))
			continue;
		CU_SuiteInfo info[] = {
			{ suites[i].name, NULL, NULL, NULL, NULL, suites[i].tests },
			CU_SUITE_INFO_NULL,
		};
		if (CU_register_suites(info) != CUE_SUCCESS)
			return FALSE;
	}
	return TRUE;
}

static int
summarize(void)
{
	const guint run = CU_get_number_of_tests_run();
	const guint failed = CU_get_number_of_tests_failed();
	const guint skipped = test_skipped();

	printf("\n%u passed, %u failed\n", run - failed, failed);
	if (run == 0 || failed > 0 || CU_get_number_of_suites_failed() > 0)
		return EXIT_FAILURE;
	return skipped == run ? EXIT_SKIP : EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING | G_LOG_FATAL_MASK);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (CU_initialize_registry() != CUE_SUCCESS ||
	    !register_suites(argc > 1 ? argv[1] : NULL)) {
		fprintf(stderr, "cannot register the tests: %s\n", CU_get_error_msg());
		return EXIT_FAILURE;
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	int status = summarize();
	CU_cleanup_registry();
	return status;
}
