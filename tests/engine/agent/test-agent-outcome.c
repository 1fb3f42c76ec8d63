/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who may ask an agent what became of a session, and who may say that nobody will ask again: the
 * source of that session alone.
 */
#include <CUnit/CUnit.h>
#include <string.h>

#include "engine/control/net.h"
#include "engine/control/peer.h"
#include "engine/gw-agent.h"
#include "engine/gw-error.h"
#include "engine/record/receiving.h"
#include "engine/record/state-dir.h"
#include "engine/util/scoped-context.h"
#include "qmp/await.h"
#include "tests/rig/test-util.h"

#define SESSION "6b0d0d3c-6f0a-4b57-9a8e-0d7e5a1c2b3d"
#define UNHEARD "6b0d0d3c-6f0a-4b57-9a8e-000000000009"
#define TOKEN	"000102030405060708090a0b0c0d0e0f"
#define WRONG	"100102030405060708090a0b0c0d0e0f"

typedef struct {
	char *folder;
	char *agent_id;
	GwAgent *agent;
	PeerAddress address;
	gboolean stopped;
} Host;

/* An agent on whose host SESSION was committed. @subject: (nullable): of its source's
 * certificate */
static void
host_begin(Host *self, const char *subject)
{
	const OwnershipPeer source = { .token = (char *)TOKEN, .subject = (char *)subject };
	self->folder = test_folder_new();
	self->agent_id = state_dir_get_agent_id(self->folder, NULL);
	CU_ASSERT_TRUE_FATAL(receiving_begin(self->folder, "web1", SESSION, &source, NULL));
	CU_ASSERT_TRUE_FATAL(receiving_take(self->folder, "web1", SESSION, NULL));
	self->agent = gw_agent_new();
	gw_agent_set_listen(self->agent, "127.0.0.1:0");
	gw_agent_set_state_dir(self->agent, self->folder);
	gw_agent_set_vm_dir(self->agent, self->folder);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE_FATAL(gw_agent_start(self->agent, &error));
	CU_ASSERT_TRUE_FATAL(net_parse_address(gw_agent_get_address(self->agent), 0,
					       &self->address.host, &self->address.port, &error));
}

static void
on_stopped(GObject *object, GAsyncResult *result, gpointer data)
{
	gw_agent_stop_finish(GW_AGENT(object), result);
	((Host *)data)->stopped = TRUE;
}

static gboolean
has_stopped(gpointer data)
{
	return ((Host *)data)->stopped;
}

static void
host_end(Host *self)
{
	gw_agent_stop_async(self->agent, on_stopped, self);
	CU_ASSERT_TRUE(await_until(has_stopped, self, 10000, NULL, NULL));
	g_object_unref(self->agent);
	peer_address_clear(&self->address);
	g_free(self->agent_id);
	test_folder_free(self->folder);
}

static gboolean
is_confirmed(Host *self)
{
	g_autoptr(Ownership) record = ownership_load(self->folder, "web1", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(record);
	const OwnershipTaken *taken = ownership_find_taken(record, SESSION);
	CU_ASSERT_PTR_NOT_NULL_FATAL(taken);
	return taken->confirmed;
}

static const struct {
	const char *session, *vm_name, *token;
	PeerOutcome outcome;
	gboolean is_done; /* does 'done' succeed? */
	const char *text; /* (nullable): of the error of 'outcome' */
} rows[] = {
	{ SESSION, "web1", TOKEN, PEER_OUTCOME_RUNNING, TRUE, NULL },
	{ SESSION, "", TOKEN, PEER_OUTCOME_RUNNING, TRUE, NULL },
	{ SESSION, "web1", WRONG, PEER_OUTCOME_UNKNOWN, FALSE, "does not come from the source" },
	{ SESSION, "web1", "", PEER_OUTCOME_UNKNOWN, FALSE, "does not come from the source" },
	{ SESSION, "", WRONG, PEER_OUTCOME_UNKNOWN, FALSE, "does not come from the source" },
	{ SESSION, "web2", TOKEN, PEER_OUTCOME_UNKNOWN, FALSE, "no record of the VM" },
	{ SESSION, "web1", NULL, PEER_OUTCOME_UNKNOWN, FALSE, "nothing here proves" },
	/* Anybody may hear that a session never was here: it cannot come back. */
	{ UNHEARD, "web1", WRONG, PEER_OUTCOME_GONE, FALSE, NULL },
	{ "../../etc", "web1", TOKEN, PEER_OUTCOME_UNKNOWN, FALSE, "is not a session" },
};

static void
only_the_source_is_heard(void)
{
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		Host host = { 0 };
		g_autoptr(GError) error = NULL;
		host_begin(&host, NULL);
		const PeerSession session = { rows[i].session, rows[i].vm_name, rows[i].token,
					      host.agent_id };
		CU_ASSERT_EQUAL(peer_ask_outcome(&host.address, &session, &error), rows[i].outcome);
		CU_ASSERT_EQUAL(error != NULL, rows[i].text != NULL);
		if (error != NULL && strstr(error->message, rows[i].text) == NULL)
			printf("  row %zu: %s\n", i, error->message);
		CU_ASSERT_TRUE(error == NULL || strstr(error->message, rows[i].text) != NULL);
		CU_ASSERT_FALSE(is_confirmed(&host)); /* to ask changes nothing */
		CU_ASSERT_EQUAL(peer_tell_done(&host.address, &session), rows[i].is_done);
		CU_ASSERT_EQUAL(is_confirmed(&host), rows[i].is_done);
		host_end(&host);
	}
}

/* What was overheard of a question is not good for the answer that forgets. */
static void
the_proof_of_a_question_confirms_nothing(void)
{
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	Host host = { 0 };
	g_autoptr(GError) error = NULL;
	host_begin(&host, NULL);
	g_autoptr(Peer) peer = peer_connect(&host.address, NULL, NULL, NULL, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(peer);
	g_autofree char *proof = control_session_proof(TOKEN, CONTROL_OUTCOME, SESSION, "web1");
	JsonObject *fields = json_object_new();
	json_object_set_string_member(fields, "session", SESSION);
	json_object_set_string_member(fields, "vm", "web1");
	json_object_set_string_member(fields, "proof", proof);
	g_autoptr(JsonObject) reply =
		control_conn_call(peer->conn, CONTROL_DONE, fields, 5000, NULL, &error);
	CU_ASSERT_PTR_NULL(reply);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_PROTOCOL, "does not come from the source");
	CU_ASSERT_FALSE(is_confirmed(&host));
	g_clear_pointer(&peer, peer_free);
	host_end(&host);
}

/* The session came over TLS, so its token alone is not enough. */
static void
the_certificate_must_be_that_of_the_session(void)
{
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	Host host = { 0 };
	g_autoptr(GError) error = NULL;
	host_begin(&host, "CN=a");
	const PeerSession session = { SESSION, "web1", TOKEN, host.agent_id };
	CU_ASSERT_EQUAL(peer_ask_outcome(&host.address, &session, &error), PEER_OUTCOME_UNKNOWN);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_PROTOCOL, "does not come from the source");
	CU_ASSERT_FALSE(peer_tell_done(&host.address, &session));
	CU_ASSERT_FALSE(is_confirmed(&host));
	host_end(&host);
}

static void
another_agent_is_not_asked(void)
{
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	Host host = { 0 };
	g_autoptr(GError) error = NULL;
	host_begin(&host, NULL);
	const PeerSession session = { SESSION, "web1", TOKEN, UNHEARD };
	CU_ASSERT_EQUAL(peer_ask_outcome(&host.address, &session, &error), PEER_OUTCOME_UNKNOWN);
	TEST_ERROR(error, GW_ERROR, GW_ERROR_UNKNOWN, "has another state folder");
	CU_ASSERT_FALSE(peer_tell_done(&host.address, &session));
	host_end(&host);
}

CU_TestInfo suite_agent_outcome[] = {
	{ "only the source is heard", only_the_source_is_heard },
	{ "the proof of a question confirms nothing", the_proof_of_a_question_confirms_nothing },
	{ "the certificate must be that of the session",
	  the_certificate_must_be_that_of_the_session },
	{ "another agent is not asked", another_agent_is_not_asked },
	CU_TEST_INFO_NULL,
};
