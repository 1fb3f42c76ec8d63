/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwit run: starts the QEMU of a VM file and leaves it running. QEMU's output goes to
 * NAME.qemu.log in the state folder. A VM that was handed over to another host is not started: two
 * copies of it would run.
 */
#include <errno.h>
#include <stdio.h>

#include "engine/gw-ownership.h"
#include "engine/gw-session.h"
#include "engine/gw-vm.h"
#include "tools/cmd.h"
#include "tools/json-text.h"
#include "tools/stop-signals.h"
#include "tools/terminal-sanitize.h"

typedef struct {
	char *state_dir;
	char *tls_dir;
	gboolean here;
	gboolean paused;
	gboolean json;
} RunOptions;

static void
print_started(const GwVm *vm, GPid pid, const char *log_path, const RunOptions *options)
{
	if (!options->json) {
		printf("%s %s: process %d, monitor %s, log %s\n", vm->name,
		       options->paused ? "is paused" : "runs", (int)pid, vm->qmp_path, log_path);
		return;
	}
	g_autoptr(GString) object = g_string_new("{");
	json_text_string(object, "name", vm->name);
	json_text_int(object, "pid", pid);
	json_text_string(object, "qmp", vm->qmp_path);
	json_text_string(object, "log", log_path);
	printf("%s}\n", object->str);
}

/* All or nothing: if QEMU does not start, the vGPUs that were made for it are removed again. A
 * signal waits until then. */
static gboolean
start(GwVm *vm, const char *const *extra, const char *log_path, GPid *ret_pid, GError **error)
{
	if (!gw_vm_make_vgpus(vm, error))
		return FALSE;
	if (gw_vm_start(vm, extra, log_path, ret_pid, error))
		return TRUE;
	g_autoptr(GError) left = NULL;
	if (!gw_vm_remove_vgpus(vm, &left))
		g_prefix_error(error, "%s; the first error was: ", left->message);
	return FALSE;
}

/* The VM belongs to this host from a moment before it can run here. */
static gboolean
start_claimed(GwVm *vm, GwClaim *claim, const char *const *extra, const char *log_path,
	      GPid *ret_pid, GError **error)
{
	if (!gw_claim_take(claim, error))
		return FALSE;
	if (start(vm, extra, log_path, ret_pid, error))
		return TRUE;
	g_autoptr(GError) left = NULL;
	if (!gw_claim_give_back(claim, &left))
		g_prefix_error(error, "%s; the first error was: ", left->message);
	return FALSE;
}

static int
exit_code_for(const GError *error)
{
	gboolean is_elsewhere = g_error_matches(error, GW_ERROR, GW_ERROR_HANDED_OVER) ||
				g_error_matches(error, GW_ERROR, GW_ERROR_UNKNOWN);
	return is_elsewhere ? EXIT_UNKNOWN : EXIT_FAILURE;
}

static void
tell_unasked(const GwClaim *claim)
{
	const char *unasked = gw_claim_get_unasked(claim);
	g_autofree char *text = unasked != NULL ? terminal_sanitize_line(g_strdup(unasked)) : NULL;
	if (text != NULL)
		fprintf(stderr, "%s: %s: it starts here on your word\n", g_get_prgname(), text);
}

static int
run(gpointer data, char **arguments)
{
	RunOptions *options = data;
	GError *error = NULL;
	g_autoptr(GwVm) vm = gw_vm_load(arguments[0], &error);
	if (vm == NULL)
		return cmd_fail(EXIT_USAGE, error);
	g_autofree char *state_dir =
		options->state_dir != NULL ? g_strdup(options->state_dir) : gw_default_state_dir();
	if (g_mkdir_with_parents(state_dir, 0700) != 0) {
		g_set_error(&error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "cannot make the state folder '%s': %s", state_dir, g_strerror(errno));
		return cmd_fail(EXIT_FAILURE, error);
	}
	g_autofree char *log_path = gw_vm_make_log_path(vm, state_dir);
	const char *const extra[] = { options->paused ? "-S" : NULL, NULL };
	GwClaimKind kind = options->here ? GW_CLAIM_HERE : GW_CLAIM_OWN;
	g_autoptr(GwClaim) claim =
		gw_claim_new(state_dir, vm->name, vm->qmp_path, kind, options->tls_dir, &error);
	if (claim == NULL)
		return cmd_fail(exit_code_for(error), error);
	tell_unasked(claim);
	GPid pid;
	sigset_t former;
	stop_signals_hold(&former);
	gboolean started = start_claimed(vm, claim, extra, log_path, &pid, &error);
	if (started)
		print_started(vm, pid, log_path, options);
	fflush(stdout);
	stop_signals_release(&former);
	return started ? 0 : cmd_fail(exit_code_for(error), error);
}

#define AT(member) G_STRUCT_OFFSET(RunOptions, member)

static const CmdOption options[] = {
	{ "paused", AT(paused), NULL, "Start QEMU with the guest paused" },
	{ "here", AT(here), NULL,
	  "Start it although it was handed over, unless it was taken over there" },
	{ "state-dir", AT(state_dir), "DIR", "The folder of QEMU's log and of the VM's record" },
	{ "tls-dir", AT(tls_dir), "DIR",
	  "With --here: the folder of our certificates, if it is not that of the migration" },
	{ "json", AT(json), NULL, "Print name, process, monitor and log as JSON" },
	{ NULL },
};

const Cmd verb_run = {
	.name = "run",
	.arguments = "VMFILE",
	.summary = "Start the QEMU of a VM file",
	.detail = "A VM that was handed over to another host is not started: exit code 6. With "
		  "--here\n"
		  "that host's agent is asked. If the guest was taken over there, or if the agent "
		  "cannot\n"
		  "tell, it is still not started. If the agent cannot be reached, your word "
		  "counts.\n",
	.options = options,
	.options_size = sizeof(RunOptions),
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
