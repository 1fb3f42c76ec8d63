/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwit receive: an agent in the foreground for one migration. It ends when that migration has
 * ended, with the exit code of its outcome. A check by the other side does not count as a
 * migration. The first line on stdout is "listening on ADDR:PORT", with --json too.
 */
#include <stdio.h>
#include <string.h>

#include "engine/gw-vm.h"
#include "tools/agent-cli.h"
#include "tools/events.h"
#include "tools/report-text.h"

typedef struct {
	AgentOptions agent;
	char *qmp;
	char *vm;
	char *events;
	gboolean json;
} ReceiveOptions;

typedef struct {
	AgentCli agent;
	Events *events;	  /* (nullable) */
	GwReport *report; /* (nullable): of the one migration */
} Run;

static void
on_event(GwAgent *agent, const char *vm_name, const GwEvent *event, gpointer data)
{
	Run *run = data;
	events_event(run->events, event);
}

static void
on_session_ended(GwAgent *agent, const char *vm_name, const GwReport *report, gpointer data)
{
	Run *run = data;
	if (run->report == NULL)
		run->report = gw_report_copy(report);
	agent_cli_stop(&run->agent);
}

static int
finish(const ReceiveOptions *options, const Run *run)
{
	if (run->report == NULL) {
		fputs("stopped before a migration began\n", stderr);
		return EXIT_CANCELLED;
	}
	gboolean json_on_stdout = options->json || g_strcmp0(options->events, "-") == 0;
	if (options->json) {
		g_autofree char *json = gw_report_to_json(run->report);
		puts(json);
	}
	g_autofree char *summary = report_text_summary(run->report);
	gboolean completed = run->report->outcome == GW_OUTCOME_COMPLETED;
	fputs(summary, json_on_stdout || !completed ? stderr : stdout);
	return gw_report_to_exit_code(run->report);
}

static int
run_agent(const ReceiveOptions *options, GwAgent *agent)
{
	GError *error = NULL;
	g_autoptr(Events) events = NULL;
	if (!events_open(options->events, &events, &error))
		return cmd_fail(EXIT_USAGE, error);
	Run run = { .events = events };
	g_signal_connect(agent, "event", G_CALLBACK(on_event), &run);
	g_signal_connect(agent, "session-ended", G_CALLBACK(on_session_ended), &run);
	if (!agent_cli_run(&run.agent, agent, &error))
		return cmd_fail(EXIT_FAILURE, error);
	g_signal_handlers_disconnect_by_data(agent, &run);
	int exit_code = finish(options, &run);
	gw_report_free(run.report);
	events_tell_lost(events);
	/* The exit code says where the VM is, also when it could not be printed. */
	cmd_printed(exit_code);
	return exit_code;
}

static int
receive(gpointer data, char **arguments)
{
	ReceiveOptions *options = data;
	if ((options->qmp == NULL) == (options->vm == NULL))
		return cmd_usage("say which VM: either --vm VMFILE or --qmp SOCK");
	if (options->json && g_strcmp0(options->events, "-") == 0)
		return cmd_usage(
			"--json and '--events -' both want stdout: give one of them a file");
	g_autoptr(GwAgent) agent = gw_agent_new();
	int exit_code = agent_options_apply(&options->agent, agent);
	if (exit_code != 0)
		return exit_code;
	GError *error = NULL;
	g_autoptr(GwVm) vm = options->vm != NULL ? gw_vm_load(options->vm, &error) : NULL;
	if (error != NULL)
		return cmd_fail(EXIT_USAGE, error);
	if (options->qmp != NULL)
		gw_agent_set_qmp(agent, options->qmp);
	if (options->vm != NULL)
		gw_agent_set_vm_file(agent, options->vm);
	return run_agent(options, agent);
}

#define AT(member) G_STRUCT_OFFSET(ReceiveOptions, member)

static const CmdOption options[] = {
	{ "qmp", AT(qmp), "SOCK", "The monitor of a QEMU that waits with -S -incoming defer" },
	{ "vm", AT(vm), "VMFILE", "The VM file of the QEMU to start, instead of --qmp" },
	{ "events", AT(events), "FILE|-", "Write events as JSON lines (-: to stdout)" },
	{ "json", AT(json), NULL, "Print the report on stdout, as JSON" },
	{ NULL },
};

const Cmd verb_receive = {
	.name = "receive",
	.arguments = "",
	.summary = "Receive one VM, in the foreground",
	.detail = "Prints 'listening on ADDR:PORT' and waits for one 'godwit migrate'. The exit "
		  "code is\n"
		  "0 when the VM runs here; the other codes are those of 'godwit migrate'.\n",
	.options = options,
	.more_options = agent_options,
	.options_size = sizeof(ReceiveOptions),
	.run = receive,
};
