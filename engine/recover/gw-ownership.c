/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who may start a VM: the public side of its ownership record.
 */
#include "engine/gw-ownership.h"

#include "engine/control/peer.h"
#include "engine/gw-error.h"
#include "engine/gw-recover.h"
#include "engine/record/handover.h"
#include "engine/record/ownership-file.h"
#include "engine/record/state-dir.h"
#include "engine/util/scoped-context.h"

struct GwClaim {
	char *state_dir;
	char *qmp_path;
	VmLock *lock;
	Ownership *before; /* its record as it was found */
	char *unasked;	   /* (nullable): see gw_claim_get_unasked() */
};

static void
fail(const Ownership *record, const char *more, GError **error)
{
	g_autofree char *what = ownership_describe(record);
	g_set_error(error, GW_ERROR, GW_ERROR_HANDED_OVER, "'%s' %s%s", record->vm_name, what,
		    more);
}

/* Nobody is there, or nobody answers. */
static gboolean
is_unreachable(const GError *cause)
{
	return g_error_matches(cause, GW_ERROR, GW_ERROR_UNREACHABLE) ||
	       g_error_matches(cause, GW_ERROR, GW_ERROR_UNKNOWN_HOST) ||
	       g_error_matches(cause, GW_ERROR, GW_ERROR_PEER_LOST);
}

/* The user's word counts where the guest is gone or dead there, and where nobody can be asked. */
static gboolean
judge_answer(const Ownership *record, PeerOutcome outcome, const GError *cause, char **ret_unasked,
	     GError **error)
{
	if (outcome == PEER_OUTCOME_RUNNING && cause == NULL) {
		fail(record,
		     ", and its agent says that it was taken over there: move it back from there; "
		     "if it has ended there, start it there with 'godwit run' first, or stop that "
		     "agent and try again",
		     error);
		return FALSE;
	}
	if (outcome != PEER_OUTCOME_UNKNOWN)
		return TRUE;
	if (is_unreachable(cause)) {
		*ret_unasked = g_strdup_printf("%s could not be asked (%s)", record->now.peer.host,
					       cause->message);
		return TRUE;
	}
	g_autofree char *more = g_strdup_printf(", and its agent cannot tell whether it runs there "
						"(%s): look there; if it does not, stop "
						"that agent and try again",
						cause->message);
	fail(record, more, error);
	return FALSE;
}

/* %FALSE where the agent says that the guest runs there, or that it cannot know. */
static gboolean
ask_peer(const Ownership *record, const char *tls_dir, char **ret_unasked, GError **error)
{
	const OwnershipPeer *known = &record->now.peer;
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	g_autoptr(GError) cause = NULL;
	const PeerAddress address = {
		.host = known->host,
		.port = known->port,
		.insecure = known->insecure,
		.tls_dir = (char *)(tls_dir != NULL ? tls_dir : known->tls_dir),
		.tls_hostname = known->tls_hostname,
	};
	const PeerSession session = {
		.session = record->now.session,
		.vm_name = record->vm_name,
		.token = known->token,
		.agent_id = known->agent,
	};
	PeerOutcome outcome = peer_ask_outcome(&address, &session, &cause);
	return judge_answer(record, outcome, cause, ret_unasked, error);
}

static gboolean
has_agent(const OwnershipPeer *peer)
{
	return peer->host != NULL && peer->token != NULL;
}

/* %FALSE as ask_peer(). */
static gboolean
ask_other_host(const Ownership *record, const char *tls_dir, char **ret_unasked, GError **error)
{
	OwnershipPlace place = record->now.place;
	gboolean is_there = place == OWNERSHIP_THERE || place == OWNERSHIP_HANDING_OVER;
	if (is_there && has_agent(&record->now.peer))
		return ask_peer(record, tls_dir, ret_unasked, error);
	if (is_there || place == OWNERSHIP_RECEIVING)
		*ret_unasked = g_strdup("the other host could not be asked (its agent is not known "
					"here)");
	return TRUE;
}

/* What is open is settled first, where that can be done; the rest is the user's word. */
static gboolean
claim_here(const char *state_dir, Ownership **record, const char *tls_dir, char **ret_unasked,
	   GError **error)
{
	const char *names[] = { (*record)->vm_name, NULL };
	g_autoptr(GPtrArray) settled =
		gw_recover(state_dir, names, GW_ASSUME_NOTHING, tls_dir, error);
	if (settled == NULL)
		return FALSE;
	g_autoptr(Ownership) now = ownership_load(state_dir, names[0], error);
	if (now == NULL)
		return FALSE;
	ownership_free(*record);
	*record = g_steal_pointer(&now);
	return ask_other_host(*record, tls_dir, ret_unasked, error);
}

/* May it be started without a word of the user? */
static gboolean
check(const Ownership *record, GError **error)
{
	static const char *const options[N_OWNERSHIP_PLACES] = {
		[OWNERSHIP_THERE] = "; --here asks that host, and starts it here if the guest was "
				    "not taken over there",
		[OWNERSHIP_RECEIVING] = "; if it runs nowhere, --here starts it here",
	};
	const char *remedy = ownership_describe_remedy(record);
	const char *option = options[record->now.place];
	if (remedy == NULL && option == NULL)
		return TRUE;
	g_autofree char *more = g_strconcat(remedy != NULL ? remedy : "", option, NULL);
	fail(record, more, error);
	return FALSE;
}

GwClaim *
gw_claim_new(const char *state_dir, const char *vm_name, const char *qmp_path, GwClaimKind kind,
	     const char *tls_dir, GError **error)
{
	g_autofree char *dir = state_dir_choose(state_dir);
	g_autoptr(Ownership) record = ownership_load(dir, vm_name, error);
	g_autofree char *unasked = NULL;
	if (record == NULL ||
	    (kind == GW_CLAIM_HERE && !claim_here(dir, &record, tls_dir, &unasked, error)))
		return NULL;
	g_autoptr(VmLock) lock = vm_lock_take(dir, vm_name, "starting", error);
	if (lock == NULL)
		return NULL;
	g_autoptr(GwClaim) self = g_new0(GwClaim, 1);
	self->lock = g_steal_pointer(&lock);
	self->before = ownership_load(dir, vm_name, error);
	self->state_dir = g_steal_pointer(&dir);
	self->qmp_path = g_strdup(qmp_path);
	self->unasked = g_steal_pointer(&unasked);
	if (self->before == NULL)
		return NULL;
	/* What was asked about must be what there is now. */
	gboolean is_asked = kind == GW_CLAIM_HERE &&
			    g_strcmp0(record->now.session, self->before->now.session) == 0;
	if (!is_asked && !check(self->before, error))
		return NULL;
	return g_steal_pointer(&self);
}

const char *
gw_claim_get_unasked(const GwClaim *self)
{
	return self->unasked;
}

gboolean
gw_claim_take(GwClaim *self, GError **error)
{
	return handover_start_here(self->state_dir, self->before->vm_name, self->qmp_path, error);
}

gboolean
gw_claim_give_back(GwClaim *self, GError **error)
{
	if (!ownership_is_on_disk(self->before))
		return ownership_unmake(self->state_dir, self->before->vm_name, error);
	return ownership_save(self->before, self->state_dir, error);
}

void
gw_claim_free(GwClaim *self)
{
	if (self == NULL)
		return;
	vm_lock_free(self->lock);
	ownership_free(self->before);
	g_free(self->unasked);
	g_free(self->qmp_path);
	g_free(self->state_dir);
	g_free(self);
}

char *
gw_describe_owner(const char *state_dir, const char *vm_name)
{
	g_autofree char *dir = state_dir_choose(state_dir);
	g_autoptr(Ownership) record = ownership_load(dir, vm_name, NULL);
	if (record == NULL || record->now.place == OWNERSHIP_NOT_KNOWN)
		return NULL;
	g_autofree char *what = ownership_describe(record);
	return g_strdup_printf("'%s' %s", vm_name, what);
}
