/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of migration capabilities. QEMU keeps them from one migration to the next and does not
 * compare them between the hosts. So each one is decided here, for both sides and with a reason,
 * and every other capability of a QEMU is switched off.
 *
 * A row's function says what is wanted; another question is whether both QEMUs have the capability.
 * A capability is on where the row says so, or nowhere. A new capability is a new row. One without
 * a row stays off, and the plan shows it to people.
 */
#include "engine/plan/capability.h"

#include <string.h>

#include "engine/data/transport-kind.h"

#define MAX_UNKNOWN 64 /* reported at most, because a host may send anything */

typedef enum {
	UNWANTED,
	WANTED, /* useful, if it is available */
	ASKED,	/* the user asks for it: an issue if it is not available */
} Wish;

typedef enum {
	KIND_NEEDED,  /* required */
	KIND_CHOSEN,  /* its function decides */
	KIND_OFF,     /* not used here */
	KIND_REFUSED, /* not used here, and an issue if it is on */
} Kind;

typedef struct {
	const char *name;
	Kind kind;
	Sides hosts;
	/* For KIND_CHOSEN: returns the reason for either answer. UNWANTED is an issue if the user
	 * asked for it. */
	Wish (*choose)(const Negotiation *self, const char **ret_reason);
	const char *reason; /* for the other kinds */
} Capability;

static Wish
answer(Wish wish, const char *reason, const char **ret_reason)
{
	*ret_reason = reason;
	return wish;
}

/* For a capability that is only switched on when the user asks for it and @problem, which may be
 * NULL, does not forbid it. */
static Wish
answer_if_asked(const Negotiation *self, const char *name, const char *problem,
		const char **ret_reason)
{
	if (!negotiation_is_asked(self, name))
		return answer(UNWANTED, "the user did not ask for it", ret_reason);
	if (problem != NULL)
		return answer(UNWANTED, problem, ret_reason);
	return answer(ASKED, "the user asked for it", ret_reason);
}

static gboolean
is_multifd(const Negotiation *self)
{
	return self->plan->channels > 1;
}

static gboolean
sees_bytes(const Negotiation *self)
{
	const TransportKind *transport = transport_kind_find(self->plan->transport);
	return transport != NULL && transport->sees_bytes;
}

static Wish
choose_validate_uuid(const Negotiation *self, const char **ret_reason)
{
	const char *ours = self->surveys[SIDE_SOURCE]->uuid;
	const char *theirs = self->surveys[SIDE_DESTINATION]->uuid;
	if (ours == NULL || theirs == NULL)
		return answer(UNWANTED, "a side has no UUID", ret_reason);
	if (strcmp(ours, theirs) != 0)
		return answer(UNWANTED, "the UUIDs differ", ret_reason);
	return answer(WANTED, "QEMU accepts no stream of another VM", ret_reason);
}

static Wish
choose_switchover_ack(const Negotiation *self, const char **ret_reason)
{
	if (!negotiation_has_vgpus(self))
		return answer(UNWANTED, "no device loads its first part early", ret_reason);
	return answer(WANTED, "the guest stops only after the first part of the vGPUs is loaded",
		      ret_reason);
}

static Wish
choose_multifd(const Negotiation *self, const char **ret_reason)
{
	if (is_multifd(self))
		return answer(ASKED, "there are several channels", ret_reason);
	return answer(UNWANTED, "there is one channel", ret_reason);
}

/* The kernel can send without a copy only on network sockets, and QEMU only without encryption. */
static Wish
choose_zero_copy_send(const Negotiation *self, const char **ret_reason)
{
	const char *problem = NULL;
	if (!is_multifd(self))
		problem = "QEMU supports it only with several channels";
	else if (sees_bytes(self))
		problem = "here QEMU writes to a socket of Godwit, not to the network";
	return answer_if_asked(self, "zero-copy-send", problem, ret_reason);
}

static Wish
choose_xbzrle(const Negotiation *self, const char **ret_reason)
{
	return answer_if_asked(self, "xbzrle",
			       is_multifd(self) ? "QEMU supports it only with one channel" : NULL,
			       ret_reason);
}

static Wish
choose_auto_converge(const Negotiation *self, const char **ret_reason)
{
	if (self->policy->on_stall == GW_ON_STALL_THROTTLE &&
	    !negotiation_is_asked(self, "dirty-limit"))
		return answer(ASKED, "--on-stall throttle slows the vCPUs down", ret_reason);
	return answer_if_asked(self, "auto-converge",
			       negotiation_is_asked(self, "dirty-limit")
				       ? "it cannot be used together with 'dirty-limit'"
				       : NULL,
			       ret_reason);
}

static Wish
choose_dirty_limit(const Negotiation *self, const char **ret_reason)
{
	return answer_if_asked(self, "dirty-limit", NULL, ret_reason);
}

static Wish
choose_dirty_bitmaps(const Negotiation *self, const char **ret_reason)
{
	return answer_if_asked(self, "dirty-bitmaps", NULL, ret_reason);
}

#define POSTCOPY "with post-copy the guest is lost when a host or the network fails"

static const Capability table[] = {
	{ "events", KIND_NEEDED, SIDES_BOTH, NULL, "QEMU reports each change itself" },
	{ "return-path", KIND_NEEDED, SIDES_BOTH, NULL,
	  "the destination's QEMU can tell the source's that it failed" },
	{ "pause-before-switchover", KIND_NEEDED, SIDES_SOURCE, NULL,
	  "the agent is asked once more after the guest's stop" },
	{ "late-block-activate", KIND_NEEDED, SIDES_DESTINATION, NULL,
	  "the destination does not open the disks until the guest runs there" },
	{ "validate-uuid", KIND_CHOSEN, SIDES_BOTH, choose_validate_uuid, NULL },
	{ "switchover-ack", KIND_CHOSEN, SIDES_BOTH, choose_switchover_ack, NULL },
	{ "multifd", KIND_CHOSEN, SIDES_BOTH, choose_multifd, NULL },
	{ "zero-copy-send", KIND_CHOSEN, SIDES_SOURCE, choose_zero_copy_send, NULL },
	{ "xbzrle", KIND_CHOSEN, SIDES_BOTH, choose_xbzrle, NULL },
	{ "auto-converge", KIND_CHOSEN, SIDES_SOURCE, choose_auto_converge, NULL },
	{ "dirty-limit", KIND_CHOSEN, SIDES_SOURCE, choose_dirty_limit, NULL },
	{ "dirty-bitmaps", KIND_CHOSEN, SIDES_BOTH, choose_dirty_bitmaps, NULL },
	{ "postcopy-ram", KIND_REFUSED, 0, NULL, POSTCOPY },
	{ "postcopy-preempt", KIND_REFUSED, 0, NULL, POSTCOPY },
	{ "background-snapshot", KIND_REFUSED, 0, NULL,
	  "it saves a snapshot of a guest that stays here" },
	{ "x-colo", KIND_REFUSED, 0, NULL, "it keeps two copies running" },
	{ "x-ignore-shared", KIND_REFUSED, 0, NULL, "it does not send shared memory" },
	{ "postcopy-blocktime", KIND_OFF, 0, NULL, "it is for post-copy only" },
	{ "release-ram", KIND_OFF, 0, NULL, "the source could not take the guest back" },
	{ "mapped-ram", KIND_OFF, 0, NULL, "it is for files only" },
	{ "rdma-pin-all", KIND_OFF, 0, NULL, "it is for RDMA only" },
	{ "compress", KIND_OFF, 0, NULL, "it was removed from newer QEMU" },
	{ "block", KIND_OFF, 0, NULL, "disks do not move" },
	{ "zero-blocks", KIND_OFF, 0, NULL, "disks do not move" },
};

static const Capability *
find_row(const char *name)
{
	for (guint i = 0; i < G_N_ELEMENTS(table); i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

gboolean
capability_may_be_on(const char *name, Side host)
{
	const Capability *row = find_row(name);
	return row != NULL && (row->hosts & (1u << host)) != 0;
}

/* (nullable): why @row cannot be on: the first side that needs the capability and does not have
 * it. */
static const char *
find_missing(const Negotiation *self, const Capability *row)
{
	static const char *const words[] = { "the source's QEMU does not have it",
					     "the destination's QEMU does not have it" };
	for (guint host = 0; host < N_SIDES; host++)
		if ((row->hosts & (1u << host)) != 0 &&
		    !negotiation_has_word(self->surveys[host]->capabilities, row->name))
			return words[host];
	return NULL;
}

static void
tell_missing(Negotiation *self, const Capability *row)
{
	for (guint host = 0; host < N_SIDES; host++)
		if ((row->hosts & (1u << host)) != 0 &&
		    !negotiation_has_word(self->surveys[host]->capabilities, row->name))
			negotiation_error(self, "capability", sides_of(host), row->name,
					  row->kind == KIND_NEEDED
						  ? "use QEMU 4.0 or later"
						  : "use a newer QEMU, or do without it",
					  "QEMU has no such migration capability");
}

/* Reports a capability that the user asked for and that stays off. */
static void
tell_unwanted(Negotiation *self, const Capability *row, const char *reason)
{
	if (!negotiation_is_asked(self, row->name))
		return;
	negotiation_error(self, "capability-conflict", SIDES_BOTH, row->name, "do without it",
			  "this capability is not available: %s", reason);
}

static gboolean
is_anywhere(const Negotiation *self, const char *name)
{
	for (guint host = 0; host < N_SIDES; host++)
		if (negotiation_has_word(self->surveys[host]->capabilities, name))
			return TRUE;
	return FALSE;
}

static void
add_decision(GwPlan *plan, const char *name, Sides hosts, const char *reason)
{
	GwPlanCapability *capability = g_new0(GwPlanCapability, 1);
	capability->name = g_strdup(name);
	capability->at_source = (hosts & SIDES_SOURCE) != 0;
	capability->at_destination = (hosts & SIDES_DESTINATION) != 0;
	capability->reason = g_strdup(reason);
	g_ptr_array_add(plan->capabilities, capability);
}

static void
decide(Negotiation *self, const Capability *row)
{
	const char *reason = row->reason;
	Wish wish = row->kind == KIND_NEEDED   ? ASKED
		    : row->kind == KIND_CHOSEN ? row->choose(self, &reason)
					       : UNWANTED;
	const char *missing = find_missing(self, row);
	gboolean is_on = wish != UNWANTED && missing == NULL;
	if (wish == UNWANTED)
		tell_unwanted(self, row, reason);
	else if (wish == ASKED)
		tell_missing(self, row);
	if (!is_anywhere(self, row->name))
		return;
	add_decision(self->plan, row->name, is_on ? row->hosts : 0,
		     wish != UNWANTED && missing != NULL ? missing : reason);
}

static void
list_unknown(Negotiation *self)
{
	for (guint host = 0; host < N_SIDES; host++) {
		const GStrv names = self->surveys[host]->capabilities;
		for (guint i = 0; names != NULL && names[i] != NULL && i < MAX_UNKNOWN; i++)
			if (find_row(names[i]) == NULL &&
			    plan_find_capability(self->plan, names[i]) == NULL)
				add_decision(self->plan, names[i], 0, "it is unknown here");
	}
}

static void
check_asked_names(Negotiation *self)
{
	const char *const *asked = self->policy->capabilities;
	for (guint i = 0; asked != NULL && asked[i] != NULL; i++)
		if (find_row(asked[i]) == NULL)
			negotiation_error(
				self, "capability-unknown", SIDES_BOTH, asked[i],
				"see godwit(1) for the capabilities that can be asked for",
				"this capability is unknown here");
}

void
capability_decide_all(Negotiation *self)
{
	for (guint i = 0; i < G_N_ELEMENTS(table); i++)
		decide(self, &table[i]);
	list_unknown(self);
	check_asked_names(self);
}

void
capability_check_refused(Negotiation *self)
{
	for (guint host = 0; host < N_SIDES; host++)
		for (guint i = 0; i < G_N_ELEMENTS(table); i++)
			if (table[i].kind == KIND_REFUSED &&
			    negotiation_has_word(self->surveys[host]->capabilities_on,
						 table[i].name))
				negotiation_error(self, "refused-capability", sides_of(host),
						  table[i].name,
						  "switch it off with migrate-set-capabilities",
						  "this capability is switched on: %s",
						  table[i].reason);
}
