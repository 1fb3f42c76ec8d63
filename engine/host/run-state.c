/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What ran runs again, and what stood still stands still, for its own reason.
 *
 * QEMU carries its run state in the stream. By plain QMP, 7.2 and 10.0, a destination that was
 * started with -S says after "completed":
 *
 *   the source was             the destination says     and after "cont"
 *   running                    paused                   running
 *   paused                     paused                   running
 *   suspended (9.0 and later)  paused                   suspended
 *   suspended (before)         paused: QEMU has woken it just before it stopped it
 *   shutdown                   shutdown                 refused
 *   guest-panicked             guest-panicked           running
 *   io-error, watchdog         the same                 running
 *
 * So QEMU itself is the authority for all states but the first three. Only the source knows these
 * apart, and COMMIT says it: was the guest live? "cont" is sent where it was, and QEMU says
 * "paused".
 *
 * A destination that says "running" or, for a guest that was live, "prelaunch" before any "cont"
 * was not led there by the load: somebody else has started or reset it, and what was loaded may be
 * lost.
 *
 * At the source a migration that has failed or was cancelled gives back the state by itself. Only
 * one that had completed leaves "postmigrate", and a defect leaves "finish-migrate". In both the
 * guest is continued if it was live. Any other state is its own: somebody has paused it meanwhile,
 * or it has shut down. QEMU 7.2 says "postmigrate" for a guest that stood still, too.
 *
 * A pause by the user and the stop by the migration are both an event STOP. "query-status" tells
 * them apart, if its answer is from before the migration's stop. A pause in the last milliseconds
 * before the switchover cannot be seen from outside, and is taken for the migration's stop.
 */
#include "engine/host/run-state.h"

#include <string.h>

#include "engine/util/json-fields.h"

gboolean
run_state_is_live(const QmpStatus *status)
{
	return status->running || status->run_state == QMP_RUN_SUSPENDED;
}

void
run_follow_begin(RunFollow *self, const QmpStatus *status)
{
	*self = (RunFollow){
		.is_live = run_state_is_live(status),
		.is_suspended = status->run_state == QMP_RUN_SUSPENDED,
		.cause = QMP_RUN_RUNNING,
	};
}

/* Events that come before the STOP that they are the reason of. */
static const struct {
	const char *event;
	const char *action; /* (nullable): only with this member "action" */
	QmpRunState cause;
} causes[] = {
	{ "SHUTDOWN", NULL, QMP_RUN_SHUTDOWN },
	{ "GUEST_PANICKED", "pause", QMP_RUN_GUEST_PANICKED },
	{ "BLOCK_IO_ERROR", "stop", QMP_RUN_IO_ERROR },
	{ "WATCHDOG", "pause", QMP_RUN_WATCHDOG },
	{ "RESUME", NULL, QMP_RUN_RUNNING },
};

static void
take_cause(RunFollow *self, const char *name, JsonObject *data)
{
	const char *action = data != NULL ? fields_peek_string(data, "action", "") : "";
	if (data != NULL && !json_object_get_boolean_member_with_default(data, "guest", TRUE))
		return; /* somebody ends QEMU: the guest has nothing to do with it */
	for (gsize i = 0; i < G_N_ELEMENTS(causes); i++)
		if (strcmp(causes[i].event, name) == 0 &&
		    (causes[i].action == NULL || strcmp(causes[i].action, action) == 0))
			self->cause = causes[i].cause;
}

gboolean
run_follow_event(RunFollow *self, const char *name, JsonObject *data)
{
	take_cause(self, name, data);
	if (strcmp(name, "RESUME") == 0)
		self->is_live = TRUE;
	else if (strcmp(name, "SUSPEND") == 0)
		self->is_suspended = TRUE;
	else if (strcmp(name, "WAKEUP") == 0)
		self->is_suspended = FALSE;
	return strcmp(name, "STOP") == 0;
}

void
run_follow_status(RunFollow *self, const QmpStatus *status)
{
	/* The migration has stopped it: how it was before stays. */
	if (status->run_state != QMP_RUN_FINISH_MIGRATE && status->run_state != QMP_RUN_POSTMIGRATE)
		self->is_live = run_state_is_live(status);
}

/* One row a state. A state that is not here is left as it is. */
static const struct {
	QmpRunState state;
	gboolean cont[2];	 /* by RunPlace: if it was live */
	const char *description; /* (nullable) */
} states[] = {
	{ QMP_RUN_RUNNING, { FALSE, FALSE }, NULL },
	{ QMP_RUN_PAUSED, { FALSE, TRUE }, "is paused" },
	{ QMP_RUN_PRELAUNCH, { FALSE, FALSE }, "was reset and not started" },
	{ QMP_RUN_INMIGRATE, { FALSE, FALSE }, "has not come" },
	{ QMP_RUN_FINISH_MIGRATE, { TRUE, FALSE }, "is stopped by a migration" },
	{ QMP_RUN_POSTMIGRATE, { TRUE, FALSE }, "is stopped by a migration" },
	{ QMP_RUN_SUSPENDED, { FALSE, FALSE }, "sleeps (suspended)" },
	{ QMP_RUN_SHUTDOWN, { FALSE, FALSE }, "has shut down" },
	{ QMP_RUN_GUEST_PANICKED, { FALSE, FALSE }, "has panicked (guest-panicked)" },
	{ QMP_RUN_IO_ERROR, { FALSE, FALSE }, "is stopped by a disk's error (io-error)" },
	{ QMP_RUN_WATCHDOG, { FALSE, FALSE }, "is stopped by its watchdog" },
	{ QMP_RUN_INTERNAL_ERROR, { FALSE, FALSE }, "cannot go on (internal-error)" },
	{ QMP_RUN_DEBUG, { FALSE, FALSE }, "is stopped by a debugger" },
};

gboolean
run_state_wants_cont(RunPlace place, QmpRunState state, gboolean was_live)
{
	for (gsize i = 0; i < G_N_ELEMENTS(states); i++)
		if (states[i].state == state)
			return was_live && states[i].cont[place];
	return FALSE;
}

gboolean
run_state_can_be_loaded(QmpRunState state, gboolean was_live)
{
	if (state == QMP_RUN_PRELAUNCH)
		return !was_live;
	return state != QMP_RUN_RUNNING && state != QMP_RUN_INMIGRATE;
}

const char *
run_state_describe(QmpRunState state)
{
	for (gsize i = 0; i < G_N_ELEMENTS(states); i++)
		if (states[i].state == state)
			return states[i].description;
	return "is in a state that is not known here";
}
