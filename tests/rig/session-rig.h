/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-agent.h"
#include "engine/gw-session.h"
#include "tests/rig/model-qemu.h"
#include "tests/rig/splice-proxy.h"

/* A whole migration in one process: a GwSession against a GwAgent, each over a model of QEMU. A row
 * says what goes wrong and how all of it must end; rig_run() carries it out and checks. */

typedef enum {
	RIG_NOTHING,
	RIG_CANCEL,	 /* the session's cancellable */
	RIG_STOP_AGENT,	 /* in an orderly way; it is gone when the session goes on */
	RIG_CUT,	 /* every connection; new ones work */
	RIG_LOSE_AGENT,	 /* every connection; new ones do not work */
	RIG_KILL_SOURCE, /* SIGKILL, and it is dead when the session goes on */
	RIG_KILL_DESTINATION,
	RIG_FREEZE_DESTINATION, /* SIGSTOP */
} RigAct;

typedef enum {
	RIG_RUNNING,
	RIG_STOPPED, /* its QEMU lives, its guest does not run */
	RIG_GONE,
} RigGuest;

enum {
	RIG_KEEP_SOURCE = 1 << 0,
	RIG_PAUSED = 1 << 1,	    /* stays so at the destination */
	RIG_SHORT_TIMEOUT = 1 << 2, /* 0.3 s of pre-copy */
	RIG_VM_FILE = 1 << 3,	    /* the agent starts its QEMU */
	RIG_PROXY = 1 << 4,	    /* between both; the acts that need one have it anyway */
	RIG_TRAP_COMMIT = 1 << 5,   /* the connections are cut with COMMIT on its way */
	RIG_TRAP_ANSWER = 1 << 6,   /* likewise with the answer to it */
	RIG_TRAP_FOR_GOOD = 1 << 7, /* and new ones do not work */
	RIG_CHECK_ONLY = 1 << 8,
};

/* Where several ends notice the same thing and any may be first. */
#define RIG_ANY_CODE ((GwError)-1)

typedef struct {
	const char *name;
	const char *source;	 /* (nullable): options of its model, quoted as for a shell */
	const char *destination; /* likewise */
	guint flags;
	/* (nullable): "source:PHASE" or "agent:PHASE", held there until @act is done;
	 * "event:STATUS" or "event:NAME" of the source's QEMU, not held */
	const char *when;
	RigAct act;

	GwOutcome outcome;
	GwPlace place;
	GwError code;	   /* unless completed */
	const char *phase; /* (nullable): in which it failed */
	const char *host;  /* (nullable): at which it failed */
	const char *text;  /* (nullable): in the message */
	/* (nullable): what the models were told: "cmd" came, "!cmd" did not, "a<b" first a, then b,
	 * "cmd=TEXT" came with TEXT in its line, "!cmd=TEXT" did not; separated by spaces */
	const char *source_saw;
	const char *destination_saw;
	RigGuest source_guest;
	RigGuest destination_guest;
	const char *journals; /* (nullable): which are left: "s", "d", "sd" */
} RigCase;

typedef struct {
	const RigCase *row;
	char *folder;
	char *source_log, *destination_log;	      /* when the guests ran */
	char *source_commands, *destination_commands; /* what the QEMUs were told */
	char *source_state, *destination_state;	      /* the journals' folders */
	char *vm_qmp_path; /* (nullable): of the QEMU that the agent starts */

	ModelQemu *source;
	ModelQemu *destination; /* (nullable): with RIG_VM_FILE */
	GwAgent *agent;
	SpliceProxy *proxy; /* (nullable) */
	GwSession *session;
	GCancellable *cancellable;

	GwReport *report;	/* (nullable): once the session is over */
	GwReport *agent_report; /* (nullable): the last one */
	gboolean acted;
	gboolean agent_stopping;
	gboolean agent_stopped;
	gint64 deadline_us;
} Rig;

/* Runs one row and checks everything. */
void rig_run(const RigCase *row);
/* Runs @n_rows of them at the same time: for rows that wait a lot. */
void rig_run_all(const RigCase *rows, guint n_rows);

/* The parts of the above, for tests that go on after the run. */
void rig_begin(Rig *self, const RigCase *row);
void rig_await_report(Rig *self);
void rig_stop_agent(Rig *self);
/* Likewise, and waits until it has stopped. */
void rig_end_agent(Rig *self);
/* Another agent with the same state folder; the proxy leads to it from now on. */
void rig_start_agent(Rig *self);
/* Fails the test, with the row's name, unless @holds. */
G_GNUC_PRINTF(3, 4) void rig_expect(Rig *self, gboolean holds, const char *format, ...);
RigGuest rig_source_guest(Rig *self);
RigGuest rig_destination_guest(Rig *self);
/* Waits until it is so, 10 s at most. */
void rig_expect_guests(Rig *self, RigGuest source, RigGuest destination);
void rig_expect_journals(Rig *self, const char *journals);
void rig_expect_saw(Rig *self, const char *commands_path, const char *words);
void rig_check_never_two(Rig *self);
void rig_check(Rig *self);
void rig_clear(Rig *self);

/* Has this kernel pidfds, and are they let through? */
gboolean rig_can_prove_death(void);
/* Has one migration made, for what is made once. Returns: rig_count_fds() */
guint rig_warm_up(void);
/* How many descriptors this process has open. */
guint rig_count_fds(void);
