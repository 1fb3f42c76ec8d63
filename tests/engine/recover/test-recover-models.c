/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recovery over a model of QEMU that lives: journals written by hand, and what QEMU is told because
 * of them.
 */
#include <CUnit/CUnit.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/host/qemu-mark.h"
#include "engine/record/handover.h"
#include "engine/record/journal.h"
#include "engine/recover/recover-destination.h"
#include "engine/recover/recover-source.h"
#include "engine/util/process.h"
#include "engine/util/scoped-context.h"
#include "qmp/qmp-migration.h"
#include "tests/rig/model-qemu.h"
#include "tests/rig/test-util.h"

#define SESSION	   "3f1f6a54-58d5-4e0e-8a0c-5d2f7b9c1e60"
#define CONNECT_MS 5000

typedef struct {
	char *folder;
	char *commands; /* what QEMU was told */
	ModelQemu *qemu;
	int far_end; /* of the migration's channel; -1: none */
} Left;

static void
left_init(Left *self, const char *const *options)
{
	self->folder = test_folder_new();
	self->commands = g_build_filename(self->folder, "commands", NULL);
	self->far_end = -1;
	g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
	g_strv_builder_add(argv, "--die-with-parent");
	g_strv_builder_add(argv, "--commands");
	g_strv_builder_add(argv, self->commands);
	for (guint i = 0; options[i] != NULL; i++)
		g_strv_builder_add(argv, options[i]);
	g_auto(GStrv) all = g_strv_builder_end(argv);
	self->qemu = model_qemu_startv((const char *const *)all);
}

static void
left_clear(Left *self)
{
	if (self->far_end >= 0)
		close(self->far_end);
	model_qemu_free(self->qemu);
	g_free(self->commands);
	test_folder_free(self->folder);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Left, left_clear);

/* @facts: (transfer full): beside those of the model */
/* @phases: those after "begin", with JOURNAL_BEGIN at their end */
static Journal *
write_journal(Left *self, Side side, JsonObject *facts, const JournalPhase *phases)
{
	g_auto(Process) process = PROCESS_INIT;
	process_open(&process, model_qemu_get_pid(self->qemu));
	json_object_set_string_member(facts, "vm", "web1");
	json_object_set_string_member(facts, "qmp", model_qemu_get_path(self->qemu));
	json_object_set_int_member(facts, "pid", process.pid);
	json_object_set_int_member(facts, "start_ticks", (gint64)process.start_ticks);
	Journal *journal = journal_create(self->folder, SESSION, side, facts, NULL);
	g_assert_nonnull(journal);
	for (guint i = 0; phases[i] != JOURNAL_BEGIN; i++)
		g_assert_true(journal_append(journal, phases[i], NULL, NULL));
	return journal;
}

static gboolean
was_told(const Left *self, const char *command)
{
	g_autofree char *text = NULL;
	if (!g_file_get_contents(self->commands, &text, NULL, NULL))
		return FALSE; /* nobody has connected */
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++)
		if (strncmp(lines[i], command, strlen(command)) == 0 &&
		    strchr(" ", lines[i][strlen(command)]) != NULL)
			return TRUE;
	return FALSE;
}

static QmpClient *
dial(const Left *self)
{
	g_autoptr(GError) error = NULL;
	QmpClient *client =
		qmp_client_connect(model_qemu_get_path(self->qemu), CONNECT_MS, NULL, &error);
	TEST_NO_ERROR(error);
	g_assert_nonnull(client);
	return client;
}

static QmpMigrateStatus
status_of(const Left *self)
{
	g_autoptr(QmpClient) client = dial(self);
	g_auto(QmpMigrateInfo) info;
	qmp_migrate_info_init(&info);
	CU_ASSERT_TRUE(qmp_query_migrate(client, &info, NULL));
	qmp_client_close(client);
	return info.status;
}

/* Nothing reads the other end. */
static void
start_migration(Left *self)
{
	g_autoptr(QmpClient) client = dial(self);
	int fds[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
	self->far_end = fds[1];
	CU_ASSERT_TRUE(qmp_getfd(client, "m", fds[0], NULL));
	close(fds[0]);
	CU_ASSERT_TRUE(qmp_migrate(client, "fd:m", NULL));
	qmp_client_close(client);
}

/* Everything that recover_source() has to set is something else before. */
static void
check_source(Left *self, gboolean settled, GwPlace place, const char *text)
{
	static const JournalPhase phases[] = { JOURNAL_PRECOPY, JOURNAL_BEGIN };
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	JsonObject *facts = json_object_new();
	json_object_set_boolean_member(facts, "was_running", TRUE);
	g_autoptr(Journal) journal = write_journal(self, SIDE_SOURCE, facts, phases);
	GwRecovered result = { .settled = !settled, .vm_runs_on = GW_PLACE_NONE };
	recover_source(self->folder, journal, GW_ASSUME_NOTHING, NULL, &result);
	if (result.settled != settled)
		g_print("\n    %s", result.text);
	CU_ASSERT_EQUAL(result.settled, settled);
	CU_ASSERT_EQUAL(result.vm_runs_on, place);
	CU_ASSERT_PTR_NOT_NULL_FATAL(result.text);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.text, text));
	g_free(result.text);
}

static void
a_migration_under_way_is_cancelled(void)
{
	static const char *const options[] = { "--capability", "events", "--active-ms", "60000",
					       NULL };
	g_auto(Left) left = { NULL };
	left_init(&left, options);
	start_migration(&left);
	CU_ASSERT_EQUAL(status_of(&left), QMP_MIGRATE_ACTIVE);
	check_source(&left, TRUE, GW_PLACE_SOURCE, "it was not handed over");
	CU_ASSERT_TRUE(was_told(&left, "migrate_cancel"));
	CU_ASSERT_EQUAL(status_of(&left), QMP_MIGRATE_CANCELLED);
}

/* Somebody has switched the events off since, so QEMU tells its status only when it is asked. */
static void
a_migration_without_events_is_cancelled_at_once(void)
{
	static const char *const options[] = { "--active-ms", "60000", NULL };
	g_auto(Left) left = { NULL };
	left_init(&left, options);
	start_migration(&left);
	gint64 start_us = g_get_monotonic_time();
	check_source(&left, TRUE, GW_PLACE_SOURCE, "it was not handed over");
	CU_ASSERT_TRUE(g_get_monotonic_time() - start_us < 10 * G_USEC_PER_SEC);
	CU_ASSERT_EQUAL(status_of(&left), QMP_MIGRATE_CANCELLED);
}

/* One that never began, and one that has ended. */
static void
what_is_over_is_not_cancelled(void)
{
	static const char *const fresh[] = { NULL };
	static const char *const failed[] = { "--earlier", "failed", NULL };
	static const char *const *const rows[] = { fresh, failed };
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(Left) left = { NULL };
		left_init(&left, rows[i]);
		check_source(&left, TRUE, GW_PLACE_SOURCE, "it was not handed over");
		CU_ASSERT_FALSE(was_told(&left, "migrate_cancel"));
	}
}

static void
a_source_that_does_not_tell_its_status_is_left_alone(void)
{
	static const char *const options[] = { "--on", "query-migrate=fail:no", NULL };
	g_auto(Left) left = { NULL };
	left_init(&left, options);
	check_source(&left, FALSE, GW_PLACE_UNKNOWN, "its QEMU does not answer: ");
	CU_ASSERT_FALSE(was_told(&left, "migrate_cancel"));
	CU_ASSERT_FALSE(was_told(&left, "cont"));
	CU_ASSERT_FALSE(was_told(&left, "quit"));
}

static void
mark(const Left *self)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Qemu) qemu = qemu_attach(model_qemu_get_path(self->qemu), "source", NULL, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(qemu);
	CU_ASSERT_TRUE(qemu_mark(qemu, SESSION, &error));
	TEST_NO_ERROR(error);
}

/* The agent cannot be asked. Whatever somebody has done to our QEMU since, the guest may run
 * there. */
static void
a_commit_that_may_have_gone_out_is_asked_for(void)
{
	static const struct {
		const char *state;
		const char *text;
		JournalPhase phase;
	} rows[] = {
		{ "postmigrate", "it may have been handed over", JOURNAL_COMMIT },
		{ "prelaunch", "it may have been handed over", JOURNAL_COMMIT },
		{ "paused", "it may have been handed over", JOURNAL_COMMIT },
		{ "running", "it runs here, and may run at the destination", JOURNAL_COMMIT },
		{ "running", "it runs here, and the destination has taken it over",
		  JOURNAL_RUNNING },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const JournalPhase phases[] = { JOURNAL_PRECOPY, JOURNAL_COMMIT, rows[i].phase,
						JOURNAL_BEGIN };
		const char *options[] = { "--state", rows[i].state, NULL };
		g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
		g_auto(Left) left = { NULL };
		left_init(&left, options);
		g_autoptr(Journal) journal =
			write_journal(&left, SIDE_SOURCE, json_object_new(), phases);
		GwRecovered result = { 0 };
		recover_source(left.folder, journal, GW_ASSUME_NOTHING, NULL, &result);
		CU_ASSERT_FALSE(result.settled);
		CU_ASSERT_EQUAL(result.vm_runs_on, GW_PLACE_UNKNOWN);
		CU_ASSERT_PTR_NOT_NULL(strstr(result.text, rows[i].text));
		CU_ASSERT_FALSE(was_told(&left, "cont"));
		CU_ASSERT_FALSE(was_told(&left, "quit"));
		CU_ASSERT_FALSE(was_told(&left, "migrate_cancel"));
		g_autoptr(GPtrArray) journals = journal_list(left.folder, NULL);
		CU_ASSERT_EQUAL(journals->len, 1);
		g_free(result.text);
	}
}

/* It has come back, or the user has started it here by `godwit run --here`. */
static void
the_record_of_what_came_after_counts(void)
{
	static const JournalPhase rows[] = { JOURNAL_COMMIT, JOURNAL_RUNNING };
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const JournalPhase phases[] = { JOURNAL_PRECOPY, JOURNAL_COMMIT, rows[i],
						JOURNAL_BEGIN };
		const char *options[] = { "--state", "postmigrate", NULL };
		g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
		g_auto(Left) left = { NULL };
		left_init(&left, options);
		CU_ASSERT_TRUE(handover_confirm_here(left.folder, "web1", NULL, NULL));
		g_autoptr(Journal) journal =
			write_journal(&left, SIDE_SOURCE, json_object_new(), phases);
		GwRecovered result = { 0 };
		recover_source(left.folder, journal, GW_ASSUME_NOTHING, NULL, &result);
		CU_ASSERT_TRUE(result.settled);
		CU_ASSERT_EQUAL(result.vm_runs_on, GW_PLACE_SOURCE);
		CU_ASSERT_PTR_NOT_NULL(strstr(result.text, "'web1' belongs to this host"));
		CU_ASSERT_PTR_NULL(strstr(result.text, "at the destination"));
		CU_ASSERT_FALSE(was_told(&left, "cont"));
		g_free(result.text);
	}
}

/* Its monitor was reached through a proxy, so its process was never proven. */
static void
a_source_without_a_process_is_known_by_its_mark(void)
{
	static const char *const options[] = { NULL };
	static const JournalPhase phases[] = { JOURNAL_PRECOPY, JOURNAL_BEGIN };
	for (gboolean marked = FALSE; marked <= TRUE; marked++) {
		g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
		g_auto(Left) left = { NULL };
		left_init(&left, options);
		g_autoptr(Journal) journal =
			write_journal(&left, SIDE_SOURCE, json_object_new(), phases);
		JsonObject *facts = json_object_new();
		json_object_set_int_member(facts, "pid", 0);
		json_object_set_int_member(facts, "start_ticks", 0);
		CU_ASSERT_TRUE(journal_append(journal, JOURNAL_PRECOPY, facts, NULL));
		if (marked)
			mark(&left);
		GwRecovered result = { 0 };
		recover_source(left.folder, journal, GW_ASSUME_NOTHING, NULL, &result);
		CU_ASSERT_EQUAL(result.settled, marked);
		CU_ASSERT_PTR_NOT_NULL(strstr(result.text, marked ? "it runs here" : "left alone"));
		CU_ASSERT_EQUAL(was_told(&left, "object-del"), marked);
		CU_ASSERT_FALSE(was_told(&left, "quit"));
		g_free(result.text);
	}
}

/* A process that has no monitor any more, and ends soon. */
static void
open_dying(Process *ret_process)
{
	pid_t pid = fork();
	if (pid == 0) {
		g_usleep(300 * 1000);
		_exit(0);
	}
	process_open(ret_process, pid);
}

static void
a_source_that_is_just_dying_is_waited_for(void)
{
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	g_auto(Process) process = PROCESS_INIT;
	open_dying(&process);
	if (!process_is_known(&process)) {
		test_skip("no pidfd here, as under valgrind");
		return;
	}
	char *folder = test_folder_new();
	JsonObject *facts = json_object_new();
	json_object_set_string_member(facts, "vm", "web1");
	json_object_set_string_member(facts, "qmp", "/nowhere/qmp");
	json_object_set_int_member(facts, "pid", process.pid);
	json_object_set_int_member(facts, "start_ticks", (gint64)process.start_ticks);
	g_autoptr(Journal) journal = journal_create(folder, SESSION, SIDE_SOURCE, facts, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
	CU_ASSERT_TRUE(journal_append(journal, JOURNAL_PROBE, NULL, NULL));
	GwRecovered result = { .vm_runs_on = GW_PLACE_UNKNOWN };
	recover_source(folder, journal, GW_ASSUME_NOTHING, NULL, &result);
	CU_ASSERT_TRUE(result.settled);
	CU_ASSERT_EQUAL(result.vm_runs_on, GW_PLACE_NONE);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.text, "its QEMU has died here"));
	g_free(result.text);
	test_folder_free(folder);
}

static void
settle_destination(Left *self, JsonObject *facts, const JournalPhase *phases)
{
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	g_autoptr(GError) error = NULL;
	journal_free(write_journal(self, SIDE_DESTINATION, facts, phases));
	CU_ASSERT_EQUAL(recover_destination(self->folder, SESSION, NULL, NULL, &error),
			PEER_OUTCOME_RUNNING);
	TEST_NO_ERROR(error);
}

/* A guest that was live at the source is continued. One that has shut down or failed is not. */
static void
a_committed_guest_is_as_it_was(void)
{
	static const struct {
		const char *state;
		gboolean stood_still;
		gboolean is_continued;
	} rows[] = {
		{ "paused", FALSE, TRUE },     { "paused", TRUE, FALSE },
		{ "suspended", FALSE, FALSE }, { "guest-panicked", FALSE, FALSE },
		{ "io-error", FALSE, FALSE },  { "watchdog", TRUE, FALSE },
	};
	static const JournalPhase phases[] = { JOURNAL_SETUP, JOURNAL_COMMITTED, JOURNAL_BEGIN };
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const char *options[] = { "--state", rows[i].state, NULL };
		g_auto(Left) left = { NULL };
		left_init(&left, options);
		JsonObject *facts = json_object_new();
		json_object_set_boolean_member(facts, "paused", rows[i].stood_still);
		settle_destination(&left, facts, phases);
		CU_ASSERT_EQUAL(was_told(&left, "cont"), rows[i].is_continued);
	}
}

/* The words come from the 'cont' of the recovery; what was said before may be of another
 * migration. */
static void
a_blank_vgpu_goes_back_to_the_source(void)
{
	static const char failed[] = "x: Failed setting device state to RUNNING";
	static const struct {
		const char *before, *in_cont;
		PeerOutcome outcome;
	} rows[] = {
		{ "", failed, PEER_OUTCOME_GONE },
		{ "", "a warning", PEER_OUTCOME_RUNNING },
		{ failed, "", PEER_OUTCOME_RUNNING },
	};
	static const JournalPhase phases[] = { JOURNAL_SETUP, JOURNAL_COMMITTED, JOURNAL_BEGIN };
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
		g_autoptr(GError) error = NULL;
		g_autofree char *text = NULL;
		char *folder = test_folder_new();
		g_autofree char *log = g_build_filename(folder, "log", NULL);
		g_assert_true(g_file_set_contents(log, rows[i].before, -1, NULL));
		const char *options[] = { "--state",	   "paused",	    "--stderr", log,
					  "--cont-stderr", rows[i].in_cont, NULL };
		g_auto(Left) left = { NULL };
		left_init(&left, options);
		journal_free(write_journal(&left, SIDE_DESTINATION, json_object_new(), phases));
		CU_ASSERT_EQUAL(recover_destination(left.folder, SESSION, &text, NULL, &error),
				rows[i].outcome);
		TEST_NO_ERROR(error);
		gboolean is_blank = rows[i].outcome == PEER_OUTCOME_GONE;
		CU_ASSERT_EQUAL(strstr(text, "came up blank: x: Failed setting") != NULL, is_blank);
		CU_ASSERT_EQUAL(model_qemu_has_ended(left.qemu), is_blank);
		test_folder_free(folder);
	}
}

static JsonObject *
former_settings(void)
{
	JsonObject *capabilities = json_object_new();
	JsonObject *facts = json_object_new();
	json_object_set_boolean_member(capabilities, "xbzrle", FALSE);
	json_object_set_object_member(facts, "capabilities", capabilities);
	return facts;
}

/* A later change is somebody else's. */
static void
settings_are_put_back_only_once(void)
{
	static const char *const options[] = { NULL };
	static const JournalPhase first[] = { JOURNAL_COMMITTED, JOURNAL_RUNNING, JOURNAL_BEGIN };
	static const JournalPhase later[] = { JOURNAL_COMMITTED, JOURNAL_RUNNING, JOURNAL_RESTORED,
					      JOURNAL_BEGIN };
	static const struct {
		const JournalPhase *phases;
		gboolean restores;
	} rows[] = { { first, TRUE }, { later, FALSE } };
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(Left) left = { NULL };
		left_init(&left, options);
		settle_destination(&left, former_settings(), rows[i].phases);
		CU_ASSERT_EQUAL(was_told(&left, "migrate-set-capabilities"), rows[i].restores);
	}
}

CU_TestInfo suite_recover_models[] = {
	{ "a migration under way is cancelled", a_migration_under_way_is_cancelled },
	{ "a commit that may have gone out is asked for",
	  a_commit_that_may_have_gone_out_is_asked_for },
	{ "the record of what came after counts", the_record_of_what_came_after_counts },
	{ "a source without a process is known by its mark",
	  a_source_without_a_process_is_known_by_its_mark },
	{ "a migration without events is cancelled at once",
	  a_migration_without_events_is_cancelled_at_once },
	{ "what is over is not cancelled", what_is_over_is_not_cancelled },
	{ "a source that does not tell its status is left alone",
	  a_source_that_does_not_tell_its_status_is_left_alone },
	{ "a source that is just dying is waited for", a_source_that_is_just_dying_is_waited_for },
	{ "a committed guest is as it was", a_committed_guest_is_as_it_was },
	{ "a blank vGPU goes back to the source", a_blank_vgpu_goes_back_to_the_source },
	{ "settings are put back only once", settings_are_put_back_only_once },
	CU_TEST_INFO_NULL,
};
