/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Settles what an agent that died has left on its host.
 *
 *   the journal's last word     its QEMU        this boot   an earlier boot
 *   begin, started, prepare     any             end it      nothing is left: gone
 *   setup                       any             end it      unknown: a commit may be missing
 *   committed                   alive           run it      -
 *   committed                   dead            gone        unknown: it may have run
 *   running                     any             it ran: the guest is ours
 *
 * After "gone" the source resumes the guest, so "gone" needs a proof.
 */
#include "engine/recover/recover-destination.h"

#include <time.h>

#include <glib/gstdio.h>

#include "engine/gw-error.h"
#include "engine/host/settings.h"
#include "engine/channel/transport.h"
#include "engine/host/vgpu-host.h"

static void
say(char **ret_text, const char *text)
{
	if (ret_text != NULL)
		*ret_text = g_strdup(text);
}

/* Attaches to the QEMU whose monitor the journal names. */
static Qemu *
find_qemu(Journal *journal, GError **error)
{
	const char *path = journal_get_string(journal, "qmp");
	if (path == NULL) {
		g_set_error(error, GW_ERROR, GW_ERROR_MONITOR, "the journal names no monitor");
		return NULL;
	}
	return qemu_attach(path, side_to_string(SIDE_DESTINATION), NULL, error);
}

static void
open_process(Journal *journal, Process *process)
{
	process_open_recorded(process, (pid_t)journal_get_int(journal, "pid", 0),
			      (guint64)journal_get_int(journal, "start_ticks", 0));
}

/* The journal may lack the line with the pid, if the agent died just after QEMU's start: then only
 * the monitor leads to QEMU. */
static gboolean
end_qemu(Journal *journal, GError **error)
{
	g_auto(Process) process = PROCESS_INIT;
	open_process(journal, &process);
	if (!process_is_known(&process)) {
		g_autoptr(GError) ignored = NULL;
		g_autoptr(Qemu) qemu = find_qemu(journal, &ignored);
		return qemu == NULL || qemu_end(qemu, TRUE, error);
	}
	if (process_is_gone(&process) || process_kill(&process, PROCESS_KILL_TIMEOUT_MS))
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN, "QEMU (pid %d) cannot be ended",
		    (int)process.pid);
	return FALSE;
}

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

static void
remove_files(Journal *journal)
{
	const char *log = journal_get_string(journal, "log");
	const char *qmp = journal_get_string(journal, "qmp");
	if (!journal_get_boolean(journal, "owned"))
		return;
	if (log != NULL)
		g_unlink(log);
	if (qmp != NULL)
		g_unlink(qmp);
}

/* Only once: later changes are not ours. */
static void
restore_settings(Journal *journal)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Settings) former = settings_from_journal(journal);
	if (former == NULL || journal_has_phase(journal, "restored"))
		return;
	g_autoptr(Qemu) qemu = find_qemu(journal, &error);
	if (qemu != NULL && settings_restore(former, qemu, &error) &&
	    journal_append(journal, "restored", NULL, &error))
		return;
	g_debug("recover: %s", error->message);
}

/* Its QEMU is gone. The source may have the guest back even if a vGPU cannot be removed. */
static PeerOutcome
clean_up(Journal *journal, const char *found, char **ret_text, gboolean *ret_is_clean)
{
	g_autoptr(GError) error = NULL;
	*ret_is_clean = recover_remove_vgpus(journal, &error);
	g_autofree char *text =
		g_strdup_printf("%s; %s", found, *ret_is_clean ? "cleaned up" : error->message);
	say(ret_text, text);
	remove_files(journal);
	if (*ret_is_clean)
		journal_remove(journal);
	return PEER_OUTCOME_GONE;
}

static PeerOutcome
settle_uncommitted(Journal *journal, char **ret_text, gboolean *ret_is_clean, GError **error)
{
	static const char found[] = "it was not committed: the guest belongs to the source";
	/* A QEMU that somebody else started and that has loaded nothing keeps waiting. */
	if (journal_get_boolean(journal, "owned") || journal_has_phase(journal, "setup"))
		return end_qemu(journal, error) ? clean_up(journal, found, ret_text, ret_is_clean)
						: PEER_OUTCOME_UNKNOWN;
	restore_settings(journal);
	remove_files(journal);
	journal_remove(journal);
	say(ret_text, found);
	return PEER_OUTCOME_GONE;
}

static PeerOutcome
finish_commit(Journal *journal, char **ret_text, GError **error)
{
	g_autoptr(Qemu) qemu = find_qemu(journal, error);
	if (qemu == NULL)
		return PEER_OUTCOME_UNKNOWN;
	if (!journal_get_boolean(journal, "paused") && !qemu_ensure_running(qemu, error))
		return PEER_OUTCOME_UNKNOWN;
	if (!journal_append(journal, "running", NULL, error) || !journal_sync(journal, error))
		return PEER_OUTCOME_UNKNOWN;
	say(ret_text, "it was committed: the guest is here and goes on");
	return PEER_OUTCOME_RUNNING;
}

static PeerOutcome
settle_committed(Journal *journal, char **ret_text, gboolean *ret_is_clean, GError **error)
{
	g_auto(Process) process = PROCESS_INIT;
	open_process(journal, &process);
	if (!process_is_gone(&process))
		return finish_commit(journal, ret_text, error);
	return clean_up(journal, "it was committed, but its QEMU died before it was proven to run",
			ret_text, ret_is_clean);
}

static PeerOutcome
settle(Journal *journal, char **ret_text, gboolean *ret_is_clean, GError **error)
{
	transport_remove_left(SIDE_DESTINATION, journal_get_string(journal, "qmp"),
			      journal_get_session(journal));
	if (journal_has_phase(journal, "running")) {
		restore_settings(journal);
		say(ret_text, "the guest was taken over");
		return PEER_OUTCOME_RUNNING;
	}
	if (journal_is_from_earlier_boot(journal) && journal_has_phase(journal, "setup")) {
		g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN,
			    "this host was restarted when the guest was about to be handed over");
		return PEER_OUTCOME_UNKNOWN;
	}
	if (journal_has_phase(journal, "committed"))
		return settle_committed(journal, ret_text, ret_is_clean, error);
	return settle_uncommitted(journal, ret_text, ret_is_clean, error);
}

static gboolean
has_journal(const char *state_dir, const char *session)
{
	g_autofree char *path = g_strconcat(state_dir, "/", session, ".destination", NULL);
	return g_file_test(path, G_FILE_TEST_EXISTS);
}

PeerOutcome
recover_destination(const char *state_dir, const char *session, char **ret_text,
		    gboolean *ret_is_clean, GError **error)
{
	gboolean is_clean;
	ret_is_clean = ret_is_clean != NULL ? ret_is_clean : &is_clean;
	*ret_is_clean = TRUE;
	if (!g_uuid_string_is_valid(session)) {
		g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL, "'%.64s' is not a session",
			    session);
		return PEER_OUTCOME_UNKNOWN;
	}
	if (!has_journal(state_dir, session)) {
		say(ret_text, "nothing is known of it here: it was never committed");
		return PEER_OUTCOME_GONE;
	}
	g_autoptr(Journal) journal = journal_open(state_dir, session, SIDE_DESTINATION, error);
	return journal != NULL ? settle(journal, ret_text, ret_is_clean, error)
			       : PEER_OUTCOME_UNKNOWN;
}

gboolean
recover_forget(const char *state_dir, const char *session, GError **error)
{
	if (!g_uuid_string_is_valid(session) || !has_journal(state_dir, session))
		return TRUE;
	g_autoptr(Journal) journal = journal_open(state_dir, session, SIDE_DESTINATION, error);
	if (journal == NULL)
		return FALSE;
	if (!journal_has_phase(journal, "running"))
		return TRUE;
	restore_settings(journal);
	journal_remove(journal);
	return TRUE;
}
