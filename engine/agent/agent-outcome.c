/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What became of a session: the source asks it when it comes back after a break ("outcome"), and
 * says that it will never ask again ("done").
 *
 * Both messages decide where a guest runs. So only the source of that session is heard: it proves
 * that it knows the session's token, and over TLS its certificate has the same subject. Anybody
 * else gets an error, and nothing is ended, settled or forgotten.
 */
#include "engine/agent/agent-outcome.h"

#include <string.h>

#include <openssl/crypto.h>

#include "engine/control/peer.h"
#include "engine/gw-error.h"
#include "engine/record/receiving.h"
#include "engine/recover/recover-destination.h"

#define BUSY_TIMEOUT_MS 12000 /* longer than the removal of a vGPU may take */
#define DONE_TIMEOUT_MS 3000  /* the source waits 5 seconds */

typedef struct {
	ControlType type;
	const char *session;
	const char *vm_name; /* as the survey named it; "": the source has no name for it */
	const char *proof;
} Question;

static Question
read_question(ControlType type, JsonObject *body)
{
	return (Question){
		.type = type,
		.session = json_object_get_string_member(body, "session"),
		.vm_name = json_object_get_string_member(body, "vm"),
		.proof = json_object_get_string_member(body, "proof"),
	};
}

/* In constant time, so that no one can find the proof byte by byte. */
static gboolean
is_proven(const Question *question, const char *token)
{
	if (token == NULL)
		return FALSE;
	g_autofree char *wanted =
		control_session_proof(token, question->type, question->session, question->vm_name);
	return strlen(question->proof) == strlen(wanted) &&
	       CRYPTO_memcmp(question->proof, wanted, strlen(wanted)) == 0;
}

/* @token, @subject: (nullable): of the session's source */
static gboolean
check_source(AgentRun *self, const Question *question, const char *token, const char *subject,
	     GError **error)
{
	if (is_proven(question, token) && g_strcmp0(self->peer_subject, subject) == 0)
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL,
		    "control message '%s' does not come from the source of session %.64s",
		    control_type_to_string(question->type), question->session);
	return FALSE;
}

void
agent_record_taken(AgentRun *self)
{
	g_autoptr(GError) error = NULL;
	if (!receiving_take(self->config->state_dir, agent_run_record_name(self),
			    self->shared.session, &error))
		agent_run_warn(self, error->message);
}

/* On the session's own connection. The record may still be without it: see agent_record_taken(). */
static gboolean
forget_own(AgentRun *self, const Question *question, GError **error)
{
	const char *state_dir = self->config->state_dir;
	const char *vm_name = agent_run_record_name(self);
	g_autofree char *token = control_token_to_string(self->shared.channels.token);
	if (g_strcmp0(question->session, self->shared.session) != 0) {
		g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL,
			    "control message 'done' is about another session");
		return FALSE;
	}
	if (!check_source(self, question, token, self->peer_subject, error) ||
	    !receiving_take(state_dir, vm_name, question->session, error) ||
	    !receiving_confirm(state_dir, vm_name, question->session, error))
		return FALSE;
	journal_remove(self->journal);
	self->state = CONTROL_STATE_DONE;
	return TRUE;
}

/* Another session may deal with the VM just now. */
static gboolean
forget(AgentRun *self, const char *vm_name, const char *session, GError **error)
{
	gint64 deadline_us = g_get_monotonic_time() + (gint64)DONE_TIMEOUT_MS * 1000;
	gboolean is_forgotten;
	g_autoptr(GError) why = NULL;
	do {
		g_clear_error(&why);
		is_forgotten = recover_forget(self->config->state_dir, vm_name, session, &why);
	} while (agent_run_try_again(why, deadline_us));
	if (why != NULL)
		g_propagate_error(error, g_steal_pointer(&why));
	return is_forgotten;
}

gboolean
agent_done(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error)
{
	const Question question = read_question(CONTROL_DONE, body);
	const char *state_dir = self->config->state_dir;
	const char *token, *subject;
	if (agent_run_owns_guest(self))
		return forget_own(self, &question, error);
	g_autoptr(Ownership) record =
		receiving_find(state_dir, question.vm_name, question.session, error);
	if (record == NULL)
		return FALSE;
	ownership_find_proof(record, question.session, &token, &subject);
	if (!check_source(self, &question, token, subject, error))
		return FALSE;
	/* The run whose connection was cut may not have ended yet: then it holds the journal. */
	self->owner->end_session(question.session, self, self->owner_data);
	if (!forget(self, record->vm_name, question.session, error))
		return FALSE;
	self->owner->session_done(question.session, self->owner_data);
	self->state = CONTROL_STATE_ENDED;
	return TRUE;
}

/* This host's own recovery, or a 'godwit recover', may hold the journal of the session just now. */
static PeerOutcome
settle(AgentRun *self, const Question *question, GError **error)
{
	gint64 deadline_us = g_get_monotonic_time() + (gint64)BUSY_TIMEOUT_MS * 1000;
	PeerOutcome outcome;
	g_autoptr(GError) why = NULL;
	do {
		g_clear_error(&why);
		outcome = recover_answer(self->config->state_dir, question->vm_name,
					 question->session, &why);
	} while (agent_run_try_again(why, deadline_us));
	if (why != NULL)
		g_propagate_error(error, g_steal_pointer(&why));
	return outcome;
}

/* A session that the record does not know has no part in it that a commit could follow: there is
 * nothing to end, and no secret to tell. */
static PeerOutcome
find_outcome(AgentRun *self, const Question *question, const Ownership *record, GError **error)
{
	if (!ownership_has_session(record, question->session))
		return recover_answer_by_record(self->config->state_dir, record, question->session,
						error);
	if (self->owner->end_session(question->session, self, self->owner_data))
		return settle(self, question, error);
	g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN, "the session cannot be ended");
	return PEER_OUTCOME_UNKNOWN;
}

gboolean
agent_outcome(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error)
{
	const Question question = read_question(CONTROL_OUTCOME, body);
	const char *token, *subject;
	g_autoptr(GError) why = NULL;
	g_autoptr(Ownership) record =
		receiving_find(self->config->state_dir, question.vm_name, question.session, error);
	if (record == NULL)
		return FALSE;
	ownership_find_proof(record, question.session, &token, &subject);
	if (ownership_has_session(record, question.session) &&
	    !check_source(self, &question, token, subject, error))
		return FALSE;
	PeerOutcome outcome = find_outcome(self, &question, record, &why);
	json_object_set_string_member(reply, "outcome", peer_outcome_to_string(outcome));
	if (why != NULL)
		json_object_set_string_member(reply, "text", why->message);
	return TRUE;
}
