/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Goes through the journals of one host and settles those whose owner has died: the public side of
 * recover-source.c and recover-destination.c.
 */
#include "engine/gw-recover.h"

#include "engine/gw-error.h"
#include "engine/record/ownership-file.h"
#include "engine/record/state-dir.h"
#include "engine/recover/recover-destination.h"
#include "engine/recover/recover-source.h"
#include "engine/util/scoped-context.h"

void
gw_recovered_free(GwRecovered *self)
{
	if (self == NULL)
		return;
	g_free(self->session);
	g_free(self->vm_name);
	g_free(self->role);
	g_free(self->text);
	g_free(self);
}

static const GwPlace places[] = {
	[PEER_OUTCOME_UNKNOWN] = GW_PLACE_UNKNOWN,
	[PEER_OUTCOME_RUNNING] = GW_PLACE_DESTINATION,
	[PEER_OUTCOME_GONE] = GW_PLACE_SOURCE,
	[PEER_OUTCOME_DEAD] = GW_PLACE_NONE,
};

static void
settle_destination(const char *state_dir, GwRecovered *result)
{
	g_autoptr(GError) error = NULL;
	gboolean is_clean;
	PeerOutcome outcome =
		recover_destination(state_dir, result->session, &result->text, &is_clean, &error);
	/* Taken over, and dead since: that is an answer too. */
	gboolean has_died = error != NULL && outcome == PEER_OUTCOME_RUNNING;
	result->settled = (error == NULL || has_died) && is_clean;
	result->vm_runs_on = has_died	     ? GW_PLACE_NONE
			     : error != NULL ? GW_PLACE_UNKNOWN
					     : places[outcome];
	result->busy = g_error_matches(error, GW_ERROR, GW_ERROR_BUSY);
	if (error != NULL)
		result->text = g_strdup(error->message);
}

static gboolean
is_named(Journal *journal, const char *const *names)
{
	if (names == NULL || names[0] == NULL)
		return TRUE;
	const char *const facts[] = { journal_get_session(journal),
				      journal_get_string(journal, "vm"),
				      journal_get_record_name(journal),
				      journal_get_string(journal, "qmp") };
	for (guint i = 0; i < G_N_ELEMENTS(facts); i++)
		if (facts[i] != NULL && g_strv_contains(names, facts[i]))
			return TRUE;
	return FALSE;
}

static GwRecovered *
new_result(const JournalName *name)
{
	GwRecovered *result = g_new0(GwRecovered, 1);
	result->session = g_strdup(name->session);
	result->role = g_strdup(side_to_string(name->role));
	result->vm_runs_on = GW_PLACE_UNKNOWN;
	return result;
}

/* (transfer full) (nullable): as settle_one(). @why: it could not be opened, mostly because its owner
 * is at work */
static GwRecovered *
leave_closed(const char *state_dir, const JournalName *name, const char *const *names,
	     const GError *why)
{
	g_autoptr(Journal) seen = journal_peek(state_dir, name->session, name->role);
	gboolean is_meant = names == NULL || names[0] == NULL ||
			    g_strv_contains(names, name->session) ||
			    (seen != NULL && is_named(seen, names));
	if (!is_meant)
		return NULL;
	GwRecovered *result = new_result(name);
	if (seen != NULL)
		result->vm_name = g_strdup(journal_get_string(seen, "vm"));
	result->busy = g_error_matches(why, GW_ERROR, GW_ERROR_BUSY);
	result->text = g_strdup(result->busy ? "another process works on it" : why->message);
	return result;
}

/* Nobody else deals with the VM in the meantime. */
static void
settle_source(const char *state_dir, Journal *journal, GwAssume assume, const char *tls_dir,
	      GwRecovered *result)
{
	g_autoptr(GError) error = NULL;
	const char *name = journal_get_record_name(journal);
	g_autoptr(VmLock) lock =
		name != NULL ? vm_lock_take(state_dir, name, "recovering", &error) : NULL;
	if (error == NULL) {
		recover_source(state_dir, journal, assume, tls_dir, result);
		return;
	}
	result->busy = g_error_matches(error, GW_ERROR, GW_ERROR_BUSY);
	result->text = g_strdup(error->message);
}

/* (transfer full) (nullable): NULL: it is none of those that are meant. */
static GwRecovered *
settle_one(const char *state_dir, const JournalName *name, const char *const *names,
	   GwAssume assume, const char *tls_dir)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Journal) journal = journal_open(state_dir, name->session, name->role, &error);
	if (journal == NULL)
		return leave_closed(state_dir, name, names, error);
	if (!is_named(journal, names))
		return NULL;
	GwRecovered *result = new_result(name);
	result->vm_name = g_strdup(journal_get_string(journal, "vm"));
	gboolean was_running = journal_has_phase(journal, JOURNAL_RUNNING);
	if (name->role == SIDE_SOURCE) {
		settle_source(state_dir, journal, assume, tls_dir, result);
		g_clear_pointer(&journal, journal_free);
	} else {
		g_clear_pointer(&journal, journal_free); /* settle_destination() locks it */
		settle_destination(state_dir, result);
	}
	result->acted = result->settled && !was_running;
	return result;
}

GPtrArray *
gw_recover(const char *state_dir, const char *const *names, GwAssume assume, const char *tls_dir,
	   GError **error)
{
	if (assume != GW_ASSUME_NOTHING && (names == NULL || names[0] == NULL)) {
		g_set_error(error, GW_ERROR, GW_ERROR_FAILED,
			    "what holds for one VM is not assumed of all: name it");
		return NULL;
	}
	g_auto(PrivateContext) context = private_context_push();
	g_autofree char *dir = state_dir_choose(state_dir);
	g_autoptr(GPtrArray) journals = journal_list(dir, error);
	if (journals == NULL)
		return NULL;

	g_autoptr(GPtrArray) results =
		g_ptr_array_new_with_free_func((GDestroyNotify)gw_recovered_free);
	for (guint i = 0; i < journals->len; i++) {
		GwRecovered *result =
			settle_one(dir, g_ptr_array_index(journals, i), names, assume, tls_dir);
		if (result != NULL)
			g_ptr_array_add(results, result);
	}
	return g_steal_pointer(&results);
}
