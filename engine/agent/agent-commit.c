/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The agent's answers from the switchover to the end, and the undoing of a run that was not
 * committed.
 *
 * Only COMMIT lets the guest run here. The answer is "gone" only when QEMU is proven dead, since
 * the source then resumes the guest; when that cannot be proven the answer is "unknown" and the
 * journal stays.
 *
 * From "cont" on the guest may have run here, written to its disks and answered its network. Only
 * two things are a refusal then: a QEMU that is proven dead, and a vGPU that is proven blank.
 */
#include "engine/agent/agent-commit.h"

#include <string.h>

#include "engine/agent/agent-outcome.h"
#include "engine/agent/agent-start.h"
#include "engine/control/peer.h"
#include "engine/util/json-fields.h"
#include "engine/gw-error.h"
#include "engine/util/error-host.h"
#include "engine/host/incoming.h"
#include "engine/host/qemu-mark.h"
#include "engine/record/receiving.h"
#include "qmp/await.h"

#define FRESH_MS	     3000 /* the greatest age of a sign of life of QEMU */
#define COMPLETED_TIMEOUT_MS 10000
#define RESUME_TIMEOUT_MS    10000
#define DEATH_TIMEOUT_MS     2000
#define SETTINGS_TIMEOUT_MS  2000

/* A hook for which the stopped guest waits: the source counts it in the downtime. */
static gboolean
run_timed_hook(AgentRun *self, const char *phase, JsonObject *reply, GError **error)
{
	gint64 begin_us = g_get_monotonic_time();
	if (!agent_run_hook(self, phase, error))
		return FALSE;
	if (self->config->hook != NULL)
		json_object_set_int_member(reply, "hook_us", g_get_monotonic_time() - begin_us);
	return TRUE;
}

gboolean
agent_switchover(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error)
{
	if (!run_timed_hook(self, "switchover", reply, error) ||
	    !qemu_check(self->qemu, FRESH_MS, error))
		return FALSE;
	if (self->error == NULL && self->qemu->status != QMP_MIGRATE_FAILED) {
		if (!self->commit.guest_stopped_told)
			self->owner->guest_stopped(self->owner_data);
		self->commit.guest_stopped_told = TRUE;
		return TRUE;
	}
	g_set_error(error, GW_ERROR, GW_ERROR_MIGRATION, "%s",
		    self->error != NULL ? error_peek_text(self->error)
					: "QEMU failed to load the stream");
	return FALSE;
}

static gboolean
has_resumed(gpointer data)
{
	Qemu *qemu = data;
	return qemu->resume_us != 0 || qemu->closed != NULL;
}

/* A refusal of QEMU's comes before its vCPUs run. After any other failure it is not known whether
 * they run: see conclude(). */
static gboolean
resume_guest(AgentRun *self, GError **error)
{
	self->qemu->resume_us = 0;
	if (!qmp_cont(self->qemu->qmp, error)) {
		self->commit.may_have_run = !qmp_error_is_refusal(*error);
		return FALSE;
	}
	self->commit.may_have_run = TRUE;
	if (await_until(has_resumed, self->qemu, RESUME_TIMEOUT_MS, NULL, NULL)) {
		/* Until QEMU is asked again: the answer from before "cont" holds no more. */
		self->commit.status = (QmpStatus){ .running = TRUE, .run_state = QMP_RUN_RUNNING };
		return qemu_check(self->qemu, RESUME_TIMEOUT_MS, error);
	}
	agent_run_warn(self, "QEMU did not say RESUME after 'cont'");
	return TRUE;
}

/* A lost device state shows only on QEMU's standard error, and a reset only in its events: see
 * vgpu-watch.c. */
static gboolean
check_vgpus(AgentRun *self, GError **error)
{
	const GPtrArray *vgpus = self->survey->vgpus;
	g_autofree char *line =
		qemu_stderr_find(&self->qemu->words, QEMU_MESSAGE_DEVICE_STATE_FAILED);
	const GwVgpu *blank = vgpu_watch_find_blank(&self->commit.watch, vgpus);
	if (vgpus == NULL || (line == NULL && blank == NULL))
		return TRUE;
	g_autofree char *names = vgpu_named_in(vgpus, line != NULL ? line : blank->id);
	g_set_error(error, GW_ERROR, GW_ERROR_REFUSED, "%s came up blank: %s",
		    names != NULL ? names : "a vGPU",
		    line != NULL ? line
				 : "its driver rejected the state that it was sent, and QEMU has "
				   "reset it");
	return FALSE;
}

/* The last look before the source is told to end its QEMU. By then the guest is ours: a look that
 * fails is reported, unless the monitor has closed. */
static gboolean
check_guest(AgentRun *self, GError **error)
{
	g_autoptr(GError) unknown = NULL;
	if (!qmp_query_status(self->qemu->qmp, &self->commit.status, &unknown)) {
		if (qmp_error_is_closed(unknown)) {
			g_propagate_error(error, g_steal_pointer(&unknown));
			return FALSE;
		}
		agent_run_warn(self, unknown->message);
	}
	return qemu_check(self->qemu, RESUME_TIMEOUT_MS, error) && check_vgpus(self, error);
}

/* Without this line a recovery asks QEMU itself, which is here. */
static void
write_running(AgentRun *self)
{
	g_autoptr(GError) error = NULL;
	if (!journal_append(self->journal, JOURNAL_RUNNING, NULL, &error))
		agent_run_warn(self, error->message);
}

/* The journal is not synced here: see journal.c. */
static gboolean
write_committed(AgentRun *self, gboolean is_to_run, GError **error)
{
	JsonObject *facts = json_object_new();
	json_object_set_boolean_member(facts, "paused", !is_to_run);
	return journal_append(self->journal, JOURNAL_COMMITTED, facts, error);
}

/* Before 'cont' nothing has run here by us, so that this can still be a refusal. */
static gboolean
check_loaded(AgentRun *self, gboolean is_to_run, GError **error)
{
	QmpRunState state = self->commit.status.run_state;
	if (run_state_can_be_loaded(state, is_to_run))
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_REFUSED,
		    "its QEMU says '%s' after the load: somebody else has %s the guest there",
		    qmp_run_state_to_string(state), state == QMP_RUN_RUNNING ? "started" : "reset");
	return FALSE;
}

/* @is_to_run: it was live at the source when the migration stopped it */
static gboolean
take_over(AgentRun *self, gboolean is_to_run, JsonObject *reply, GError **error)
{
	if (g_cancellable_set_error_if_cancelled(self->stop, error) ||
	    !run_timed_hook(self, "commit", reply, error) ||
	    !qemu_wait_status(self->qemu, QMP_MIGRATE_COMPLETED, COMPLETED_TIMEOUT_MS, error) ||
	    !qmp_query_status(self->qemu->qmp, &self->commit.status, error) ||
	    !check_loaded(self, is_to_run, error) || !write_committed(self, is_to_run, error))
		return FALSE;
	self->commit.is_committed = TRUE;
	qemu_stderr_mark(&self->qemu->words);
	vgpu_watch_begin(&self->commit.watch);
	gboolean wants_cont =
		run_state_wants_cont(RUN_AT_DESTINATION, self->commit.status.run_state, is_to_run);
	return (!wants_cont || resume_guest(self, error)) && check_guest(self, error);
}

/* Kills QEMU and proves that it is dead. A guest that may have run is killed only for a blank vGPU:
 * otherwise its QEMU must have died by itself. The source waits for no more than that, since its
 * guest is stopped: the rest is removed later. */
static gboolean
prove_gone(AgentRun *self, const GError *why, GError **error)
{
	gboolean must_wait =
		self->commit.may_have_run && !g_error_matches(why, GW_ERROR, GW_ERROR_REFUSED);
	if (must_wait && !qemu_is_proven_gone(self->qemu, DEATH_TIMEOUT_MS)) {
		g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN,
			    "it may have run here, and its QEMU is not proven dead");
		return FALSE;
	}
	if (!self->commit.may_have_run && !incoming_check_not_started(self->qemu, error))
		return FALSE;
	if (!qemu_end(self->qemu, FALSE, error))
		return FALSE;
	self->commit.is_committed = FALSE;
	return TRUE;
}

static void
answer_refusal(AgentRun *self, JsonObject *reply, const GError *why)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *words = qemu_stderr_tail(&self->qemu->words);
	gboolean gone = prove_gone(self, why, &error);
	gboolean is_news = words != NULL && strstr(why->message, words) == NULL;
	g_autofree char *text =
		g_strdup_printf("%s%s%s%s%s", error_peek_text(why), is_news ? ": " : "",
				is_news ? words : "", gone ? "" : "; ",
				gone ? "" : error_peek_text(error));
	self->error = self->error != NULL ? self->error
					  : g_error_new_literal(GW_ERROR, GW_ERROR_REFUSED, text);
	json_object_set_string_member(reply, "outcome",
				      peer_outcome_to_string(gone ? PEER_OUTCOME_GONE
								  : PEER_OUTCOME_UNKNOWN));
	json_object_set_string_member(reply, "text", text);
	self->state = gone ? CONTROL_STATE_REFUSED : CONTROL_STATE_ENDED;
	if (!gone)
		self->commit.is_committed = TRUE; /* nothing is undone */
}

/* It has run here, and QEMU has ended since the guest has: nothing failed. */
static gboolean
has_shut_down(AgentRun *self)
{
	if (!self->commit.may_have_run || self->qemu->run.cause != QMP_RUN_SHUTDOWN)
		return FALSE;
	self->commit.status = (QmpStatus){ .run_state = QMP_RUN_SHUTDOWN };
	return TRUE;
}

/* A text is cut: the source rejects one that is too long. The rest of a character that is cut takes
 * up to nine bytes. */
static void
report_warnings(AgentRun *self, JsonObject *reply)
{
	JsonArray *texts = json_array_new();
	for (guint i = 0; i < self->warnings->len; i++) {
		g_autofree char *cut = g_strndup(g_ptr_array_index(self->warnings, i),
						 CONTROL_MAX_WARNING_BYTES - 9);
		g_autofree char *text = g_utf8_make_valid(cut, -1);
		json_array_add_string_element(texts, text);
	}
	json_object_set_array_member(reply, "warnings", texts);
}

gboolean
agent_commit(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error)
{
	g_autoptr(GError) why = NULL;
	if (!take_over(self, json_object_get_boolean_member(body, "run"), reply, &why) &&
	    !has_shut_down(self)) {
		answer_refusal(self, reply, why);
		return TRUE;
	}
	write_running(self);
	self->state = CONTROL_STATE_COMMITTED;
	agent_record_taken(self);
	json_object_set_string_member(reply, "outcome",
				      peer_outcome_to_string(PEER_OUTCOME_RUNNING));
	json_object_set_string_member(reply, "state",
				      qmp_run_state_to_string(self->commit.status.run_state));
	if (self->warnings->len > 0)
		report_warnings(self, reply);
	return TRUE;
}

void
agent_commit_answered(AgentRun *self)
{
	if (self->state == CONTROL_STATE_COMMITTED)
		self->commit.hook = agent_run_hook_begin(self, "running");
}

void
agent_commit_end(AgentRun *self)
{
	g_autoptr(GError) error = NULL;
	if (!hook_end(g_steal_pointer(&self->commit.hook), &error))
		agent_run_warn(self, error->message);
}

/* The guest runs, whether this succeeds or not: do not wait for a QEMU that does not answer. */
static void
give_back_settings(AgentRun *self)
{
	g_autoptr(GError) error = NULL;
	qmp_client_set_timeout(self->qemu->qmp, SETTINGS_TIMEOUT_MS);
	qemu_unmark(self->qemu, self->shared.session);
	/* A later recovery must not undo what others have set meanwhile. */
	if (self->qemu->closed == NULL &&
	    (!settings_restore(self->load.former_settings, self->qemu, &error) ||
	     !journal_append(self->journal, JOURNAL_RESTORED, NULL, &error)))
		recorder_event(self->recorder, "engine", error->message, NULL,
			       g_get_monotonic_time());
}

gboolean
agent_abort(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error)
{
	const char *reason = json_object_get_string_member(body, "reason");
	const char *code = fields_peek_string(body, "code", "failed");
	/* An error from before is a consequence of the abort, unless this side has refused the
	 * guest. */
	if (self->state != CONTROL_STATE_REFUSED) {
		g_clear_error(&self->error);
		self->error = g_error_new(GW_ERROR, (gint)gw_error_code_from_string(code),
					  "the source gave up: %s", reason);
	}
	return agent_clean_up(self, error);
}

/* A QEMU that somebody else started keeps waiting, unless it has begun to load: it can load only
 * once. One that does not wait any more is somebody else's by now, and so are its settings. */
static gboolean
release_foreign_qemu(AgentRun *self, GError **error)
{
	g_autoptr(GError) used = NULL;
	if (self->qemu == NULL || self->qemu->closed != NULL)
		return TRUE;
	if (self->load.incoming_sent)
		return incoming_check_not_started(self->qemu, error) &&
		       qemu_end(self->qemu, TRUE, error);
	if (self->journal != NULL)
		qemu_unmark(self->qemu, self->shared.session);
	return self->load.former_settings == NULL ||
	       !incoming_check_waits(self->qemu, self->shared.session, &used) ||
	       settings_restore(self->load.former_settings, self->qemu, error);
}

/* Without its line in the VM's record the journal stays, and a recovery tries again. */
static void
forget_session(AgentRun *self)
{
	g_autoptr(GError) error = NULL;
	if (self->journal == NULL)
		return;
	if (receiving_undo(self->config->state_dir, agent_run_record_name(self),
			   self->shared.session, &error))
		journal_remove(self->journal);
	else
		agent_run_warn(self, error->message);
}

gboolean
agent_clean_up(AgentRun *self, GError **error)
{
	if (agent_run_owns_guest(self)) {
		give_back_settings(self);
		return TRUE;
	}
	if (self->commit.is_committed) {
		g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN,
			    "a guest that was committed cannot be proven to run or not");
		return FALSE;
	}
	if (self->state == CONTROL_STATE_ENDED)
		return TRUE; /* agent_abort() has undone all, or there was nothing yet */
	if (self->start.vm != NULL ? !agent_end_vm(self, error)
				   : !release_foreign_qemu(self, error))
		return FALSE;
	forget_session(self);
	return TRUE;
}
