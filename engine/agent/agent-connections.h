/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/agent/agent-run.h"
#include "engine/gw-event.h"

/* The control connections of one agent that are under way, a thread each. */
typedef struct AgentSlots AgentSlots;

/* All of these come in the context in which the set was made. */
typedef struct {
	void (*event)(const char *vm_name, const GwEvent *event, gpointer data);
	void (*ended)(const char *vm_name, const GwReport *report, gpointer data);
	/* A guest on its way stands still; once for each connection at most. */
	void (*standstill)(gpointer data);
	/* After agent_slots_stop(): the last one has ended. Maybe more than once. */
	void (*idle)(gpointer data);
} AgentSlotsListener;

/* @owner is kept alive while a thread runs; @listener's data is @owner too. */
AgentSlots *
agent_slots_new(GObject *owner, const AgentConfig *config, const AgentSlotsListener *listener);
void agent_slots_free(AgentSlots *self);

gboolean agent_slots_is_full(AgentSlots *self);
gboolean agent_slots_is_idle(AgentSlots *self);
/* Serves a control connection from which nothing was read. @peer: its address, for messages. */
void agent_slots_add(AgentSlots *self, GSocket *socket, const char *peer);
/* Does one of them wait for a channel with this pass? */
gboolean agent_slots_expect(AgentSlots *self, const char *pass);
/* Takes over @fd if one of them waits for it. */
gboolean agent_slots_give_channel(AgentSlots *self, const ControlPreamble *preamble, int fd);
/* Ends all of them safely. */
void agent_slots_stop(AgentSlots *self);

/* Tells the listener of something of our own, with one word of data: {@key: @value}. From any thread. */
void agent_slots_tell(AgentSlots *self, const char *vm_name, const char *name, const char *key,
		      const char *value);
