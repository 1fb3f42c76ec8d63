/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/agent/agent-context.h"
#include "engine/gw-event.h"

/* The control connections of one agent that are under way, a thread each. */
typedef struct AgentConnections AgentConnections;

/* All of these come in the context in which the set was made. */
typedef struct {
	void (*event)(const char *vm_name, const GwEvent *event, gpointer data);
	void (*ended)(const char *vm_name, const GwReport *report, gpointer data);
	/* A guest on its way stands still; once for each connection at most. */
	void (*guest_stopped)(gpointer data);
	/* After agent_connections_stop(): the last one has ended. Maybe more than once. */
	void (*idle)(gpointer data);
} AgentConnectionsListener;

/* @owner is kept alive while a thread runs; @listener's data is @owner too. */
AgentConnections *agent_connections_new(GObject *owner, const AgentConfig *config,
					const AgentConnectionsListener *listener);
void agent_connections_free(AgentConnections *self);

gboolean agent_connections_is_full(AgentConnections *self);
gboolean agent_connections_is_idle(AgentConnections *self);
/* Serves a control connection from which nothing was read. @peer: its address, for messages. */
void agent_connections_add(AgentConnections *self, GSocket *socket, const char *peer);
/* Does one of them wait for a channel with this pass? */
gboolean agent_connections_expect_proof(AgentConnections *self, const char *pass);
/* Takes over @fd if one of them waits for it. */
gboolean
agent_connections_give_channel(AgentConnections *self, const ControlPreamble *preamble, int fd);
/* Ends all of them safely. */
void agent_connections_stop(AgentConnections *self);

/* Tells the listener of something of our own, with one word of data: {@key: @value}. From any thread. */
void agent_connections_tell(AgentConnections *self, const char *vm_name, const char *name,
			    const char *key, const char *value);
