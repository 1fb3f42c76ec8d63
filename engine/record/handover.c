/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way of a session through the ownership record of its source's host:
 *
 *   before the stream begins    handing-over   (synced: no disk is waited for while the guest stands still)
 *   the agent said "running"    there
 *   refused, cancelled, failed  what it was before
 *   both QEMUs are dead         nowhere
 *
 * The running session and a recovery after a crash write the same.
 */
#include "engine/record/handover.h"

#include "engine/record/ownership-file.h"

static void
set_monitor(Ownership *record, const char *qmp_path)
{
	if (qmp_path == NULL)
		return;
	g_free(record->qmp_path);
	record->qmp_path = g_strdup(qmp_path);
}

gboolean
handover_begin(const Handover *self, GError **error)
{
	g_autoptr(Ownership) record = ownership_load(self->state_dir, self->vm_name, error);
	if (record == NULL)
		return FALSE;
	set_monitor(record, self->qmp_path);
	return ownership_apply_now(record, OWNERSHIP_SEND, self->session, &self->peer, error) &&
	       ownership_save(record, self->state_dir, error);
}

/* A journal that was written before there were records has none: a guest that is given away is
 * written down all the same. */
static gboolean
begin_late(const Handover *self, Ownership *record, OwnershipEvent event, GError **error)
{
	if (record->now.place != OWNERSHIP_NOT_KNOWN || event == OWNERSHIP_UNDO)
		return TRUE;
	return ownership_apply_now(record, OWNERSHIP_SEND, self->session, &self->peer, error);
}

gboolean
handover_end(const Handover *self, OwnershipEvent event, GError **error)
{
	g_autoptr(Ownership) record = ownership_load(self->state_dir, self->vm_name, error);
	if (record == NULL || !begin_late(self, record, event, error))
		return FALSE;
	if (record->now.place != OWNERSHIP_HANDING_OVER ||
	    g_strcmp0(record->now.session, self->session) != 0)
		return TRUE;
	return ownership_apply_now(record, event, self->session, &record->now.peer, error) &&
	       ownership_save(record, self->state_dir, error);
}

/* Ends what is open in @record with the guest on this host. A session that may have brought it here
 * has done so: its source may still ask, and must hear that. */
static gboolean
close_here(Ownership *record, GError **error)
{
	OwnershipState *now = &record->now;
	g_autofree char *session = g_strdup(now->session);
	if (now->place == OWNERSHIP_HANDING_OVER)
		return ownership_apply_now(record, OWNERSHIP_UNDO, session, NULL, error);
	if (now->place != OWNERSHIP_RECEIVING)
		return TRUE;
	ownership_add_taken(record, session, now->peer.token, now->peer.subject);
	return ownership_apply_now(record, OWNERSHIP_TAKE, session, &now->peer, error);
}

gboolean
handover_confirm_here(const char *state_dir, const char *vm_name, const char *qmp_path,
		      GError **error)
{
	g_autoptr(Ownership) record = ownership_load(state_dir, vm_name, error);
	if (record == NULL)
		return FALSE;
	gboolean is_known = record->now.place == OWNERSHIP_HERE &&
			    (qmp_path == NULL || g_strcmp0(record->qmp_path, qmp_path) == 0);
	if (is_known)
		return TRUE;
	set_monitor(record, qmp_path);
	return close_here(record, error) &&
	       (record->now.place == OWNERSHIP_HERE ||
		ownership_apply_now(record, OWNERSHIP_RUN, NULL, NULL, error)) &&
	       ownership_save(record, state_dir, error);
}

gboolean
handover_start_here(const char *state_dir, const char *vm_name, const char *qmp_path,
		    GError **error)
{
	g_autoptr(Ownership) record = ownership_load(state_dir, vm_name, error);
	if (record == NULL)
		return FALSE;
	set_monitor(record, qmp_path);
	return close_here(record, error) &&
	       ownership_apply_now(record, OWNERSHIP_RUN, NULL, NULL, error) &&
	       ownership_save(record, state_dir, error);
}
