/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Small things that tests share: comparing with a word about the difference, folders, and waiting.
 * No test is in here, and nothing knows what is tested.
 */
#include "tests/rig/test-util.h"

#include <glib/gstdio.h>
#include <stdio.h>

#include "qmp/await.h"

#define WAIT_MS 60000

static guint skipped;

gboolean
test_error_is(const GError *error, GQuark domain, int code, const char *text)
{
	if (error != NULL && g_error_matches(error, domain, code) &&
	    strstr(error->message, text) != NULL)
		return TRUE;
	if (error == NULL)
		printf("\n    no error, expected '%s'", text);
	else
		printf("\n    error %s %d '%s', expected %s %d '%s'",
		       g_quark_to_string(error->domain), error->code, error->message,
		       g_quark_to_string(domain), code, text);
	return FALSE;
}

gboolean
test_string_is(const char *actual, const char *expected)
{
	if (g_strcmp0(actual, expected) == 0)
		return TRUE;
	printf("\n    got '%s', expected '%s'", actual, expected);
	return FALSE;
}

gboolean
test_no_error(const GError *error)
{
	if (error == NULL)
		return TRUE;
	printf("\n    unexpected error: %s", error->message);
	return FALSE;
}

void
test_skip(const char *why)
{
	printf("\n    skipped: %s ", why);
	skipped++;
}

guint
test_skipped(void)
{
	return skipped;
}

gboolean
test_under_valgrind(void)
{
	const char *preload = g_getenv("LD_PRELOAD");

	return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

char *
test_folder_new(void)
{
	g_autoptr(GError) error = NULL;
	char *path = g_dir_make_tmp("godwit-test-XXXXXX", &error);

	g_assert_no_error(error);
	return path;
}

void
test_folder_free(char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name = NULL;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *child = g_build_filename(path, name, NULL);
		if (g_file_test(child, G_FILE_TEST_IS_DIR) &&
		    !g_file_test(child, G_FILE_TEST_IS_SYMLINK))
			test_folder_free(g_steal_pointer(&child));
		else
			g_unlink(child);
	}
	g_rmdir(path);
	g_free(path);
}

char *
test_file_new(const char *folder, const char *name, const char *text)
{
	char *path = g_build_filename(folder, name, NULL);

	CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, text, -1, NULL));
	return path;
}

static gboolean
is_set(gpointer data)
{
	const gboolean *flag = data;

	return *flag;
}

gboolean
test_wait(gboolean *flag)
{
	return await_until(is_set, flag, WAIT_MS, NULL, NULL);
}

void
test_turn(guint ms)
{
	gboolean never = FALSE;

	if (await_until(is_set, &never, ms, NULL, NULL))
		g_assert_not_reached();
}
