/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/util/side.h"

/* What one side of one run did, in order, for a recovery after a crash. See journal.c. */
typedef struct Journal Journal;

/* What is about to be done. Both sides have a begin and a setup; each other line is of one of
 * them. */
typedef enum {
	JOURNAL_BEGIN,	   /* the session exists */
	JOURNAL_VGPUS,	   /* the agent makes vGPUs */
	JOURNAL_STARTED,   /* the agent has started QEMU */
	JOURNAL_PREPARE,   /* the agent changes QEMU's settings */
	JOURNAL_SETUP,	   /* the source changes QEMU's settings; at the agent: a commit may follow
		        * from here on */
	JOURNAL_PRECOPY,   /* the source migrates */
	JOURNAL_PROBE,	   /* the source migrates to nowhere, to measure */
	JOURNAL_COMMIT,	   /* the source sends COMMIT */
	JOURNAL_COMMITTED, /* the agent lets the guest run */
	JOURNAL_RUNNING,   /* the guest runs at the destination, as this side knows */
	JOURNAL_RESTORED,  /* QEMU has its own settings again */
	N_JOURNAL_PHASES,
} JournalPhase;

const char *journal_phase_to_string(JournalPhase phase);

/**
 * journal_create:
 * @state_dir: made if it is not there, mode 0700
 * @session: the run's id, used in the file's name: letters, digits and dashes only
 * @facts: (nullable) (transfer full): written into the first line
 *
 * The first line is on the disk when this returns. The journal is locked until it is freed or this
 * process ends, however that happens.
 *
 * Returns: NULL with %GW_ERROR_STATE_DIR
 */
Journal *journal_create(const char *state_dir, const char *session, Side role, JsonObject *facts,
			GError **error);

/* One already there, to settle it. %GW_ERROR_BUSY while its owner lives, %GW_ERROR_STATE_DIR when
 * it cannot be read or makes no sense. */
Journal *journal_open(const char *state_dir, const char *session, Side role, GError **error);

/* (nullable): as far as it is written now, while its owner goes on. Only to be looked at. */
Journal *journal_peek(const char *state_dir, const char *session, Side role);

/* %TRUE also for a name that leads nowhere, or that cannot be looked at: only a journal that is
 * proven not to be there is none. @session: as for journal_create() */
gboolean journal_may_exist(const char *state_dir, const char *session, Side role);

/* Closes and unlocks; the file stays. */
void journal_free(Journal *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Journal, journal_free);

/**
 * journal_append:
 * @phase: what is about to be done
 * @facts: (nullable) (transfer full): members of the same name replace earlier ones in
 *   journal_get_*()
 *
 * The line survives the death of this process when this returns; it survives the death of the host
 * only after journal_sync().
 */
gboolean journal_append(Journal *self, JournalPhase phase, JsonObject *facts,
			GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean journal_sync(Journal *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Removes the file: all is settled. */
void journal_remove(Journal *self);

const char *journal_get_session(Journal *self);
/* (nullable): under which the VM's ownership record is kept, and its lock taken; NULL where the
 * journal names no VM yet. */
const char *journal_get_record_name(Journal *self);
const char *journal_get_phase(Journal *self); /* the last one written */
/* Was @phase ever written? */
gboolean journal_has_phase(Journal *self, JournalPhase phase);
/* Returns whether this host has been restarted since. Lines that were not synced may then be
 * missing. */
gboolean journal_is_from_earlier_boot(Journal *self);
/* (nullable) */
const char *journal_get_string(Journal *self, const char *name);
gint64 journal_get_int(Journal *self, const char *name, gint64 fallback);
gboolean journal_get_boolean(Journal *self, const char *name);
JsonNode *journal_get_node(Journal *self, const char *name); /* (transfer none) (nullable) */

typedef struct {
	char *session;
	Side role;
} JournalName;

void journal_name_free(JournalName *self);
/* (transfer full): of JournalName; empty when there is no such folder. */
GPtrArray *journal_list(const char *state_dir, GError **error);
