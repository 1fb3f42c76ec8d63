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

typedef struct {
	gboolean ended;
	gboolean succeeded;
	GError *error;
} HookWait;

static void
on_ended(GObject *source, GAsyncResult *result, gpointer data)
{
	HookWait *wait = data;
	wait->succeeded =
		g_subprocess_wait_check_finish(G_SUBPROCESS(source), result, &wait->error);
	wait->ended = TRUE;
}

static gboolean
has_ended(gpointer data)
{
	return ((HookWait *)data)->ended;
}

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

/* Kills it and says so in @wait, unless it has succeeded in the last moment. */
static void
end_late(GSubprocess *child, HookWait *wait, int timeout_ms)
{
	kill_group(child);
	/* The callback holds @wait: it has to come before we go. SIGKILL makes it. */
	gboolean ended = await_until(has_ended, wait, -1, NULL, NULL);
	g_warn_if_fail(ended);
	if (wait->succeeded)
		return;
	g_clear_error(&wait->error);
	g_set_error(&wait->error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "takes longer than %.1f s",
		    timeout_ms / 1000.0);
}

gboolean
hook_run(const char *command, const char *phase, const char *vm_name, const char *host,
	 int timeout_ms, GError **error)
{
	if (command == NULL)
		return TRUE;

	HookWait wait = { 0 };
	g_autoptr(GSubprocess) child = spawn(command, phase, vm_name, host, &wait.error);
	if (child != NULL) {
		g_subprocess_wait_check_async(child, NULL, on_ended, &wait);
		if (!await_until(has_ended, &wait, timeout_ms, NULL, NULL))
			end_late(child, &wait, timeout_ms);
	}
	if (wait.succeeded)
		return TRUE;

	g_set_error(error, GW_ERROR, GW_ERROR_HOOK, "hook '%s' at %s: %s", command, phase,
		    wait.error->message);
	g_clear_error(&wait.error);
	return FALSE;
}
