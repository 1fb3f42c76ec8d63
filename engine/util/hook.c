/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The user's hook: a command run at the start of each phase, on either host, for what only the user knows
 * of (move an address, take a lease, take a measurement). It is part of the phase: in the switchover its
 * time is the guest's downtime.
 */
#include "engine/util/hook.h"

#include <signal.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "qmp/await.h"

/* Between fork and exec: the shell and its children can be killed together then. */
static void
lead_group(gpointer data)
{
	setpgid(0, 0);
}

static GSubprocess *
spawn(const char *command, const char *phase, const char *vm_name, const char *host, GError **error)
{
	g_autoptr(GSubprocessLauncher) launcher =
		g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
	g_subprocess_launcher_setenv(launcher, "GODWIT_PHASE", phase, TRUE);
	g_subprocess_launcher_setenv(launcher, "GODWIT_VM", vm_name != NULL ? vm_name : "", TRUE);
	g_subprocess_launcher_setenv(launcher, "GODWIT_HOST", host, TRUE);
	g_subprocess_launcher_set_child_setup(launcher, lead_group, NULL, NULL);
	return g_subprocess_launcher_spawn(launcher, error, "/bin/sh", "-c", command, NULL);
}

static void
kill_group(GSubprocess *child)
{
	const char *pid = g_subprocess_get_identifier(child);
	if (pid != NULL)
		kill(-(pid_t)g_ascii_strtoll(pid, NULL, 10), SIGKILL);
	g_subprocess_force_exit(child);
}

/* How it ended; the error of a time-out if it had to be killed for that. */
static gboolean
await_end(GSubprocess *child, int timeout_ms, GError **error)
{
	g_autoptr(GAsyncResult) result = NULL;
	g_autoptr(GError) cause = NULL;
	g_subprocess_wait_check_async(child, NULL, await_take_result, &result);
	gboolean is_late = !await_result(&result, timeout_ms, NULL);
	if (is_late) {
		kill_group(child);
		await_result(&result, -1, NULL); /* SIGKILL ends it */
	}
	/* It may have succeeded in the last moment. */
	if (g_subprocess_wait_check_finish(child, result, &cause))
		return TRUE;
	if (is_late)
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "takes longer than %.1f s",
			    timeout_ms / 1000.0);
	else
		g_propagate_error(error, g_steal_pointer(&cause));
	return FALSE;
}

gboolean
hook_run(const char *command, const char *phase, const char *vm_name, const char *host,
	 int timeout_ms, GError **error)
{
	if (command == NULL)
		return TRUE;

	g_autoptr(GError) cause = NULL;
	g_autoptr(GSubprocess) child = spawn(command, phase, vm_name, host, &cause);
	if (child != NULL && await_end(child, timeout_ms, &cause))
		return TRUE;

	g_set_error(error, GW_ERROR, GW_ERROR_HOOK, "hook '%s' at %s: %s", command, phase,
		    cause->message);
	return FALSE;
}
