/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handshakes over real sockets: who is taken, who is not, and what each side says about it. What
 * the kernel would do is tested in the lab: here there is none that can.
 */
#include <CUnit/CUnit.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "tests/rig/test-util.h"
#include "tests/rig/tls-rig.h"

#define TIMEOUT_MS 5000

/* One handshake and what became of it. */
typedef struct {
	int fd; /* the client's; -1 */
	TlsInfo info;
	GError *error;
	TlsRigServed served;
} Meeting;

static void
meeting_clear(Meeting *self)
{
	if (self->fd >= 0)
		close(self->fd);
	tls_info_clear(&self->info);
	g_clear_error(&self->error);
	tls_rig_served_clear(&self->served);
	tls_rig_end();
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Meeting, meeting_clear);

static TlsCreds *
load(const char *folder, TlsRole role)
{
	g_autoptr(GError) error = NULL;
	TlsCreds *creds = tls_creds_load(folder, role, &error);

	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(creds);
	return creds;
}

static void
meet(Meeting *self, const char *client, const char *server, const TlsClientOptions *wish,
     const TlsServerPolicy *asked, gpointer data)
{
	TlsClientOptions wanted = *wish;
	TlsServerPolicy door = *asked;
	g_autoptr(TlsCreds) theirs = load(server, TLS_SERVER);
	g_autoptr(TlsCreds) ours = load(client, TLS_CLIENT);
	int dialled = -1, accepted = -1;

	*self = (Meeting){ .fd = -1 };
	wanted.pumps = door.pumps = tls_rig_pumps();
	tls_rig_pair(&dialled, &accepted);
	TlsRigServer *served = tls_rig_serve(theirs, accepted, &door, data);
	self->fd = tls_connect(ours, dialled, &wanted, TIMEOUT_MS, &self->info, NULL, &self->error);
	tls_rig_finish(served, &self->served);
}

static const TlsServerPolicy init_acceptor = { NULL };
static const TlsClientOptions to_b = { .host = "b" };

static void
check_talk(int one, int other)
{
	char text[8] = "";

	CU_ASSERT_TRUE_FATAL(one >= 0 && other >= 0);
	CU_ASSERT_EQUAL(write(one, "there", 5), 5);
	CU_ASSERT_EQUAL(read(other, text, sizeof text), 5);
	TEST_STRING(text, "there");
	CU_ASSERT_EQUAL(write(other, "back!", 5), 5);
	CU_ASSERT_EQUAL(read(one, text, sizeof text), 5);
	TEST_STRING(text, "back!");
}

static void
both_sides_talk_in_plain(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(folder, "ca", NULL);
	g_auto(Meeting) met;

	meet(&met, host, host, &to_b, &init_acceptor, NULL);
	TEST_NO_ERROR(met.error);
	TEST_NO_ERROR(met.served.error);
	check_talk(met.fd, met.served.fd);
	TEST_STRING(met.info.cipher, "TLSv1.3 TLS_AES_128_GCM_SHA256");
	TEST_STRING(met.served.info.cipher, met.info.cipher);
	TEST_STRING(met.info.here, met.served.info.here);
	TEST_STRING(met.info.there, met.served.info.here);
}

static void
new_keys_are_for_processes_and_tls_1_3(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(folder, "ca", NULL);
	const TlsClientOptions wish = { .host = "127.0.0.1", .rekey = TRUE };
	g_auto(Meeting) met;

	meet(&met, host, host, &wish, &init_acceptor, NULL);
	check_talk(met.fd, met.served.fd);
	TEST_STRING(met.info.here, "tls");
	TEST_STRING(met.info.there, "tls");
	CU_ASSERT_TRUE(g_str_has_prefix(met.info.cipher, "TLSv1.3 "));
}

/* A row: what is wrong at the client's folder, at the server's, and what each side says. */
typedef struct {
	TlsRigHost client, server;
	const char *client_authority, *server_authority;
	const char *client_says, *server_says;
} Refusal;

static const char *const other_names[] = { "DNS:c", "DNS:*.example", "IP:192.0.2.7", NULL };

static const Refusal refusals[] = {
	{ { 0 },
	  { 0 },
	  "ca",
	  "other",
	  "the certificate 'CN=b' of the agent is signed by an authority that our ca-cert.pem does "
	  "not have",
	  "the peer rejects the handshake: our certificate is signed by an authority that it "
	  "does not trust" },
	{ { 0 },
	  { .names = other_names },
	  "ca",
	  "ca",
	  "the certificate 'CN=b' of the agent is for other names than 'b' (see --tls-hostname)",
	  "the peer rejects the handshake: our certificate is bad" },
	{ { 0 },
	  { .of_other_purpose = TRUE },
	  "ca",
	  "ca",
	  "the certificate 'CN=b' of the agent is made for another purpose",
	  "the peer rejects the handshake: our certificate was made for another purpose" },
	{ { .of_other_purpose = TRUE },
	  { 0 },
	  "ca",
	  "ca",
	  "the agent rejects the handshake: our certificate was made for another purpose",
	  "the certificate 'CN=b' of the peer is made for another purpose" },
};

static void
whoever_is_not_right_is_refused(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(refusals); i++) {
		const Refusal *row = &refusals[i];
		g_auto(TestFolder) folder = test_folder_new();
		g_autofree char *client =
			tls_rig_folder(folder, row->client_authority, &row->client);
		g_autofree char *server =
			tls_rig_folder(folder, row->server_authority, &row->server);
		g_auto(Meeting) met;
		meet(&met, client, server, &to_b, &init_acceptor, NULL);
		TEST_ERROR(met.error, GW_ERROR, GW_ERROR_TLS, row->client_says);
		TEST_ERROR(met.served.error, GW_ERROR, GW_ERROR_TLS, row->server_says);
		CU_ASSERT_EQUAL(met.fd, -1);
		CU_ASSERT_EQUAL(met.served.fd, -1);
	}
}

/* Our own authority's certificate with that of another one beside it: we believe them, they not
 * us. */
static void
a_client_of_another_authority_is_refused(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *client = tls_rig_folder(folder, "other", NULL);
	g_autofree char *server = tls_rig_folder(folder, "ca", NULL);
	g_autofree char *from = g_build_filename(server, "ca-cert.pem", NULL);
	g_autofree char *to = g_build_filename(client, "ca-cert.pem", NULL);
	g_autofree char *text = NULL;
	g_auto(Meeting) met;

	CU_ASSERT_TRUE(g_file_get_contents(from, &text, NULL, NULL));
	CU_ASSERT_TRUE(g_file_set_contents(to, text, -1, NULL));
	meet(&met, client, server, &to_b, &init_acceptor, NULL);
	TEST_ERROR(met.error, GW_ERROR, GW_ERROR_TLS,
		   "the agent rejects the handshake: our certificate is signed by an authority "
		   "that it does not trust");
	TEST_ERROR(met.served.error, GW_ERROR, GW_ERROR_TLS,
		   "the certificate 'CN=b' of the peer is signed by an authority that our "
		   "ca-cert.pem does not have");
}

/* Good when it was loaded: a daemon runs for years. */
static void
a_certificate_that_expires_later_is_refused_then(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	const TlsRigHost short_lived = { .begin_s = -100, .end_s = 2 };
	g_autofree char *lasting = tls_rig_folder(folder, "ca", NULL);
	g_autofree char *expiring = tls_rig_folder(folder, "ca", &short_lived);
	g_autoptr(TlsCreds) theirs = load(expiring, TLS_SERVER);
	g_autoptr(TlsCreds) ours = load(lasting, TLS_CLIENT);
	g_autoptr(GError) error = NULL;
	g_auto(TlsRigServed) served;
	int dialled = -1, accepted = -1;

	g_usleep(3200000);
	tls_rig_pair(&dialled, &accepted);
	TlsRigServer *server = tls_rig_serve(theirs, accepted, &init_acceptor, NULL);
	CU_ASSERT_EQUAL(tls_connect(ours, dialled, &to_b, TIMEOUT_MS, NULL, NULL, &error), -1);
	tls_rig_finish(server, &served);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_TLS,
		   "the certificate 'CN=b' of the agent has expired");
	TEST_ERROR(served.error, GW_ERROR, GW_ERROR_TLS,
		   "the peer rejects the handshake: our certificate has expired");
	g_autoptr(GError) load_error = NULL;
	CU_ASSERT_PTR_NULL(tls_creds_load(expiring, TLS_SERVER, &load_error));
	TEST_ERROR(load_error, GW_ERROR, GW_ERROR_TLS, "server-cert.pem' has expired");
}

static void
what_was_revoked_is_refused(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *client = tls_rig_folder(folder, "ca", NULL);
	g_autofree char *server = tls_rig_folder(folder, "ca", NULL);
	g_auto(Meeting) met;
	g_auto(Meeting) unlisted;

	/* The server has a list, on which nobody is, and then its client. */
	tls_rig_revoke(folder, "ca", server, FALSE);
	meet(&unlisted, client, server, &to_b, &init_acceptor, NULL);
	check_talk(unlisted.fd, unlisted.served.fd);
	tls_rig_revoke(folder, "ca", client, TRUE);
	g_autofree char *from = g_build_filename(client, "ca-crl.pem", NULL);
	g_autofree char *to = g_build_filename(server, "ca-crl.pem", NULL);
	CU_ASSERT_EQUAL(g_rename(from, to), 0);
	meet(&met, client, server, &to_b, &init_acceptor, NULL);
	TEST_ERROR(met.error, GW_ERROR, GW_ERROR_TLS,
		   "the agent rejects the handshake: our certificate has been revoked");
	TEST_ERROR(met.served.error, GW_ERROR, GW_ERROR_TLS,
		   "the certificate 'CN=b' of the peer has been revoked");
}

static void
only_allowed_subjects_are_taken(void)
{
	static const struct {
		const char *allowed[3];
		gboolean taken;
	} rows[] = {
		{ { "CN=b" }, TRUE }, { { "CN=a", "CN=b" }, TRUE }, { { "CN=?" }, TRUE },
		{ { "*" }, TRUE },    { { "CN=a" }, FALSE },	    { { "CN=bb" }, FALSE },
		{ { "b" }, FALSE },   { { "cn=b" }, FALSE },	    { { NULL }, FALSE },
	};
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(folder, "ca", NULL);

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		const TlsServerPolicy door = { .allowed = rows[i].allowed };
		g_auto(Meeting) met;
		meet(&met, host, host, &to_b, &door, NULL);
		if (rows[i].taken) {
			check_talk(met.fd, met.served.fd);
			continue;
		}
		TEST_ERROR(
			met.error, GW_ERROR, GW_ERROR_TLS,
			"the agent rejects us: 'CN=b' is not among the subjects that it accepts");
		TEST_ERROR(met.served.error, GW_ERROR, GW_ERROR_TLS,
			   "'CN=b' is not among the accepted subjects");
	}
}

typedef struct {
	gboolean answer;
	char *pass;
	guint asked;
} Admission;

static gboolean
admit(const char *pass, gpointer data)
{
	Admission *self = data;

	self->pass = g_strdup(pass);
	self->asked++;
	return self->answer;
}

static void
an_agent_may_turn_away_before_any_work(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(folder, "ca", NULL);
	const TlsServerPolicy door = { .admit = admit };
	const TlsClientOptions wish = { .host = "b", .pass = "0123456789abcdef0123456789abcdef" };
	Admission no = { .answer = FALSE }, yes = { .answer = TRUE };
	g_auto(Meeting) refused;
	g_auto(Meeting) admitted;

	meet(&refused, host, host, &to_b, &door, &no);
	TEST_ERROR(refused.error, GW_ERROR, GW_ERROR_BUSY, "too many connections: try again");
	TEST_ERROR(refused.served.error, GW_ERROR, GW_ERROR_BUSY, "too many handshakes");
	CU_ASSERT_EQUAL(no.asked, 1);
	CU_ASSERT_PTR_NULL(no.pass);
	meet(&admitted, host, host, &wish, &door, &yes);
	check_talk(admitted.fd, admitted.served.fd);
	TEST_STRING(yes.pass, wish.pass);
	g_free(yes.pass);
}

/* What answers instead of an agent with TLS. */
static void
check_stranger(const char *says, gboolean hangs_up, const char *words)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(folder, "ca", NULL);
	g_autoptr(TlsCreds) ours = load(host, TLS_CLIENT);
	g_autoptr(GError) error = NULL;
	int dialled = -1, accepted = -1;

	tls_rig_pair(&dialled, &accepted);
	CU_ASSERT_EQUAL(write(accepted, says, strlen(says)), (gssize)strlen(says));
	if (hangs_up)
		shutdown(accepted, SHUT_WR);
	CU_ASSERT_EQUAL(tls_connect(ours, dialled, &to_b, 300, NULL, NULL, &error), -1);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_TLS, words);
	close(accepted);
}

static void
what_is_no_agent_with_tls_is_told_of(void)
{
	check_stranger("{\"type\":\"failed\"}\n", FALSE, "the agent does not speak TLS");
	check_stranger("SSH-2.0-OpenSSH_9.2p1\r\n", FALSE, "the agent does not speak TLS");
	check_stranger("", TRUE, "the agent closed the connection in the handshake");
	check_stranger("", FALSE, "the agent does not finish the handshake");
	check_stranger("\x16\x03\x03", FALSE, "the agent does not finish the handshake");
}

static void
a_cancel_ends_a_handshake(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(folder, "ca", NULL);
	g_autoptr(TlsCreds) ours = load(host, TLS_CLIENT);
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	g_autoptr(GError) error = NULL;
	int dialled = -1, accepted = -1;

	tls_rig_pair(&dialled, &accepted);
	g_cancellable_cancel(cancellable);
	CU_ASSERT_EQUAL(tls_connect(ours, dialled, &to_b, TIMEOUT_MS, NULL, cancellable, &error),
			-1);
	CU_ASSERT_TRUE(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
	close(accepted);
}

CU_TestInfo suite_tls[] = {
	{ "both sides talk in plain", both_sides_talk_in_plain },
	{ "new keys are for processes and TLS 1.3", new_keys_are_for_processes_and_tls_1_3 },
	{ "whoever is not right is refused", whoever_is_not_right_is_refused },
	{ "a client of another authority is refused", a_client_of_another_authority_is_refused },
	{ "a certificate that expires later is refused then",
	  a_certificate_that_expires_later_is_refused_then },
	{ "what was revoked is refused", what_was_revoked_is_refused },
	{ "only allowed subjects are taken", only_allowed_subjects_are_taken },
	{ "an agent may turn away before any work", an_agent_may_turn_away_before_any_work },
	{ "what is no agent with TLS is told of", what_is_no_agent_with_tls_is_told_of },
	{ "a cancel ends a handshake", a_cancel_ends_a_handshake },
	CU_TEST_INFO_NULL,
};
