/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwDirtyRate as data: made, filled, copied, its conclusions and its JSON, and the thread in which it is measured
 * (dirty-rate-run.c does that).
 */
#include "engine/gw-dirty-rate.h"

#include "engine/data/dirty-rate-json.h"
#include "engine/gw-session.h"
#include "engine/data/number-json.h"
#include "engine/forecast/predict.h"
#include "engine/data/prediction-json.h"

#define DEFAULT_TIME_US	 (10 * G_USEC_PER_SEC)
#define DEFAULT_LIMIT_US (300 * 1000)
#define MEASURED_OFF	 0.1
#define MIGRATING_FACTOR 3 /* a guest was seen to write up to so much more while it is migrated */

G_DEFINE_BOXED_TYPE(GwDirtyRate, gw_dirty_rate, gw_dirty_rate_copy, gw_dirty_rate_free)

static void
vgpu_free(gpointer data)
{
	GwDirtyRateVgpu *vgpu = data;
	g_free(vgpu->id);
	g_free(vgpu->type);
	g_free(vgpu->method);
	g_free(vgpu->note);
	g_free(vgpu);
}

GwDirtyRate *
dirty_rate_new(void)
{
	GwDirtyRate *self = g_new0(GwDirtyRate, 1);
	self->lasted_us = -1;
	self->ram_total_bytes = -1;
	self->ram_dirty_bytes_per_s = GW_NUMBER_UNKNOWN;
	self->ram_hot_bytes = GW_NUMBER_UNKNOWN;
	self->total_dirty_bytes_per_s = GW_NUMBER_UNKNOWN;
	self->vgpus = g_ptr_array_new_with_free_func(vgpu_free);
	self->probe_us = -1;
	self->probe_sent_bytes = -1;
	return self;
}

GwDirtyRateVgpu *
dirty_rate_add_vgpu(GwDirtyRate *self, const char *id, const char *type, gint64 vram_bytes)
{
	GwDirtyRateVgpu *vgpu = g_new0(GwDirtyRateVgpu, 1);
	vgpu->id = g_strdup(id);
	vgpu->type = g_strdup(type);
	vgpu->vram_bytes = vram_bytes;
	vgpu->stop_bytes = GW_NUMBER_UNKNOWN;
	vgpu->dirty_bytes_per_s = GW_NUMBER_UNKNOWN;
	g_ptr_array_add(self->vgpus, vgpu);
	return vgpu;
}

static gpointer
copy_vgpu(gconstpointer data, gpointer user_data)
{
	GwDirtyRateVgpu *vgpu = g_memdup2(data, sizeof *vgpu);
	vgpu->id = g_strdup(vgpu->id);
	vgpu->type = g_strdup(vgpu->type);
	vgpu->method = g_strdup(vgpu->method);
	vgpu->note = g_strdup(vgpu->note);
	return vgpu;
}

GwDirtyRate *
gw_dirty_rate_copy(const GwDirtyRate *self)
{
	GwDirtyRate *copy = g_memdup2(self, sizeof *self);
	copy->ram_method = g_strdup(self->ram_method);
	copy->vgpus = g_ptr_array_copy(self->vgpus, copy_vgpu, NULL);
	g_ptr_array_set_free_func(copy->vgpus, vgpu_free);
	copy->prediction = gw_prediction_copy(self->prediction);
	return copy;
}

void
gw_dirty_rate_free(GwDirtyRate *self)
{
	if (self == NULL)
		return;
	g_free(self->ram_method);
	g_ptr_array_unref(self->vgpus);
	gw_prediction_free(self->prediction);
	g_free(self);
}

/* ---- conclusions ---- */

static void
set_ram(const GwDirtyRate *self, PredictSource *source)
{
	gint64 rate = self->ram_dirty_bytes_per_s.value;
	source->pending_bytes = predict_exactly(self->ram_total_bytes);
	source->dirty_bytes_per_s = predict_about(rate, MEASURED_OFF);
	if (rate >= 0)
		source->dirty_bytes_per_s.high = MIN(rate, G_MAXINT64 / 4) * MIGRATING_FACTOR;
	source->hot_bytes = predict_about(self->ram_hot_bytes.value, MEASURED_OFF);
	source->stop_bytes = predict_exactly(0);
	source->confidence = GW_CONFIDENCE_ESTIMATED;
}

/* Nobody told but earlier migrations of the type: what they sent is likely, more than the frame buffer is not. */
static void
set_learned(const GwDirtyRateVgpu *vgpu, GwRange sent_per_mille, PredictSource *source)
{
	double bytes = (double)vgpu->stop_bytes.value / 1000;
	source->stop_bytes = (GwRange){ (gint64)(bytes * (double)sent_per_mille.low),
					(gint64)(bytes * (double)sent_per_mille.likely),
					vgpu->stop_bytes.value };
	source->confidence = GW_CONFIDENCE_ESTIMATED;
}

/* With a rate it is sent while the guest runs. Without one all of it may be dirty when the guest stops: that is never too
 * little. */
static void
set_vgpu(const GwDirtyRateVgpu *vgpu, GwRange sent_per_mille, PredictSource *source)
{
	GwNumber rate = vgpu->dirty_bytes_per_s, stop = vgpu->stop_bytes;
	gint64 all_bytes = vgpu->vram_bytes >= 0 ? vgpu->vram_bytes : stop.value;
	gboolean is_sent_running = gw_number_is_known(rate);
	source->id = vgpu->id;
	source->pending_bytes = predict_exactly(is_sent_running ? all_bytes : 0);
	source->hot_bytes = predict_exactly(is_sent_running ? all_bytes : 0);
	source->dirty_bytes_per_s = predict_exactly(0);
	source->stop_bytes = predict_exactly(0);
	source->confidence = is_sent_running ? rate.confidence : stop.confidence;
	if (is_sent_running && rate.confidence == GW_CONFIDENCE_LOWER_BOUND)
		source->dirty_bytes_per_s = (GwRange){ rate.value, rate.value, -1 };
	else if (is_sent_running)
		source->dirty_bytes_per_s = predict_about(rate.value, MEASURED_OFF);
	else if (stop.confidence == GW_CONFIDENCE_BOUND && sent_per_mille.likely >= 0)
		set_learned(vgpu, sent_per_mille, source);
	else if (stop.confidence == GW_CONFIDENCE_BOUND)
		source->stop_bytes = predict_at_most(stop.value);
	else
		source->stop_bytes = predict_about(stop.value, MEASURED_OFF);
}

static GwPrediction *
predict_at(const GwDirtyRate *self, const Learned *learned, gint64 bandwidth_bytes_per_s,
	   gint64 max_downtime_us)
{
	PredictSource sources[PREDICT_SOURCES_MAX];
	guint n = MIN(self->vgpus->len, VGPU_MAX);
	for (guint i = 0; i <= n; i++)
		sources[i] = (PredictSource){ .device_bytes_per_s = predict_exactly(-1) };
	set_ram(self, &sources[0]);
	for (guint i = 0; i < n; i++)
		set_vgpu(g_ptr_array_index(self->vgpus, i), learned->sent_per_mille[i],
			 &sources[1 + i]);
	PredictTerms terms = learned->terms;
	terms.bandwidth_bytes_per_s = predict_exactly(bandwidth_bytes_per_s);
	terms.max_downtime_us = max_downtime_us;
	return predict(&terms, sources, n + 1);
}

void
dirty_rate_conclude(GwDirtyRate *self, const Learned *learned, gint64 bandwidth_bytes_per_s,
		    gint64 max_downtime_us)
{
	self->total_dirty_bytes_per_s = self->ram_dirty_bytes_per_s;
	for (guint i = 0; i < self->vgpus->len; i++) {
		const GwDirtyRateVgpu *vgpu = g_ptr_array_index(self->vgpus, i);
		self->total_dirty_bytes_per_s =
			gw_number_add(self->total_dirty_bytes_per_s, vgpu->dirty_bytes_per_s);
	}
	gw_prediction_free(self->prediction);
	self->prediction =
		bandwidth_bytes_per_s > 0
			? predict_at(self, learned, bandwidth_bytes_per_s, max_downtime_us)
			: NULL;
}

/* ---- JSON ---- */

static JsonArray *
vgpus_to_array(const GwDirtyRate *self)
{
	JsonArray *array = json_array_new();
	for (guint i = 0; i < self->vgpus->len; i++) {
		const GwDirtyRateVgpu *vgpu = g_ptr_array_index(self->vgpus, i);
		JsonObject *object = json_object_new();
		fields_add_string(object, "id", vgpu->id);
		fields_add_string(object, "type", vgpu->type);
		fields_add_known(object, "vram_bytes", vgpu->vram_bytes);
		number_add_member(object, "stop_bytes", vgpu->stop_bytes);
		number_add_member(object, "dirty_bytes_per_s", vgpu->dirty_bytes_per_s);
		fields_add_string(object, "method", vgpu->method);
		fields_add_string(object, "note", vgpu->note);
		json_array_add_object_element(array, object);
	}
	return array;
}

static JsonObject *
ram_to_object(const GwDirtyRate *self)
{
	JsonObject *ram = json_object_new();
	fields_add_known(ram, "total_bytes", self->ram_total_bytes);
	number_add_member(ram, "dirty_bytes_per_s", self->ram_dirty_bytes_per_s);
	number_add_member(ram, "hot_bytes", self->ram_hot_bytes);
	fields_add_string(ram, "method", self->ram_method);
	return ram;
}

char *
gw_dirty_rate_to_json(const GwDirtyRate *self)
{
	JsonObject *object = json_object_new();
	JsonObject *total = json_object_new();
	fields_add_known(object, "lasted_us", self->lasted_us);
	json_object_set_object_member(object, "ram", ram_to_object(self));
	json_object_set_array_member(object, "vgpus", vgpus_to_array(self));
	number_add_member(total, "dirty_bytes_per_s", self->total_dirty_bytes_per_s);
	json_object_set_object_member(object, "total", total);
	if (self->probe_us >= 0) {
		JsonObject *probe = json_object_new();
		fields_add_known(probe, "lasted_us", self->probe_us);
		fields_add_known(probe, "sent_bytes", self->probe_sent_bytes);
		json_object_set_object_member(object, "probe", probe);
	}
	if (self->prediction != NULL)
		json_object_set_member(object, "prediction", prediction_to_node(self->prediction));
	return fields_take_text(fields_node(object), TRUE);
}

/* ---- the thread ---- */

static gpointer
copy_options(const GwDirtyRateOptions *options)
{
	GwDirtyRateOptions *copy = g_memdup2(options, sizeof *options);
	copy->qmp_path = g_strdup(options->qmp_path);
	copy->state_dir =
		options->state_dir != NULL ? g_strdup(options->state_dir) : gw_default_state_dir();
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
	GwDirtyRate *made = dirty_rate_run(data, cancellable, &error);
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
	/* A cancel is told only when the guest is as it was. */
	g_task_set_check_cancellable(task, FALSE);
	g_task_run_in_thread(task, run_in_thread);
}

GwDirtyRate *
gw_dirty_rate_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}
