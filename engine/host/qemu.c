/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One QEMU: its monitor, its process and the facts from its events.
 *
 * QEMU's monitor answers nothing while its big lock is held, which in a switchover lasts as long as
 * the device state takes; this QEMU is healthy, not dead. The out-of-band queue still answers then,
 * because its own thread serves it. A process that does not answer there either is frozen. So the
 * heartbeat goes out of band, and a command's time-out alone proves nothing.
 */
#include "engine/host/qemu.h"

#include <string.h>

#include "engine/util/json-fields.h"
#include "engine/gw-error.h"
#include "engine/util/error-host.h"
#include "engine/host/monitor-words.h"
#include "engine/host/qemu-process.h"
#include "qmp/await.h"
#include "qmp/source-util.h"

#define CONNECT_TIMEOUT_MS 5000
#define BEAT_INTERVAL_MS   1000
#define POLL_TIMEOUT_MS	   60000
#define CANCEL_TIMEOUT_MS  3000
#define CANCEL_GRACE_MS	   500
#define FINAL_TIMEOUT_MS   20000
#define FINAL_ASK_MS	   200
#define TIDY_TIMEOUT_MS	   5000
#define TIDY_LOOK_MS	   10
#define STATUS_TIMEOUT_MS  1000
#define QUIT_TIMEOUT_MS	   5000
#define RUN_TIMEOUT_MS	   10000 /* a lock of the disk, or the other side, may hold it up */

static void
take_migration(Qemu *self, JsonObject *data, gint64 timestamp_us)
{
	const char *word = fields_peek_string(data, "status", NULL);
	if (word == NULL)
		return;
	self->status = qmp_migrate_status_from_string(word);
	if (self->status != QMP_MIGRATE_COMPLETED)
		return;
	self->completed_us = timestamp_us;
	self->resume_us = 0;
}

static void
on_status(GObject *source, GAsyncResult *result, gpointer data)
{
	Qemu *self = data;
	g_autoptr(GError) error = NULL;
	QmpStatus status;
	self->n_status_pending--;
	if (qmp_query_status_finish(QMP_CLIENT(source), result, &status, &error))
		run_follow_status(&self->run, &status);
}

static void
ask_status(Qemu *self)
{
	self->n_status_pending++;
	qmp_query_status_async(self->qmp, POLL_TIMEOUT_MS, on_status, self);
}

gboolean
qemu_follow_run(Qemu *self, GError **error)
{
	QmpStatus status;
	if (!qmp_query_status(self->qmp, &status, error)) {
		error_add_host(error, self->host);
		return FALSE;
	}
	run_follow_begin(&self->run, &status);
	self->is_followed = TRUE;
	return TRUE;
}

static gboolean
has_status_answers(gpointer data)
{
	const Qemu *self = data;
	return self->n_status_pending == 0 || self->closed != NULL;
}

gboolean
qemu_was_live(Qemu *self)
{
	if (!await_until(has_status_answers, self, STATUS_TIMEOUT_MS, NULL, NULL))
		g_debug("%s: query-status was not answered", self->host);
	return self->run.is_live;
}

static void
take_stop(Qemu *self, gint64 timestamp_us)
{
	self->stop_us = timestamp_us;
	self->stop_error_us = self->event_clock.error_us;
}

static void
on_event(QmpClient *qmp, const char *name, JsonObject *data, gint64 wall_clock_us,
	 gpointer user_data)
{
	Qemu *self = user_data;
	self->heard_us = g_get_monotonic_time();
	gint64 timestamp_us = event_clock_stamp(&self->event_clock, wall_clock_us,
						g_get_real_time(), self->heard_us);
	if (strcmp(name, "MIGRATION") == 0)
		take_migration(self, data, timestamp_us);
	else if (strcmp(name, "STOP") == 0)
		take_stop(self, timestamp_us);
	else if (strcmp(name, "RESUME") == 0)
		self->resume_us = timestamp_us;

	if (run_follow_event(&self->run, name, data) && self->is_followed)
		ask_status(self);

	if (self->on_event != NULL)
		self->on_event(self, name, data, timestamp_us, self->on_event_data);
}

static void
on_closed(QmpClient *qmp, GError *error, gpointer data)
{
	Qemu *self = data;
	if (self->closed == NULL)
		self->closed = g_error_new(GW_ERROR, GW_ERROR_MONITOR_LOST, "QEMU's monitor: %s",
					   error->message);
	error_add_host(&self->closed, self->host);
}

Qemu *
qemu_attach(const char *qmp_path, const char *host, GCancellable *cancellable, GError **error)
{
	g_autoptr(GError) local_error = NULL;
	QmpClient *qmp =
		qmp_client_connect(qmp_path, CONNECT_TIMEOUT_MS, cancellable, &local_error);
	if (qmp == NULL && g_error_matches(local_error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
		g_propagate_error(error, g_steal_pointer(&local_error));
		return NULL;
	}
	if (qmp == NULL) {
		g_autofree char *why = monitor_explain(qmp_path, local_error);
		g_set_error(error, GW_ERROR, GW_ERROR_MONITOR, "monitor '%s': %s", qmp_path, why);
		error_add_host(error, host);
		return NULL;
	}
	Qemu *self = g_new0(Qemu, 1);
	self->host = host;
	self->qmp_path = g_strdup(qmp_path);
	self->qmp = qmp;
	self->process = (Process)PROCESS_INIT;
	self->words = (QemuStderr)QEMU_STDERR_INIT;
	self->heard_us = g_get_monotonic_time();
	event_clock_tick(&self->event_clock, g_get_real_time(), self->heard_us);
	qmp_migrate_info_init(&self->info);
	if (qemu_process_prove(qmp, &self->process, &self->is_indirect))
		qemu_stderr_open(&self->words, self->process.pid);
	g_signal_connect(qmp, "event", G_CALLBACK(on_event), self);
	g_signal_connect(qmp, "closed", G_CALLBACK(on_closed), self);
	return self;
}

void
qemu_free(Qemu *self)
{
	if (self == NULL)
		return;
	source_end(&self->beat);
	qmp_client_close(self->qmp);
	/* The callback of a pending query is called from the loop after the close: let it run
	 * before we free. */
	while (self->poll_pending || self->beat_pending || self->n_status_pending > 0)
		g_main_context_iteration(g_main_context_get_thread_default(), TRUE);
	g_signal_handlers_disconnect_by_data(self->qmp, self);
	g_object_unref(self->qmp);
	process_clear(&self->process);
	qemu_stderr_clear(&self->words);
	qmp_migrate_info_clear(&self->info);
	g_clear_error(&self->closed);
	g_free(self->qmp_path);
	g_free(self);
}

void
qemu_set_event_func(Qemu *self, QemuEventFunc func, gpointer data)
{
	self->on_event = func;
	self->on_event_data = data;
}

static void
on_beat_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	Qemu *self = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonNode) reply = qmp_client_execute_finish(QMP_CLIENT(source), result, &error);
	/* A rejection is an answer too. */
	if (reply != NULL || qmp_error_is_refusal(error))
		self->heard_us = g_get_monotonic_time();
	self->beat_pending = FALSE;
}

static gboolean
on_beat(gpointer data)
{
	Qemu *self = data;
	if (self->closed != NULL)
		return G_SOURCE_REMOVE;
	event_clock_tick(&self->event_clock, g_get_real_time(), g_get_monotonic_time());
	if (self->beat_pending)
		return G_SOURCE_CONTINUE;
	gboolean oob = qmp_client_has_oob(self->qmp);
	QmpExecOptions options = { .fd = -1, .oob = oob, .timeout_ms = POLL_TIMEOUT_MS };
	self->beat_pending = TRUE;
	qmp_client_execute_async(self->qmp, oob ? "query-yank" : "query-status", NULL, &options,
				 NULL, on_beat_answered, self);
	return G_SOURCE_CONTINUE;
}

void
qemu_start_heartbeat(Qemu *self)
{
	if (self->beat != NULL)
		return;
	self->beat = source_begin(g_timeout_source_new(BEAT_INTERVAL_MS), on_beat, self,
				  g_main_context_get_thread_default());
}

gboolean
qemu_check(Qemu *self, int silence_ms, GError **error)
{
	if (self->closed != NULL) {
		g_propagate_error(error, g_error_copy(self->closed));
		return FALSE;
	}
	gint64 silent_ms = (g_get_monotonic_time() - self->heard_us) / 1000;
	if (self->beat == NULL || silent_ms <= silence_ms)
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_MONITOR_LOST,
		    "QEMU has not answered for %.1f s: its process is frozen",
		    (double)silent_ms / 1000);
	error_add_host(error, self->host);
	return FALSE;
}

/* Events report changes; a queried status is news only if there was no event yet. */
static void
take_info(Qemu *self, QmpMigrateInfo *info)
{
	qmp_migrate_info_clear(&self->info);
	self->info = *info;
	self->info_is_new = TRUE;
	self->heard_us = g_get_monotonic_time();
	event_clock_tick(&self->event_clock, g_get_real_time(), self->heard_us);
	if (self->status == QMP_MIGRATE_NONE)
		self->status = info->status;
}

static void
on_polled(GObject *source, GAsyncResult *result, gpointer data)
{
	Qemu *self = data;
	g_autoptr(GError) error = NULL;
	QmpMigrateInfo info;
	qmp_migrate_info_init(&info);
	self->poll_pending = FALSE;
	if (qmp_query_migrate_finish(QMP_CLIENT(source), result, &info, &error))
		take_info(self, &info);
}

void
qemu_poll(Qemu *self)
{
	if (!self->poll_pending)
		qemu_poll_afresh(self);
}

void
qemu_poll_afresh(Qemu *self)
{
	if (self->closed != NULL)
		return;
	self->poll_pending = TRUE;
	qmp_query_migrate_async(self->qmp, POLL_TIMEOUT_MS, on_polled, self);
}

typedef struct {
	Qemu *qemu;
	QmpMigrateStatus status;
} StatusWait;

static gboolean
has_status(gpointer data)
{
	StatusWait *wait = data;
	return wait->qemu->status == wait->status || wait->qemu->closed != NULL;
}

static gboolean
is_final(gpointer data)
{
	Qemu *self = data;
	return qmp_migrate_status_is_final(self->status) || self->closed != NULL;
}

static gboolean
wait_for(Qemu *self, AwaitReady ready, gpointer data, int timeout_ms, const char *what,
	 GError **error)
{
	if (!await_until(ready, data, timeout_ms, NULL, NULL)) {
		g_set_error(error, GW_ERROR, GW_ERROR_MIGRATION,
			    "QEMU did not reach '%s' within %.1f s; its status is '%s'", what,
			    timeout_ms / 1000.0, qmp_migrate_status_to_string(self->status));
		error_add_host(error, self->host);
		return FALSE;
	}
	return self->closed == NULL || qemu_check(self, 0, error);
}

gboolean
qemu_wait_final(Qemu *self, int timeout_ms, GError **error)
{
	return wait_for(self, is_final, self, timeout_ms, "completed, cancelled or failed", error);
}

gboolean
qemu_wait_status(Qemu *self, QmpMigrateStatus status, int timeout_ms, GError **error)
{
	StatusWait wait = { self, status };
	return wait_for(self, has_status, &wait, timeout_ms, qmp_migrate_status_to_string(status),
			error);
}

/* What QEMU says now, in place of what its events have said. A word that is not final may be older
 * than an event that overtook the reply. */
static gboolean
refresh_status(Qemu *self, GError **error)
{
	g_auto(QmpMigrateInfo) info;
	qmp_migrate_info_init(&info);
	if (!qmp_query_migrate(self->qmp, &info, error))
		return FALSE;
	if (qmp_migrate_status_is_final(info.status))
		self->status = info.status;
	return TRUE;
}

/* Cancels in band; or out of band, if QEMU does not answer because it blocks in a send with its
 * lock held. */
static gboolean
ask_cancel(Qemu *self, gboolean *ret_in_band, GError **error)
{
	g_autoptr(GError) deaf = NULL;
	qmp_client_set_timeout(self->qmp, CANCEL_TIMEOUT_MS);
	*ret_in_band = qmp_migrate_cancel(self->qmp, &deaf);
	qmp_client_set_timeout(self->qmp, QMP_TIMEOUT_MS);
	if (*ret_in_band)
		return TRUE;
	if (!qmp_error_is_timeout(deaf)) {
		error_add_host(&deaf, self->host);
		g_propagate_error(error, g_steal_pointer(&deaf));
		return FALSE;
	}
	if (!qmp_client_has_oob(self->qmp) || qmp_yank_migration(self->qmp, error))
		return TRUE;
	g_prefix_error(error, "QEMU is deaf: ");
	error_add_host(error, self->host);
	return FALSE;
}

/* QEMU is asked too: it sends no event where the capability "events" has been switched off. */
static gboolean
wait_final_asking(Qemu *self, GError **error)
{
	gint64 deadline_us = g_get_monotonic_time() + (gint64)FINAL_TIMEOUT_MS * 1000;
	while (g_get_monotonic_time() < deadline_us) {
		g_autoptr(GError) deaf = NULL;
		if (await_until(is_final, self, FINAL_ASK_MS, NULL, NULL) ||
		    !refresh_status(self, &deaf))
			break; /* the events go on where it does not answer */
	}
	int left_ms = (int)((deadline_us - g_get_monotonic_time()) / 1000);
	return qemu_wait_final(self, MAX(left_ms, 0), error);
}

gboolean
qemu_cancel_migration(Qemu *self, void (*sever)(gpointer data), gpointer data, GError **error)
{
	gboolean in_band;
	/* If no migration was under way there is nothing to cancel, and no event reports that. */
	if (!ask_cancel(self, &in_band, error) || (in_band && !refresh_status(self, error)))
		return FALSE;
	if (sever != NULL && !await_until(is_final, self, CANCEL_GRACE_MS, NULL, NULL))
		sever(data);
	return wait_final_asking(self, error) && refresh_status(self, error);
}

void
qemu_release_failed(Qemu *self)
{
	QmpStatus status;
	g_autoptr(GError) error = NULL;
	if (self->status == QMP_MIGRATE_FAILED && qmp_query_status(self->qmp, &status, &error) &&
	    status.run_state == QMP_RUN_FINISH_MIGRATE &&
	    !qmp_migrate_wake_failed(self->qmp, &error))
		g_debug("%s: %s", self->host, error->message);
}

/* Is there a final word, and something left of the migration that has come to it? */
static gboolean
look_for_rest(Qemu *self, gboolean *ret_has, GError **error)
{
	g_auto(QmpMigrateInfo) info;
	qmp_migrate_info_init(&info);
	*ret_has = FALSE;
	if (!qmp_query_migrate(self->qmp, &info, error))
		return FALSE;
	return info.status == QMP_MIGRATE_NONE || !qmp_migrate_status_is_final(info.status) ||
	       qmp_migration_has_yank(self->qmp, ret_has, error);
}

gboolean
qemu_wait_cleaned_up(Qemu *self, GError **error)
{
	gint64 deadline_us = g_get_monotonic_time() + TIDY_TIMEOUT_MS * 1000;
	gboolean has_rest;
	while (look_for_rest(self, &has_rest, error)) {
		if (!has_rest)
			return TRUE;
		if (g_get_monotonic_time() >= deadline_us) {
			g_set_error(error, GW_ERROR, GW_ERROR_MIGRATION,
				    "QEMU has not cleaned up after its migration for %.1f s",
				    TIDY_TIMEOUT_MS / 1e3);
			error_add_host(error, self->host);
			return FALSE;
		}
		await_ms(TIDY_LOOK_MS);
	}
	return FALSE;
}

static gboolean
has_resumed_or_closed(gpointer data)
{
	Qemu *self = data;
	return self->resume_us != 0 || self->closed != NULL;
}

gboolean
qemu_restore_run(Qemu *self, RunPlace place, gboolean was_live, GError **error)
{
	gint64 deadline_us = g_get_monotonic_time() + (gint64)RUN_TIMEOUT_MS * 1000;
	g_autoptr(GError) refused = NULL;
	do {
		QmpStatus status;
		if (!qmp_query_status(self->qmp, &status, error)) {
			error_add_host(error, self->host);
			return FALSE;
		}
		if (!run_state_wants_cont(place, status.run_state, was_live))
			return TRUE;
		/* "Not finalized yet", or a lock of the disk that the other side still holds: it
		 * passes. */
		g_clear_error(&refused);
		self->resume_us = 0;
		gboolean taken = qmp_cont(self->qmp, &refused);
		if (await_until(has_resumed_or_closed, self, taken ? 500 : 100, NULL, NULL) &&
		    self->closed == NULL)
			return TRUE;
	} while (g_get_monotonic_time() < deadline_us);

	g_set_error(error, GW_ERROR, GW_ERROR_MIGRATION, "the guest does not run again: %s",
		    refused != NULL ? refused->message : "QEMU accepted 'cont' without effect");
	error_add_host(error, self->host);
	return FALSE;
}

gboolean
qemu_is_proven_gone(Qemu *self, int timeout_ms)
{
	return process_await_gone(&self->process, timeout_ms);
}

gboolean
qemu_end(Qemu *self, gboolean ask, GError **error)
{
	g_autoptr(GError) quit_error = NULL;
	gboolean asked = FALSE;
	if (ask && self->closed == NULL) {
		qmp_client_set_timeout(self->qmp, QUIT_TIMEOUT_MS);
		asked = qmp_quit(self->qmp, &quit_error);
	}
	if (asked && process_await_gone(&self->process, QUIT_TIMEOUT_MS))
		return TRUE;
	if (process_kill(&self->process, PROCESS_KILL_TIMEOUT_MS))
		return TRUE;
	if (asked && !process_is_known(&self->process))
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_MONITOR_LOST, "QEMU cannot be ended: %s",
		    quit_error != NULL ? quit_error->message : "its process is not known");
	error_add_host(error, self->host);
	return FALSE;
}
