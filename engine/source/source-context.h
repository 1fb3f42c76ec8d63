/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/channel/channel-watch.h"
#include "engine/channel/transport.h"
#include "engine/control/peer.h"
#include "engine/forecast/account.h"
#include "engine/forecast/converge.h"
#include "engine/gw-plan.h"
#include "engine/gw-stall.h"
#include "engine/gw-survey.h"
#include "engine/host/qemu.h"
#include "engine/host/settings.h"
#include "engine/measure/vgpu-pending.h"
#include "engine/record/journal.h"
#include "engine/record/ownership-file.h"
#include "engine/record/recorder.h"

/* A path through the network for data channels. */
typedef struct {
	char *local; /* an address of this host */
	char *host;  /* (nullable): the agent's address there; NULL: the session's */
} DataPath;

/* What the user wants; constant while the migration runs. */
typedef struct {
	char *qmp_path;
	PeerAddress peer;
	char *vm_name; /* (nullable): ask QEMU */
	gint64 downtime_limit_us;
	gint64 bandwidth_bytes_per_s;  /* 0: no limit */
	gint64 switchover_bytes_per_s; /* 0: not known */
	gint64 timeout_us;	       /* of pre-copy; 0: none */
	GStrv capabilities;	       /* (nullable): that the plan must have */
	GStrv allowed;		       /* (nullable): codes of issues that become warnings */
	const char *transport;	       /* (nullable): the plan chooses */
	guint channels;		       /* 0: the plan chooses */
	gboolean account;	       /* read the stream, to count each vGPU's bytes */
	GPtrArray *data_paths; /* of DataPath: channel i takes number i modulo their count */
	char *congestion;      /* (nullable): the system's default */
	gint64 unsent_bytes;   /* that may wait in a channel's socket; 0: no limit */
	GwOnStall on_stall;
	gboolean ask_devices; /* ask the vGPUs' drivers too while they are migrated */
	gboolean paused;
	gboolean keep_source;
	char *state_dir;
	char *hook; /* (nullable) */
} SourceOptions;

typedef struct SourceTap SourceTap;

/*
 * One migration, seen from the source: the private side of GwSession. It runs in a thread of its
 * own with a main context of its own. A group of members belongs to the file that is named with it:
 * once the run has begun only that file writes them. The other files may read them.
 */
typedef struct {
	/* source-run.c. Constant, except for @failure. */
	const SourceOptions *options;
	gboolean check_only;
	GCancellable *cancellable;
	Recorder *recorder;
	char *session;
	const GError *failure; /* (borrowed) (nullable): why the run is rolled back */

	/* source-prepare.c: what its steps have found and made, in their order. */
	Qemu *qemu;
	Peer *peer;
	char *agent_id;
	char *vm_name; /* (nullable): until it is known */
	struct {
		GwSurvey *source;
		GwSurvey *destination;
	} surveys;
	GwPlan *plan;
	Journal *journal;
	Settings *former_settings; /* (nullable): until we begin to change them */
	struct {
		char *token;	      /* as the agent wrote it */
		Transport *transport; /* (nullable): once QEMU has the data channels */
		ChannelWatch *watch;  /* (nullable): likewise */
	} channels;

	/* source-ownership.c */
	struct {
		VmLock *lock;	  /* (nullable): until the VM's name is known */
		char *name;	  /* (nullable): under which its record is kept */
		gboolean is_here; /* its guest was seen in our QEMU when the run began */
	} ownership;

	/* source-prepare.c: its callbacks write these at any time. The steps look at them after
	 * each wait. */
	struct {
		GError *failure; /* (nullable): the agent says that its side has failed */
		gboolean destination_completed; /* the destination's QEMU has loaded everything */
		gint64 resume_us;		/* RESUME there, on its clock; 0: not yet */
		gint64 resume_error_us;
	} notices;

	/* source-sample.c: from the setup on. */
	struct {
		Account *account;
		VgpuPending *pending;	/* (nullable): without vGPUs */
		GwStreamReader *stream; /* (nullable): where the stream is not read */
		SourceTap *taps;	/* (nullable): of the transport's channels, by index */
	} sampling;

	/* source-converge.c: from pre-copy on. */
	struct {
		Converge *controller;
		gboolean given_up; /* by the controller */
	} convergence;

	/* source-precopy.c */
	struct {
		gboolean migrate_sent;
	} precopy;
	struct {
		gint64 continue_us; /* migrate-continue was sent, by our monotonic clock */
		/* Of both hosts' hooks: before it, and after QEMU's "completed". */
		gint64 go_hook_us, commit_hook_us;
	} switchover;

	/* source-commit.c */
	struct {
		gboolean is_committed; /* the agent said RUNNING: nothing can be undone */
	} commit;
} SourceRun;

void source_run_clear(SourceRun *run);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SourceRun, source_run_clear);

/**
 * source_check:
 *
 * To be called after every wait, up to the commit.
 *
 * Returns: %FALSE when the run cannot go on: the agent has reported a failure, or is lost
 *   (%GW_ERROR_PEER_LOST), or our QEMU is (%GW_ERROR_MONITOR_LOST)
 */
gboolean source_check(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What our QEMU says of its guest; %GW_ERROR_MONITOR_LOST where it does not answer. */
gboolean source_query_status(SourceRun *run, QmpStatus *ret_status,
			     GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Our QEMU has not answered: %GW_ERROR_MONITOR_LOST with the words of @cause. */
void source_fail_silent(const GError *cause, GError **error);

/* For how long the stopped guest has waited for the agent's hook, as a reply of the agent says. */
gint64 source_read_hook_us(JsonObject *reply);

/* Is the guest to be continued here if it is not handed over? A guest that has shut down or failed
 * is not, even if the migration was faster than QEMU's own stop. */
gboolean source_was_live_here(const SourceRun *run);
