/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs an agent from its options to its end, for 'godwit receive' and for godwitd. It ends only
 * when the agent says that every session is safe. A second signal does not end it sooner.
 */
#include "tools/agent-cli.h"

#include <stdio.h>

#include "tools/address.h"
#include "tools/stop-signals.h"

#define AT(member) G_STRUCT_OFFSET(AgentOptions, member)

const CmdOption agent_options[] = {
	{ "listen", AT(listen), "ADDR[:PORT]",
	  "Where to listen; with port 0 the kernel chooses one" },
	{ "state-dir", AT(state_dir), "DIR", "The folder of journals and QEMU's logs" },
	{ "hook", AT(hook), "CMD", "Run this shell command at the start of each phase" },
	{ "tls-dir", AT(tls_dir), "DIR", "Accept TLS only, with the certificates of this folder" },
	{ "tls-allow", AT(tls_allow), "SUBJECT",
	  "Accept only this source, as CN=a with * and ?; may be repeated", TRUE },
	{ "insecure", AT(insecure), NULL, "Allow plain text over other networks than loopback" },
	{ NULL },
};

int
agent_options_apply(const AgentOptions *self, GwAgent *agent)
{
	if (self->listen == NULL)
		return cmd_usage("say where to listen: --listen ADDR[:PORT]");
	g_autofree char *host = NULL;
	guint16 port;
	g_autoptr(GError) error = NULL;
	if (!address_parse(self->listen, 0, &host, &port, &error))
		return cmd_usage("--listen: %s", error->message);
	gw_agent_set_listen(agent, self->listen);
	if (self->tls_allow != NULL && self->tls_dir == NULL)
		return cmd_usage("--tls-allow has no effect without --tls-dir");
	gw_agent_set_insecure(agent, self->insecure);
	gw_agent_set_tls_dir(agent, self->tls_dir);
	gw_agent_set_tls_allow(agent, (const char *const *)self->tls_allow);
	gw_agent_set_hook(agent, self->hook);
	if (self->state_dir != NULL)
		gw_agent_set_state_dir(agent, self->state_dir);
	return 0;
}

static void
on_stopped(GObject *agent, GAsyncResult *result, gpointer data)
{
	AgentCli *self = data;
	gw_agent_stop_finish(GW_AGENT(agent), result);
	g_main_loop_quit(self->loop);
}

void
agent_cli_stop(AgentCli *self)
{
	if (self->stopping)
		return;
	self->stopping = TRUE;
	gw_agent_stop_async(self->agent, on_stopped, self);
}

static gboolean
on_signal(gpointer data)
{
	AgentCli *self = data;
	fprintf(stderr, self->stopping ? "still waiting for every guest to be safe\n"
				       : "stopping: waiting for every guest to be safe\n");
	agent_cli_stop(self);
	return G_SOURCE_CONTINUE;
}

gboolean
agent_cli_run(AgentCli *self, GwAgent *agent, GError **error)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	self->agent = agent;
	self->loop = loop;
	self->stopping = FALSE;
	if (!gw_agent_start(agent, error))
		return FALSE;
	StopSignals signals;
	stop_signals_begin(&signals, on_signal, self);
	printf("listening on %s\n", gw_agent_get_address(agent));
	fflush(stdout);
	g_main_loop_run(loop);
	stop_signals_end(&signals);
	return TRUE;
}
