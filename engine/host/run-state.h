/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "qmp/qmp-machine.h"

/* The guest's own run state: how it was when the migration stopped it, and what may be done about
 * it afterwards. Pure: see run-state.c for the table. */

/* Follows a QEMU's events. */
typedef struct {
	gboolean is_live;      /* it runs, or sleeps by itself: only "cont" brings it back */
	gboolean is_suspended; /* it sleeps (ACPI S3) */
	/* Why the next STOP comes, by an event before it; %QMP_RUN_RUNNING: nothing is known. */
	QmpRunState cause;
} RunFollow;

/* Does it run, or sleep by itself? */
gboolean run_state_is_live(const QmpStatus *status);

void run_follow_begin(RunFollow *self, const QmpStatus *status);
/* Returns: %TRUE when "query-status" has to be asked now: an event STOP does not say why. */
gboolean run_follow_event(RunFollow *self, const char *name, JsonObject *data);
/* The answer to that. */
void run_follow_status(RunFollow *self, const QmpStatus *status);

typedef enum {
	RUN_AT_SOURCE,	    /* the migration has not taken it away */
	RUN_AT_DESTINATION, /* its QEMU has loaded it, and it was committed */
} RunPlace;

/**
 * run_state_wants_cont:
 * @state: what QEMU says of it now
 * @was_live: did it run (or sleep) when the migration stopped it?
 *
 * Returns: is "cont" to be sent, so that the guest is again as it was?
 */
gboolean run_state_wants_cont(RunPlace place, QmpRunState state, gboolean was_live);

/* Can the load have led a destination's QEMU to @state? If not somebody else has: see
 * run-state.c. */
gboolean run_state_can_be_loaded(QmpRunState state, gboolean was_live);

/* For people, after "the guest": "has shut down"; NULL for a guest that runs. */
const char *run_state_describe(QmpRunState state);
