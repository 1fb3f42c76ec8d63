/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * An authority and its hosts as folders. Everything is written into a new folder first and moved to
 * its place in one step. So a crash, a full disk or a second run at the same time never leaves a
 * half-written result:
 *
 *   DIR/ca-key.pem, DIR/ca-cert.pem   by link(2), which never replaces a file
 *   DIR/HOST/                         by rename(2); with renew, exchanged with the former one
 */
#include "engine/gw-pki.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gio/gio.h>
#include <glib/gstdio.h>

#include "engine/util/json-fields.h"
#include "engine/gw-error.h"
#include "engine/tls/pki-cert.h"

#define CLOCK_SKEW_S   3600 /* a host whose clock is behind must accept a new certificate */
#define DAY_S	       (24 * 3600)
#define MAX_NAME_BYTES 64 /* the limit of a commonName, by RFC 5280 */

void
gw_pki_free(GwPki *self)
{
	if (self == NULL)
		return;
	g_free(self->folder);
	g_free(self->subject);
	g_strfreev(self->names);
	g_free(self);
}

char *
gw_pki_to_json(const GwPki *self)
{
	JsonObject *object = json_object_new();
	fields_add_string(object, "folder", self->folder);
	fields_add_string(object, "subject", self->subject);
	fields_add_strv(object, "names", self->names);
	fields_add_known(object, "not_after_s", self->not_after_s);
	return fields_take_text(fields_node(object), TRUE);
}

static gboolean
set_errno_error(GError **error, const char *what, const char *path)
{
	int saved = errno;
	g_set_error(error, GW_ERROR, GW_ERROR_TLS, "%s '%s': %s", what, path, g_strerror(saved));
	return FALSE;
}

/* A folder for new files. It is removed with everything that is still in it. */
typedef char Scratch;

static void
scratch_remove(Scratch *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *file = g_build_filename(path, name, NULL);
		g_unlink(file);
	}
	g_rmdir(path);
	g_free(path);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scratch, scratch_remove);

/* (transfer full): in @dir, mode 0700. */
static Scratch *
scratch_new(const char *dir, GError **error)
{
	g_autofree char *path = g_build_filename(dir, ".new-XXXXXX", NULL);
	if (g_mkdtemp(path) != NULL)
		return g_steal_pointer(&path);
	set_errno_error(error, "cannot make a folder in", dir);
	return NULL;
}

/* Writes @text, (transfer full), which is wiped afterwards. NULL fails with the error that @error
 * has already. */
static gboolean
write_file(const char *folder, const char *name, char *text, GError **error)
{
	if (text == NULL)
		return FALSE;
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autoptr(GError) cause = NULL;
	gboolean written =
		g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_DURABLE, 0600, &cause);
	if (!written)
		g_set_error(error, GW_ERROR, GW_ERROR_TLS, "cannot write '%s': %s", path,
			    cause->message);
	OPENSSL_cleanse(text, strlen(text));
	g_free(text);
	return written;
}

static gboolean
write_pair(const char *folder, const char *role, const PkiPair *pair, GError **error)
{
	g_autofree char *key_name = g_strconcat(role, "-key.pem", NULL);
	g_autofree char *certificate_name = g_strconcat(role, "-cert.pem", NULL);
	return write_file(folder, key_name, pki_key_to_pem(pair->key, error), error) &&
	       write_file(folder, certificate_name,
			  pki_certificate_to_pem(pair->certificate, error), error);
}

static GwPki *
describe(const char *folder, const PkiPair *pair, char **names)
{
	GwPki *self = g_new0(GwPki, 1);
	self->folder = g_strdup(folder);
	self->subject = openssl_name_to_string(X509_get_subject_name(pair->certificate));
	self->names = g_strdupv(names);
	self->not_after_s = openssl_time_to_s(X509_get0_notAfter(pair->certificate));
	return self;
}

static gint64
now_s(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

static gboolean
check_days(guint days, GError **error)
{
	if (days >= 1 && days <= GW_PKI_MAX_DAYS)
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_TLS, "%u days are not between 1 and %d", days,
		    GW_PKI_MAX_DAYS);
	return FALSE;
}

/* Moves the file to its place. An existing file is not replaced. */
static gboolean
publish(const char *from, const char *dir, const char *name, GError **error)
{
	g_autofree char *old_path = g_build_filename(from, name, NULL);
	g_autofree char *new_path = g_build_filename(dir, name, NULL);
	if (link(old_path, new_path) == 0)
		return TRUE;
	if (errno != EEXIST)
		return set_errno_error(error, "cannot make", new_path);
	g_set_error(error, GW_ERROR, GW_ERROR_TLS,
		    "'%s' exists already: an authority is never overwritten", new_path);
	return FALSE;
}

static gboolean
publish_authority(const char *from, const char *dir, GError **error)
{
	if (!publish(from, dir, "ca-key.pem", error))
		return FALSE;
	if (publish(from, dir, "ca-cert.pem", error))
		return TRUE;
	g_autofree char *ours = g_build_filename(dir, "ca-key.pem", NULL);
	g_unlink(ours);
	return FALSE;
}

GwPki *
gw_pki_init(const char *dir, guint days, GError **error)
{
	/* A unique name lets the reader of a message tell a second authority from the first. */
	g_autofree char *name = g_strdup_printf("Godwit CA %08x", g_random_int());
	const PkiRequest request = { .use = PKI_AUTHORITY,
				     .common_name = name,
				     .not_before_s = now_s() - CLOCK_SKEW_S,
				     .not_after_s = now_s() + (gint64)days * DAY_S };
	if (!check_days(days, error))
		return NULL;
	if (g_mkdir_with_parents(dir, 0700) != 0) {
		set_errno_error(error, "cannot make", dir);
		return NULL;
	}
	g_auto(PkiPair) pair = { NULL, NULL };
	g_autoptr(Scratch) scratch = scratch_new(dir, error);
	if (scratch == NULL || !pki_pair_make(&pair, &request, NULL, error) ||
	    !write_pair(scratch, "ca", &pair, error) || !publish_authority(scratch, dir, error))
		return NULL;
	return describe(dir, &pair, NULL);
}

static char *
read_file(const char *dir, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_autoptr(GError) cause = NULL;
	char *text = NULL;
	if (!g_file_get_contents(path, &text, NULL, &cause))
		g_set_error(error, GW_ERROR, GW_ERROR_TLS, "no authority in '%s': %s", dir,
			    cause->message);
	return text;
}

static gboolean
read_authority(PkiPair *ret_pair, const char *dir, GError **error)
{
	g_autofree char *certificate = read_file(dir, "ca-cert.pem", error);
	g_autofree char *key = certificate != NULL ? read_file(dir, "ca-key.pem", error) : NULL;
	if (key == NULL)
		return FALSE;
	gboolean parsed = pki_pair_parse(ret_pair, certificate, key, error);
	OPENSSL_cleanse(key, strlen(key));
	if (!parsed) {
		g_prefix_error(error, "the authority in '%s': ", dir);
		return FALSE;
	}
	if (openssl_time_to_s(X509_get0_notAfter(ret_pair->certificate)) > now_s())
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_TLS, "the authority in '%s' has expired", dir);
	return FALSE;
}

/* Returns whether the name is safe as a folder and in a certificate. */
static gboolean
is_host_name(const char *text)
{
	return g_ascii_isalnum(text[0]) && strlen(text) <= MAX_NAME_BYTES &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") ==
		       strlen(text);
}

/* (transfer full): @host and @addresses as entries of subjectAltName; NULL if one of them is
 * neither a name nor an address. */
static GStrv
make_names(const char *host, const char *const *addresses, GError **error)
{
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();
	const char *text = host;
	for (guint i = 0; text != NULL; text = addresses != NULL ? addresses[i++] : NULL) {
		gboolean is_ip = g_hostname_is_ip_address(text) && strchr(text, '%') == NULL;
		if (!is_ip && !is_host_name(text)) {
			g_set_error(error, GW_ERROR, GW_ERROR_TLS,
				    "'%s' is neither a host's name nor an IP address", text);
			return NULL;
		}
		g_autofree char *name = g_strconcat(is_ip ? "IP:" : "DNS:", text, NULL);
		g_strv_builder_add(names, name);
	}
	return g_strv_builder_end(names);
}

static gboolean
make_host_files(const char *folder, const PkiPair *authority, PkiRequest *request,
		PkiPair *ret_server, GError **error)
{
	g_auto(PkiPair) client = { NULL, NULL };
	request->use = PKI_SERVER;
	if (!pki_pair_make(ret_server, request, authority, error))
		return FALSE;
	request->use = PKI_CLIENT;
	return pki_pair_make(&client, request, authority, error) &&
	       write_pair(folder, "server", ret_server, error) &&
	       write_pair(folder, "client", &client, error) &&
	       write_file(folder, "ca-cert.pem",
			  pki_certificate_to_pem(authority->certificate, error), error);
}

/* Keeps the other files of a replaced folder, for example a list of revoked certificates. */
static void
keep_others(const char *from, const char *to)
{
	g_autoptr(GDir) dir = g_dir_open(from, 0, NULL);
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *old_path = g_build_filename(from, name, NULL);
		g_autofree char *new_path = g_build_filename(to, name, NULL);
		if (renameat2(AT_FDCWD, old_path, AT_FDCWD, new_path, RENAME_NOREPLACE) != 0)
			g_debug("'%s' is replaced", new_path);
	}
}

/* The former folder takes the place of @scratch, and is removed with it. */
static gboolean
publish_host(const char *scratch, const char *folder, gboolean renew, GError **error)
{
	unsigned int flags = renew ? RENAME_EXCHANGE : RENAME_NOREPLACE;
	if (renameat2(AT_FDCWD, scratch, AT_FDCWD, folder, flags) == 0) {
		keep_others(scratch, folder);
		return TRUE;
	}
	if (errno != EEXIST && errno != ENOTEMPTY)
		return set_errno_error(error, "cannot make", folder);
	g_set_error(error, GW_ERROR, GW_ERROR_TLS, "'%s' exists already; use --renew to replace it",
		    folder);
	return FALSE;
}

GwPki *
gw_pki_add_host(const char *dir, const char *host, const char *const *addresses, guint days,
		gboolean renew, GError **error)
{
	g_auto(PkiPair) authority = { NULL, NULL };
	g_auto(PkiPair) server = { NULL, NULL };
	if (!check_days(days, error) || !read_authority(&authority, dir, error))
		return NULL;
	g_auto(GStrv) names = make_names(host, addresses, error);
	if (names == NULL)
		return NULL;
	gint64 end_s = openssl_time_to_s(X509_get0_notAfter(authority.certificate));
	PkiRequest request = { .common_name = host,
			       .names = (const char *const *)names,
			       .not_before_s = now_s() - CLOCK_SKEW_S,
			       .not_after_s = MIN(now_s() + (gint64)days * DAY_S, end_s) };
	g_autofree char *folder = g_build_filename(dir, host, NULL);
	g_autoptr(Scratch) scratch = scratch_new(dir, error);
	gboolean exists = g_file_test(folder, G_FILE_TEST_EXISTS);
	if (scratch == NULL || !make_host_files(scratch, &authority, &request, &server, error) ||
	    !publish_host(scratch, folder, renew && exists, error))
		return NULL;
	return describe(folder, &server, names);
}
