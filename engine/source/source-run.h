/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/forecast/account.h"
#include "engine/channel/channel-watch.h"
#include "engine/forecast/converge.h"
#include "engine/gw-plan.h"
#include "engine/gw-survey.h"
#include "engine/record/journal.h"
#include "engine/control/peer.h"
#include "engine/measure/vgpu-pending.h"
#include "engine/host/qemu.h"
#include "engine/record/recorder.h"
#include "engine/host/settings.h"
#include "engine/channel/transport.h"

/* One migration, seen from the source: the private side of GwSession. Runs in a thread of its own with a
 * main context of its own. */

/* A way through the network, for the data channels that take it. */
typedef struct {
	char *local; /* an address of ours */
	char *host;  /* (nullable): the agent's address there; as for the control connection */
} DataPath;

typedef struct {
	char *qmp_path;
	PeerAddress peer;
	char *vm_name; /* (nullable): ask QEMU */
	gint64 downtime_limit_us;
	gint64 bandwidth_bytes_per_s;
	gint64 switchover_bytes_per_s; /* 0: not known */
	gint64 timeout_us;
	GStrv capabilities;    /* (nullable): asked for */
	GStrv allowed;	       /* (nullable): codes of issues that are let pass */
	const char *transport; /* (nullable): the plan's choice */
	guint channels;	       /* 0: the plan's choice */
	gboolean account;      /* look at the stream */
	GPtrArray *ways;  /* (nullable): of DataPath: channel i takes number i modulo their count */
	char *congestion; /* (nullable): as the system has it */
	gint64 unsent_bytes; /* that may wait in a channel's socket; 0: as many as it holds */
	GwOnStall on_stall;
	gboolean ask_devices; /* the vGPUs' drivers too, while they are migrated */
	gboolean paused;
	gboolean keep_source;
	char *state_dir;
	char *hook;
} SourceOptions;

typedef struct SourceTap SourceTap;

typedef struct {
	const SourceOptions *options;
	gboolean check_only;
	GCancellable *cancellable;
	Recorder *recorder;
	const GError *failure; /* (borrowed) (nullable): what is being undone for */

	Qemu *qemu;
	Peer *peer;
	GwSurvey *source;
	GwSurvey *destination;
	GwPlan *plan;
	char *vm_name;
	char *session;
	char *agent_id;
	char *token; /* as the agent wrote it */
	Journal *journal;

	Settings *former_settings; /* (nullable): until we begin to change them */
	Transport *transport;	   /* (nullable): once the data channels are QEMU's */
	Account *account;	   /* (nullable): from the setup on */
	VgpuPending *pending;	   /* (nullable): likewise */
	GwStreamReader *stream;	   /* (nullable): where it is looked at */
	SourceTap *taps;	   /* (nullable): of the transport's channels, by index */
	ChannelWatch *watch;	   /* (nullable): of those */
	Converge *converge;	   /* (nullable): before pre-copy */
	gboolean given_up;	   /* by it */
	gboolean migrate_sent;
	gboolean is_committed; /* the agent said RUNNING */

	/* Written down by callbacks. */
	GError *peer_failure;		/* the agent's notice that its side has failed */
	gboolean destination_completed; /* its QEMU has loaded everything */

	/* For the downtime. All on the source's wall clock but the last. */
	gint64 continue_us;
	gint64 resume_peer_us; /* RESUME, on the destination's */
} SourceRun;

typedef struct {
	const char *phase;
	gboolean (*run)(SourceRun *run, GError **error);
	gboolean (*undo)(SourceRun *run,
			 GError **error); /* (nullable): also for a run that failed half-way */
} SourceStep;

/* source-steps.c, source-precopy.c, source-commit.c */
gboolean source_connect(SourceRun *run, GError **error);
gboolean source_survey(SourceRun *run, GError **error);
gboolean source_survey_undo(SourceRun *run, GError **error);
gboolean source_plan(SourceRun *run, GError **error);
gboolean source_prepare(SourceRun *run, GError **error);
gboolean source_setup(SourceRun *run, GError **error);
gboolean source_setup_undo(SourceRun *run, GError **error);
gboolean source_precopy(SourceRun *run, GError **error);
gboolean source_precopy_undo(SourceRun *run, GError **error);
gboolean source_switchover(SourceRun *run, GError **error);
gboolean source_commit(SourceRun *run, GError **error);
gboolean source_cleanup(SourceRun *run, GError **error);

/* source-channels.c: appends the connections to the agent, by index: what is spoken on, and the TCP socket under it,
 * -1 where there is none. */
gboolean source_open_channels(SourceRun *run, GArray *fds, GArray *tcps, GError **error);
/* Writes down how the connection that was made last is encrypted. */
void source_report_connection(SourceRun *run, const char *name);

/* source-sample.c: begin once the channels are there, clear once they are gone. */
void source_sample_begin(SourceRun *run);
void source_sample_clear(SourceRun *run);
/* Nobody is asked any more: QEMU's log is its own again. The error is for the record. */
gboolean source_sample_end(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* An event of the source's QEMU. */
void source_sample_event(SourceRun *run, const char *name, JsonObject *data);
/* One, if QEMU has answered since the last. */
void source_sample_take(SourceRun *run);
void source_sample_last(SourceRun *run, const QmpMigrateInfo *info);

/* Is everything that this run rests on still there? To be asked after every wait. */
gboolean source_check(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Tells that something was left at @host that nobody will take away but `godwit recover` there. */
void source_report_left_over(SourceRun *run, const char *host, const GError *error);
/* source-steer.c: for a run whose plan is made. */
void source_steer_begin(SourceRun *run);
/* Shows the controller a sample of a guest that still runs, tells QEMU what it wants, and completes the sample. */
void source_steer(SourceRun *run, GwSample *sample);
/* (transfer full): with the numbers, what stands in the way of an end. */
char *source_describe_stall(SourceRun *run);
/* What went out for RAM; -1: not known. QEMU counts the whole stream under "ram", the vGPUs' part too. */
gint64 source_ram_sent(const QmpMigrateInfo *info);
/* source-error.c: has the agent said that its side has failed, or gone? For await_until(); @data is a SourceRun. */
gboolean source_peer_has_spoken(gpointer data);
/* (transfer full) (nullable): which vGPUs our QEMU has reset when their drivers failed, so that the guest goes on
 * here with blank ones. */
char *source_describe_reset(SourceRun *run);
/* (transfer full): the error of a migration that QEMU failed, with the words of both ends. */
GError *source_migration_error(SourceRun *run);

/**
 * source_run:
 * @check_only: stop after the plan
 *
 * Blocks until it is over. (transfer full): the report, whatever the outcome.
 */
GwReport *source_run(const SourceOptions *options, gboolean check_only, GCancellable *cancellable,
		     const RecorderListener *listener, gpointer data);
