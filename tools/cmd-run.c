/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwit run: starts the QEMU of a VM file and leaves it running. QEMU's output goes to
 * NAME.qemu.log in the state folder.
 */
#include <errno.h>
#include <stdio.h>

#include "engine/gw-session.h"
#include "engine/gw-vm.h"
#include "tools/cmd.h"
#include "tools/json-text.h"
#include "tools/stop-signals.h"

typedef struct {
	char *state_dir;
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

/* All or nothing: if QEMU does not start, the vGPUs that were made for it are removed again. A signal
 * waits until then. */
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
	g_autofree char *log_name = g_strconcat(vm->name, ".qemu.log", NULL);
	g_autofree char *log_path = g_build_filename(state_dir, log_name, NULL);
	const char *const extra[] = { options->paused ? "-S" : NULL, NULL };
	GPid pid;
	sigset_t former;
	stop_signals_hold(&former);
	gboolean started = start(vm, extra, log_path, &pid, &error);
	if (started)
		print_started(vm, pid, log_path, options);
	fflush(stdout);
	stop_signals_release(&former);
	return started ? 0 : cmd_fail(EXIT_FAILURE, error);
}

#define AT(member) G_STRUCT_OFFSET(RunOptions, member)

static const CmdOption options[] = {
	{ "paused", AT(paused), NULL, "Start QEMU with the guest paused" },
	{ "state-dir", AT(state_dir), "DIR", "The folder of QEMU's log" },
	{ "json", AT(json), NULL, "Print name, process, monitor and log as JSON" },
	{ NULL },
};

const Cmd verb_run = {
	.name = "run",
	.arguments = "VMFILE",
	.summary = "Start the QEMU of a VM file",
	.options = options,
	.options_size = sizeof(RunOptions),
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
