/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/agent/agent-context.h"

/* Each answers one message; its error is sent to the source. */
gboolean agent_survey(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);
gboolean agent_look(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);
gboolean agent_prepare(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);
gboolean agent_setup(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);
