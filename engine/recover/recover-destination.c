/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Settles what an agent that died has left on its host.
 *
 *   the journal's last word     its QEMU        this boot   an earlier boot
 *   begin, started, prepare     any             end it      nothing is left: gone
 *   setup                       any             end it      dead: a commit may be missing
 *   committed                   alive           run it      -
 *   committed                   dead            gone        dead: it may have run
 *   running                     alive           it ran: the guest is ours
 *   running                     dead            it ran, and    it ran, and died with the restart: dead
 *                                               has died
 *
 * After "gone" the source resumes the guest, so "gone" needs a proof. After "dead" it does not: the
 * guest may have run here. Where there is no journal the VM's ownership record answers: see
 * receiving.c.
 */
#include "engine/recover/recover-destination.h"

#include <glib/gstdio.h>

#include "engine/channel/transport.h"
#include "engine/gw-error.h"
#include "engine/host/monitor-socket.h"
#include "engine/host/qemu-mark.h"
#include "engine/host/settings.h"
#include "engine/host/vgpu-host.h"
#include "engine/host/vm-start.h"
#include "engine/record/receiving.h"
#include "engine/recover/recover-qemu.h"
#include "engine/util/safe-name.h"

/* (transfer full): the ids under "vgpus" in the journal. */
static GStrv
read_vgpus(Journal *journal)
{
	JsonNode *node = journal_get_node(journal, "vgpus");
	g_autoptr(GStrvBuilder) ids = g_strv_builder_new();
	JsonArray *array =
		node != NULL && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
	for (guint i = 0; array != NULL && i < json_array_get_length(array); i++) {
		JsonNode *id = json_array_get_element(array, i);
		if (JSON_NODE_HOLDS_VALUE(id) && json_node_get_string(id) != NULL)
			g_strv_builder_add(ids, json_node_get_string(id));
	}
	return g_strv_builder_end(ids);
}

gboolean
recover_remove_vgpus(Journal *journal, GError **error)
{
	g_auto(GStrv) ids = read_vgpus(journal);
	return vgpu_remove_ids((const char *const *)ids, error);
}

/* What one settling needs and finds. */
typedef struct {
	const char *state_dir;
	Journal *journal;
	char *text;	   /* (nullable): what was found and done */
	gboolean is_clean; /* nothing is left for another try */
} Recovery;

/* What agent-start.c has made. A journal with another file's path removes nothing. */
static void
remove_files(Recovery *self)
{
	const char *vm_name = journal_get_string(self->journal, "vm");
	const char *log = journal_get_string(self->journal, "log");
	const char *qmp = journal_get_string(self->journal, "qmp");
	if (!journal_get_boolean(self->journal, "owned") || vm_name == NULL)
		return;
	g_autofree char *safe = safe_name_for_file(vm_name);
	g_autofree char *name = g_strconcat(safe, ".qemu.log", NULL);
	g_autofree char *ours = g_build_filename(self->state_dir, name, NULL);
	if (g_strcmp0(log, ours) == 0)
		g_unlink(log);
	if (qmp != NULL)
		monitor_remove_stale(qmp);
}

/* Only once: later changes are not ours. */
static void
restore_settings(Journal *journal)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Settings) former = settings_from_journal(journal);
	if (former == NULL || journal_has_phase(journal, JOURNAL_RESTORED))
		return;
	g_autoptr(Qemu) qemu = recover_attach(journal, SIDE_DESTINATION, &error);
	if (qemu != NULL)
		qemu_unmark(qemu, journal_get_session(journal));
	if (qemu != NULL && settings_restore(former, qemu, &error) &&
	    journal_append(journal, JOURNAL_RESTORED, NULL, &error))
		return;
	g_debug("recover: %s", error->message);
}

/* @record: of receiving.h. A journal that names no VM has no record. */
static gboolean
write_record(Recovery *self,
	     gboolean (*record)(const char *state_dir, const char *vm_name, const char *session,
				GError **error),
	     GError **error)
{
	const char *vm_name = journal_get_record_name(self->journal);
	return vm_name == NULL ||
	       record(self->state_dir, vm_name, journal_get_session(self->journal), error);
}

/* The session is settled: its record first, since without a journal only the record can tell. */
static gboolean
forget(Recovery *self, GError **error)
{
	remove_files(self);
	if (!write_record(self, receiving_undo, error))
		return FALSE;
	journal_remove(self->journal);
	return TRUE;
}

/* Its QEMU is gone. The source may have the guest back even if a vGPU cannot be removed. */
static PeerOutcome
clean_up(Recovery *self, const char *found)
{
	g_autoptr(GError) error = NULL;
	gboolean is_clean = recover_remove_vgpus(self->journal, &error);
	if (!is_clean)
		remove_files(self);
	self->is_clean = is_clean && forget(self, &error);
	self->text =
		g_strdup_printf("%s; %s", found, self->is_clean ? "cleaned up" : error->message);
	return PEER_OUTCOME_GONE;
}

static PeerOutcome
settle_uncommitted(Recovery *self, GError **error)
{
	static const char found[] = "it was not committed: the guest belongs to the source";
	Journal *journal = self->journal;
	/* A QEMU that somebody else started and that has loaded nothing keeps waiting. */
	if (journal_get_boolean(journal, "owned") || journal_has_phase(journal, JOURNAL_SETUP))
		return recover_end_qemu(journal, error) ? clean_up(self, found)
							: PEER_OUTCOME_UNKNOWN;
	restore_settings(journal);
	g_autoptr(GError) left = NULL;
	self->is_clean = forget(self, &left);
	self->text =
		left == NULL ? g_strdup(found) : g_strdup_printf("%s; %s", found, left->message);
	return PEER_OUTCOME_GONE;
}

/* The guest runs here whatever the disk does: without its record the journal answers for it. */
static void
record_taken(Recovery *self)
{
	g_autoptr(GError) error = NULL;
	if (!write_record(self, receiving_take, &error))
		g_debug("recover: %s", error->message);
}

/* A driver looks at its state only in `cont`; if it rejects the state, QEMU runs the guest with a
 * blank vGPU. The guest has run nowhere else and nobody was told that it runs here, so the source
 * can go on. */
static PeerOutcome
refuse_blank(Recovery *self, Qemu *qemu, const char *line, GError **error)
{
	if (!qemu_end(qemu, TRUE, error))
		return PEER_OUTCOME_UNKNOWN;
	g_autofree char *found =
		g_strdup_printf("it was committed, but a vGPU came up blank: %s", line);
	return clean_up(self, found);
}

static PeerOutcome
finish_commit(Recovery *self, GError **error)
{
	Journal *journal = self->journal;
	g_autoptr(Qemu) qemu = recover_attach(journal, SIDE_DESTINATION, error);
	if (qemu == NULL)
		return PEER_OUTCOME_UNKNOWN;
	if (!qemu_restore_run(qemu, RUN_AT_DESTINATION, !journal_get_boolean(journal, "paused"),
			      error))
		return PEER_OUTCOME_UNKNOWN;
	/* Only what QEMU has said since it was attached to, which is what this 'cont' caused. */
	g_autofree char *blank = qemu_stderr_find(&qemu->words, QEMU_MESSAGE_DEVICE_STATE_FAILED);
	if (blank != NULL)
		return refuse_blank(self, qemu, blank, error);
	if (!journal_append(journal, JOURNAL_RUNNING, NULL, error) || !journal_sync(journal, error))
		return PEER_OUTCOME_UNKNOWN;
	record_taken(self);
	self->text = g_strdup("it was committed: the guest is here and goes on");
	return PEER_OUTCOME_RUNNING;
}

static PeerOutcome
settle_committed(Recovery *self, GError **error)
{
	g_auto(Process) process = PROCESS_INIT;
	recover_open_process(self->journal, &process);
	if (!process_is_gone(&process))
		return finish_commit(self, error);
	return clean_up(self, "it was committed, but its QEMU died before it was proven to run");
}

static const char restarted[] =
	"this host was restarted when the guest was about to be handed over";
static const char died_in_restart[] = "the guest was taken over, and died with this host's restart";

/* (transfer full) (nullable) */
static Ownership *
load_record(Recovery *self)
{
	const char *vm_name = journal_get_record_name(self->journal);
	return vm_name != NULL ? ownership_load(self->state_dir, vm_name, NULL) : NULL;
}

/* Is the VM still in the life that the session brought here? It may have moved on, or been started
 * afresh. */
static gboolean
is_of_session(const Ownership *record, const char *session)
{
	return record->now.place == OWNERSHIP_HERE && g_strcmp0(record->now.session, session) == 0;
}

static gboolean
has_died_since(Journal *journal)
{
	g_auto(Process) process = PROCESS_INIT;
	recover_open_process(journal, &process);
	return process_is_gone(&process);
}

static PeerOutcome
settle_running(Recovery *self, GError **error)
{
	record_taken(self);
	g_autoptr(Ownership) record = load_record(self);
	const char *session = journal_get_session(self->journal);
	const OwnershipTaken *taken = record != NULL ? ownership_find_taken(record, session) : NULL;
	if (taken != NULL && taken->lost) {
		journal_remove(self->journal); /* the record answers from now on */
		self->text = g_strdup(restarted);
		return PEER_OUTCOME_DEAD;
	}
	gboolean has_gone_on = taken != NULL && !is_of_session(record, session);
	if (!has_gone_on && journal_is_from_earlier_boot(self->journal)) {
		self->text = g_strdup(died_in_restart);
		return PEER_OUTCOME_DEAD;
	}
	restore_settings(self->journal);
	/* The record answers from now on. A session that is under way may still be undone, and then
	 * the journal knows whether the guest lives. */
	if (has_gone_on && !ownership_is_open(record))
		journal_remove(self->journal);
	if (!has_gone_on && has_died_since(self->journal))
		g_set_error_literal(error, GW_ERROR, GW_ERROR_UNKNOWN,
				    "the guest was taken over, and its QEMU has died since");
	else
		self->text = g_strdup("the guest was taken over");
	return PEER_OUTCOME_RUNNING;
}

/* Also by the word of the user, who has started it here since. */
static gboolean
is_taken(Recovery *self)
{
	g_autoptr(Ownership) record = load_record(self);
	return record != NULL &&
	       ownership_find_taken(record, journal_get_session(self->journal)) != NULL;
}

static PeerOutcome
settle(Recovery *self, GError **error)
{
	Journal *journal = self->journal;
	transport_remove_left(SIDE_DESTINATION, journal_get_string(journal, "qmp"),
			      journal_get_session(journal));
	if (journal_has_phase(journal, JOURNAL_RUNNING) || is_taken(self))
		return settle_running(self, error);
	if (journal_is_from_earlier_boot(journal) && journal_has_phase(journal, JOURNAL_SETUP)) {
		g_set_error_literal(error, GW_ERROR, GW_ERROR_UNKNOWN, restarted);
		return PEER_OUTCOME_DEAD;
	}
	if (journal_has_phase(journal, JOURNAL_COMMITTED))
		return settle_committed(self, error);
	return settle_uncommitted(self, error);
}

static gboolean
has_journal(const char *state_dir, const char *session)
{
	return journal_may_exist(state_dir, session, SIDE_DESTINATION);
}

static gboolean
check_session(const char *session, GError **error)
{
	if (g_uuid_string_is_valid(session))
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL, "'%.64s' is not a session", session);
	return FALSE;
}

/* Nothing is left to be done but to wait for the source: then the VM is not kept from others. */
static gboolean
is_settled(const char *state_dir, Journal *journal)
{
	const char *vm_name = journal_get_record_name(journal);
	if (vm_name == NULL)
		return TRUE; /* no record, and no lock */
	if (!journal_has_phase(journal, JOURNAL_RUNNING) ||
	    !journal_has_phase(journal, JOURNAL_RESTORED))
		return FALSE;
	g_autoptr(Ownership) record = ownership_load(state_dir, vm_name, NULL);
	return record != NULL && ownership_find_taken(record, journal_get_session(journal)) != NULL;
}

/* @is_locked: the caller has the VM's lock */
static PeerOutcome
settle_journal(const char *state_dir, Journal *journal, gboolean is_locked, char **ret_text,
	       gboolean *ret_is_clean, GError **error)
{
	g_autoptr(VmLock) lock = NULL;
	if (!is_locked && !is_settled(state_dir, journal)) {
		lock = vm_lock_take(state_dir, journal_get_record_name(journal), "recovering",
				    error);
		if (lock == NULL)
			return PEER_OUTCOME_UNKNOWN;
	}
	Recovery self = { .state_dir = state_dir, .journal = journal, .is_clean = TRUE };
	PeerOutcome outcome = settle(&self, error);
	if (ret_is_clean != NULL)
		*ret_is_clean = self.is_clean;
	if (ret_text != NULL)
		*ret_text = g_steal_pointer(&self.text);
	g_free(self.text);
	return outcome;
}

PeerOutcome
recover_destination(const char *state_dir, const char *session, char **ret_text,
		    gboolean *ret_is_clean, GError **error)
{
	if (!check_session(session, error))
		return PEER_OUTCOME_UNKNOWN;
	g_autoptr(Journal) journal = journal_open(state_dir, session, SIDE_DESTINATION, error);
	return journal != NULL
		       ? settle_journal(state_dir, journal, FALSE, ret_text, ret_is_clean, error)
		       : PEER_OUTCOME_UNKNOWN;
}

void
recover_settle_vm(const char *state_dir, const char *vm_name)
{
	g_autoptr(GPtrArray) names = journal_list(state_dir, NULL);
	for (guint i = 0; names != NULL && i < names->len; i++) {
		const JournalName *name = g_ptr_array_index(names, i);
		g_autoptr(GError) error = NULL;
		g_autoptr(Journal) journal =
			name->role == SIDE_DESTINATION
				? journal_open(state_dir, name->session, name->role, NULL)
				: NULL;
		if (journal != NULL && g_strcmp0(journal_get_record_name(journal), vm_name) == 0)
			settle_journal(state_dir, journal, TRUE, NULL, NULL, &error);
		if (error != NULL)
			g_debug("session %s: %s", name->session, error->message);
	}
}

/* The guest of a session that was committed here has gone on from here, or died with this host. */
static PeerOutcome
answer_taken(const Ownership *record, const char *session, GError **error)
{
	gboolean is_lost = ownership_find_taken(record, session)->lost;
	gboolean is_dead = is_of_session(record, session) && ownership_is_from_earlier_boot(record);
	if (!is_lost && !is_dead)
		return PEER_OUTCOME_RUNNING;
	g_set_error_literal(error, GW_ERROR, GW_ERROR_UNKNOWN,
			    is_lost ? restarted : died_in_restart);
	return PEER_OUTCOME_DEAD;
}

/* No journal tells more of a session that the record knows, and that was not committed as far as it
 * knows. */
static PeerOutcome
answer_open(const Ownership *record, GError **error)
{
	gboolean is_lost = record->now.place == OWNERSHIP_NOWHERE;
	gboolean is_dead = is_lost || ownership_is_from_earlier_boot(record);
	g_set_error_literal(error, GW_ERROR, GW_ERROR_UNKNOWN,
			    is_lost   ? "its QEMUs on both hosts have died"
			    : is_dead ? restarted
				      : "the session is not settled, and its journal has gone");
	return is_dead ? PEER_OUTCOME_DEAD : PEER_OUTCOME_UNKNOWN;
}

/* The record may be older than the session: a folder that was restored from a backup. A QEMU that
 * was started for the session and lives is proof against it. */
static gboolean
is_session_alive(const char *session, GError **error)
{
	g_auto(Process) process = PROCESS_INIT;
	if (!vm_find_process_of_session(&process, session))
		return FALSE;
	g_autofree char *which = process_describe(&process);
	g_set_error(
		error, GW_ERROR, GW_ERROR_UNKNOWN,
		"no record of the session is here, but a QEMU that was started for it lives: %s",
		which);
	return TRUE;
}

PeerOutcome
recover_answer_by_record(const char *state_dir, const Ownership *record, const char *session,
			 GError **error)
{
	if (!check_session(session, error))
		return PEER_OUTCOME_UNKNOWN;
	if (ownership_find_taken(record, session) != NULL)
		return answer_taken(record, session, error);
	if (ownership_has_session(record, session))
		return answer_open(record, error);
	if (is_session_alive(session, error))
		return PEER_OUTCOME_UNKNOWN;
	gboolean has_trace = has_journal(state_dir, session);
	if (ownership_is_on_disk(record) && !record->has_dropped && !has_trace)
		return PEER_OUTCOME_GONE;
	g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN, "%s",
		    has_trace ? "its journal is not settled"
		    : record->has_dropped
			    ? "the record is full, and the oldest sessions are not in it"
			    : "no record of the VM is here");
	return PEER_OUTCOME_UNKNOWN;
}

/* The source hears of a death too. */
static PeerOutcome
answer_by_journal(const char *state_dir, const char *session, GError **error)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) cause = NULL;
	PeerOutcome outcome = recover_destination(state_dir, session, &text, NULL, &cause);
	if (cause != NULL)
		g_propagate_error(error, g_steal_pointer(&cause));
	else if (outcome == PEER_OUTCOME_DEAD)
		g_set_error_literal(error, GW_ERROR, GW_ERROR_UNKNOWN, text);
	return outcome;
}

PeerOutcome
recover_answer(const char *state_dir, const char *vm_name, const char *session, GError **error)
{
	if (!check_session(session, error))
		return PEER_OUTCOME_UNKNOWN;
	if (has_journal(state_dir, session))
		return answer_by_journal(state_dir, session, error);
	g_autoptr(Ownership) record = receiving_find(state_dir, vm_name, session, error);
	return record != NULL ? recover_answer_by_record(state_dir, record, session, error)
			      : PEER_OUTCOME_UNKNOWN;
}

/* The record has the session, so nothing is written into it: whoever has the VM's lock may go
 * on. */
static gboolean
forget_settled(const char *state_dir, const char *session)
{
	g_autoptr(Journal) journal =
		has_journal(state_dir, session)
			? journal_open(state_dir, session, SIDE_DESTINATION, NULL)
			: NULL;
	if (journal == NULL || !is_settled(state_dir, journal))
		return FALSE;
	journal_remove(journal);
	return TRUE;
}

gboolean
recover_forget(const char *state_dir, const char *vm_name, const char *session, GError **error)
{
	if (!check_session(session, error))
		return FALSE;
	g_autoptr(GError) busy = NULL;
	g_autoptr(VmLock) lock = vm_lock_take(state_dir, vm_name, "recovering", &busy);
	if (lock == NULL && forget_settled(state_dir, session))
		return TRUE;
	if (lock == NULL) {
		g_propagate_error(error, g_steal_pointer(&busy));
		return FALSE;
	}
	g_autoptr(Journal) journal = NULL;
	if (has_journal(state_dir, session)) {
		journal = journal_open(state_dir, session, SIDE_DESTINATION, error);
		if (journal == NULL)
			return FALSE;
	}
	if (journal != NULL && journal_has_phase(journal, JOURNAL_RUNNING) &&
	    !receiving_take(state_dir, vm_name, session, error))
		return FALSE;
	if (!receiving_confirm(state_dir, vm_name, session, error))
		return FALSE;
	if (journal == NULL)
		return TRUE;
	restore_settings(journal);
	journal_remove(journal);
	return TRUE;
}
