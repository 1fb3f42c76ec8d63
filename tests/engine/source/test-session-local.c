/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is wrong at this host is said of this host, and not of the agent that has never heard of it.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/gw-pki.h"
#include "engine/gw-ownership.h"
#include "engine/gw-session.h"
#include "engine/record/handover.h"
#include "engine/record/journal.h"
#include "engine/record/ownership-file.h"
#include "qmp/await.h"
#include "tests/rig/model-qemu.h"
#include "tests/rig/test-util.h"
#include "tools/advice.h"

static void
on_finished(GObject *session, GAsyncResult *result, gpointer data)
{
	*(GwReport **)data = gw_session_finish(GW_SESSION(session), result);
}

static gboolean
has_report(gpointer data)
{
	return *(GwReport **)data != NULL;
}

/* (transfer full): of a migration to @host, which ends before it has begun; @tls_dir: (nullable) */
static GwReport *
migrate(const char *folder, const char *host, const char *tls_dir)
{
	static const char *const argv[] = { "-name", "web1", NULL };
	g_autoptr(ModelQemu) source = model_qemu_startv(argv);
	g_autoptr(GwSession) session = gw_session_new(model_qemu_get_path(source), host, 49160);
	GwReport *report = NULL;

	gw_session_set_state_dir(session, folder);
	gw_session_set_tls_dir(session, tls_dir);
	gw_session_run_async(session, NULL, on_finished, &report);
	CU_ASSERT_TRUE_FATAL(await_until(has_report, &report, 20000, NULL, NULL));
	CU_ASSERT_EQUAL(report->outcome, GW_OUTCOME_FAILED);
	CU_ASSERT_EQUAL(report->vm_runs_on, GW_PLACE_SOURCE);
	return report;
}

static void
check(const GwReport *report, GwError code, const char *text)
{
	TEST_STRING(gw_error_code_to_string(report->error_code), gw_error_code_to_string(code));
	TEST_STRING(report->error_host, "source");
	TEST_STRING(report->error_phase, "connect");
	if (!g_str_has_prefix(report->error_message, text))
		printf("    '%s' does not begin with '%s'\n", report->error_message, text);
	CU_ASSERT_TRUE(g_str_has_prefix(report->error_message, text));
}

static void
a_key_that_others_can_read(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(GwPki) authority = gw_pki_init(folder, 10, &error);
	TEST_NO_ERROR(error);
	const char *const no_names[] = { NULL };
	g_autoptr(GwPki) made = gw_pki_add_host(folder, "a", no_names, 10, FALSE, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	g_autofree char *key = g_build_filename(made->folder, "client-key.pem", NULL);
	CU_ASSERT_EQUAL(g_chmod(key, 0644), 0);

	g_autoptr(GwReport) report = migrate(folder, "127.0.0.1", made->folder);
	g_autofree char *text = g_strdup_printf("source: '%s' has mode 0644", key);
	check(report, GW_ERROR_TLS, text);
}

static void
no_certificates(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(GwReport) report = migrate(folder, "127.0.0.1", folder);

	check(report, GW_ERROR_TLS, "source: '");
	CU_ASSERT_PTR_NOT_NULL(strstr(report->error_message, ".pem': "));
}

/* No resolver asks a server for such a name. */
static void
a_name_that_does_not_resolve(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(GwReport) report = migrate(folder, "no..such", NULL);

	check(report, GW_ERROR_UNKNOWN_HOST, "source: the name 'no..such' does not resolve");
	CU_ASSERT_PTR_NULL(strstr(advice_for(report), "godwitd"));
}

#define SESSION "0b9d7e42-7b0c-4f2a-9a57-000000000001"

/* As in a move to 192.0.2.2, or after it. */
static void
begin_or_end_handing_over(const char *folder, gboolean ended)
{
	const Handover handover = { .state_dir = folder,
				    .vm_name = "web1",
				    .qmp_path = "/nowhere/qmp",
				    .session = SESSION,
				    .peer = { .host = (char *)"192.0.2.2", .port = 49160 } };
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(handover_begin(&handover, &error));
	TEST_NO_ERROR(error);
	CU_ASSERT_TRUE(!ended || handover_end(&handover, OWNERSHIP_GIVE, &error));
	TEST_NO_ERROR(error);
}

static void
hand_over(const char *folder)
{
	begin_or_end_handing_over(folder, TRUE);
}

/* (transfer full): of a check, with nothing at the agent's address; @name: (nullable) */
static GwReport *
check_only(const char *folder, const char *name, const char *qmp_path)
{
	g_autoptr(GwSession) session = gw_session_new(qmp_path, "127.0.0.1", 49160);
	GwReport *report = NULL;
	gw_session_set_vm_name(session, name);
	gw_session_set_state_dir(session, folder);
	gw_session_check_async(session, NULL, on_finished, &report);
	CU_ASSERT_TRUE_FATAL(await_until(has_report, &report, 20000, NULL, NULL));
	return report;
}

static void
is_elsewhere(GwReport *report)
{
	check(report, GW_ERROR_HANDED_OVER, "source: 'web1' was handed over to 192.0.2.2");
	CU_ASSERT_PTR_NOT_NULL(strstr(report->error_message, SESSION));
	CU_ASSERT_EQUAL(report->vm_runs_on, GW_PLACE_UNKNOWN);
	CU_ASSERT_EQUAL(gw_report_to_exit_code(report), 6);
	gw_report_free(report);
}

static void
a_vm_that_was_handed_over_is_not_here(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	hand_over(folder);
	is_elsewhere(check_only(folder, "web1", "/nowhere/else"));
	is_elsewhere(check_only(folder, NULL, "/nowhere/qmp"));
}

static void
a_vm_that_is_not_known_is_as_before(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(GwReport) report = check_only(folder, "web1", "/nowhere/qmp");
	check(report, GW_ERROR_MONITOR, "source: monitor '/nowhere/qmp'");
	CU_ASSERT_EQUAL(report->vm_runs_on, GW_PLACE_AS_BEFORE);
	CU_ASSERT_EQUAL(gw_report_to_exit_code(report), 1);
}

/* Whatever the record says. */
static void
a_guest_that_runs_here_is_here(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	hand_over(folder);
	g_autoptr(GwReport) report = migrate(folder, "no..such", NULL);
	check(report, GW_ERROR_UNKNOWN_HOST, "source: the name 'no..such'");
}

/* Somebody has said "cont" here while the answer to COMMIT was missing. */
static void
a_guest_that_may_run_there_too_is_not_just_here(void)
{
	static const char *const argv[] = { "-name", "web1", NULL };
	for (gboolean sent = FALSE; sent <= TRUE; sent++) {
		g_auto(TestFolder) folder = test_folder_new();
		g_autoptr(ModelQemu) source = model_qemu_startv(argv);
		begin_or_end_handing_over(folder, FALSE);
		Journal *journal = journal_create(folder, SESSION, SIDE_SOURCE, NULL, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
		CU_ASSERT_TRUE(journal_append(journal, sent ? JOURNAL_COMMIT : JOURNAL_PRECOPY,
					      NULL, NULL));
		journal_free(journal);
		g_autoptr(GwReport) report =
			check_only(folder, "web1", model_qemu_get_path(source));
		if (sent)
			check(report, GW_ERROR_HANDED_OVER,
			      "source: 'web1' may have been handed over to 192.0.2.2");
		CU_ASSERT_EQUAL(gw_report_to_exit_code(report), sent ? 6 : 1);
		CU_ASSERT_EQUAL(report->vm_runs_on, sent ? GW_PLACE_UNKNOWN : GW_PLACE_SOURCE);
	}
}

static void
one_session_a_vm(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(VmLock) lock = vm_lock_take(folder, "web1", "receiving", NULL);
	g_autofree char *text =
		g_strdup_printf("source: 'web1' is in use on this host: receiving by process %d",
				(int)getpid());
	CU_ASSERT_PTR_NOT_NULL(lock);
	g_autoptr(GwReport) report = check_only(folder, "web1", "/nowhere/qmp");
	check(report, GW_ERROR_BUSY, text);
}

static void
claim(const char *folder, GwClaimKind kind, const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GwClaim) self = gw_claim_new(folder, "web1", "/run/qmp", kind, NULL, &error);
	if (text == NULL) {
		TEST_NO_ERROR(error);
		CU_ASSERT_PTR_NOT_NULL_FATAL(self);
		CU_ASSERT_TRUE(gw_claim_take(self, NULL));
		return;
	}
	CU_ASSERT_PTR_NULL(self);
	CU_ASSERT_TRUE(g_error_matches(error, GW_ERROR, GW_ERROR_HANDED_OVER));
	CU_ASSERT_PTR_NOT_NULL(strstr(error->message, text));
}

static void
place_is(const char *folder, OwnershipPlace place)
{
	g_autoptr(Ownership) record = ownership_load(folder, "web1", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(record);
	CU_ASSERT_EQUAL(record->now.place, place);
}

static void
a_start_that_fails_proves_nothing(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(GwClaim) failed =
		gw_claim_new(folder, "web1", "/run/qmp", GW_CLAIM_OWN, folder, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(failed);
	CU_ASSERT_PTR_NULL(gw_claim_get_unasked(failed));
	CU_ASSERT_TRUE(gw_claim_take(failed, NULL));
	place_is(folder, OWNERSHIP_HERE);
	CU_ASSERT_TRUE(gw_claim_give_back(failed, NULL));
	g_autoptr(Ownership) record = ownership_load(folder, "web1", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(record);
	CU_ASSERT_FALSE(ownership_is_on_disk(record));
}

/* A start that fails leaves the record as it was. */
static void
what_was_handed_over_is_started_by_word_only(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(GError) error = NULL;
	hand_over(folder);
	claim(folder, GW_CLAIM_OWN, "was handed over to 192.0.2.2");
	place_is(folder, OWNERSHIP_THERE);
	g_autoptr(GwClaim) failed =
		gw_claim_new(folder, "web1", "/run/qmp", GW_CLAIM_HERE, folder, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(failed);
	TEST_STRING(gw_claim_get_unasked(failed),
		    "the other host could not be asked (its agent is not known here)");
	CU_ASSERT_TRUE(gw_claim_take(failed, NULL));
	place_is(folder, OWNERSHIP_HERE);
	CU_ASSERT_TRUE(gw_claim_give_back(failed, NULL));
	place_is(folder, OWNERSHIP_THERE);
	g_clear_pointer(&failed, gw_claim_free);
	claim(folder, GW_CLAIM_HERE, NULL);
	claim(folder, GW_CLAIM_OWN, NULL);
}

CU_TestInfo suite_session_local[] = {
	{ "a VM that was handed over is not here", a_vm_that_was_handed_over_is_not_here },
	{ "a VM that is not known is as before", a_vm_that_is_not_known_is_as_before },
	{ "a guest that runs here is here", a_guest_that_runs_here_is_here },
	{ "a guest that may run there too is not just here",
	  a_guest_that_may_run_there_too_is_not_just_here },
	{ "one session a VM", one_session_a_vm },
	{ "what was handed over is started by word only",
	  what_was_handed_over_is_started_by_word_only },
	{ "a start that fails proves nothing", a_start_that_fails_proves_nothing },
	{ "a key that others can read", a_key_that_others_can_read },
	{ "no certificates", no_certificates },
	{ "a name that does not resolve", a_name_that_does_not_resolve },
	CU_TEST_INFO_NULL,
};
