/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Authorities and hosts as files: who may read them, what never happens to those that are there,
 * and what OpenSSL itself thinks of the certificates.
 */
#include <CUnit/CUnit.h>
#include <glib/gstdio.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/gw-error.h"
#include "engine/gw-pki.h"
#include "engine/tls/openssl.h"
#include "tests/rig/test-util.h"

static const char *const host_files[] = { "ca-cert.pem", "client-cert.pem", "client-key.pem",
					  "server-cert.pem", "server-key.pem" };

static guint
mode_of(const char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	struct stat status;

	return g_stat(path, &status) == 0 ? status.st_mode & 07777 : 0;
}

static char *
text_of(const char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	char *text = NULL;

	CU_ASSERT_TRUE(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

static X509 *
certificate_of(const char *dir, const char *name)
{
	g_autofree char *text = text_of(dir, name);
	g_autoptr(BIO) memory = BIO_new_mem_buf(text, -1);

	return PEM_read_bio_X509(memory, NULL, NULL, NULL);
}

static guint
count_entries(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	guint n = 0;

	while (dir != NULL && g_dir_read_name(dir) != NULL)
		n++;
	return n;
}

static char *
new_authority(const char *folder)
{
	char *dir = g_build_filename(folder, "pki", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GwPki) made = gw_pki_init(dir, 30, &error);

	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	CU_ASSERT_PTR_NULL(error);
	return dir;
}

static void
only_the_owner_can_read(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *dir = new_authority(folder);
	g_autoptr(GwPki) made = gw_pki_add_host(dir, "b", NULL, 10, FALSE, NULL);
	g_autofree char *host = g_build_filename(dir, "b", NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	CU_ASSERT_EQUAL(mode_of(dir, "."), 0700);
	CU_ASSERT_EQUAL(mode_of(dir, "ca-key.pem"), 0600);
	CU_ASSERT_EQUAL(mode_of(dir, "ca-cert.pem"), 0600);
	CU_ASSERT_EQUAL(mode_of(dir, "b"), 0700);
	for (guint i = 0; i < G_N_ELEMENTS(host_files); i++)
		CU_ASSERT_EQUAL(mode_of(host, host_files[i]), 0600);
	CU_ASSERT_EQUAL(count_entries(dir), 3);
	CU_ASSERT_EQUAL(count_entries(host), G_N_ELEMENTS(host_files));
}

/* Verifies for @purpose against the host's own copy of the authority. */
static gboolean
is_good_for(const char *host, const char *name, int purpose)
{
	g_autoptr(X509) authority = certificate_of(host, "ca-cert.pem");
	g_autoptr(X509) certificate = certificate_of(host, name);
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();

	X509_STORE_add_cert(store, authority);
	X509_STORE_CTX_init(context, store, certificate, NULL);
	X509_STORE_CTX_set_purpose(context, purpose);
	gboolean good = X509_verify_cert(context) == 1;
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return good;
}

static void
each_certificate_is_for_one_purpose(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *dir = new_authority(folder);
	g_autoptr(GwPki) made = gw_pki_add_host(dir, "b", NULL, 10, FALSE, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	CU_ASSERT_TRUE(is_good_for(made->folder, "server-cert.pem", X509_PURPOSE_SSL_SERVER));
	CU_ASSERT_TRUE(is_good_for(made->folder, "client-cert.pem", X509_PURPOSE_SSL_CLIENT));
	CU_ASSERT_FALSE(is_good_for(made->folder, "server-cert.pem", X509_PURPOSE_SSL_CLIENT));
	CU_ASSERT_FALSE(is_good_for(made->folder, "client-cert.pem", X509_PURPOSE_SSL_SERVER));
}

static void
a_host_is_known_by_all_its_names(void)
{
	static const char *const addresses[] = { "b.example", "192.0.2.2", "2001:db8::2", NULL };
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *dir = new_authority(folder);
	g_autoptr(GwPki) made = gw_pki_add_host(dir, "b", addresses, 10, FALSE, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	TEST_STRING(made->subject, "CN=b");
	g_autoptr(X509) certificate = certificate_of(made->folder, "server-cert.pem");
	CU_ASSERT_EQUAL(X509_check_host(certificate, "b", 0, 0, NULL), 1);
	CU_ASSERT_EQUAL(X509_check_host(certificate, "b.example", 0, 0, NULL), 1);
	CU_ASSERT_EQUAL(X509_check_host(certificate, "c.example", 0, 0, NULL), 0);
	CU_ASSERT_EQUAL(X509_check_ip_asc(certificate, "192.0.2.2", 0), 1);
	CU_ASSERT_EQUAL(X509_check_ip_asc(certificate, "2001:db8::2", 0), 1);
	CU_ASSERT_EQUAL(X509_check_ip_asc(certificate, "192.0.2.3", 0), 0);
}

static void
an_authority_is_never_overwritten(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *dir = new_authority(folder);
	g_autofree char *before = text_of(dir, "ca-key.pem");
	g_autoptr(GError) error = NULL;

	CU_ASSERT_PTR_NULL(gw_pki_init(dir, 30, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_TLS, "never overwritten");
	g_autofree char *after = text_of(dir, "ca-key.pem");
	TEST_STRING(after, before);
	CU_ASSERT_EQUAL(count_entries(dir), 2);

	/* A certificate alone counts too, and no key is left beside it. */
	g_autofree char *key = g_build_filename(dir, "ca-key.pem", NULL);
	g_unlink(key);
	CU_ASSERT_PTR_NULL(gw_pki_init(dir, 30, NULL));
	CU_ASSERT_EQUAL(count_entries(dir), 1);
}

static void
a_host_is_replaced_only_when_asked_for(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *dir = new_authority(folder);
	g_autoptr(GwPki) made = gw_pki_add_host(dir, "b", NULL, 10, FALSE, NULL);
	g_autoptr(GError) error = NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	g_autofree char *other = g_build_filename(made->folder, "ca-crl.pem", NULL);
	CU_ASSERT_TRUE(g_file_set_contents(other, "mine", -1, NULL));
	g_autofree char *before = text_of(made->folder, "server-key.pem");
	CU_ASSERT_PTR_NULL(gw_pki_add_host(dir, "b", NULL, 10, FALSE, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_TLS, "exists already");
	g_autofree char *kept = text_of(made->folder, "server-key.pem");
	TEST_STRING(kept, before);

	g_autoptr(GwPki) renewed = gw_pki_add_host(dir, "b", NULL, 10, TRUE, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(renewed);
	g_autofree char *after = text_of(made->folder, "server-key.pem");
	CU_ASSERT_STRING_NOT_EQUAL(after, before);
	CU_ASSERT_TRUE(is_good_for(made->folder, "server-cert.pem", X509_PURPOSE_SSL_SERVER));
	g_autofree char *theirs = text_of(made->folder, "ca-crl.pem");
	TEST_STRING(theirs, "mine");
	CU_ASSERT_EQUAL(count_entries(dir), 3);
}

static void
no_host_outlives_its_authority(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *dir = new_authority(folder);
	g_autoptr(GwPki) made = gw_pki_add_host(dir, "b", NULL, 825, FALSE, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	g_autoptr(X509) authority = certificate_of(dir, "ca-cert.pem");
	CU_ASSERT_EQUAL(made->not_after_s, openssl_time_to_s(X509_get0_notAfter(authority)));
}

static void
names_that_are_none_are_refused(void)
{
	static const char *const bad[] = { "",	  "..",		"a/b",		"-a",  "a,DNS:evil",
					   "a b", "fe80::1%lo", "192.0.2.256/", "\xff" };
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *dir = new_authority(folder);

	for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
		const char *addresses[] = { bad[i], NULL };
		g_autoptr(GError) error = NULL;
		CU_ASSERT_PTR_NULL(gw_pki_add_host(dir, bad[i], NULL, 10, FALSE, &error));
		TEST_ERROR(error, GW_ERROR, GW_ERROR_TLS,
			   "neither a host's name nor an IP address");
		CU_ASSERT_PTR_NULL(gw_pki_add_host(dir, "b", addresses, 10, FALSE, NULL));
	}
	CU_ASSERT_EQUAL(count_entries(dir), 2);
}

static void
set_file(const char *dir, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);

	CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, text, -1, NULL));
}

static void
an_authority_that_is_none_is_told_of(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *dir = new_authority(folder);
	g_autofree char *key = text_of(dir, "ca-key.pem");
	g_autofree char *elsewhere = g_build_filename(folder, "nothing", NULL);
	g_autofree char *sub = g_build_filename(folder, "sub", NULL);
	g_autofree char *other_dir = new_authority(sub);
	g_autofree char *other = text_of(other_dir, "ca-key.pem");
	const struct {
		const char *dir, *key, *words;
	} rows[] = {
		{ elsewhere, NULL, "no authority in '" },
		{ dir, "", "this is not a usable key" },
		{ dir, other, "the key does not belong to this certificate" },
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		if (rows[i].key != NULL)
			set_file(dir, "ca-key.pem", rows[i].key);
		CU_ASSERT_PTR_NULL(gw_pki_add_host(rows[i].dir, "b", NULL, 10, FALSE, &error));
		TEST_ERROR(error, GW_ERROR, GW_ERROR_TLS, rows[i].words);
	}
	CU_ASSERT_PTR_NULL(gw_pki_add_host(dir, "b", NULL, 0, FALSE, NULL));
}

CU_TestInfo suite_pki[] = {
	{ "only the owner can read", only_the_owner_can_read },
	{ "each certificate is for one purpose", each_certificate_is_for_one_purpose },
	{ "a host is known by all its names", a_host_is_known_by_all_its_names },
	{ "an authority is never overwritten", an_authority_is_never_overwritten },
	{ "a host is replaced only when asked for", a_host_is_replaced_only_when_asked_for },
	{ "no host outlives its authority", no_host_outlives_its_authority },
	{ "names that are none are refused", names_that_are_none_are_refused },
	{ "an authority that is none is told of", an_authority_that_is_none_is_told_of },
	CU_TEST_INFO_NULL,
};
