/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "engine/channel/channel-set.h"
#include "engine/control/control-conn.h"
#include "engine/gw-survey.h"
#include "engine/gw-vm.h"
#include "engine/record/journal.h"
#include "engine/data/plan-json.h"
#include "engine/host/qemu.h"
#include "engine/record/recorder.h"
#include "engine/host/vgpu-watch.h"
#include "engine/host/settings.h"
#include "engine/channel/transport.h"

/* One control connection, seen from the agent: the private side of GwAgent. Runs in a thread of its own
 * with a main context of its own. */

/* What all connections of an agent share; constant while it runs. */
typedef struct {
	char *vm_dir;	/* (nullable) */
	char *vm_file;	/* (nullable) */
	char *qmp_path; /* (nullable) */
	char *state_dir;
	char *hook; /* (nullable) */
	char *agent_id;
	gboolean insecure;
} AgentConfig;

typedef struct AgentRun AgentRun;

/* What a run asks of the agent that owns it; called in the run's thread. */
typedef struct {
	/* Ends another run of @session safely and waits until it has ended, 40 s at most. */
	gboolean (*end_session)(const char *session, AgentRun *except, gpointer data);
	/* The source needs the record of @session no more. */
	void (*session_done)(const char *session, gpointer data);
	/* The guest stands still from now on, until it runs here or there. */
	void (*guest_stopped)(gpointer data);
} AgentRunOwner;

struct AgentRun {
	const AgentConfig *config;
	const AgentRunOwner *owner;
	gpointer owner_data;
	GSocket *socket;
	GCancellable *stop; /* ends the run safely, from any thread */
	Recorder *recorder;

	/* Shared with the listener's thread, under @lock. */
	GMutex lock;
	GMainContext *context;
	char *session;
	ChannelSet channels;

	ControlConn *conn;
	ControlState state;
	GQueue messages; /* of ControlMessage, written down by the connection */

	char *vm_name;
	GwVm *vm;	  /* (nullable): a QEMU that somebody else started has no file */
	char *log_path;	  /* (nullable) */
	Process launched; /* the QEMU that we started */
	Qemu *qemu;
	GwSurvey *survey;
	GPtrArray
		*vgpus; /* (nullable): of GwVgpu: what the VM file asked for, before it was made */
	GwPlan *plan;
	Journal *journal;
	VgpuWatch watch;	   /* since COMMIT came */
	Settings *former_settings; /* (nullable): until we begin to change them */
	Transport *transport;	   /* (nullable): once the data channels are QEMU's */
	gboolean is_check;
	gboolean incoming_sent;
	gboolean guest_stopped_told;
	gboolean is_committed; /* COMMIT has come, and the journal says so */
	gboolean is_running;   /* the guest is ours */
	gboolean is_clean;     /* nothing of ours is left but what is committed */
	gboolean failure_told;
	GError *error; /* what went wrong on this side, for the report */
};

/* @socket: connected; nothing was read from it. */
AgentRun *agent_run_new(const AgentConfig *config, const AgentRunOwner *owner, gpointer owner_data,
			GSocket *socket, const RecorderListener *listener, gpointer listener_data);
void agent_run_free(AgentRun *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AgentRun, agent_run_free)

/* Blocks until the connection's business is over. (transfer full) (nullable): the report of a migration;
 * NULL where none was begun. */
GwReport *agent_run_serve(AgentRun *self);

/* For the listener's thread. */
gboolean agent_run_has_session(AgentRun *self, const char *session);
/* Does this run wait for a channel with this pass? */
gboolean agent_run_expects_proof(AgentRun *self, const char *pass);
/* Takes over @fd if it is a channel that this run waits for. */
gboolean agent_run_take_channel(AgentRun *self, const ControlPreamble *preamble, int fd);

/* agent-start.c: takes the VM file called @name and starts its QEMU; where @source_vgpus cannot become its vGPUs
 * only an absent survey is left, and nothing started. */
gboolean
agent_start_vm(AgentRun *self, const char *name, const GPtrArray *source_vgpus, GError **error);
/* Ends what agent_start_vm() has started, and proves it. */
gboolean agent_end_vm(AgentRun *self, GError **error);

/* agent-prepare.c: each answers one message; on failure the error is sent. */
gboolean agent_survey(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);
gboolean agent_prepare(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);
gboolean agent_setup(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);

/* agent-commit.c */
gboolean agent_switchover(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);
gboolean agent_commit(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);
gboolean agent_done(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);
gboolean agent_abort(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);
gboolean agent_outcome(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error);
/* Undoes everything of a run that was not committed. %FALSE when its QEMU cannot be proven gone, or
 * with %GW_ERROR_VGPU when only its vGPUs are left. */
gboolean agent_clean_up(AgentRun *self, GError **error);

gboolean agent_run_hook(AgentRun *self, const char *phase, GError **error);
