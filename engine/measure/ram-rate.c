/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * While it measures, QEMU counts a page once, however often the page is written. So a long
 * measurement of a small hot set shows little more than its size, and a short one shows the dirty
 * rate. We make both. The hot set comes from the model of predict.c that is fitted to them.
 *
 * QEMU draws the sampled pages again for each measurement, so short ones are repeated. The mode
 * depends on the accelerator: the dirty bitmap belongs to KVM, and asking for it without KVM kills
 * QEMU 7.2.
 */
#include "engine/measure/ram-rate.h"

#include "engine/gw-error.h"
#include "engine/util/error-host.h"
#include "engine/forecast/predict.h"
#include "engine/host/qemu-messages.h"
#include "qmp/await.h"
#include "qmp/qmp-error.h"

#define POLL_MS	      100
#define LATE_S	      15 /* a busy host takes up to this much longer */
#define MAX_S	      60 /* QEMU's maximum */
#define BRIEF_S	      1
#define N_BRIEF	      3
#define MIN_LONG_S    3
#define SAMPLED_PAGES 4096
#define MIN_SAMPLES   128 /* per GiB: QEMU's limits */
#define MAX_SAMPLES   16384
#define GIB	      (1024.0 * 1024 * 1024)

typedef struct {
	Qemu *qemu;
	QmpDirtyMode mode;
	guint sample_pages;
	RamRateIdle idle;
	gpointer idle_data;
	GCancellable *cancellable;
} Measurement;

static gboolean
never(gpointer data)
{
	return FALSE;
}

static gboolean
fail(GError *cause, GError **error)
{
	GwError code = GW_ERROR_MONITOR_LOST;
	if (qmp_error_is_refusal(cause))
		code = qemu_message_means(cause->message, QEMU_MESSAGE_DIRTY_RATE_BUSY)
			       ? GW_ERROR_BUSY
			       : GW_ERROR_FAILED;
	g_set_error(error, GW_ERROR, (gint)code, "%s", cause->message);
	error_add_side(error, SIDE_SOURCE);
	g_error_free(cause);
	return FALSE;
}

/* Waits for one poll interval. */
static gboolean
wait_interval(Measurement *self, GError **error)
{
	g_autoptr(GError) wait_error = NULL;
	if (self->idle != NULL)
		self->idle(self->idle_data);
	if (await_until(never, NULL, POLL_MS, self->cancellable, &wait_error) ||
	    !g_error_matches(wait_error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&wait_error));
	return FALSE;
}

static gboolean
measure_once(Measurement *self, guint seconds, gint64 *ret_bytes_per_s, GError **error)
{
	GError *cause = NULL;
	gint64 deadline_us = g_get_monotonic_time() + (gint64)(seconds + LATE_S) * G_USEC_PER_SEC;
	if (!qmp_calc_dirty_rate(self->qemu->qmp, seconds, self->mode, self->sample_pages, &cause))
		return fail(cause, error);
	do {
		if (!wait_interval(self, error))
			return FALSE;
		if (!qmp_query_dirty_rate(self->qemu->qmp, ret_bytes_per_s, &cause))
			return fail(cause, error);
		if (*ret_bytes_per_s >= 0)
			return TRUE;
	} while (g_get_monotonic_time() < deadline_us);
	g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "QEMU measured for %u s and did not finish",
		    seconds + LATE_S);
	error_add_side(error, SIDE_SOURCE);
	return FALSE;
}

/* Measures @n times for @seconds; @ret_pass gets the mean. */
static gboolean
measure(Measurement *self, guint n, guint seconds, PredictPass *ret_pass, GError **error)
{
	double sum = 0;
	for (guint i = 0; i < n; i++) {
		gint64 bytes_per_s;
		if (!measure_once(self, seconds, &bytes_per_s, error))
			return FALSE;
		sum += (double)bytes_per_s;
	}
	*ret_pass = (PredictPass){ .seconds = seconds, .found_bytes = sum / n * seconds };
	return TRUE;
}

static gboolean
choose_mode(Qemu *qemu, QmpDirtyMode *ret_mode, GError **error)
{
	gboolean kvm = FALSE;
	GError *cause = NULL;
	if (!qmp_query_kvm(qemu->qmp, &kvm, &cause))
		return fail(cause, error);
	*ret_mode = kvm ? QMP_DIRTY_BITMAP : QMP_DIRTY_SAMPLING;
	return TRUE;
}

gboolean
ram_rate_measure(Qemu *qemu, gint64 time_us, guint64 ram_bytes, RamRateIdle idle,
		 gpointer idle_data, GCancellable *cancellable, RamRate *ret_rate, GError **error)
{
	double wanted = SAMPLED_PAGES * GIB / (double)MAX(ram_bytes, 1);
	Measurement self = { .qemu = qemu,
			     .sample_pages = (guint)CLAMP(wanted, MIN_SAMPLES, MAX_SAMPLES),
			     .idle = idle,
			     .idle_data = idle_data,
			     .cancellable = cancellable };
	if (!choose_mode(qemu, &self.mode, error))
		return FALSE;
	gint64 seconds = MAX(time_us / G_USEC_PER_SEC, 1);
	gint64 long_s = MIN(seconds - N_BRIEF * BRIEF_S, MAX_S);
	gboolean is_long = long_s >= MIN_LONG_S;
	PredictPass passes[2];
	guint n_brief = is_long ? N_BRIEF : (guint)MIN(seconds, N_BRIEF);
	if (!measure(&self, n_brief, BRIEF_S, &passes[0], error) ||
	    (is_long && !measure(&self, 1, (guint)long_s, &passes[1], error)))
		return FALSE;
	double hot_bytes, bytes_per_s;
	predict_fit(passes, is_long ? 2 : 1, (double)MAX(ram_bytes, 1), &hot_bytes, &bytes_per_s);
	/* The fitted rate is only as exact as the fitted set, so the rate is what the short
	 * measurement counted. */
	*ret_rate = (RamRate){ self.mode, (gint64)(passes[0].found_bytes / BRIEF_S),
			       (gint64)hot_bytes };
	return TRUE;
}
