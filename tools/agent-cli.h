/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-agent.h"
#include "tools/cmd.h"

/* What 'godwit receive' and godwitd are told in the same words. */
typedef struct {
	char *listen;
	char *state_dir;
	char *hook;
	char *tls_dir;
	char **tls_allow;
	gboolean insecure;
} AgentOptions;

/* The rows for a @more_options; the verb's own struct must begin with an AgentOptions. */
extern const CmdOption agent_options[];

/* 0, or the exit code after the reason was printed. */
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
 * Starts it, prints "listening on ADDR:PORT" and turns the loop until agent_cli_stop() was called, or
 * SIGINT or SIGTERM came, and every session has ended safely.
 */
gboolean agent_cli_run(AgentCli *self, GwAgent *agent, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* May be called twice. */
void agent_cli_stop(AgentCli *self);
