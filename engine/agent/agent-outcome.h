/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/agent/agent-context.h"

/* Each answers one message; its error is sent to the source. Both need the proof of a session: see
 * control_session_proof(). */
gboolean agent_done(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);
gboolean agent_outcome(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);

/* The guest has run here: writes it into the VM's record. Where the disk does not take it the
 * journal answers for it, and the record is written with 'done'. */
void agent_record_taken(AgentRun *self);
