/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a destination writes into the ownership record of a VM: "receiving" before a commit can
 * come, "here" after it, what was before when it never came.
 *
 * Who asks for the outcome of a session long after its journal has gone is answered from here. So
 * the record is written before the journal is removed, and a record that still says "receiving"
 * without a journal proves nothing.
 */
#include "engine/record/receiving.h"

#include "engine/gw-error.h"

static gboolean
is_receiving(const Ownership *record, const char *session)
{
	return record->now.place == OWNERSHIP_RECEIVING &&
	       g_strcmp0(record->now.session, session) == 0;
}

/* %TRUE for as long as nothing else has become of the VM since. */
static gboolean
is_lost(const Ownership *record, const char *session)
{
	return record->now.place == OWNERSHIP_NOWHERE &&
	       g_strcmp0(record->now.session, session) == 0;
}

/* @event: TAKE, UNDO or LOSE */
static gboolean
apply(Ownership *record, OwnershipEvent event, const char *session, GError **error)
{
	const OwnershipPeer source = record->now.peer;
	return ownership_apply_now(record, event, session, &source, error);
}

static gboolean
is_same_source(const OwnershipPeer *one, const OwnershipPeer *other)
{
	return g_strcmp0(one->host, other->host) == 0 &&
	       g_strcmp0(one->subject, other->subject) == 0;
}

gboolean
receiving_may_follow(const Ownership *record, const OwnershipPeer *source)
{
	return record->now.place == OWNERSHIP_RECEIVING && ownership_is_from_earlier_boot(record) &&
	       is_same_source(&record->now.peer, source);
}

/* It is remembered as lost, which is all that is known of it: a source that still asks, perhaps another one behind the
 * same address, may neither end its copy nor resume it by that. */
static gboolean
supersede(Ownership *record, const char *session, const OwnershipPeer *source, GError **error)
{
	const OwnershipPeer *former = &record->now.peer;
	if (is_receiving(record, session) || !receiving_may_follow(record, source))
		return TRUE;
	g_autofree char *former_session = g_strdup(record->now.session);
	ownership_add_taken(record, former_session, former->token, former->subject)->lost = TRUE;
	return apply(record, OWNERSHIP_UNDO, former_session, error);
}

gboolean
receiving_begin(const char *state_dir, const char *vm_name, const char *session,
		const OwnershipPeer *source, GError **error)
{
	g_autoptr(Ownership) record = ownership_load(state_dir, vm_name, error);
	return record != NULL && supersede(record, session, source, error) &&
	       ownership_apply_now(record, OWNERSHIP_RECEIVE, session, source, error) &&
	       ownership_save(record, state_dir, error);
}

gboolean
receiving_take(const char *state_dir, const char *vm_name, const char *session, GError **error)
{
	g_autoptr(Ownership) record = ownership_load(state_dir, vm_name, error);
	if (record == NULL)
		return FALSE;
	if (ownership_find_taken(record, session) != NULL)
		return TRUE;
	g_autofree char *token = g_strdup(record->now.peer.token);
	g_autofree char *subject = g_strdup(record->now.peer.subject);
	if (!apply(record, OWNERSHIP_TAKE, session, error))
		return FALSE;
	ownership_add_taken(record, session, token, subject);
	return ownership_save(record, state_dir, error);
}

gboolean
receiving_undo(const char *state_dir, const char *vm_name, const char *session, GError **error)
{
	g_autoptr(Ownership) record = ownership_load(state_dir, vm_name, error);
	if (record == NULL)
		return FALSE;
	return !is_receiving(record, session) || (apply(record, OWNERSHIP_UNDO, session, error) &&
						  ownership_save(record, state_dir, error));
}

gboolean
receiving_confirm(const char *state_dir, const char *vm_name, const char *session, GError **error)
{
	g_autoptr(Ownership) record = ownership_load(state_dir, vm_name, error);
	if (record == NULL)
		return FALSE;
	if (ownership_find_taken(record, session) != NULL) {
		ownership_confirm(record, session);
		return ownership_save(record, state_dir, error);
	}
	if (is_lost(record, session))
		return TRUE;
	if (is_receiving(record, session) && ownership_is_from_earlier_boot(record))
		return apply(record, OWNERSHIP_LOSE, session, error) &&
		       ownership_save(record, state_dir, error);
	g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN, "session %s was not committed here",
		    session);
	return FALSE;
}

static gboolean
has_session(const Ownership *record, gconstpointer session)
{
	return ownership_has_session(record, session);
}

Ownership *
receiving_find(const char *state_dir, const char *vm_name, const char *session, GError **error)
{
	g_autoptr(GError) unreadable = NULL;
	if (*vm_name != '\0')
		return ownership_load(state_dir, vm_name, error);
	Ownership *record = ownership_find(state_dir, has_session, session, &unreadable);
	if (unreadable != NULL) {
		g_propagate_error(error, g_steal_pointer(&unreadable));
		return NULL;
	}
	return record != NULL ? record : ownership_new(vm_name);
}
