/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/host/event-clock.h"
#include "engine/util/process.h"
#include "engine/host/qemu-stderr.h"
#include "engine/host/run-state.h"
#include "qmp/qmp-machine.h"
#include "qmp/qmp-migration.h"

/* For qemu_check(): longer than any pause of a busy host, shorter than a user's patience. */
#define QEMU_SILENCE_MS 6000
/* For qemu_is_proven_gone(): a process that dies closes its monitor a moment before it is gone. */
#define QEMU_DEATH_TIMEOUT_MS 2000

/* One QEMU as a session sees it: its monitor, its process, and the facts from its events. The
 * callbacks only record; the owner reads between two turns of the loop. */
typedef struct Qemu Qemu;

/* Gets every event, also those that Qemu reads itself; for reports. Must only record. */
typedef void (*QemuEventFunc)(Qemu *qemu, const char *name, JsonObject *data, gint64 timestamp_us,
			      gpointer data_);

struct Qemu {
	const char *host; /* of side_to_string(), or "this host": the prefix of every error */
	char *qmp_path;
	QmpClient *qmp;
	Process process;      /* not known where it cannot be proven: see qemu-process.h */
	gboolean is_indirect; /* another program passes the monitor on, and no descriptors */
	QemuStderr words;

	QmpMigrateStatus status; /* by the last event, or by a query where none came */
	EventClock event_clock;
	gint64 stop_us;	      /* monotonic: the last STOP; 0: none yet */
	gint64 stop_error_us; /* by how much it may be wrong */
	gint64 resume_us;     /* likewise RESUME; 0: none since "completed" */
	gint64 completed_us;  /* likewise MIGRATION completed */
	gint64 heard_us;      /* monotonic: when it last answered anything */
	GError *closed;	      /* set when the monitor has gone */

	QmpMigrateInfo info; /* the newest that was polled */
	gboolean info_is_new;

	RunFollow run;
	gboolean is_followed; /* since qemu_follow_run() */
	guint n_status_pending;

	gboolean poll_pending;
	gboolean beat_pending;
	GSource *beat;
	QemuEventFunc on_event;
	gpointer on_event_data;
};

/**
 * qemu_attach:
 * @host: static
 *
 * Returns: (transfer full): NULL with %GW_ERROR_MONITOR (no such socket, busy, not QMP) or
 *   %G_IO_ERROR_CANCELLED
 */
Qemu *
qemu_attach(const char *qmp_path, const char *host, GCancellable *cancellable, GError **error);
/* Closes the monitor; QEMU itself goes on. */
void qemu_free(Qemu *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Qemu, qemu_free);

void qemu_set_event_func(Qemu *self, QemuEventFunc func, gpointer data);

/* From now on asks out of band, each second, whether it is there: see qemu_check(). */
void qemu_start_heartbeat(Qemu *self);

/**
 * qemu_check:
 * @silence_ms: how long it may have answered nothing
 *
 * Returns: %FALSE with %GW_ERROR_MONITOR_LOST when the monitor has gone or QEMU is frozen
 */
gboolean qemu_check(Qemu *self, int silence_ms, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Asks for query-migrate; the answer comes into info. One question at a time. */
void qemu_poll(Qemu *self);
/* The same even where an answer is under way, which may be of before something that matters. */
void qemu_poll_afresh(Qemu *self);

/* Waits until the status is final, for at most @timeout_ms. */
gboolean qemu_wait_final(Qemu *self, int timeout_ms, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean qemu_wait_status(Qemu *self, QmpMigrateStatus status, int timeout_ms,
			  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/**
 * qemu_cancel_migration:
 * @sever: (nullable): breaks the stream, if QEMU does not end the migration within half a second
 *
 * Stops a running migration by every available means: first in band, then out of band, and with the
 * stream broken. QEMU itself shuts down only its main channel, and waits forever for a multifd
 * channel that blocks in a send.
 */
gboolean qemu_cancel_migration(Qemu *self, void (*sever)(gpointer data), gpointer data,
			       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/**
 * qemu_release_failed:
 *
 * A defect of QEMU's (7.2 to 10.1 by their source; 10.0 was seen): when a channel of multifd breaks
 * in pre-switchover, the migration is "failed" and waits for "migrate-continue" nevertheless, with
 * the guest at a stand; a cancel finds nothing to cancel. The command takes the state that is
 * meant, and so can be told "failed". Where nobody waits it is forgotten.
 */
void qemu_release_failed(Qemu *self);

/**
 * qemu_wait_cleaned_up:
 *
 * Waits until QEMU has put away what its last migration has used, which is later than its final
 * word: a thread of multifd says "failed" while all channels are still there, and by the capability
 * QEMU decides whether there are any to put away. So a QEMU (10.0, seen and by its source) whose
 * capabilities are changed in between ends itself by an assertion, guest and all. Nothing is waited
 * for where no migration has ended.
 *
 * Returns: %FALSE with %GW_ERROR_MIGRATION after some seconds, or what QEMU said
 */
gboolean qemu_wait_cleaned_up(Qemu *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/**
 * qemu_follow_run:
 *
 * From now on @run says how the guest is, by QEMU's events and "query-status".
 */
gboolean qemu_follow_run(Qemu *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* How a guest that the migration has stopped was at its stop: does only "cont" bring it back? Waits
 * up to a second for the answers that are under way. */
gboolean qemu_was_live(Qemu *self);

/**
 * qemu_restore_run:
 * @was_live: as it was when the migration stopped it
 *
 * Sends "cont" where the guest is then again as it was (see run-state.c), until it has an effect.
 */
gboolean qemu_restore_run(Qemu *self, RunPlace place, gboolean was_live,
			  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Ends QEMU: asks first, then kills. Returns %TRUE when its end is proven. */
gboolean qemu_end(Qemu *self, gboolean ask, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Returns whether its process has died; %FALSE while it lives, or if nothing is known about it. */
gboolean qemu_is_proven_gone(Qemu *self, int timeout_ms);
