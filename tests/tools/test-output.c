/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of --report and --events: an ordinary file is replaced as a whole, everything else is
 * written to where it is, and what is lost is counted.
 */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "tests/rig/test-util.h"
#include "tools/events.h"
#include "tools/output.h"
#include "tools/stop-signals.h"

/* (transfer full) */
static char *
content(const char *path)
{
	char *text = NULL;
	CU_ASSERT_TRUE(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

static mode_t
kind_of(const char *path)
{
	struct stat info;
	return lstat(path, &info) == 0 ? info.st_mode & S_IFMT : 0;
}

static void
a_file_is_replaced_as_a_whole(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = test_file_new(folder, "report.json", "the former report");
	g_autoptr(GError) error = NULL;
	int former = open(path, O_RDONLY | O_CLOEXEC);
	char bytes[32] = "";
	CU_ASSERT_TRUE(output_check(path, &error));
	CU_ASSERT_TRUE(output_write(path, "new", &error));
	CU_ASSERT_EQUAL(read(former, bytes, sizeof bytes), (ssize_t)strlen("the former report"));
	g_autofree char *text = content(path);
	CU_ASSERT_STRING_EQUAL(text, "new");
	close(former);
}

static void
a_link_stays_and_its_file_is_replaced(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = test_file_new(folder, "report.json", "old");
	g_autofree char *link = g_build_filename(folder, "latest", NULL);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_EQUAL(symlink("report.json", link), 0);
	CU_ASSERT_TRUE(output_write(link, "new", &error));
	CU_ASSERT_EQUAL(kind_of(link), S_IFLNK);
	g_autofree char *text = content(path);
	CU_ASSERT_STRING_EQUAL(text, "new");
}

static void
a_fifo_is_written_to(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "fifo", NULL);
	g_autoptr(GError) no_reader = NULL;
	g_autoptr(GError) error = NULL;
	char bytes[8] = "";
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	CU_ASSERT_FALSE(output_write(path, "lost", &no_reader));
	CU_ASSERT_PTR_NOT_NULL(strstr(no_reader->message, "nobody reads"));
	int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CU_ASSERT_TRUE(output_write(path, "told", &error));
	CU_ASSERT_EQUAL(read(reader, bytes, sizeof bytes), 4);
	CU_ASSERT_EQUAL(kind_of(path), S_IFIFO);
	close(reader);
}

static void
a_device_stays_a_device(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *link = g_build_filename(folder, "null", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) full = NULL;
	CU_ASSERT_EQUAL(symlink("/dev/null", link), 0);
	CU_ASSERT_TRUE(output_check(link, &error));
	CU_ASSERT_TRUE(output_write(link, "gone", &error));
	CU_ASSERT_EQUAL(kind_of(link), S_IFLNK);
	CU_ASSERT_EQUAL(kind_of("/dev/null"), S_IFCHR);
	CU_ASSERT_FALSE(output_write("/dev/full", "lost", &full));
	CU_ASSERT_TRUE(g_error_matches(full, G_FILE_ERROR, G_FILE_ERROR_NOSPC));
	CU_ASSERT_EQUAL(kind_of("/dev/full"), S_IFCHR);
}

static void
an_impossible_place_is_told_before(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "missing", "report.json", NULL);
	g_autoptr(GError) no_folder = NULL;
	g_autoptr(GError) is_folder = NULL;
	CU_ASSERT_FALSE(output_check(path, &no_folder));
	CU_ASSERT_TRUE(g_error_matches(no_folder, G_FILE_ERROR, G_FILE_ERROR_NOENT));
	CU_ASSERT_FALSE(output_check(folder, &is_folder));
	CU_ASSERT_TRUE(g_error_matches(is_folder, G_FILE_ERROR, G_FILE_ERROR_ISDIR));
}

/* (transfer full): what events_tell_lost() says on stderr */
static char *
words_about_loss(const Events *events, const char *folder)
{
	g_autofree char *path = g_build_filename(folder, "stderr", NULL);
	int kept = dup(STDERR_FILENO);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	dup2(fd, STDERR_FILENO);
	events_tell_lost(events);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(fd);
	return content(path);
}

static void
lost_events_are_told(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(Events) events = NULL;
	g_autoptr(GwEvent) event = gw_event_new(1, "engine", "phase", NULL);
	CU_ASSERT_TRUE(events_open("/dev/full", &events, &error));
	events_event(events, event);
	events_event(events, event);
	g_autofree char *words = words_about_loss(events, folder);
	CU_ASSERT_PTR_NOT_NULL(strstr(words, "2 lines"));
	CU_ASSERT_PTR_NOT_NULL(strstr(words, g_strerror(ENOSPC)));
}

static void
kept_events_need_no_words(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "events", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(Events) events = NULL;
	g_autoptr(GwEvent) event = gw_event_new(1, "engine", "phase", NULL);
	CU_ASSERT_TRUE(events_open(path, &events, &error));
	events_event(events, event);
	g_autofree char *words = words_about_loss(events, folder);
	g_autofree char *text = content(path);
	CU_ASSERT_STRING_EQUAL(words, "");
	CU_ASSERT_TRUE(g_str_has_suffix(text, "}\n"));
}

static gboolean
on_signal(gpointer data)
{
	(*(guint *)data)++;
	return G_SOURCE_CONTINUE;
}

static guint
count_hang_ups(void)
{
	guint n = 0;
	StopSignals signals;
	stop_signals_begin(&signals, on_signal, &n);
	kill(getpid(), SIGHUP);
	for (guint i = 0; i < 100 && n == 0; i++) {
		g_usleep(1000);
		g_main_context_iteration(NULL, FALSE);
	}
	stop_signals_end(&signals);
	return n;
}

static void
a_hang_up_is_a_signal_to_end(void)
{
	signal(SIGHUP, SIG_DFL);
	CU_ASSERT_EQUAL(count_hang_ups(), 1);
	/* nohup */
	signal(SIGHUP, SIG_IGN);
	CU_ASSERT_EQUAL(count_hang_ups(), 0);
	signal(SIGHUP, SIG_DFL);
}

CU_TestInfo suite_output[] = {
	{ "a file is replaced as a whole", a_file_is_replaced_as_a_whole },
	{ "a link stays and its file is replaced", a_link_stays_and_its_file_is_replaced },
	{ "a FIFO is written to", a_fifo_is_written_to },
	{ "a device stays a device", a_device_stays_a_device },
	{ "an impossible place is told before", an_impossible_place_is_told_before },
	{ "lost events are told", lost_events_are_told },
	{ "kept events need no words", kept_events_need_no_words },
	{ "a hang-up is a signal to end", a_hang_up_is_a_signal_to_end },
	CU_TEST_INFO_NULL,
};
