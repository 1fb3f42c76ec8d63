/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/agent/agent-context.h"

/* Each answers one message; its error is sent to the source. */
gboolean agent_switchover(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);
gboolean agent_commit(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);
/* The answer to the commit has gone out: begins the hook of the phase "running". */
void agent_commit_answered(AgentRun *self);
/* Waits for that hook, and reports its failure. */
void agent_commit_end(AgentRun *self);
gboolean agent_abort(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);

/* Undoes everything of a run that was not committed. %FALSE with %GW_ERROR_VGPU when only its vGPUs
 * are left, with another error when its QEMU cannot be proven gone. */
gboolean agent_clean_up(AgentRun *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
