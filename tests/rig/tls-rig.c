/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Certificates of every kind, by the engine's own maker of them, and the server's half of a
 * handshake in a thread, since the client's blocks.
 */
#include "tests/rig/tls-rig.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <openssl/pem.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/gw-pki.h"
#include "engine/tls/pki-cert.h"
#include "tests/rig/tcp-pair.h"

#define SERVE_TIMEOUT_US (60 * G_USEC_PER_SEC)
#define HOUR_S		 3600

static char *
read_text(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	char *text = NULL;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

static void
write_text(const char *folder, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	g_assert_true(g_file_set_contents_full(path, text, -1, 0, 0600, NULL));
}

static void
load_authority(PkiPair *ret_pair, const char *parent, const char *authority)
{
	g_autofree char *dir = g_build_filename(parent, authority, NULL);

	if (!g_file_test(dir, G_FILE_TEST_EXISTS)) {
		g_autoptr(GwPki) made = gw_pki_init(dir, 30, NULL);
		g_assert_nonnull(made);
	}
	g_autofree char *certificate = read_text(dir, "ca-cert.pem");
	g_autofree char *key = read_text(dir, "ca-key.pem");
	g_assert_true(pki_pair_parse(ret_pair, certificate, key, NULL));
}

static void
write_pair(const char *folder, const char *role, const PkiPair *pair)
{
	g_autofree char *certificate = pki_certificate_to_pem(pair->certificate, NULL);
	g_autofree char *key = pki_key_to_pem(pair->key, NULL);
	g_autofree char *certificate_name = g_strconcat(role, "-cert.pem", NULL);
	g_autofree char *key_name = g_strconcat(role, "-key.pem", NULL);

	write_text(folder, certificate_name, certificate);
	write_text(folder, key_name, key);
}

static void
issue(const char *folder, const char *role, PkiUse use, const PkiPair *authority,
      const TlsRigHost *host)
{
	static const char *const names[] = { "DNS:b", "IP:127.0.0.1", NULL };
	gint64 now_s = g_get_real_time() / G_USEC_PER_SEC;
	gboolean has_dates = host->begin_s != 0 || host->end_s != 0;
	const PkiRequest request = {
		.use = use,
		.common_name = host->common_name != NULL ? host->common_name : "b",
		.names = host->names != NULL ? host->names : names,
		.not_before_s = now_s + (has_dates ? host->begin_s : -HOUR_S),
		.not_after_s = now_s + (has_dates ? host->end_s : HOUR_S),
	};
	g_auto(PkiPair) pair = { NULL, NULL };
	g_autoptr(GError) error = NULL;

	g_assert_true(pki_pair_make(&pair, &request, authority, &error));
	write_pair(folder, role, &pair);
}

char *
tls_rig_folder(const char *parent, const char *authority, const TlsRigHost *host)
{
	static const TlsRigHost usual = { 0 };
	g_auto(PkiPair) pair = { NULL, NULL };
	char *folder = g_build_filename(parent, "tls-XXXXXX", NULL);
	const TlsRigHost *wanted = host != NULL ? host : &usual;
	gboolean swapped = wanted->of_other_purpose;

	g_assert_nonnull(g_mkdtemp(folder));
	load_authority(&pair, parent, authority);
	issue(folder, "server", swapped ? PKI_CLIENT : PKI_SERVER, &pair, wanted);
	issue(folder, "client", swapped ? PKI_SERVER : PKI_CLIENT, &pair, wanted);
	g_autofree char *text = pki_certificate_to_pem(pair.certificate, NULL);
	write_text(folder, "ca-cert.pem", text);
	return folder;
}

static void
add_revoked(X509_CRL *list, const char *folder, const char *name, const ASN1_TIME *when)
{
	g_autofree char *text = read_text(folder, name);
	g_autoptr(BIO) memory = BIO_new_mem_buf(text, -1);
	g_autoptr(X509) certificate = PEM_read_bio_X509(memory, NULL, NULL, NULL);
	X509_REVOKED *entry = X509_REVOKED_new();

	X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate));
	X509_REVOKED_set_revocationDate(entry, (ASN1_TIME *)when);
	g_assert_cmpint(X509_CRL_add0_revoked(list, entry), ==, 1);
}

void
tls_rig_revoke(const char *parent, const char *authority, const char *folder, gboolean revoke)
{
	g_auto(PkiPair) pair = { NULL, NULL };
	g_autoptr(BIO) memory = BIO_new(BIO_s_mem());
	X509_CRL *list = X509_CRL_new_ex(openssl_library(), NULL);
	ASN1_TIME *now = ASN1_TIME_adj(NULL, time(NULL), 0, -60);
	ASN1_TIME *later = ASN1_TIME_adj(NULL, time(NULL), 1, 0);

	load_authority(&pair, parent, authority);
	X509_CRL_set_version(list, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(list, X509_get_subject_name(pair.certificate));
	X509_CRL_set1_lastUpdate(list, now);
	X509_CRL_set1_nextUpdate(list, later);
	if (revoke) {
		add_revoked(list, folder, "server-cert.pem", now);
		add_revoked(list, folder, "client-cert.pem", now);
	}
	g_assert_cmpint(X509_CRL_sign(list, pair.key, EVP_sha256()), >, 0);
	g_assert_cmpint(PEM_write_bio_X509_CRL(memory, list), ==, 1);
	char *text = NULL;
	gssize len = BIO_get_mem_data(memory, &text);
	g_autofree char *copy = g_strndup(text, (gsize)len);
	write_text(folder, "ca-crl.pem", copy);
	ASN1_TIME_free(now);
	ASN1_TIME_free(later);
	X509_CRL_free(list);
}

static TlsPumps *pumps;

TlsPumps *
tls_rig_pumps(void)
{
	if (pumps == NULL)
		pumps = tls_pumps_new();
	return pumps;
}

void
tls_rig_end(void)
{
	g_clear_pointer(&pumps, tls_pumps_free);
}

struct TlsRigServer {
	GThread *thread;
	TlsHandshake *handshake;
	int fd; /* borrowed */
	TlsRigServed served;
};

static gpointer
serve(gpointer data)
{
	TlsRigServer *self = data;
	gint64 deadline_us = g_get_monotonic_time() + SERVE_TIMEOUT_US;
	TlsStep step = TLS_WANTS_READ;

	while ((step == TLS_WANTS_READ || step == TLS_WANTS_WRITE) &&
	       g_get_monotonic_time() < deadline_us) {
		struct pollfd fd = { self->fd, step == TLS_WANTS_READ ? POLLIN : POLLOUT, 0 };
		if (poll(&fd, 1, 100) > 0)
			step = tls_handshake_step(self->handshake, &self->served.error);
	}
	if (step == TLS_DONE)
		self->served.fd = tls_handshake_finish(self->handshake, &self->served.info,
						       &self->served.error);
	/* What a refused peer may read must not be lost to a reset. */
	if (step == TLS_FAILED)
		shutdown(self->fd, SHUT_WR);
	return NULL;
}

TlsRigServer *
tls_rig_serve(TlsCreds *creds, int fd, const TlsServerPolicy *door, gpointer data)
{
	TlsRigServer *self = g_new0(TlsRigServer, 1);

	g_unix_set_fd_nonblocking(fd, TRUE, NULL);
	self->fd = fd;
	self->served.fd = -1;
	self->handshake = tls_handshake_new_server(creds, fd, door, data);
	self->thread = g_thread_new("serve", serve, self);
	return self;
}

void
tls_rig_finish(TlsRigServer *self, TlsRigServed *ret_served)
{
	g_thread_join(self->thread);
	tls_handshake_free(self->handshake);
	*ret_served = self->served;
	g_free(self);
}

void
tls_rig_served_clear(TlsRigServed *self)
{
	if (self->fd >= 0)
		close(self->fd);
	tls_info_clear(&self->info);
	g_clear_error(&self->error);
}

void
tls_rig_pair(int *ret_dialled, int *ret_accepted)
{
	g_autoptr(GSocket) dialled = NULL;
	g_autoptr(GSocket) accepted = NULL;

	tcp_pair(&dialled, &accepted);
	*ret_dialled = fcntl(g_socket_get_fd(dialled), F_DUPFD_CLOEXEC, 3);
	*ret_accepted = fcntl(g_socket_get_fd(accepted), F_DUPFD_CLOEXEC, 3);
}
