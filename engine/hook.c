/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The user's hook: a command run at the start of each phase, on either host, for what only the user knows
 * of (move an address, take a lease, take a measurement). It is part of the phase: in the switchover its
 * time is the guest's downtime.
 */
#include "engine/hook.h"

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

static GSubprocess *
spawn(const char *command, const char *phase, const char *vm_name, const char *host, GError **error)
{
	g_autoptr(GSubprocessLauncher) launcher =
		g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
	g_subprocess_launcher_setenv(launcher, "GODWIT_PHASE", phase, TRUE);
	g_subprocess_launcher_setenv(launcher, "GODWIT_VM", vm_name != NULL ? vm_name : "", TRUE);
	g_subprocess_launcher_setenv(launcher, "GODWIT_HOST", host, TRUE);
	return g_subprocess_launcher_spawn(launcher, error, "/bin/sh", "-c", command, NULL);
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
		if (!await_until(has_ended, &wait, timeout_ms, NULL, NULL)) {
			g_subprocess_force_exit(child);
			/* The callback holds @wait: it has to come before we go. SIGKILL makes it. */
			gboolean ended = await_until(has_ended, &wait, -1, NULL, NULL);
			g_warn_if_fail(ended);
		}
	}
	if (wait.succeeded)
		return TRUE;

	g_set_error(error, GW_ERROR, GW_ERROR_HOOK, "hook '%s' at %s: %s", command, phase,
		    wait.error->message);
	g_clear_error(&wait.error);
	return FALSE;
}
