/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The user's hook: a command that runs at the start of each phase, on either host. It is for things
 * that only the user knows (move an address, take a lease, measure something). It is part of the
 * phase: in the switchover its time is a part of the guest's downtime.
 */
#include "engine/util/hook.h"

#include <signal.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "engine/util/safe-name.h"
#include "qmp/await.h"

/* Runs between fork and exec, so that the shell and its children can be killed together. */
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
	g_autofree char *vm = safe_name_escape(vm_name != NULL ? vm_name : "");
	g_subprocess_launcher_setenv(launcher, "GODWIT_VM", vm, TRUE);
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

struct Hook {
	char *command;
	char *phase;
	GSubprocess *child; /* (nullable): it could not be started */
	GError *failure;    /* (nullable): likewise */
	GAsyncResult *result;
	gint64 deadline_us;
	int timeout_ms;
};

Hook *
hook_begin(const char *command, const char *phase, const char *vm_name, const char *host,
	   int timeout_ms)
{
	if (command == NULL)
		return NULL;
	Hook *self = g_new0(Hook, 1);
	self->command = g_strdup(command);
	self->phase = g_strdup(phase);
	self->timeout_ms = timeout_ms;
	self->deadline_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
	self->child = spawn(command, phase, vm_name, host, &self->failure);
	if (self->child != NULL)
		g_subprocess_wait_check_async(self->child, NULL, await_take_result, &self->result);
	return self;
}

gboolean
hook_has_ended(const Hook *self)
{
	return self->child == NULL || self->result != NULL ||
	       g_get_monotonic_time() >= self->deadline_us;
}

/* Returns how the child ended; the error of a time-out if it had to be killed. */
static gboolean
await_end(Hook *self, GError **error)
{
	g_autoptr(GError) cause = NULL;
	gint64 left_us = MAX(0, self->deadline_us - g_get_monotonic_time());
	gboolean is_late = !await_result(&self->result, (int)((left_us + 999) / 1000), NULL);
	if (is_late) {
		kill_group(self->child);
		await_result(&self->result, -1, NULL); /* SIGKILL ends it */
	}
	/* It may have succeeded at the last moment. */
	if (g_subprocess_wait_check_finish(self->child, self->result, &cause))
		return TRUE;
	if (is_late)
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "takes longer than %.1f s",
			    self->timeout_ms / 1000.0);
	else
		g_propagate_error(error, g_steal_pointer(&cause));
	return FALSE;
}

static void
hook_free(Hook *self)
{
	g_clear_object(&self->child);
	g_clear_object(&self->result);
	g_clear_error(&self->failure);
	g_free(self->phase);
	g_free(self->command);
	g_free(self);
}

gboolean
hook_end(Hook *self, GError **error)
{
	if (self == NULL)
		return TRUE;
	if (self->child != NULL && await_end(self, &self->failure)) {
		hook_free(self);
		return TRUE;
	}
	g_set_error(error, GW_ERROR, GW_ERROR_HOOK, "hook '%s' at %s: %s", self->command,
		    self->phase, self->failure->message);
	hook_free(self);
	return FALSE;
}

gboolean
hook_run(const char *command, const char *phase, const char *vm_name, const char *host,
	 int timeout_ms, GError **error)
{
	return hook_end(hook_begin(command, phase, vm_name, host, timeout_ms), error);
}
