/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-agent.h"
#include "tools/cmd.h"

/* The options that 'godwit receive' and godwitd have in common. */
typedef struct {
	char *listen;
	char *state_dir;
	char *hook;
	char *tls_dir;
	char **tls_allow;
	gboolean insecure;
} AgentOptions;

/* The rows for @more_options. The struct of that verb must begin with an AgentOptions. */
extern const CmdOption agent_options[];

/* Returns 0, or the exit code after the error was printed. */
int agent_options_apply(const AgentOptions *self, GwAgent *agent);

typedef struct {
	GwAgent *agent; /* (borrowed) */
	GMainLoop *loop;
	gboolean stopping;
} AgentCli;

/**
 * agent_cli_run:
 * @agent: with all its settings
 *
 * Starts @agent, prints "listening on ADDR:PORT" and runs the main loop. The loop ends after
 * agent_cli_stop(), SIGINT, SIGTERM or SIGHUP, once every session has ended safely.
 */
gboolean agent_cli_run(AgentCli *self, GwAgent *agent, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* May be called twice. */
void agent_cli_stop(AgentCli *self);
