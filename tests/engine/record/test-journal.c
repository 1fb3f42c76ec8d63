/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal on a real file system: written, found again, locked, cut short and spoilt in every
 * way.
 */
#include <CUnit/CUnit.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include "engine/gw-error.h"
#include "engine/record/journal.h"
#include "tests/rig/test-util.h"

#define SESSION "0b9d7e42-7b0c-4f2a-9a57-0123456789ab"

static JsonObject *
facts(const char *name, const char *value)
{
	JsonObject *object = json_object_new();

	json_object_set_string_member(object, name, value);
	return object;
}

static Journal *
create(const char *folder)
{
	g_autoptr(GError) error = NULL;
	Journal *journal =
		journal_create(folder, SESSION, SIDE_SOURCE, facts("vm", "web1"), &error);

	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
	return journal;
}

static Journal *
reopen(const char *folder)
{
	g_autoptr(GError) error = NULL;
	Journal *journal = journal_open(folder, SESSION, SIDE_SOURCE, &error);

	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
	return journal;
}

static void
append(Journal *journal, JournalPhase phase, JsonObject *more)
{
	g_autoptr(GError) error = NULL;

	CU_ASSERT_TRUE(journal_append(journal, phase, more, &error));
	TEST_NO_ERROR(error);
}

static char *
path_of(const char *folder)
{
	return g_build_filename(folder, SESSION ".source", NULL);
}

static void
write_file(const char *folder, const char *text, gssize len)
{
	g_autofree char *path = path_of(folder);

	CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, text, len, NULL));
}

/* Adds @text to the end of the file as a crash would leave it. */
static void
add_torn(const char *folder, const char *text)
{
	g_autofree char *path = path_of(folder);
	FILE *file = g_fopen(path, "a");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
}

static void
what_was_written_is_read_again(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(Journal) journal = create(folder);
	JsonObject *more = json_object_new();

	TEST_STRING(journal_get_phase(journal), "begin");
	json_object_set_int_member(more, "pid", 4711);
	json_object_set_boolean_member(more, "paused", TRUE);
	json_object_set_array_member(more, "list", json_array_new());
	append(journal, JOURNAL_SETUP, more);
	append(journal, JOURNAL_COMMIT, NULL);
	CU_ASSERT_TRUE(journal_sync(journal, NULL));
	g_clear_pointer(&journal, journal_free);

	journal = reopen(folder);
	TEST_STRING(journal_get_session(journal), SESSION);
	TEST_STRING(journal_get_phase(journal), "commit");
	CU_ASSERT_TRUE(journal_has_phase(journal, JOURNAL_BEGIN));
	CU_ASSERT_TRUE(journal_has_phase(journal, JOURNAL_SETUP));
	CU_ASSERT_FALSE(journal_has_phase(journal, JOURNAL_RUNNING));
	TEST_STRING(journal_get_string(journal, "vm"), "web1");
	CU_ASSERT_EQUAL(journal_get_int(journal, "pid", -1), 4711);
	CU_ASSERT_TRUE(journal_get_boolean(journal, "paused"));
	CU_ASSERT_TRUE(JSON_NODE_HOLDS_ARRAY(journal_get_node(journal, "list")));
	CU_ASSERT_FALSE(journal_is_from_earlier_boot(journal));
}

static void
later_facts_lie_over_earlier_ones(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(Journal) journal = create(folder);

	append(journal, JOURNAL_STARTED, facts("vm", "web2"));
	TEST_STRING(journal_get_string(journal, "vm"), "web2");
	append(journal, JOURNAL_PREPARE, facts("other", "x"));
	append(journal, JOURNAL_STARTED, NULL);
	g_clear_pointer(&journal, journal_free);
	journal = reopen(folder);
	TEST_STRING(journal_get_string(journal, "vm"), "web2");
	TEST_STRING(journal_get_string(journal, "other"), "x");
	TEST_STRING(journal_get_phase(journal), "started");
}

static void
facts_of_another_type_are_not_said(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	write_file(
		folder,
		"{\"phase\":\"begin\",\"s\":7,\"i\":\"7\",\"b\":1,\"o\":{},\"a\":[],\"n\":null}\n",
		-1);
	g_autoptr(Journal) journal = reopen(folder);
	static const char *const names[] = { "s", "o", "a", "n", "absent" };

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		CU_ASSERT_PTR_NULL(journal_get_string(journal, names[i]));
		CU_ASSERT_FALSE(journal_get_boolean(journal, names[i]));
	}
	CU_ASSERT_EQUAL(journal_get_int(journal, "i", -7), -7);
	CU_ASSERT_EQUAL(journal_get_int(journal, "o", -7), -7);
	CU_ASSERT_EQUAL(journal_get_int(journal, "absent", -7), -7);
	CU_ASSERT_FALSE(journal_get_boolean(journal, "b"));
	CU_ASSERT_PTR_NULL(journal_get_node(journal, "absent"));
	CU_ASSERT_TRUE(journal_is_from_earlier_boot(journal));
}

/* Cut at every byte of its last line: that line is as if it had not been written. */
static void
a_torn_last_line_does_not_count(void)
{
	static const char torn[] = "{\"phase\":\"commit\",\"vm\":\"web3\"}";

	for (gsize n = 1; n < sizeof torn; n++) {
		g_auto(TestFolder) folder = test_folder_new();
		journal_free(create(folder));
		g_autofree char *piece = g_strndup(torn, n);
		add_torn(folder, piece);
		g_autoptr(Journal) journal = reopen(folder);
		TEST_STRING(journal_get_phase(journal), "begin");
		CU_ASSERT_FALSE(journal_has_phase(journal, JOURNAL_COMMIT));
		TEST_STRING(journal_get_string(journal, "vm"), "web1");
	}
}

/* Who settles it after the crash may die as well. */
static void
a_line_after_a_torn_one_counts(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	journal_free(create(folder));
	add_torn(folder, "{\"phase\":\"com");
	g_autoptr(Journal) journal = reopen(folder);

	append(journal, JOURNAL_RESTORED, facts("vm", "web4"));
	g_clear_pointer(&journal, journal_free);
	journal = reopen(folder);
	TEST_STRING(journal_get_phase(journal), "restored");
	TEST_STRING(journal_get_string(journal, "vm"), "web4");
}

/* A full disk, by a limit on the file's size: the line fails, and what comes later can be read. */
static void
a_line_that_cannot_be_written_leaves_no_trace(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(Journal) journal = create(folder);
	g_autofree char *path = path_of(folder);
	g_autoptr(GError) error = NULL;
	struct rlimit former;
	GStatBuf status;

	CU_ASSERT_EQUAL_FATAL(g_stat(path, &status), 0);
	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &former), 0);
	const struct rlimit tight = { (rlim_t)status.st_size + 12, former.rlim_max };
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &tight), 0);
	gboolean written = journal_append(journal, JOURNAL_COMMIT, facts("vm", "web5"), &error);
	setrlimit(RLIMIT_FSIZE, &former);
	signal(SIGXFSZ, handler);

	CU_ASSERT_FALSE(written);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "cannot write '");
	TEST_STRING(journal_get_phase(journal), "begin");
	append(journal, JOURNAL_RESTORED, NULL);
	g_clear_pointer(&journal, journal_free);
	journal = reopen(folder);
	TEST_STRING(journal_get_phase(journal), "restored");
	CU_ASSERT_FALSE(journal_has_phase(journal, JOURNAL_COMMIT));
}

static void
a_living_owner_is_respected(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(Journal) journal = create(folder);
	g_autoptr(GError) error = NULL;

	CU_ASSERT_PTR_NULL(journal_open(folder, SESSION, SIDE_SOURCE, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_BUSY, "session " SESSION " is under way");
	g_clear_error(&error);
	CU_ASSERT_PTR_NULL(journal_create(folder, SESSION, SIDE_SOURCE, NULL, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "cannot make '");
	g_clear_pointer(&journal, journal_free);
	journal = reopen(folder);
	TEST_STRING(journal_get_phase(journal), "begin");
}

static void
each_role_has_a_journal_of_its_own(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(Journal) source = create(folder);
	g_autoptr(Journal) destination =
		journal_create(folder, SESSION, SIDE_DESTINATION, NULL, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(destination);
	append(destination, JOURNAL_COMMIT, NULL);
	TEST_STRING(journal_get_phase(source), "begin");
}

static void
a_restart_of_the_host_shows(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	write_file(folder, "{\"boot_id\":\"of another boot\",\"phase\":\"begin\"}\n", -1);
	g_autoptr(Journal) journal = reopen(folder);

	CU_ASSERT_TRUE(journal_is_from_earlier_boot(journal));
}

static void
what_is_no_journal_is_refused(void)
{
	static const char *const texts[] = {
		"",
		"\n",
		"{\"phase\":\"begin\"}", /* torn in its first line */
		"garbage\n",
		"[]\n",
		"{}\n",
		"{\"phase\":7}\n",
		"{\"phase\":{}}\n",
		"{\"phase\":null}\n",
		"garbage\n{\"phase\":\"begin\"}\n",
		"{\"phase\":\"\xff\xfe\"}\n",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_auto(TestFolder) folder = test_folder_new();
		g_autoptr(GError) error = NULL;
		write_file(folder, texts[i], -1);
		CU_ASSERT_PTR_NULL(journal_open(folder, SESSION, SIDE_SOURCE, &error));
		TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "is not a journal");
	}
}

static void
a_huge_file_is_refused(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *padding = g_strnfill(1100000, 'x');
	g_autofree char *text =
		g_strdup_printf("{\"phase\":\"begin\"}\n{\"phase\":\"a\",\"b\":\"%s\"}\n", padding);
	g_autoptr(GError) error = NULL;

	write_file(folder, text, -1);
	CU_ASSERT_PTR_NULL(journal_open(folder, SESSION, SIDE_SOURCE, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "is too large");
}

static void
binary_garbage_is_refused(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(GError) error = NULL;

	write_file(folder, "\0{\"phase\":\"begin\"}\n", 19);
	CU_ASSERT_PTR_NULL(journal_open(folder, SESSION, SIDE_SOURCE, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "is not a journal");
}

/* A fact that makes no sense must never be one that says "not committed". */
static void
a_damaged_line_in_the_middle_is_no_torn_end(void)
{
	static const char *const bad[] = {
		"garbage",
		"{\"phase\":\"set{\"phase\":\"setup\"}",
		"{\"phase\":\"setup\"} {\"phase\":\"x\"}",
		"{\"phase\":\"setup\",/*\"*/\"x\":1}",
		"{\"phase\":\"setup\",\"x\":1e999}",
		"{\"phase\":\"setup\",\"x\":\"\\u0000\"}",
		"",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_auto(TestFolder) folder = test_folder_new();
		g_autofree char *path = path_of(folder);
		g_autofree char *text =
			g_strdup_printf("{\"phase\":\"begin\"}\n%s\n{\"phase\":\"committed\"}\n",
					bad[i]);
		g_autofree char *after = NULL;
		g_autoptr(GError) error = NULL;
		write_file(folder, text, -1);
		CU_ASSERT_PTR_NULL(journal_open(folder, SESSION, SIDE_SOURCE, &error));
		TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "is damaged");
		CU_ASSERT_TRUE(g_file_get_contents(path, &after, NULL, NULL));
		TEST_STRING(after, text);
	}
}

static void
a_bomb_is_refused(void)
{
	g_autofree char *deep = g_strnfill(400000, '[');
	g_autofree char *text = g_strdup_printf(
		"{\"phase\":\"begin\"}\n{\"phase\":\"setup\",\"x\":/*\"*/%s/*\"*/}\n", deep);
	GString *objects = g_string_new("{\"phase\":\"begin\"}\n{\"phase\":\"setup\",\"x\":[0");
	for (guint i = 0; i < 80000; i++)
		g_string_append(objects, ",{}");
	g_string_append(objects, "]}\n");
	g_autofree char *wide = g_string_free(objects, FALSE);
	const char *const bombs[] = { text, wide };

	for (gsize i = 0; i < G_N_ELEMENTS(bombs); i++) {
		g_auto(TestFolder) folder = test_folder_new();
		g_autoptr(GError) error = NULL;
		write_file(folder, bombs[i], -1);
		CU_ASSERT_PTR_NULL(journal_open(folder, SESSION, SIDE_SOURCE, &error));
		TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "is damaged");
	}
}

static void
check_not_opened(const char *folder, const char *why)
{
	g_autoptr(GError) error = NULL;

	CU_ASSERT_PTR_NULL(journal_open(folder, SESSION, SIDE_SOURCE, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, why);
}

/* Whatever has a journal's name: it is neither waited for nor followed nor cut. */
static void
what_only_has_the_name_of_a_journal(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = path_of(folder);
	g_autofree char *other = g_build_filename(folder, "other", NULL);
	g_autofree char *text = NULL;

	CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
	check_not_opened(folder, "is not a regular file");
	CU_ASSERT_EQUAL_FATAL(unlink(path), 0);
	CU_ASSERT_EQUAL_FATAL(symlink("/dev/zero", path), 0);
	check_not_opened(folder, "journal '");
	CU_ASSERT_EQUAL_FATAL(unlink(path), 0);

	CU_ASSERT_TRUE_FATAL(
		g_file_set_contents(other, "{\"phase\":\"x\"}\nno line feed", -1, NULL));
	CU_ASSERT_EQUAL_FATAL(symlink(other, path), 0);
	check_not_opened(folder, "journal '");
	CU_ASSERT_TRUE(g_file_get_contents(other, &text, NULL, NULL));
	TEST_STRING(text, "{\"phase\":\"x\"}\nno line feed");
	CU_ASSERT_EQUAL_FATAL(unlink(path), 0);

	CU_ASSERT_EQUAL_FATAL(g_mkdir(path, 0700), 0);
	check_not_opened(folder, "journal '");
	CU_ASSERT_EQUAL_FATAL(g_rmdir(path), 0);
}

static void
journals_of_others_are_not_believed(void)
{
	static const mode_t modes[] = { 0602, 0620, 0666 };
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = path_of(folder);

	for (gsize i = 0; i < G_N_ELEMENTS(modes); i++) {
		write_file(folder, "{\"phase\":\"begin\"}\n", -1);
		CU_ASSERT_EQUAL_FATAL(g_chmod(path, modes[i]), 0);
		check_not_opened(folder, "may be written by other users");
	}
	if (geteuid() != 0)
		return;
	CU_ASSERT_EQUAL_FATAL(g_chmod(path, 0600), 0);
	CU_ASSERT_EQUAL_FATAL(chown(path, 65534, 65534), 0);
	check_not_opened(folder, "belongs to another user");
}

static void
a_sparse_file_is_not_read(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = path_of(folder);

	write_file(folder, "{\"phase\":\"begin\"}\n", -1);
	CU_ASSERT_EQUAL_FATAL(truncate(path, G_GINT64_CONSTANT(1) << 40), 0);
	check_not_opened(folder, "is too large");
}

static void
all_are_listed_and_strangers_are_not(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(Journal) source = create(folder);
	g_autoptr(Journal) destination =
		journal_create(folder, "other-1", SIDE_DESTINATION, NULL, NULL);
	g_autofree char *stranger = g_build_filename(folder, "notes.txt", NULL);
	g_autofree char *unfinished = g_build_filename(folder, "abc.source.new", NULL);
	gboolean found[2] = { FALSE, FALSE };

	CU_ASSERT_TRUE(g_file_set_contents(stranger, "x", 1, NULL));
	CU_ASSERT_TRUE(g_file_set_contents(unfinished, "x", 1, NULL));
	g_autoptr(GPtrArray) names = journal_list(folder, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(names);
	CU_ASSERT_EQUAL(names->len, 2);
	for (guint i = 0; i < names->len; i++) {
		const JournalName *name = g_ptr_array_index(names, i);
		const char *expected = name->role == SIDE_SOURCE ? SESSION : "other-1";
		TEST_STRING(name->session, expected);
		found[name->role] = TRUE;
	}
	CU_ASSERT_TRUE(found[SIDE_SOURCE] && found[SIDE_DESTINATION]);
}

static void
a_removed_one_is_gone(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(Journal) journal = create(folder);
	g_autoptr(GError) error = NULL;

	journal_remove(journal);
	CU_ASSERT_PTR_NULL(journal_open(folder, SESSION, SIDE_SOURCE, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "No such file or directory");
	g_autoptr(GPtrArray) names = journal_list(folder, NULL);
	CU_ASSERT_EQUAL(names->len, 0);
	append(journal, JOURNAL_RUNNING, NULL); /* its owner may still write: to nobody's harm */
	g_clear_pointer(&journal, journal_free);
	journal = create(folder);
	TEST_STRING(journal_get_phase(journal), "begin");
}

static void
a_folder_is_made_for_its_owner_alone(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *deep = g_build_filename(folder, "a", "b", NULL);
	g_autoptr(Journal) journal = create(deep);
	g_autofree char *path = path_of(deep);
	GStatBuf status;

	CU_ASSERT_EQUAL_FATAL(g_stat(deep, &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 07777, 0700);
	CU_ASSERT_EQUAL_FATAL(g_stat(path, &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
}

CU_TestInfo suite_journal[] = {
	{ "what was written is read again", what_was_written_is_read_again },
	{ "later facts lie over earlier ones", later_facts_lie_over_earlier_ones },
	{ "facts of another type are not said", facts_of_another_type_are_not_said },
	{ "a torn last line does not count", a_torn_last_line_does_not_count },
	{ "a line after a torn one counts", a_line_after_a_torn_one_counts },
	{ "a line that cannot be written leaves no trace",
	  a_line_that_cannot_be_written_leaves_no_trace },
	{ "a living owner is respected", a_living_owner_is_respected },
	{ "each role has a journal of its own", each_role_has_a_journal_of_its_own },
	{ "a restart of the host shows", a_restart_of_the_host_shows },
	{ "what is no journal is refused", what_is_no_journal_is_refused },
	{ "a huge file is refused", a_huge_file_is_refused },
	{ "binary garbage is refused", binary_garbage_is_refused },
	{ "a damaged line in the middle is no torn end",
	  a_damaged_line_in_the_middle_is_no_torn_end },
	{ "a bomb is refused", a_bomb_is_refused },
	{ "what only has the name of a journal is left alone",
	  what_only_has_the_name_of_a_journal },
	{ "journals of others are not believed", journals_of_others_are_not_believed },
	{ "a sparse file is not read", a_sparse_file_is_not_read },
	{ "all are listed and strangers are not", all_are_listed_and_strangers_are_not },
	{ "a removed one is gone", a_removed_one_is_gone },
	{ "a folder is made for its owner alone", a_folder_is_made_for_its_owner_alone },
	CU_TEST_INFO_NULL,
};
