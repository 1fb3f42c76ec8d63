/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is wrong at this host is said of this host, and not of the agent that has never heard of it.
 */
#include <glib/gstdio.h>
#include <string.h>

#include "engine/gw-pki.h"
#include "engine/gw-session.h"
#include "qmp/await.h"
#include "tests/rig/model-qemu.h"
#include "tests/rig/test-util.h"
#include "tools/advice.h"

typedef char *Folder;
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(Folder, test_folder_free, NULL);

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
	g_auto(Folder) folder = test_folder_new();
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
	g_auto(Folder) folder = test_folder_new();
	g_autoptr(GwReport) report = migrate(folder, "127.0.0.1", folder);

	check(report, GW_ERROR_TLS, "source: '");
	CU_ASSERT_PTR_NOT_NULL(strstr(report->error_message, ".pem': "));
}

/* No resolver asks a server for such a name. */
static void
a_name_that_does_not_resolve(void)
{
	g_auto(Folder) folder = test_folder_new();
	g_autoptr(GwReport) report = migrate(folder, "no..such", NULL);

	check(report, GW_ERROR_UNKNOWN_HOST, "source: the name 'no..such' does not resolve");
	CU_ASSERT_PTR_NULL(strstr(advice_for(report), "godwitd"));
}

CU_TestInfo suite_session_local[] = {
	{ "a key that others can read", a_key_that_others_can_read },
	{ "no certificates", no_certificates },
	{ "a name that does not resolve", a_name_that_does_not_resolve },
	CU_TEST_INFO_NULL,
};
