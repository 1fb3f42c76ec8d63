/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The user's hook, by real shells: what it is told, how it says no, and that nothing of it outlives
 * its time.
 */
#include <CUnit/CUnit.h>
#include <stdlib.h>

#include "engine/gw-error.h"
#include "engine/util/hook.h"
#include "engine/util/process.h"
#include "tests/rig/test-util.h"

#define LONG_MS 20000

static void
no_hook_is_no_obstacle(void)
{
	g_autoptr(GError) error = NULL;

	CU_ASSERT_TRUE(hook_run(NULL, "setup", "web1", "source", 0, &error));
	TEST_NO_ERROR(error);
}

static void
a_hook_may_say_yes(void)
{
	g_autoptr(GError) error = NULL;

	CU_ASSERT_TRUE(hook_run("true", "setup", "web1", "source", LONG_MS, &error));
	TEST_NO_ERROR(error);
}

/* A peer may have chosen the name, and hooks are written without quotes. */
static void
a_name_is_one_harmless_word(void)
{
	static const struct {
		const char *name;
		const char *word;
	} rows[] = {
		{ "web-1.x", "web-1.x" },
		{ "a b;$(reboot)", "a%20b%3B%24%28reboot%29" },
		{ "../../etc", "%2E.%2F..%2Fetc" },
		{ "-rf", "%2Drf" },
		{ "*\n", "%2A%0A" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *command = g_strdup_printf("test $GODWIT_VM = '%s'", rows[i].word);
		g_autoptr(GError) error = NULL;
		CU_ASSERT_TRUE(
			hook_run(command, "survey", rows[i].name, "destination", LONG_MS, &error));
		TEST_NO_ERROR(error);
	}
}

static void
a_hook_may_say_no(void)
{
	static const struct {
		const char *command;
		const char *message;
	} rows[] = {
		{ "exit 3", "hook 'exit 3' at switchover: Child process exited with code 3" },
		{ "kill -TERM $$",
		  "hook 'kill -TERM $$' at switchover: Child process killed by signal 15" },
		{ "/no/such/program 2>&1", "hook '/no/such/program 2>&1' at switchover: Child "
					   "process exited with code 127" },
		{ "/dev/null 2>&1",
		  "hook '/dev/null 2>&1' at switchover: Child process exited with code 126" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		CU_ASSERT_FALSE(hook_run(rows[i].command, "switchover", "web1", "destination",
					 LONG_MS, &error));
		CU_ASSERT_TRUE_FATAL(error != NULL);
		CU_ASSERT_TRUE(g_error_matches(error, GW_ERROR, GW_ERROR_HOOK));
		TEST_STRING(error->message, rows[i].message);
	}
}

/* What a hook with this VM's name was told, as "phase vm host". (transfer full) */
static char *
told(const char *vm_name)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *out = g_build_filename(folder, "out", NULL);
	g_autofree char *command = g_strdup_printf("printf '%%s|%%s|%%s' \"$GODWIT_PHASE\" "
						   "\"${GODWIT_VM-unset}\" \"$GODWIT_HOST\" > '%s'",
						   out);
	char *text = NULL;

	CU_ASSERT_TRUE(hook_run(command, "commit", vm_name, "destination", LONG_MS, NULL));
	CU_ASSERT_TRUE_FATAL(g_file_get_contents(out, &text, NULL, NULL));
	return text;
}

static void
a_hook_is_told_what_goes_on(void)
{
	g_autofree char *named = told("web1; rm -rf $HOME \"'");
	g_autofree char *unnamed = told(NULL);

	TEST_STRING(named, "commit|web1%3B%20rm%20-rf%20%24HOME%20%22%27|destination");
	TEST_STRING(unnamed, "commit||destination");
}

/* The process whose number a hook has left in @path. */
static void
open_recorded_in(const char *path, Process *ret_process)
{
	g_autofree char *text = NULL;

	CU_ASSERT_TRUE_FATAL(g_file_get_contents(path, &text, NULL, NULL));
	CU_ASSERT_TRUE_FATAL(atoi(text) > 1);
	process_open(ret_process, atoi(text));
}

static void
a_hook_that_takes_too_long_is_killed(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *out = g_build_filename(folder, "out", NULL);
	g_autofree char *command = g_strdup_printf("echo $$ > '%s'; sleep 60; true", out);
	g_autoptr(GError) error = NULL;
	g_auto(Process) shell = PROCESS_INIT;
	gint64 begun_us = g_get_monotonic_time();

	CU_ASSERT_FALSE(hook_run(command, "setup", "web1", "source", 500, &error));
	CU_ASSERT_TRUE(g_get_monotonic_time() - begun_us < 30 * G_USEC_PER_SEC);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_HOOK, "takes longer than 0.5 s");
	open_recorded_in(out, &shell);
	if (!test_under_valgrind()) /* it knows no pidfd */
		CU_ASSERT_TRUE(process_await_gone(&shell, 10000));
}

/* The shell's own children hold addresses and leases too. */
static void
nothing_of_it_outlives_its_time(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *out = g_build_filename(folder, "out", NULL);
	g_autofree char *command = g_strdup_printf("sleep 60 & echo $! > '%s'; wait", out);
	g_auto(Process) child = PROCESS_INIT;

	CU_ASSERT_FALSE(hook_run(command, "setup", "web1", "source", 500, NULL));
	open_recorded_in(out, &child);
	if (test_under_valgrind()) {
		test_skip("valgrind 3.19 knows no pidfd");
		return;
	}
	gboolean gone = process_await_gone(&child, 5000);
	CU_ASSERT_TRUE(gone);
	if (!gone && process_kill(&child, 5000))
		puts("\n    a child of the hook was left");
}

static gboolean
count(gpointer data)
{
	guint *n = data;

	(*n)++;
	return G_SOURCE_CONTINUE;
}

/* Pings are answered and QEMU's events taken while it runs. */
static void
the_loop_turns_meanwhile(void)
{
	guint n = 0;
	guint source = g_timeout_add(20, count, &n);

	CU_ASSERT_TRUE(hook_run("sleep 0.3", "setup", "web1", "source", LONG_MS, NULL));
	g_source_remove(source);
	CU_ASSERT_TRUE(n >= 2);
}

static void
a_hook_may_run_beside_the_rest(void)
{
	g_autoptr(GError) error = NULL;
	gint64 before_us = g_get_monotonic_time();
	Hook *slow = hook_begin("sleep 0.5; exit 4", "running", "web1", "source", LONG_MS);
	Hook *late = hook_begin("sleep 60", "running", "web1", "source", 100);

	CU_ASSERT_TRUE(g_get_monotonic_time() - before_us < 400 * 1000);
	CU_ASSERT_FALSE(hook_has_ended(slow));
	CU_ASSERT_FALSE(hook_end(slow, &error));
	TEST_STRING(error->message,
		    "hook 'sleep 0.5; exit 4' at running: Child process exited with code 4");
	g_clear_error(&error);
	CU_ASSERT_TRUE(hook_has_ended(late));
	CU_ASSERT_FALSE(hook_end(late, &error));
	TEST_STRING(error->message, "hook 'sleep 60' at running: takes longer than 0.1 s");
	CU_ASSERT_TRUE(hook_end(hook_begin(NULL, "running", "web1", "source", 0), NULL));
}

CU_TestInfo suite_hook[] = {
	{ "no hook is no obstacle", no_hook_is_no_obstacle },
	{ "a hook may say yes", a_hook_may_say_yes },
	{ "a name is one harmless word", a_name_is_one_harmless_word },
	{ "a hook may say no", a_hook_may_say_no },
	{ "a hook is told what goes on", a_hook_is_told_what_goes_on },
	{ "a hook that takes too long is killed", a_hook_that_takes_too_long_is_killed },
	{ "nothing of it outlives its time", nothing_of_it_outlives_its_time },
	{ "a hook may run beside the rest", a_hook_may_run_beside_the_rest },
	{ "the loop turns meanwhile", the_loop_turns_meanwhile },
	CU_TEST_INFO_NULL,
};
