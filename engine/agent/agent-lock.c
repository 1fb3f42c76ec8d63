/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One session a VM. Two that ask for the same VM at once would start two QEMUs at one monitor's
 * path, and each would take the other's for its own.
 */
#include "engine/agent/agent-lock.h"

#include <string.h>

#include "engine/gw-error.h"
#include "engine/host/vm-start.h"
#include "engine/record/receiving.h"
#include "engine/recover/recover-destination.h"

#define LOCK_TIMEOUT_MS 3000 /* a session that has lost its source takes so long to end */

static gboolean
take_lock(AgentRun *self, GError **error)
{
	const char *state_dir = self->config->state_dir;
	const char *vm_name = agent_run_record_name(self);
	g_autofree char *what = g_strdup_printf("receiving, session %s", self->shared.session);
	gint64 deadline_us = g_get_monotonic_time() + (gint64)LOCK_TIMEOUT_MS * 1000;
	g_autoptr(GError) why = NULL;
	do {
		g_clear_error(&why);
		self->lock = vm_lock_take(state_dir, vm_name, what, &why);
	} while (agent_run_try_again(why, deadline_us));
	if (why != NULL)
		g_propagate_error(error, g_steal_pointer(&why));
	return self->lock != NULL;
}

/* "Busy" and not "unknown", since nothing is unknown of the guest that this session would bring. */
static void
fail_unsettled(const Ownership *record, GError **error)
{
	g_autofree char *what = ownership_describe(record);
	g_set_error(
		error, GW_ERROR, GW_ERROR_BUSY,
		"an earlier session of '%s' is not settled: it %s; run 'godwit recover' on both "
		"hosts",
		record->vm_name, what);
}

/* The VM's own QEMU may have another monitor than the VM file says. */
static gboolean
check_not_here(const Ownership *record, GError **error)
{
	g_auto(Process) process = PROCESS_INIT;
	if (record->now.place != OWNERSHIP_HERE || record->now.session == NULL)
		return TRUE;
	if (!vm_find_process_of_session(&process, record->now.session))
		return TRUE;
	g_autofree char *which = process_describe(&process);
	g_set_error(error, GW_ERROR, GW_ERROR_BUSY, "'%s' runs on this host already: %s",
		    record->vm_name, which);
	return FALSE;
}

char *
agent_source_host(const AgentRun *self)
{
	const char *port = self->peer != NULL ? strrchr(self->peer, ':') : NULL;
	return port != NULL ? g_strndup(self->peer, (gsize)(port - self->peer)) : NULL;
}

static gboolean
may_follow(AgentRun *self, const Ownership *record)
{
	g_autofree char *host = agent_source_host(self);
	const OwnershipPeer source = { .host = host, .subject = self->peer_subject };
	return receiving_may_follow(record, &source);
}

gboolean
agent_lock_vm(AgentRun *self, GError **error)
{
	const char *state_dir = self->config->state_dir;
	if (!take_lock(self, error))
		return FALSE;
	recover_settle_vm(state_dir, agent_run_record_name(self));
	g_autoptr(Ownership) record = ownership_load(state_dir, agent_run_record_name(self), error);
	if (record == NULL)
		return FALSE;
	OwnershipPlace place = record->now.place;
	if (place != OWNERSHIP_RECEIVING && place != OWNERSHIP_HANDING_OVER)
		return check_not_here(record, error);
	if (may_follow(self, record))
		return TRUE;
	fail_unsettled(record, error);
	return FALSE;
}
