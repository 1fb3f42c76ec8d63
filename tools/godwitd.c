/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwitd: the agent of a host that can receive VMs. It runs as long as the host is up. It runs
 * only the command lines of its own VM files, and it settles what dead controllers left on this
 * host. It prints one line for each migration and phase to stderr; under systemd that is the
 * journal.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tools/agent-cli.h"
#include "tools/terminal-sanitize.h"

typedef struct {
	AgentOptions agent;
	char *vm_dir;
	gboolean version;
} DaemonOptions;

/* @line: (transfer full) */
static void
log_line(char *line)
{
	fprintf(stderr, "%s\n", terminal_sanitize_line(line));
	g_free(line);
}

/* QEMU sends many events, and the source's report has them. Our own events are few. */
static void
on_event(GwAgent *agent, const char *vm_name, const GwEvent *event, gpointer data)
{
	if (strcmp(event->host, "engine") == 0 || strcmp(event->name, "phase") == 0)
		log_line(g_strdup_printf("%s: %s %s", vm_name, event->name,
					 event->data != NULL ? event->data : ""));
}

static void
on_session_ended(GwAgent *agent, const char *vm_name, const GwReport *report, gpointer data)
{
	const char *message = report->error_message;
	log_line(g_strdup_printf("%s: %s, the VM runs on: %s%s%s", vm_name,
				 gw_outcome_to_string(report->outcome),
				 gw_place_to_string(report->vm_runs_on),
				 message != NULL ? ": " : "", message != NULL ? message : ""));
}

static int
serve(gpointer data, char **arguments)
{
	DaemonOptions *options = data;
	if (options->version)
		return printf("godwitd %s\n", GW_VERSION) < 0;
	if (options->vm_dir == NULL)
		return cmd_usage("say which VMs this host may receive: --vm-dir DIR");
	if (!g_file_test(options->vm_dir, G_FILE_TEST_IS_DIR))
		return cmd_usage("--vm-dir: '%s' is not a folder", options->vm_dir);
	g_autoptr(GwAgent) agent = gw_agent_new();
	int exit_code = agent_options_apply(&options->agent, agent);
	if (exit_code != 0)
		return exit_code;
	gw_agent_set_vm_dir(agent, options->vm_dir);
	gw_agent_set_recover(agent, TRUE);
	g_signal_connect(agent, "event", G_CALLBACK(on_event), NULL);
	g_signal_connect(agent, "session-ended", G_CALLBACK(on_session_ended), NULL);
	AgentCli run;
	GError *error = NULL;
	if (!agent_cli_run(&run, agent, &error))
		return cmd_fail(EXIT_FAILURE, error);
	return 0;
}

#define AT(member) G_STRUCT_OFFSET(DaemonOptions, member)

static const CmdOption options[] = {
	{ "vm-dir", AT(vm_dir), "DIR", "The folder with the VM files of the VMs to receive" },
	{ "version", AT(version), NULL, "Print the version" },
	{ NULL },
};

static const Cmd daemon_cmd = {
	.name = "godwitd",
	.arguments = "",
	.summary = "Receive the VMs that 'godwit migrate' sends to this host",
	.detail = "Prints 'listening on ADDR:PORT' and runs until SIGTERM, SIGINT or SIGHUP.\n",
	.options = options,
	.more_options = agent_options,
	.options_size = sizeof(DaemonOptions),
	.run = serve,
};

int
main(int argc, char **argv)
{
	/* A closed log must not end a migration. */
	signal(SIGPIPE, SIG_IGN);
	return cmd_run(&daemon_cmd, "godwitd", argc - 1, argv + 1);
}
