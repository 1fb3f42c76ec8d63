/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TLS at the agent's port: what is said inside it is told apart as plain text is, plain text itself
 * is not taken, and strangers who only begin keep nobody out.
 */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "qmp/await.h"
#include "tests/rig/door.h"
#include "tests/rig/tcp-pair.h"
#include "tests/rig/test-util.h"

#define HELLO "{\"type\":\"hello\",\"id\":1,\"versions\":[2,2]}\n"
#include "tests/rig/tls-rig.h"

#define WAIT_MS 60000

static const guint8 token[CONTROL_TOKEN_BYTES] = { 1, 2, 3 };
static const guint8 other_token[CONTROL_TOKEN_BYTES] = { 1, 2, 4 };

/* A source that dials in a thread of its own while the test turns the agent's loop. */
typedef struct {
	TlsCreds *creds;
	int wire;
	const char *pass;
	int fd;
	GError *error;
	gint done;
} Source;

static gpointer
dial(gpointer data)
{
	Source *self = data;
	const TlsClientOptions wish = { .pumps = tls_rig_pumps(), .host = "b", .pass = self->pass };

	self->fd = tls_connect(self->creds, self->wire, &wish, WAIT_MS, NULL, NULL, &self->error);
	g_atomic_int_set(&self->done, TRUE);
	g_main_context_wakeup(NULL);
	return NULL;
}

static gboolean
is_done(gpointer data)
{
	return g_atomic_int_get(&((Source *)data)->done);
}

static void
source_run(Source *self, GSocket *dialled)
{
	self->wire = fcntl(g_socket_get_fd(dialled), F_DUPFD_CLOEXEC, 3);
	self->fd = -1;
	GThread *thread = g_thread_new("dial", dial, self);
	CU_ASSERT_TRUE(await_until(is_done, self, WAIT_MS, NULL, NULL));
	g_thread_join(thread);
}

static void
source_clear(Source *self)
{
	if (self->fd >= 0)
		close(self->fd);
	g_clear_error(&self->error);
	tls_creds_unref(self->creds);
	tls_rig_end();
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Source, source_clear);

/* A door with TLS and one source that is let in. */
static void
meet(Door *door, Source *source, const char *folder)
{
	g_autofree char *host = tls_rig_folder(folder, "ca", NULL);

	door->config.tls = tls_creds_load(host, TLS_SERVER, NULL);
	source->creds = tls_creds_load(host, TLS_CLIENT, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(door->config.tls);
	CU_ASSERT_PTR_NOT_NULL_FATAL(source->creds);
	door_open(door);
	source_run(source, door->dialled);
}

static void
end(Door *door)
{
	g_clear_pointer(&door->set, acceptor_set_free);
	g_clear_object(&door->control);
	if (door->channel_fd >= 0)
		close(door->channel_fd);
	door->channel_fd = -1;
	g_clear_pointer(&door->config.tls, tls_creds_unref);
}

static void
a_control_connection_is_known_inside(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_auto(Door) door = { 0 };
	g_auto(Source) source = { 0 };

	meet(&door, &source, folder);
	TEST_NO_ERROR(source.error);
	CU_ASSERT_EQUAL(write(source.fd, HELLO, strlen(HELLO)), (gssize)strlen(HELLO));
	CU_ASSERT_TRUE(test_wait(&door.decided));
	CU_ASSERT_PTR_NOT_NULL_FATAL(door.control);
	TEST_STRING(door.subject, "CN=b"); /* whom a session is bound to */
	CU_ASSERT_TRUE(g_str_has_prefix(door.peer, "127.0.0.1:"));
	TEST_STRING(door.said, HELLO);
	CU_ASSERT_PTR_NOT_NULL(door.subject);
	end(&door);
}

static void
a_channel_is_known_inside_and_its_stream_left_alone(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_auto(Door) door = { .waits_for_channel = TRUE };
	g_auto(Source) source = { 0 };
	ControlPreamble preamble = { .index = 3 };
	guint8 bytes[CONTROL_PREAMBLE_BYTES + 4];
	char text[8] = "";

	memcpy(preamble.token, token, sizeof token);
	control_preamble_format(&preamble, bytes);
	memcpy(bytes + CONTROL_PREAMBLE_BYTES, "QEVM", 4);
	meet(&door, &source, folder);
	CU_ASSERT_EQUAL(write(source.fd, bytes, sizeof bytes), sizeof bytes);
	CU_ASSERT_TRUE(test_wait(&door.decided));
	CU_ASSERT_TRUE_FATAL(door.channel_fd >= 0);
	CU_ASSERT_EQUAL(door.preamble.index, 3);
	CU_ASSERT_EQUAL(read(door.channel_fd, text, 4), 4);
	TEST_STRING(text, "QEVM");
	CU_ASSERT_EQUAL(fcntl(door.channel_fd, F_GETFL) & O_NONBLOCK, 0);
	CU_ASSERT_EQUAL(fcntl(door.channel_fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	end(&door);
}

/* The refusal is heard inside TLS: whoever is there is known, and may read why. */
static void
a_wrong_token_is_refused_in_words(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_auto(Door) door = { .waits_for_channel = FALSE };
	g_auto(Source) source = { 0 };
	const ControlPreamble preamble = { .index = 0 };
	guint8 bytes[CONTROL_PREAMBLE_BYTES];
	char text[512] = "";

	control_preamble_format(&preamble, bytes);
	meet(&door, &source, folder);
	CU_ASSERT_EQUAL(write(source.fd, bytes, sizeof bytes), sizeof bytes);
	CU_ASSERT_TRUE(test_wait(&door.decided));
	TEST_STRING(door.rejected, "no session waits for this data channel");
	CU_ASSERT_TRUE(read(source.fd, text, sizeof text - 1) > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "no session waits for this data channel"));
	end(&door);
}

/* What each kind of first byte gets from each kind of agent. */
static void
check_terms(gboolean tls, gboolean insecure, const char *says, int code, const char *words)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(folder, "ca", NULL);
	g_auto(Door) door = { .config = { .insecure = insecure } };

	door.config.tls = tls ? tls_creds_load(host, TLS_SERVER, NULL) : NULL;
	door_open(&door);
	tcp_send(door.dialled, says, strlen(says));
	CU_ASSERT_TRUE(test_wait(&door.decided));
	CU_ASSERT_EQUAL(door.control != NULL, words == NULL);
	CU_ASSERT_EQUAL(door.rejected_code, code);
	if (words != NULL)
		CU_ASSERT_PTR_NOT_NULL(strstr(door.rejected, words));
	end(&door);
}

static void
each_agent_takes_what_it_is_there_for(void)
{
	check_terms(FALSE, FALSE, HELLO, 0, NULL);
	check_terms(FALSE, FALSE, "\x16\x03\x01", GW_ERROR_TLS,
		    "speaks TLS, and this agent has no");
	check_terms(TRUE, FALSE, "{", GW_ERROR_INSECURE, "plain text is refused");
	check_terms(TRUE, FALSE, "gwdata", GW_ERROR_INSECURE, "plain text is refused");
	check_terms(TRUE, FALSE, "GET /", GW_ERROR_INSECURE, "plain text is refused");
	check_terms(TRUE, TRUE, HELLO, 0, NULL);
	check_terms(TRUE, FALSE, "\x16\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f", GW_ERROR_TLS, "");
}

static void
a_slow_handshake_has_an_end(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(folder, "ca", NULL);
	g_auto(Door) door = { .config.limits = &door_hasty };
	gint64 begun_us = g_get_monotonic_time();

	door.config.tls = tls_creds_load(host, TLS_SERVER, NULL);
	door_open(&door);
	tcp_send(door.dialled, "\x16\x03\x01\x02\x00\x01", 6);
	CU_ASSERT_TRUE(test_wait(&door.decided));
	CU_ASSERT_TRUE(g_get_monotonic_time() - begun_us >= 290000);
	TEST_STRING(door.rejected, "did not finish the handshake in time");
	end(&door);
}

static void
source_again(Source *self, GSocket *dialled)
{
	g_clear_error(&self->error);
	if (self->fd >= 0)
		close(self->fd);
	self->done = FALSE;
	source_run(self, dialled);
}

/* Strangers take all the handshakes there are, the last ones with a proof of a token that no
 * session has. Then a channel comes that a session waits for, from the same address. */
static void
a_channel_of_a_session_gets_through_a_flood(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(folder, "ca", NULL);
	g_autofree char *pass = control_token_proof(token);
	g_autofree char *wrong = control_token_proof(other_token);
	g_autoptr(GSocket) listening = tcp_listen("127.0.0.1");
	g_auto(Door)
		door = { .waits_for_channel = TRUE, .pass = pass, .config.limits = &door_narrow };
	g_auto(Source) source = { .fd = -1 };

	door.config.tls = tls_creds_load(host, TLS_SERVER, NULL);
	source.creds = tls_creds_load(host, TLS_CLIENT, NULL);
	door_open(&door);
	for (guint i = 0; i < door_narrow.costly_burst + 2; i++) {
		g_autoptr(GSocket) stranger = door_dial(&door, listening);
		source.pass = i > door_narrow.costly_burst ? wrong : NULL;
		source_again(&source, stranger);
		gboolean is_busy = g_error_matches(source.error, GW_ERROR, GW_ERROR_BUSY);
		CU_ASSERT_EQUAL(is_busy, i >= door_narrow.costly_burst);
		CU_ASSERT_EQUAL(source.fd >= 0, !is_busy);
	}
	g_autoptr(GSocket) dialled = door_dial(&door, listening);
	source.pass = pass;
	source_again(&source, dialled);
	TEST_NO_ERROR(source.error);
	CU_ASSERT_TRUE(source.fd >= 0);
	end(&door);
}

CU_TestInfo suite_acceptor_tls[] = {
	{ "a control connection is known inside", a_control_connection_is_known_inside },
	{ "a channel is known inside and its stream left alone",
	  a_channel_is_known_inside_and_its_stream_left_alone },
	{ "a wrong token is refused in words", a_wrong_token_is_refused_in_words },
	{ "each agent takes what it is there for", each_agent_takes_what_it_is_there_for },
	{ "a slow handshake has an end", a_slow_handshake_has_an_end },
	{ "a channel of a session gets through a flood",
	  a_channel_of_a_session_gets_through_a_flood },
	CU_TEST_INFO_NULL,
};
