/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/agent/acceptor.h"
#include "engine/agent/agent-context.h"
#include "engine/gw-event.h"

/* The control connections of one agent, each with a thread of its own. */
typedef struct AgentConnections AgentConnections;

/* All of these are called in the main context in which the set was made. */
typedef struct {
	void (*event)(const char *vm_name, const GwEvent *event, gpointer data);
	void (*ended)(const char *vm_name, const GwReport *report, gpointer data);
	/* A guest that is being moved is stopped; at most once for each connection. */
	void (*guest_stopped)(gpointer data);
	/* After agent_connections_stop(): the last one has ended. May be called more than once. */
	void (*idle)(gpointer data);
} AgentConnectionsListener;

/* @owner is kept alive while a thread runs; @listener's data is @owner too. */
AgentConnections *agent_connections_new(GObject *owner, const AgentConfig *config,
					const AgentConnectionsListener *listener);
void agent_connections_free(AgentConnections *self);

gboolean agent_connections_is_idle(AgentConnections *self);
/* Serves a control connection. When there is no room it takes the place of one that does nothing;
 * %FALSE when there is none. */
gboolean agent_connections_add(AgentConnections *self, const AcceptedControl *accepted);
/* Does one of them wait for a channel that proves itself by @proof? */
gboolean agent_connections_expect_proof(AgentConnections *self, const char *proof);
/* Takes over @fd if one of them waits for it. */
gboolean
agent_connections_give_channel(AgentConnections *self, const ControlPreamble *preamble, int fd);
/* Ends all of them safely. */
void agent_connections_stop(AgentConnections *self);

/* Sends the listener an event of the engine with the data {@key: @value}. From any thread.
 * @vm_name: (nullable) */
void agent_connections_tell(AgentConnections *self, const char *vm_name, const char *name,
			    const char *key, const char *value);
