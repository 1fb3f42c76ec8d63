/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Which QEMU is the one of a session that a crash has left?
 *
 * A monitor's path is a hint only: another QEMU may have it by now, and it may be the guest itself
 * that has come back. These are proofs:
 * - the pid and the start time in the journal, within this boot of the host;
 * - the session's id in the environment of what was started for it: it is there from the start,
 *   also when the agent died before it could write the pid down;
 * - the object godwit-SESSION in QEMU itself: see qemu-mark.h. Everything else is left alone.
 */
#include "engine/recover/recover-qemu.h"

#include "engine/gw-error.h"
#include "engine/host/incoming.h"
#include "engine/host/qemu-mark.h"
#include "engine/host/vm-start.h"

#define MAX_STARTED 16 /* processes with one session's mark: a wrapper or two, and QEMU */

/* Number 1 is the host's first process: no QEMU. */
void
recover_open_process(Journal *journal, Process *process)
{
	gint64 pid = journal_get_int(journal, "pid", 0);
	gint64 start_ticks = journal_get_int(journal, "start_ticks", 0);
	process_clear(process);
	if (pid > 1 && pid <= G_MAXINT32 && start_ticks > 0 &&
	    !journal_is_from_earlier_boot(journal))
		process_open_recorded(process, (pid_t)pid, (guint64)start_ticks);
}

static gboolean
is_of_session(Journal *journal, Qemu *qemu)
{
	g_auto(Process) recorded = PROCESS_INIT;
	const char *session = journal_get_session(journal);
	recover_open_process(journal, &recorded);
	if (process_is_known(&recorded) && recorded.pid == qemu->process.pid &&
	    recorded.start_ticks == qemu->process.start_ticks)
		return TRUE;
	return vm_process_is_of_session(&qemu->process, session) || qemu_has_mark(qemu, session);
}

Qemu *
recover_attach(Journal *journal, Side side, GError **error)
{
	const char *path = journal_get_string(journal, "qmp");
	if (path == NULL) {
		g_set_error(error, GW_ERROR, GW_ERROR_MONITOR, "the journal names no monitor");
		return NULL;
	}
	g_autoptr(Qemu) qemu = qemu_attach(path, side_to_string(side), NULL, error);
	if (qemu == NULL || is_of_session(journal, qemu))
		return g_steal_pointer(&qemu);
	g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN,
		    "another QEMU is at its monitor '%s': left alone", path);
	return NULL;
}

static gboolean
fail_alive(const Process *process, GError **error)
{
	g_autofree char *which = process_describe(process);
	g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN, "QEMU (%s) cannot be ended", which);
	return FALSE;
}

/* All that was started for the session. */
static gboolean
end_started(Journal *journal, GError **error)
{
	g_auto(Process) process = PROCESS_INIT;
	for (guint i = 0; i < MAX_STARTED; i++) {
		if (!vm_find_process_of_session(&process, journal_get_session(journal)))
			return TRUE;
		if (!process_kill(&process, PROCESS_KILL_TIMEOUT_MS))
			break;
	}
	return fail_alive(&process, error);
}

/* By its monitor alone, where its process could not be proven: see qemu-process.h. */
static gboolean
end_by_monitor(Journal *journal, GError **error)
{
	g_autoptr(Qemu) qemu = recover_attach(journal, SIDE_DESTINATION, error);
	if (qemu != NULL)
		return qemu_end(qemu, TRUE, error);
	g_prefix_error(error, "its QEMU's process is not known: ");
	return FALSE;
}

/* @recorded: the process in the journal */
static gboolean
is_alive(Journal *journal, const Process *recorded)
{
	g_auto(Process) started = PROCESS_INIT;
	return (process_is_known(recorded) && !process_is_gone(recorded)) ||
	       vm_find_process_of_session(&started, journal_get_session(journal));
}

/* Somebody may have started the guest that was loaded, since nobody dealt with it. Before the line
 * "setup" nothing was loaded. */
static gboolean
check_not_started(Journal *journal, const Process *recorded, GError **error)
{
	g_autoptr(GError) silent = NULL;
	if (!journal_has_phase(journal, JOURNAL_SETUP))
		return TRUE;
	g_autoptr(Qemu) qemu = recover_attach(journal, SIDE_DESTINATION, &silent);
	if (qemu != NULL)
		return incoming_check_not_started(qemu, error);
	if (!is_alive(journal, recorded))
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN,
		    "its QEMU lives and cannot be asked whether somebody has started the guest: %s",
		    silent->message);
	return FALSE;
}

gboolean
recover_end_qemu(Journal *journal, GError **error)
{
	g_auto(Process) recorded = PROCESS_INIT;
	if (journal_is_from_earlier_boot(journal))
		return TRUE;
	recover_open_process(journal, &recorded);
	gboolean is_known = process_is_known(&recorded);
	if (!check_not_started(journal, &recorded, error))
		return FALSE;
	if (is_known && !process_is_gone(&recorded) &&
	    !process_kill(&recorded, PROCESS_KILL_TIMEOUT_MS))
		return fail_alive(&recorded, error);
	if (!end_started(journal, error))
		return FALSE;
	return is_known || journal_get_boolean(journal, "owned") || end_by_monitor(journal, error);
}
