/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <CUnit/CUnit.h>
#include <gio/gio.h>

/* What most tests need. */

/* @error is of @domain and @code and its text contains @text. */
#define TEST_ERROR(error, domain, code, text) \
	CU_ASSERT_TRUE(test_error_is((error), (domain), (code), (text)))

/* The two strings are equal; says both when they are not. */
#define TEST_STRING(actual, expected) CU_ASSERT_TRUE(test_string_is((actual), (expected)))

/* There is no error; says which when there is one. */
#define TEST_NO_ERROR(error) CU_ASSERT_TRUE(test_no_error((error)))

gboolean test_error_is(const GError *error, GQuark domain, int code, const char *text);
gboolean test_string_is(const char *actual, const char *expected);
gboolean test_no_error(const GError *error);

/* Notes that the running test could not be done here, and says why. */
void test_skip(const char *why);
guint test_skipped(void);

/* Everything is slower by a factor of 30 or so. */
gboolean test_under_valgrind(void);

/* (transfer full): a new folder; test_folder_free() removes it with what is in it. */
char *test_folder_new(void);
void test_folder_free(char *path);

/* g_auto(TestFolder) is such a folder. */
typedef char *TestFolder;
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(TestFolder, test_folder_free, NULL)

/* (transfer full): the path of a new file in @folder. */
char *test_file_new(const char *folder, const char *name, const char *text);

/* Turns the thread's loop until *@flag or for 10 s. Returns: *@flag */
gboolean test_wait(gboolean *flag);
/* Turns the thread's loop for @ms. */
void test_turn(guint ms);
