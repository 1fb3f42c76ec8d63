/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/agent/agent-context.h"
#include "engine/gw-report.h"

/**
 * agent_run_serve:
 *
 * Serves the connection in the calling thread, with a main context of its own, until its business
 * is over.
 *
 * Returns: (transfer full) (nullable): the report of a migration; NULL where none was begun
 */
GwReport *agent_run_serve(AgentRun *self);

/* These are for the listener's thread. */
gboolean agent_run_has_session(AgentRun *self, const char *session);
/* Does it work on no request, and hold no VM? Then nothing is lost with it. */
gboolean agent_run_is_idle(AgentRun *self);
/* Does this run wait for a channel that proves itself by @proof? See control_token_proof(). */
gboolean agent_run_expects_proof(AgentRun *self, const char *proof);
/* Takes over @fd if it is a channel that this run waits for. */
gboolean agent_run_take_channel(AgentRun *self, const ControlPreamble *preamble, int fd);
