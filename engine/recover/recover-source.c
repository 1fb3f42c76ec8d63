/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Settles what a controller that died has left on the source's host.
 *
 * The journal says whether a COMMIT may have been sent: its line "commit" is written before. Only
 * where this host was restarted since, and that line may be missing, the line "precopy" counts as
 * one. Then the agent is asked, and nothing is done until it has answered. Our QEMU's own state
 * says nothing about it: somebody may have reset it or started it meanwhile. What the user says
 * counts only where the agent cannot tell. Without a COMMIT the guest is still ours: a migration
 * under way is cancelled and the guest runs again.
 *
 * The VM's ownership record is written before the journal goes.
 */
#include "engine/recover/recover-source.h"

#include "engine/channel/transport.h"
#include "engine/gw-error.h"
#include "engine/host/qemu-mark.h"
#include "engine/host/settings.h"
#include "engine/measure/vgpu-pending.h"
#include "engine/record/handover.h"
#include "engine/record/ownership-file.h"
#include "engine/recover/recover-destination.h"
#include "engine/recover/recover-qemu.h"

/* The monitor of a QEMU that was killed is closed before the kernel has freed its memory. */
#define DYING_TIMEOUT_MS 2000

typedef struct {
	const char *state_dir;
	Journal *journal;
	GwAssume assume;
	const char *tls_dir; /* (nullable): instead of the one in the journal */
	GwRecovered *result;
	Qemu *qemu; /* NULL: it has died */
} SourceRecovery;

/* A guest that was handed over stands still here: this one was started by somebody else. */
static gboolean
is_live(SourceRecovery *self)
{
	QmpStatus status;
	g_autoptr(GError) error = NULL;
	return self->qemu != NULL && qmp_query_status(self->qemu->qmp, &status, &error) &&
	       run_state_is_live(&status);
}

/* That is all that is known: what has become of it since is not asked. */
static const char has_taken[] = "the destination has taken it over";

static void
finish(SourceRecovery *self, GwPlace place, const char *text)
{
	self->result->settled = TRUE;
	self->result->vm_runs_on = place;
	self->result->text = g_strdup(text);
}

static void
leave(SourceRecovery *self, GwPlace place, const char *what, const char *why)
{
	self->result->settled = FALSE;
	self->result->vm_runs_on = place;
	self->result->text = g_strdup_printf("%s: %s", what, why);
}

/* All members are borrowed. */
static PeerAddress
peer_address(const SourceRecovery *self)
{
	Journal *journal = self->journal;
	const char *tls_dir =
		self->tls_dir != NULL ? self->tls_dir : journal_get_string(journal, "tls_dir");
	return (PeerAddress){
		.host = (char *)journal_get_string(journal, "peer_host"),
		.port = (guint16)journal_get_int(journal, "peer_port", 0),
		.insecure = journal_get_boolean(journal, "insecure"),
		.tls_dir = (char *)tls_dir,
		.tls_hostname = (char *)journal_get_string(journal, "tls_hostname"),
	};
}

/* Likewise. */
static PeerSession
peer_session(const SourceRecovery *self)
{
	Journal *journal = self->journal;
	return (PeerSession){
		.session = journal_get_session(journal),
		.vm_name = journal_get_string(journal, "vm"),
		.token = journal_get_string(journal, "token"),
		.agent_id = journal_get_string(journal, "agent"),
	};
}

static void
restore(SourceRecovery *self)
{
	g_autoptr(Settings) former = settings_from_journal(self->journal);
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) log_error = NULL;
	if (!vgpu_pending_put_back(self->qemu, self->journal, &log_error))
		g_debug("recover: %s", log_error->message);
	if (former != NULL && !settings_restore(former, self->qemu, &error))
		g_debug("recover: %s", error->message);
	qemu_unmark(self->qemu, journal_get_session(self->journal));
}

static gboolean
record(SourceRecovery *self, OwnershipEvent event, GError **error)
{
	Journal *journal = self->journal;
	const PeerAddress peer = peer_address(self);
	const Handover handover = {
		.state_dir = self->state_dir,
		.vm_name = journal_get_record_name(journal),
		.qmp_path = journal_get_string(journal, "qmp"),
		.session = journal_get_session(journal),
		.peer = { .host = peer.host,
			  .port = peer.port,
			  .agent = (char *)journal_get_string(journal, "agent"),
			  .token = (char *)journal_get_string(journal, "token"),
			  .tls_dir = peer.tls_dir,
			  .tls_hostname = peer.tls_hostname,
			  .insecure = peer.insecure },
	};
	return handover.vm_name == NULL || handover_end(&handover, event, error);
}

/*
 * Where the VM has been since, by another session or by `godwit run`, only its record knows. So it
 * knows better than this journal. (transfer full): NULL: nowhere else
 */
static char *
describe_since(SourceRecovery *self, GwPlace *ret_place)
{
	const char *name = journal_get_record_name(self->journal);
	g_autoptr(Ownership) record =
		name != NULL ? ownership_load(self->state_dir, name, NULL) : NULL;
	if (record == NULL || record->now.place == OWNERSHIP_NOT_KNOWN ||
	    g_strcmp0(record->now.session, journal_get_session(self->journal)) == 0)
		return NULL;
	g_autofree char *what = ownership_describe(record);
	*ret_place = record->now.place == OWNERSHIP_HERE ? GW_PLACE_SOURCE : GW_PLACE_UNKNOWN;
	return g_strdup_printf("what came after this session counts: '%s' %s", name, what);
}

/* The journal goes once the record says the same. */
static void
finish_and_forget(SourceRecovery *self, OwnershipEvent event, GwPlace place, const char *text)
{
	g_autoptr(GError) error = NULL;
	if (!record(self, event, &error)) {
		leave(self, place, text, error->message);
		return;
	}
	finish(self, place, text);
	journal_remove(self->journal);
}

/* (transfer full): @text, and how the guest is here. */
static char *
say_how_it_is(SourceRecovery *self, const char *text)
{
	QmpStatus status;
	g_autoptr(GError) error = NULL;
	if (!qmp_query_status(self->qemu->qmp, &status, &error))
		return g_strdup(text);
	const char *how = run_state_describe(status.run_state);
	return how != NULL ? g_strdup_printf("%s; it is here and %s", text, how)
			   : g_strconcat(text, "; it runs here", NULL);
}

static void
resume_here(SourceRecovery *self, const char *text)
{
	g_autoptr(GError) error = NULL;
	if (self->qemu == NULL) {
		finish_and_forget(self, OWNERSHIP_UNDO, GW_PLACE_NONE,
				  "its QEMU has died here, and the guest was not handed over");
		return;
	}
	qemu_release_failed(self->qemu);
	if (!qemu_restore_run(self->qemu, RUN_AT_SOURCE,
			      journal_get_boolean(self->journal, "was_running"), &error)) {
		leave(self, GW_PLACE_UNKNOWN, "the guest should run here, but", error->message);
		return;
	}
	g_autofree char *all = say_how_it_is(self, text);
	restore(self); /* after the guest runs: QEMU may take long to clean up */
	finish_and_forget(self, OWNERSHIP_UNDO, GW_PLACE_SOURCE, all);
}

/* As in source_cleanup(): after the line "running" the agent is not asked any more, so it may
 * forget. Until it was told, or the user has answered in its place, the journal stays. */
static void
give_up_here(SourceRecovery *self, GwPlace place, const char *text)
{
	g_autoptr(GError) error = NULL;
	if (self->assume != GW_ASSUME_RUNNING && is_live(self)) {
		leave(self, GW_PLACE_UNKNOWN, "it runs here, and the destination has taken it over",
		      "end one of them");
		return;
	}
	PeerAddress peer = peer_address(self);
	PeerSession session = peer_session(self);
	gboolean keep = journal_get_boolean(self->journal, "keep_source");
	gboolean written = journal_has_phase(self->journal, JOURNAL_RUNNING) ||
			   (journal_append(self->journal, JOURNAL_RUNNING, NULL, &error) &&
			    journal_sync(self->journal, &error));
	if (!written || !record(self, OWNERSHIP_GIVE, &error) ||
	    (self->qemu != NULL && !keep && !qemu_end(self->qemu, TRUE, &error)) ||
	    (!keep && !recover_remove_vgpus(self->journal, &error))) {
		leave(self, place, "the destination has taken it over, but", error->message);
		return;
	}
	gboolean told = peer.host != NULL && peer_tell_done(&peer, &session);
	g_autofree char *since = describe_since(self, &place);
	finish(self, place, since != NULL ? since : text);
	if (told || self->assume == GW_ASSUME_RUNNING)
		journal_remove(self->journal);
}

/* The record says that it is here again: somebody has proven it, or has said so with `godwit run
 * --here`. */
static gboolean
finish_here_since(SourceRecovery *self)
{
	GwPlace place = GW_PLACE_UNKNOWN;
	g_autofree char *since = describe_since(self, &place);
	if (since == NULL || place != GW_PLACE_SOURCE)
		return FALSE;
	finish(self, place, since);
	journal_remove(self->journal);
	return TRUE;
}

/* What the user says counts only where the agent does not know. */
static void
believe_user(SourceRecovery *self, const char *why)
{
	if (self->assume == GW_ASSUME_RUNNING)
		give_up_here(self, GW_PLACE_DESTINATION,
			     "you say that it runs at the destination; ended here");
	else if (self->assume == GW_ASSUME_GONE)
		resume_here(self, "you say that it is gone at the destination");
	else if (!finish_here_since(self))
		leave(self, GW_PLACE_UNKNOWN,
		      is_live(self) ? "it runs here, and may run at the destination: stop it here, "
				      "the agent cannot say"
				    : "it may have been handed over, and the agent cannot say",
		      why);
}

/* The agent has to settle it too. Until it was told the journal stays: then it is asked again. */
static void
lose(SourceRecovery *self)
{
	static const char text[] = "its QEMUs on both hosts have died: it runs nowhere; it may be "
				   "started on one host only";
	g_autoptr(GError) error = NULL;
	PeerAddress peer = peer_address(self);
	PeerSession session = peer_session(self);
	if (!record(self, OWNERSHIP_LOSE, &error)) {
		leave(self, GW_PLACE_NONE, text, error->message);
		return;
	}
	gboolean told = peer_tell_done(&peer, &session);
	finish(self, GW_PLACE_NONE, text);
	if (told || self->assume != GW_ASSUME_NOTHING)
		journal_remove(self->journal);
}

/* It may have run there: a QEMU of ours that still has it has it as it was before. */
static void
end_nowhere(SourceRecovery *self, const char *why)
{
	if (self->qemu != NULL)
		believe_user(self, why);
	else
		lose(self);
}

/* @death: (nullable): what the agent knows of its QEMU's end */
static void
end_taken(SourceRecovery *self, const char *death)
{
	gboolean is_kept = journal_get_boolean(self->journal, "keep_source");
	const char *here = self->qemu == NULL ? "" : is_kept ? "; kept here" : "; ended here";
	g_autofree char *text = g_strconcat(death != NULL ? death : has_taken, here, NULL);
	give_up_here(self, death != NULL ? GW_PLACE_NONE : GW_PLACE_DESTINATION, text);
}

static PeerOutcome
ask_outcome(SourceRecovery *self, GError **error)
{
	PeerAddress peer = peer_address(self);
	PeerSession session = peer_session(self);
	if (peer.host != NULL)
		return peer_ask_outcome(&peer, &session, error);
	g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN, "the journal names no agent");
	return PEER_OUTCOME_UNKNOWN;
}

static void
ask_peer(SourceRecovery *self)
{
	g_autoptr(GError) error = NULL;
	PeerOutcome outcome = ask_outcome(self, &error);
	const char *why = error != NULL ? error->message : "it gives no reason";
	if (outcome == PEER_OUTCOME_RUNNING)
		end_taken(self, error != NULL ? error->message : NULL);
	else if (outcome == PEER_OUTCOME_GONE)
		resume_here(self, "it was not taken over");
	else if (outcome == PEER_OUTCOME_DEAD)
		end_nowhere(self, why);
	else
		believe_user(self, why);
}

/* The status of our own migration, before any COMMIT: one that an earlier migration has left says
 * nothing. */
static gboolean
read_status(SourceRecovery *self, QmpMigrateStatus *ret_status, GError **error)
{
	g_auto(QmpMigrateInfo) info;
	QmpStatus status;
	qmp_migrate_info_init(&info);
	if (!qmp_query_migrate(self->qemu->qmp, &info, error) ||
	    !qmp_query_status(self->qemu->qmp, &status, error))
		return FALSE;
	self->qemu->status = info.status;
	*ret_status = info.status;
	if (info.status == QMP_MIGRATE_COMPLETED && status.run_state != QMP_RUN_POSTMIGRATE)
		*ret_status = QMP_MIGRATE_NONE;
	return TRUE;
}

static void
settle_with_qemu(SourceRecovery *self)
{
	g_autoptr(GError) error = NULL;
	QmpMigrateStatus status;
	gboolean is_sent = journal_has_phase(self->journal, JOURNAL_COMMIT);
	gboolean known = read_status(self, &status, &error);
	if (known && !is_sent && !qmp_migrate_status_is_final(status))
		known = qemu_cancel_migration(self->qemu, NULL, NULL, &error) &&
			read_status(self, &status, &error);
	if (!known)
		leave(self, GW_PLACE_UNKNOWN, "its QEMU does not answer", error->message);
	else if (is_sent || status == QMP_MIGRATE_COMPLETED)
		ask_peer(self);
	else
		resume_here(self, "it was not handed over");
}

/* No process outlives its host's restart. */
static gboolean
is_dead(Journal *journal, int timeout_ms)
{
	g_auto(Process) process = PROCESS_INIT;
	if (journal_is_from_earlier_boot(journal))
		return TRUE;
	recover_open_process(journal, &process);
	return process_is_gone(&process) ||
	       (timeout_ms > 0 && process_await_gone(&process, timeout_ms));
}

void
recover_source(const char *state_dir, Journal *journal, GwAssume assume, const char *tls_dir,
	       GwRecovered *result)
{
	SourceRecovery self = { .state_dir = state_dir,
				.journal = journal,
				.assume = assume,
				.tls_dir = tls_dir,
				.result = result };
	g_autoptr(GError) error = NULL;
	gboolean dead = is_dead(journal, 0);
	g_autoptr(Qemu) qemu = !dead ? recover_attach(journal, SIDE_SOURCE, &error) : NULL;
	if (!dead && qemu == NULL)
		dead = is_dead(journal, DYING_TIMEOUT_MS);
	self.qemu = qemu;
	transport_remove_left(SIDE_SOURCE, journal_get_string(journal, "qmp"),
			      journal_get_session(journal));

	if (journal_has_phase(journal, JOURNAL_RUNNING))
		end_taken(&self, NULL);
	else if (!dead && qemu == NULL)
		leave(&self, GW_PLACE_UNKNOWN, "its QEMU cannot be asked", error->message);
	else if (!dead && journal_has_phase(journal, JOURNAL_PROBE))
		settle_with_qemu(&self); /* it was never meant to be handed over */
	else if (!journal_has_phase(journal, JOURNAL_PRECOPY))
		resume_here(&self, "nothing had left yet");
	else if (dead)
		ask_peer(&self);
	else
		settle_with_qemu(&self);
}
