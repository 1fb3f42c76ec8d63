/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The folder of --tls-dir: what is loaded, and what is said about one that is not as it must be.
 */
#include <CUnit/CUnit.h>
#include <glib/gstdio.h>

#include "engine/gw-error.h"
#include "tests/rig/test-util.h"
#include "tests/rig/tls-rig.h"

static void
both_roles_are_loaded(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(folder, "ca", NULL);
	g_autoptr(TlsCreds) client = tls_creds_load(host, TLS_CLIENT, NULL);
	g_autoptr(TlsCreds) server = tls_creds_load(host, TLS_SERVER, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(client);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server);
	CU_ASSERT_EQUAL(tls_creds_get_kernel_version(client), tls_creds_get_kernel_version(server));
}

/* @name: a file; @text: what it is made; NULL: removed. */
static void
check_broken(const char *name, const char *text, const char *words)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(folder, "ca", NULL);
	g_autofree char *path = g_build_filename(host, name, NULL);
	g_autofree char *named = g_strdup_printf("%s'", path);
	g_autoptr(GError) error = NULL;

	gboolean broken = text != NULL ? g_file_set_contents_full(path, text, -1, 0, 0600, NULL)
				       : g_unlink(path) == 0;
	CU_ASSERT_TRUE_FATAL(broken);
	CU_ASSERT_PTR_NULL(tls_creds_load(host, TLS_SERVER, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_TLS, named);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_TLS, words);
}

static void
what_is_missing_or_broken_is_named(void)
{
	check_broken("ca-cert.pem", NULL, "No such file");
	check_broken("server-cert.pem", NULL, "No such file");
	check_broken("server-key.pem", NULL, "No such file");
	check_broken("ca-cert.pem", "nonsense", "");
	check_broken("server-cert.pem", "nonsense", "");
	check_broken("server-key.pem", "nonsense", "");
	check_broken("ca-crl.pem", "nonsense", "");
}

/* One with a passphrase would make a daemon ask at a terminal that it has not got. */
static void
an_encrypted_key_is_refused_and_nobody_asked(void)
{
	static const char key[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
				  "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAg=\n"
				  "-----END ENCRYPTED PRIVATE KEY-----\n";
	check_broken("server-key.pem", key, "");
}

static void
another_roles_files_are_not_missed(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(folder, "ca", NULL);
	g_autofree char *key = g_build_filename(host, "client-key.pem", NULL);
	g_autoptr(GError) error = NULL;

	CU_ASSERT_EQUAL(g_unlink(key), 0);
	g_autoptr(TlsCreds) server = tls_creds_load(host, TLS_SERVER, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NULL(tls_creds_load(host, TLS_CLIENT, NULL));
}

static void
a_key_of_another_certificate_is_refused(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(folder, "ca", NULL);
	g_autofree char *from = g_build_filename(host, "client-key.pem", NULL);
	g_autofree char *to = g_build_filename(host, "server-key.pem", NULL);
	g_autoptr(GError) error = NULL;

	CU_ASSERT_EQUAL(g_rename(from, to), 0);
	CU_ASSERT_PTR_NULL(tls_creds_load(host, TLS_SERVER, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_TLS, "key values mismatch");
}

static void
a_key_that_others_can_read_is_refused(void)
{
	static const struct {
		int mode;
		gboolean good;
	} rows[] = { { 0600, TRUE },  { 0400, TRUE },  { 0640, TRUE }, { 0440, TRUE },
		     { 0644, FALSE }, { 0604, FALSE }, { 0660, FALSE } };
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(folder, "ca", NULL);
	g_autofree char *key = g_build_filename(host, "server-key.pem", NULL);

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		CU_ASSERT_EQUAL(g_chmod(key, rows[i].mode), 0);
		g_autoptr(TlsCreds) creds = tls_creds_load(host, TLS_SERVER, &error);
		CU_ASSERT_EQUAL(creds != NULL, rows[i].good);
		if (!rows[i].good)
			TEST_ERROR(error, GW_ERROR, GW_ERROR_TLS, "other users can read this key");
	}
}

static void
a_certificate_of_tomorrow_is_refused(void)
{
	const TlsRigHost tomorrow = { .begin_s = 86400, .end_s = 2 * 86400 };
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(folder, "ca", &tomorrow);
	g_autoptr(GError) error = NULL;

	CU_ASSERT_PTR_NULL(tls_creds_load(host, TLS_CLIENT, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_TLS, "client-cert.pem' is not valid yet");
}

CU_TestInfo suite_tls_creds[] = {
	{ "both roles are loaded", both_roles_are_loaded },
	{ "what is missing or broken is named", what_is_missing_or_broken_is_named },
	{ "an encrypted key is refused and nobody asked",
	  an_encrypted_key_is_refused_and_nobody_asked },
	{ "another role's files are not missed", another_roles_files_are_not_missed },
	{ "a key of another certificate is refused", a_key_of_another_certificate_is_refused },
	{ "other users can read this key is refused", a_key_that_others_can_read_is_refused },
	{ "a certificate of tomorrow is refused", a_certificate_of_tomorrow_is_refused },
	CU_TEST_INFO_NULL,
};
