/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwDirtyRate as data: made, filled, copied, and its JSON.
 */
#include "engine/gw-dirty-rate.h"

#include "engine/data/dirty-rate-json.h"
#include "engine/data/number-json.h"
#include "engine/data/prediction-json.h"

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
