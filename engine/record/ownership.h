/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/util/json-parse.h"

/* Where one VM belongs, as this host knows it. Pure: ownership-file.h keeps it. See ownership.c. */

extern const JsonLimits ownership_limits; /* of a record */

typedef enum {
	OWNERSHIP_NOT_KNOWN,	/* this host has never had it */
	OWNERSHIP_HERE,		/* its guest runs here, or was the last to run here */
	OWNERSHIP_RECEIVING,	/* @session may bring it here */
	OWNERSHIP_HANDING_OVER, /* @session may have taken it to the peer */
	OWNERSHIP_THERE,	/* @session has taken it to the peer */
	OWNERSHIP_NOWHERE,	/* both QEMUs of @session are proven dead */
	N_OWNERSHIP_PLACES,
} OwnershipPlace;

typedef enum {
	OWNERSHIP_RUN,	   /* somebody starts its QEMU here */
	OWNERSHIP_RECEIVE, /* a session is about to bring it: a commit may follow */
	OWNERSHIP_TAKE,	   /* the commit has come, and the guest runs here */
	OWNERSHIP_SEND,	   /* the commit is about to go out */
	OWNERSHIP_GIVE,	   /* the peer has proven that the guest runs there */
	OWNERSHIP_UNDO,	   /* the session has ended with the guest where it was before */
	OWNERSHIP_LOSE,	   /* both QEMUs of the session are proven dead */
	N_OWNERSHIP_EVENTS,
} OwnershipEvent;

typedef struct {
	char *host;	    /* (nullable) */
	guint16 port;	    /* 0: not known */
	char *subject;	    /* (nullable): of its TLS certificate */
	char *agent;	    /* (nullable): the id of the agent there */
	char *token;	    /* (nullable): of the session: what this host proves itself with to that
		      * agent */
	char *tls_dir;	    /* (nullable): our certificate for it */
	char *tls_hostname; /* (nullable): what its certificate says */
	gboolean insecure;  /* plain text was allowed */
} OwnershipPeer;

typedef struct {
	OwnershipPlace place;
	char *session; /* (nullable): that brought it into this place */
	OwnershipPeer peer;
	gint64 since_s;	    /* by the wall clock, for people only; 0: not known */
	gboolean confirmed; /* the peer knows it too */
} OwnershipState;

/* A session that was committed on this host, or may have been. */
typedef struct {
	char *session;
	char *token;	    /* (nullable): what its source proves itself with */
	char *subject;	    /* (nullable): of the source's TLS certificate */
	gboolean confirmed; /* the source will never ask again */
	gboolean lost; /* this host was restarted before it knew of a commit: its QEMU is dead */
} OwnershipTaken;

typedef struct {
	char *vm_name;
	OwnershipState now;
	OwnershipState before; /* what OWNERSHIP_UNDO goes back to */
	char *boot_id;	       /* (nullable): of the boot in which it was written last */
	char *qmp_path;	  /* (nullable): the monitor of its QEMU here, for who knows only that */
	GPtrArray *taken; /* of OwnershipTaken */
	gboolean has_dropped; /* some that were taken are not in @taken any more */
} Ownership;

/* (transfer full): nothing is known. */
Ownership *ownership_new(const char *vm_name);
void ownership_free(Ownership *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ownership, ownership_free);

/* "here", "handing-over": in the file and in reports. */
const char *ownership_place_to_string(OwnershipPlace place);
const char *ownership_event_to_string(OwnershipEvent event);
/* Under which name a VM is kept: a VM without one (NULL or "") by its monitor's path. */
const char *ownership_choose_name(const char *vm_name, const char *qmp_path);
/* Where @event leads from @from; %FALSE when it may not come there. The table of the state
 * machine. */
gboolean ownership_next(OwnershipPlace from, OwnershipEvent event,
			OwnershipPlace *ret_to) G_GNUC_WARN_UNUSED_RESULT;

/**
 * ownership_apply:
 * @session: (nullable): whose event it is; only OWNERSHIP_RUN has none
 * @peer: (nullable): the other host
 * @now_s: the wall clock
 *
 * Returns: %FALSE with %GW_ERROR_UNKNOWN, and nothing changed, where the event may not come:
 *   another session of this VM is not settled, or this one never began
 */
gboolean
ownership_apply(Ownership *self, OwnershipEvent event, const char *session,
		const OwnershipPeer *peer, gint64 now_s, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Is a session under way that may still be undone? It is gone on with by itself only. */
gboolean ownership_is_open(const Ownership *self);
/* Remembers that @session was committed here. @token, @subject: (nullable). (transfer none): it */
OwnershipTaken *
ownership_add_taken(Ownership *self, const char *session, const char *token, const char *subject);
/* (transfer none) (nullable) */
OwnershipTaken *ownership_find_taken(const Ownership *self, const char *session);
/* Is @session one that may come here, that was committed here, or that was lost? */
gboolean ownership_has_session(const Ownership *self, const char *session);
/* With what the source of such a session proves itself; both are (transfer none) (nullable), and
 * NULL for any other session. */
void ownership_find_proof(const Ownership *self, const char *session, const char **ret_token,
			  const char **ret_subject);
/* The source of @session knows that the guest runs here, and will never ask again. */
void ownership_confirm(Ownership *self, const char *session);

/* (transfer full): a part of a sentence: "was handed over to 10.0.0.2 on 2026-11-29 03:10 UTC by
 * session S". */
char *ownership_describe(const Ownership *self);

/* What follows ownership_describe() where a session is open: how it is settled. NULL: none is. */
const char *ownership_describe_remedy(const Ownership *self);

/* (transfer full) */
char *ownership_to_json(const Ownership *self);
/* (transfer full): NULL with %GW_ERROR_STATE_DIR; @text may be anything. */
Ownership *ownership_from_json(const char *text, gsize len, const char *vm_name, GError **error);
