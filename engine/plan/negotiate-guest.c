/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The plan's rules about the state of the guest and both QEMUs: can the guest be migrated, and does
 * a QEMU wait for it?
 */
#include <string.h>

#include "engine/plan/negotiate-rules.h"

static void
check_start(Negotiation *self)
{
	const GwSurvey *destination = negotiation_destination(self);
	if (destination->absent_reason != NULL)
		negotiation_error(
			self, "destination-start", SIDES_DESTINATION, "QEMU",
			"fix the VM file there, or end a QEMU of the VM that is left there",
			"QEMU does not start: %s", destination->absent_reason);
}

#define RESET "reset it first (system_reset, then cont)"

/* QEMU's states of a guest that cannot be migrated now; a state that is not listed has no special
 * advice. */
static const struct {
	const char *state;
	const char *text;
	const char *remedy;
} states[] = {
	{ "postmigrate", "it was stopped by an earlier migration",
	  "check that it runs nowhere else, then 'cont' it (and 'stop' it to migrate it paused)" },
	{ "suspended", "it is suspended to RAM", "wake it first (system_wakeup)" },
	{ "shutdown", "it has shut down", RESET },
	{ "guest-panicked", "it has panicked", RESET },
	{ "watchdog", "its watchdog has stopped it", RESET },
	{ "io-error", "one of its disks failed", "fix the disk, then 'cont' it" },
	{ "internal-error", "its CPU cannot continue", RESET },
	{ "inmigrate", "it has not arrived here yet: this QEMU waits for a migration",
	  "name the QEMU in which the guest runs" },
	{ "finish-migrate", "another migration of it is about to finish", "wait for its end" },
	{ "save-vm", "a snapshot of it is being made", "wait for its end" },
	{ "restore-vm", "a snapshot of it is being loaded", "wait for its end" },
	{ "colo", "COLO keeps a second copy of it", "end COLO first" },
	{ "debug", "a debugger has stopped it", "let it continue first" },
};

static void
check_stopped_guest(Negotiation *self, const char *state)
{
	const char *text = "it is in an unknown state";
	const char *remedy = "make the guest run or pause it first";
	for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
		if (strcmp(states[i].state, state) != 0)
			continue;
		text = states[i].text;
		remedy = states[i].remedy;
	}
	negotiation_error(self, "run-state", SIDES_SOURCE, "guest", remedy, "%s ('%s')", text,
			  state);
}

/* A guest whose vCPUs run can be migrated, whatever name QEMU has for its state. */
static void
check_source_state(Negotiation *self)
{
	static const char *const paused[] = { "paused", "prelaunch", NULL };
	const GwSurvey *source = negotiation_source(self);
	if (source->running || source->run_state == NULL)
		return;
	if (g_strv_contains(paused, source->run_state))
		negotiation_warning(self, "paused", SIDES_SOURCE, "guest",
				    "'cont' it first if it must run there",
				    "it is paused, and will be paused at the destination");
	else
		check_stopped_guest(self, source->run_state);
}

static void
check_source_idle(Negotiation *self)
{
	static const char *const idle[] = { "none", "completed", "cancelled", "failed", NULL };
	const char *status = negotiation_source(self)->migrate_status;
	if (status == NULL || g_strv_contains(idle, status))
		return;
	negotiation_error(self, "migrating", SIDES_SOURCE, "guest",
			  "wait until that migration has ended, or cancel it",
			  "another migration of it is under way ('%s')", status);
}

static void
check_blocked_reasons(Negotiation *self)
{
	for (guint host = 0; host < N_SIDES; host++) {
		const GStrv reasons = self->surveys[host]->blocked_reasons;
		for (guint i = 0; reasons != NULL && reasons[i] != NULL; i++) {
			if (host == SIDE_SOURCE)
				negotiation_error(self, "blocked", SIDES_SOURCE, "guest",
						  "remove the device or feature that QEMU names "
						  "from the VM",
						  "QEMU would not migrate it: %s", reasons[i]);
			else
				negotiation_warning(self, "blocked-there", SIDES_DESTINATION,
						    "guest", NULL,
						    "it could not be migrated away from there: %s",
						    reasons[i]);
		}
	}
}

/* QEMU releases the disks after the guest's stop, and a running job prevents this. */
static void
check_jobs(Negotiation *self)
{
	const GStrv jobs = negotiation_source(self)->jobs;
	for (guint i = 0; jobs != NULL && jobs[i] != NULL; i++)
		negotiation_error(self, "job", SIDES_SOURCE, jobs[i],
				  "wait for its end, or cancel it (job-cancel)",
				  "a block job uses the guest's disks");
}

void
negotiation_check_destination_state(Negotiation *self)
{
	const char *state = negotiation_destination(self)->run_state;
	const char *incoming = negotiation_destination(self)->incoming;
	if (g_strcmp0(state, "inmigrate") == 0 && incoming == NULL)
		return;
	if (g_strcmp0(state, "inmigrate") == 0) {
		negotiation_error(self, "not-incoming", SIDES_DESTINATION, "QEMU",
				  "start it with '-incoming defer'",
				  "it takes only what comes to '%s', where it waits already",
				  incoming);
		return;
	}
	negotiation_error(self, "not-incoming", SIDES_DESTINATION, "QEMU",
			  "start it with -incoming defer",
			  "the state of the receiving QEMU is '%s', not 'inmigrate'",
			  state != NULL ? state : "in an unknown state");
}

/* The guest may shut down during the migration. What happens then depends on this. */
static void
check_no_shutdown(Negotiation *self)
{
	static const char *const words[] = { "", "ends", "stays" };
	GwTristate ours = negotiation_source(self)->no_shutdown;
	GwTristate theirs = negotiation_destination(self)->no_shutdown;
	if (ours == GW_TRISTATE_UNKNOWN || theirs == GW_TRISTATE_UNKNOWN || ours == theirs)
		return;
	negotiation_warning(self, "no-shutdown", SIDES_BOTH, "QEMU",
			    "start both with -no-shutdown, or both without",
			    "when the guest shuts down QEMU %s at the source and %s at the "
			    "destination",
			    words[ours], words[theirs]);
}

static void
check_monitors(Negotiation *self)
{
	for (guint host = 0; host < N_SIDES; host++)
		if (self->surveys[host]->is_indirect)
			negotiation_warning(self, "monitor-indirect", sides_of(host), "QEMU",
					    "name the socket of QEMU's own -qmp, not one that "
					    "leads to it",
					    "another program passes on its monitor, so its process "
					    "is not proven: it is not ended if it hangs, and its "
					    "end is not noticed for certain");
}

/* The source's QEMU is ended when the guest has left it. */
static void
check_supervisor(Negotiation *self)
{
	const char *supervisor = negotiation_source(self)->supervisor;
	if (supervisor != NULL && !self->policy->keep_source)
		negotiation_warning(
			self, "supervisor", SIDES_SOURCE, "QEMU",
			"disable the restart before the move, or let 'godwit run' start "
			"the VM: it refuses one that was handed over",
			"%s may start it again when it ends after the move: the guest "
			"would run twice",
			supervisor);
}

static const NegotiationRule rules[] = {
	{ check_start, FALSE },	      { check_source_state, FALSE },
	{ check_source_idle, FALSE }, { check_blocked_reasons, FALSE },
	{ check_jobs, FALSE },	      { negotiation_check_destination_state, TRUE },
	{ check_no_shutdown, TRUE },  { check_monitors, FALSE },
	{ check_supervisor, FALSE },
};

void
negotiate_guest(Negotiation *self)
{
	negotiation_run(self, rules, G_N_ELEMENTS(rules));
}
