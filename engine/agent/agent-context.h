/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "engine/channel/channel-set.h"
#include "engine/channel/transport.h"
#include "engine/control/control-conn.h"
#include "engine/gw-survey.h"
#include "engine/gw-vm.h"
#include "engine/host/qemu.h"
#include "engine/host/settings.h"
#include "engine/host/vgpu-watch.h"
#include "engine/record/journal.h"
#include "engine/record/ownership-file.h"
#include "engine/record/recorder.h"
#include "engine/util/hook.h"

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
	/* Ends another run of @session safely. Waits at most 40 s for its end; %FALSE after that.
	 * */
	gboolean (*end_session)(const char *session, AgentRun *except, gpointer data);
	/* The source does not need the record of @session any more. */
	void (*session_done)(const char *session, gpointer data);
	/* The guest is stopped from now on, until it runs here or at the source. */
	void (*guest_stopped)(gpointer data);
} AgentRunOwner;

/*
 * One control connection, seen from the agent. A nested struct belongs to the file that is named
 * with it: only that file writes its members, once the run exists. The other files may read them.
 */
struct AgentRun {
	/* Constant. */
	const AgentConfig *config;
	const AgentRunOwner *owner;
	gpointer owner_data;
	GSocket *socket;
	char *peer;	    /* (nullable): its address */
	char *peer_subject; /* (nullable): of its TLS certificate */
	GBytes *said;	    /* (nullable): what was read from @socket before */
	GCancellable *stop; /* ends the run safely, from any thread */
	Recorder *recorder;

	/* Shared with the listener's thread, under the lock. The run's own thread alone writes
	 * @session and @context. */
	struct {
		GMutex lock;
		GMainContext *context; /* (nullable): while the run is served */
		char *session;	       /* (nullable): from the survey on */
		gboolean is_busy;      /* a request is worked on, or a VM is held */
		ChannelSet channels;
	} shared;

	/* agent-context.c: what went wrong and changes nothing for the guest, for the answer to
	 * COMMIT. */
	GPtrArray *warnings; /* of char */

	/* agent-run.c; a handler whose next state depends on what it found sets @state itself. */
	ControlConn *conn;
	ControlState state;
	GError *error; /* (nullable): the first error of this side, for the report */
	struct {
		GQueue messages;  /* of ControlMessage, in the order in which they came */
		gsize heap_bytes; /* of all of them */
		gboolean failure_told;
	} loop;

	/* agent-start.c: what the VM file led to. */
	struct {
		GwVm *vm;	  /* (nullable): a QEMU that somebody else started has no file */
		char *log_path;	  /* (nullable) */
		Process launched; /* the QEMU that we started */
		GPtrArray *vgpus; /* (nullable): of GwVgpu, as the file asks for them */
	} start;

	/* agent-prepare.c, and agent-start.c where a VM file is started: the QEMU and what is known
	 * of it. */
	gboolean is_check;
	char *vm_name;
	VmLock *lock; /* (nullable): from the survey on: nobody else deals with the VM here */
	Qemu *qemu;
	GwSurvey *survey;
	Journal *journal;
	GwPlan *plan;
	struct {
		Settings *former_settings; /* (nullable): until we begin to change them */
		Transport *transport;	   /* (nullable): once QEMU has the data channels */
		gboolean incoming_sent;	   /* QEMU can load once only */
	} load;

	/* agent-commit.c; agent-prepare.c passes QEMU's events to @watch. */
	struct {
		gboolean guest_stopped_told;
		gboolean is_committed; /* its source asked for it, and QEMU is not proven gone */
		gboolean may_have_run; /* 'cont' was sent, and QEMU has not refused it */
		QmpStatus status;      /* the last one that QEMU has told */
		Hook *hook;	       /* (nullable): of the phase "running", beside the rest */
		VgpuWatch watch;       /* since COMMIT came */
	} commit;
};

/* @socket: connected; if something was read from it, the caller sets @said. */
AgentRun *agent_run_new(const AgentConfig *config, const AgentRunOwner *owner, gpointer owner_data,
			GSocket *socket, const RecorderListener *listener, gpointer listener_data);
void agent_run_free(AgentRun *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AgentRun, agent_run_free);

/* The guest was handed over and runs here (or is paused here, as the plan says). */
gboolean agent_run_owns_guest(const AgentRun *self);
/* The conversation is over: no message can follow. */
gboolean agent_run_has_ended(const AgentRun *self);

/* Under which the VM's ownership record is kept: its name, or its monitor's path where it has
 * none. */
const char *agent_run_record_name(const AgentRun *self);

/* Names the phase in the record and runs the user's hook for it; a check runs none.
 * %GW_ERROR_HOOK. */
gboolean
agent_run_hook(AgentRun *self, const char *phase, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* (transfer full) (nullable): likewise, but it runs beside what follows. */
Hook *agent_run_hook_begin(AgentRun *self, const char *phase);
/* What went wrong and changes nothing for the guest: into the report, and into @warnings. */
void agent_run_warn(AgentRun *self, const char *text);
/**
 * agent_run_try_again:
 * @why: (nullable): of the last try
 *
 * Another session, or a recovery, may have the VM or its journal just now.
 *
 * Returns: %TRUE after a short pause where @why is %GW_ERROR_BUSY and @deadline_us has not passed
 */
gboolean agent_run_try_again(const GError *why, gint64 deadline_us);
/* Keeps @error for the report, unless there is an earlier one. */
void agent_run_remember_error(AgentRun *self, const GError *error);
