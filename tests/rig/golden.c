/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Golden files: promised texts are compared completely. TEST_DATA comes from meson.
 */
#include "tests/rig/golden.h"

#include <stdio.h>

#include <CUnit/CUnit.h>

char *
golden_read(const char *name)
{
	g_autofree char *path = g_build_filename(TEST_DATA, name, NULL);
	char *text = NULL;
	g_autoptr(GError) error = NULL;
	if (!g_file_get_contents(path, &text, NULL, &error))
		fprintf(stderr, "%s\n", error->message);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	return text;
}

void
golden_check(const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(TEST_DATA, name, NULL);
	if (g_getenv("GODWIT_GOLDEN_WRITE") != NULL) {
		CU_ASSERT_TRUE(g_file_set_contents(path, text, -1, NULL));
		return;
	}
	g_autofree char *expected = golden_read(name);
	gboolean same = g_str_equal(expected, text);
	if (!same)
		fprintf(stderr, "%s: expected:\n%s\ngot:\n%s\n", name, expected, text);
	CU_ASSERT_TRUE(same);
}
