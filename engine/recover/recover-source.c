/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Settles what a controller that died has left on the source's host.
 *
 * COMMIT is sent only after the source's QEMU has said "completed". So that status is the record of
 * whether a COMMIT may have been sent. With any other status the guest is still ours: a migration
 * under way is cancelled and the guest runs again. With "completed" the agent is asked, and nothing
 * is done until it has answered.
 */
#include "engine/recover/recover-source.h"

#include "engine/gw-error.h"
#include "engine/measure/vgpu-pending.h"
#include "engine/host/settings.h"
#include "engine/channel/transport.h"
#include "engine/recover/recover-destination.h"

typedef struct {
	Journal *journal;
	GwAssume assume;
	const char *tls_dir; /* (nullable): instead of the one in the journal */
	GwRecovered *result;
	Qemu *qemu; /* NULL: it has died */
} SourceRecovery;

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
}

static void
resume_here(SourceRecovery *self, const char *text)
{
	g_autoptr(GError) error = NULL;
	if (self->qemu == NULL) {
		finish(self, GW_PLACE_NONE,
		       "its QEMU has died here, and the guest was not handed over");
		journal_remove(self->journal);
		return;
	}
	qemu_release_failed(self->qemu);
	if (journal_get_boolean(self->journal, "was_running") &&
	    !qemu_ensure_running(self->qemu, &error)) {
		leave(self, GW_PLACE_UNKNOWN, "the guest should run here, but", error->message);
		return;
	}
	restore(self); /* after the guest runs: QEMU may take long to clean up */
	finish(self, GW_PLACE_SOURCE, text);
	journal_remove(self->journal);
}

/* As in source_cleanup(): after the line "running" the agent is not asked any more, so it may
 * forget. Until it was told, or the user has answered in its place, the journal stays. */
static void
give_up_here(SourceRecovery *self, const char *text)
{
	g_autoptr(GError) error = NULL;
	PeerAddress peer = peer_address(self);
	PeerSession session = peer_session(self);
	gboolean keep = journal_get_boolean(self->journal, "keep_source");
	gboolean written = journal_has_phase(self->journal, "running") ||
			   (journal_append(self->journal, "running", NULL, &error) &&
			    journal_sync(self->journal, &error));
	if (!written || (self->qemu != NULL && !keep && !qemu_end(self->qemu, TRUE, &error)) ||
	    (!keep && !recover_remove_vgpus(self->journal, &error))) {
		leave(self, GW_PLACE_DESTINATION, "the guest runs there, but", error->message);
		return;
	}
	gboolean told = peer.host != NULL && peer_tell_done(&peer, &session);
	finish(self, GW_PLACE_DESTINATION, text);
	if (told || self->assume == GW_ASSUME_RUNNING)
		journal_remove(self->journal);
}

static void
ask_peer(SourceRecovery *self)
{
	if (self->assume == GW_ASSUME_RUNNING) {
		give_up_here(self, "you say that it runs at the destination; ended here");
		return;
	}
	if (self->assume == GW_ASSUME_GONE) {
		resume_here(self, "you say that it is gone at the destination; resumed here");
		return;
	}
	g_autoptr(GError) error = NULL;
	PeerAddress peer = peer_address(self);
	PeerSession session = peer_session(self);
	PeerOutcome outcome = PEER_OUTCOME_UNKNOWN;
	if (peer.host != NULL)
		outcome = peer_ask_outcome(&peer, &session, &error);
	if (outcome == PEER_OUTCOME_RUNNING)
		give_up_here(self, "it runs at the destination; ended here");
	else if (outcome == PEER_OUTCOME_GONE)
		resume_here(self, "it was not taken over; resumed here");
	else
		leave(self, GW_PLACE_UNKNOWN,
		      "it may have been handed over, and the agent cannot say",
		      error != NULL ? error->message : "the journal names no agent");
}

/* The status of our own migration: one that an earlier migration has left says nothing. */
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
	gboolean known = read_status(self, &status, &error);
	if (known && !qmp_migrate_status_is_final(status))
		known = qemu_cancel_migration(self->qemu, NULL, NULL, &error) &&
			read_status(self, &status, &error);
	if (!known)
		leave(self, GW_PLACE_UNKNOWN, "its QEMU does not answer", error->message);
	else if (status == QMP_MIGRATE_COMPLETED)
		ask_peer(self);
	else
		resume_here(self, "it was not handed over; it runs here");
}

void
recover_source(Journal *journal, GwAssume assume, const char *tls_dir, GwRecovered *result)
{
	SourceRecovery self = {
		.journal = journal, .assume = assume, .tls_dir = tls_dir, .result = result
	};
	g_autoptr(GError) error = NULL;
	g_auto(Process) process = PROCESS_INIT;
	process_open_recorded(&process, (pid_t)journal_get_int(journal, "pid", 0),
			      (guint64)journal_get_int(journal, "start_ticks", 0));
	gboolean dead = process_is_gone(&process);
	const char *path = journal_get_string(journal, "qmp");
	g_autoptr(Qemu) qemu =
		!dead && path != NULL ? qemu_attach(path, side_to_string(SIDE_SOURCE), NULL, &error)
				      : NULL;
	self.qemu = qemu;
	transport_remove_left(SIDE_SOURCE, path, journal_get_session(journal));

	if (journal_has_phase(journal, "running"))
		give_up_here(&self, "it runs at the destination; ended here");
	else if (!dead && qemu == NULL)
		leave(&self, GW_PLACE_UNKNOWN, "its monitor cannot be reached",
		      error != NULL ? error->message : "the journal names none");
	else if (!dead && journal_has_phase(journal, "probe"))
		settle_with_qemu(&self); /* it was never meant to be handed over */
	else if (!journal_has_phase(journal, "precopy"))
		resume_here(&self, "nothing had left yet; it runs here");
	else if (dead)
		ask_peer(&self);
	else
		settle_with_qemu(&self);
}
