/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measures the dirty rate of a running VM. QEMU measures RAM (ram-rate.c). Meanwhile each vGPU's
 * driver is asked how much it would send. On request a probe (probe.c) measures everything.
 *
 * No interface reports what a vGPU's engines write while no migration is under way. A changed size
 * means that memory was allocated or freed, not that it was written. So without a probe a vGPU has
 * no dirty rate, only the bytes that it may have to send.
 */
#include "engine/data/vgpu-json.h"
#include "engine/data/dirty-rate-json.h"
#include "engine/forecast/dirty-rate-forecast.h"
#include "engine/gw-error.h"
#include "engine/util/error-host.h"
#include "engine/record/learning-file.h"
#include "engine/record/state-dir.h"
#include "engine/util/scoped-context.h"
#include "engine/measure/probe.h"
#include "engine/measure/ram-rate.h"
#include "engine/host/survey-qemu.h"
#include "engine/host/vgpu-host.h"
#include "vfio/vfio-feature.h"

#define DEFAULT_TIME_US	 (10 * G_USEC_PER_SEC)
#define DEFAULT_LIMIT_US (300 * 1000)
#define ASK_DEVICES_US	 G_USEC_PER_SEC /* some drivers forward the question to the board */

typedef struct {
	Qemu *qemu;
	GwSurvey *survey;
	VfioHost *host; /* (nullable) */
	gint64 asked_us;
	GwDirtyRate *result;
} DirtyRateRun;

static void
dirty_rate_run_clear(DirtyRateRun *self)
{
	g_clear_pointer(&self->host, vfio_host_unref);
	gw_survey_free(self->survey);
	qemu_free(self->qemu);
	gw_dirty_rate_free(self->result);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DirtyRateRun, dirty_rate_run_clear);

static const GwVgpu *
vgpu_at(const DirtyRateRun *self, guint i)
{
	return g_ptr_array_index(self->survey->vgpus, i);
}

static gboolean
check_idle(DirtyRateRun *self, GError **error)
{
	g_auto(QmpMigrateInfo) info;
	g_autoptr(GError) cause = NULL;
	qmp_migrate_info_init(&info);
	if (!qmp_query_migrate(self->qemu->qmp, &info, &cause)) {
		g_set_error(error, GW_ERROR, GW_ERROR_MONITOR_LOST, "%s", cause->message);
		error_add_side(error, SIDE_SOURCE);
		return FALSE;
	}
	if (qmp_migrate_status_is_final(info.status))
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_BUSY, "a migration of this VM is under way (%s)",
		    qmp_migrate_status_to_string(info.status));
	error_add_side(error, SIDE_SOURCE);
	return FALSE;
}

/* ---- the drivers' answers ---- */

static void
take_size(GwDirtyRateVgpu *vgpu, gint64 stop_bytes)
{
	if (stop_bytes < vgpu->stop_bytes.value || stop_bytes < 0)
		return;
	vgpu->stop_bytes = gw_number(stop_bytes, GW_SOURCE_DEVICE, GW_CONFIDENCE_MEASURED);
}

static void
list_vgpus(DirtyRateRun *self)
{
	guint n = self->survey->vgpus != NULL ? self->survey->vgpus->len : 0;
	for (guint i = 0; i < n; i++) {
		const GwVgpu *from = vgpu_at(self, i);
		const char *id = vgpu_display_name(from);
		take_size(dirty_rate_add_vgpu(self->result, id, from->type, from->vram_bytes),
			  from->stop_copy_bytes);
	}
	self->host = n > 0 ? vgpu_host_open(NULL) : NULL;
}

/* Runs while RAM is measured. The size goes up and down; the largest one counts. */
static void
ask_devices(gpointer data)
{
	DirtyRateRun *self = data;
	gint64 now_us = g_get_monotonic_time();
	if (self->host == NULL || now_us - self->asked_us < ASK_DEVICES_US)
		return;
	self->asked_us = now_us;
	for (guint i = 0; i < self->result->vgpus->len; i++) {
		VfioFeatures features;
		vfio_feature_ask(self->host, self->qemu->process.pid, vgpu_at(self, i)->id,
				 &features);
		take_size(g_ptr_array_index(self->result->vgpus, i), features.stop_copy_bytes);
	}
}

/* If the driver does not report the size, the frame buffer is the upper bound. */
static void
describe_passively(DirtyRateRun *self)
{
	for (guint i = 0; i < self->result->vgpus->len; i++) {
		GwDirtyRateVgpu *vgpu = g_ptr_array_index(self->result->vgpus, i);
		gboolean told = gw_number_is_known(vgpu->stop_bytes);
		if (!told)
			vgpu->stop_bytes = gw_number(vgpu->vram_bytes, GW_SOURCE_FRAMEBUFFER,
						     GW_CONFIDENCE_BOUND);
		vgpu->method = g_strdup(told			? "data-size"
					: vgpu->vram_bytes >= 0 ? "framebuffer"
								: "none");
		vgpu->note = g_strdup("only a probe shows what its engines write");
	}
}

/* ---- the steps ---- */

static gboolean
measure_ram(DirtyRateRun *self, gint64 time_us, GCancellable *cancellable, GError **error)
{
	RamRate rate;
	GwDirtyRate *result = self->result;
	if (!ram_rate_measure(self->qemu, time_us, self->survey->ram_bytes, ask_devices, self,
			      cancellable, &rate, error))
		return FALSE;
	result->ram_dirty_bytes_per_s =
		gw_number(rate.bytes_per_s, GW_SOURCE_QEMU,
			  rate.mode == QMP_DIRTY_BITMAP ? GW_CONFIDENCE_MEASURED
							: GW_CONFIDENCE_ESTIMATED);
	result->ram_hot_bytes = gw_number(rate.hot_bytes, GW_SOURCE_MODEL, GW_CONFIDENCE_ESTIMATED);
	result->ram_method = g_strdup(qmp_dirty_mode_to_string(rate.mode));
	return TRUE;
}

static void
take_probed_vgpu(DirtyRateRun *self, guint i, const ProbeRate *rate)
{
	GwDirtyRateVgpu *vgpu = g_ptr_array_index(self->result->vgpus, i);
	const GwVgpu *from = vgpu_at(self, i);
	gboolean sends =
		from->migration_flags < 0 || (from->migration_flags & GW_VGPU_PRE_COPY) != 0;
	g_free(vgpu->method);
	g_free(vgpu->note);
	vgpu->method = g_strdup("probe");
	vgpu->note = NULL;
	vgpu->dirty_bytes_per_s =
		sends ? probe_rate_get(rate, from->vram_bytes) : GW_NUMBER_UNKNOWN;
	if (!sends)
		vgpu->note = g_strdup("it sends nothing while the guest runs");
	else if (!gw_number_is_known(vgpu->dirty_bytes_per_s))
		vgpu->note = g_strdup("its memory was not sent once: give the probe more time");
	else if (vgpu->dirty_bytes_per_s.confidence == GW_CONFIDENCE_LOWER_BOUND)
		vgpu->note = g_strdup("its memory is written faster than QEMU reads it");
}

static gboolean
probe_all(DirtyRateRun *self, const GwDirtyRateOptions *options, GCancellable *cancellable,
	  GError **error)
{
	g_auto(ProbeResult) probed;
	GwDirtyRate *result = self->result;
	if (!probe_run(self->qemu, self->survey, options->time_us, options->state_dir, cancellable,
		       &probed, error))
		return FALSE;
	result->probe_us = probed.lasted_us;
	result->probe_sent_bytes = probed.sent_bytes;
	for (guint i = 0; i < result->vgpus->len; i++)
		take_probed_vgpu(self, i, &g_array_index(probed.vgpus, ProbeRate, i));
	return TRUE;
}

static GwDirtyRate *
run(const GwDirtyRateOptions *options, GCancellable *cancellable, GError **error)
{
	g_auto(PrivateContext) context = private_context_push();
	g_auto(DirtyRateRun) self = { .result = dirty_rate_new() };
	gint64 began_us = g_get_monotonic_time();
	self.qemu = qemu_attach(options->qmp_path, side_to_string(SIDE_SOURCE), cancellable, error);
	if (self.qemu == NULL || !check_idle(&self, error))
		return NULL;
	self.survey = survey_take(self.qemu, error);
	if (self.survey == NULL)
		return NULL;
	if (options->probe && !probe_check(self.survey, error))
		return NULL;
	qemu_start_heartbeat(self.qemu);
	self.result->ram_total_bytes = (gint64)MIN(self.survey->ram_bytes, G_MAXINT64);
	list_vgpus(&self);
	if (!measure_ram(&self, options->time_us, cancellable, error))
		return NULL;
	describe_passively(&self);
	if (options->probe && !probe_all(&self, options, cancellable, error))
		return NULL;
	self.result->lasted_us = g_get_monotonic_time() - began_us;
	g_autoptr(GPtrArray) learning = learning_load(options->state_dir);
	Learned learned;
	learning_look_up(learning, self.survey->vgpus, &learned);
	dirty_rate_conclude(self.result, &learned, options->bandwidth_bytes_per_s,
			    options->downtime_limit_us);
	return g_steal_pointer(&self.result);
}

/* ---- the thread ---- */

static gpointer
copy_options(const GwDirtyRateOptions *options)
{
	GwDirtyRateOptions *copy = g_memdup2(options, sizeof *options);
	copy->qmp_path = g_strdup(options->qmp_path);
	copy->state_dir = state_dir_choose(options->state_dir);
	if (copy->time_us <= 0)
		copy->time_us = DEFAULT_TIME_US;
	if (copy->downtime_limit_us <= 0)
		copy->downtime_limit_us = DEFAULT_LIMIT_US;
	return copy;
}

static void
free_options(gpointer data)
{
	GwDirtyRateOptions *options = data;
	g_free((char *)options->qmp_path);
	g_free((char *)options->state_dir);
	g_free(options);
}

static void
run_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	GError *error = NULL;
	GwDirtyRate *made = run(data, cancellable, &error);
	if (made != NULL)
		g_task_return_pointer(task, made, (GDestroyNotify)gw_dirty_rate_free);
	else
		g_task_return_error(task, error);
}

void
gw_dirty_rate_async(const GwDirtyRateOptions *options, GCancellable *cancellable,
		    GAsyncReadyCallback callback, gpointer data)
{
	g_autoptr(GTask) task = g_task_new(NULL, cancellable, callback, data);
	g_task_set_source_tag(task, gw_dirty_rate_async);
	g_task_set_task_data(task, copy_options(options), free_options);
	/* A cancel is reported only after QEMU's settings are restored. */
	g_task_set_check_cancellable(task, FALSE);
	g_task_run_in_thread(task, run_in_thread);
}

GwDirtyRate *
gw_dirty_rate_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}
