/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwSample: all counters at one instant, as data. An unknown number is -1 in the struct and absent
 * from the JSON, in both directions; it is never 0.
 *
 * The phase is a string that is never freed. So a phase that comes from JSON must be short and
 * plain before it is interned.
 */
#include "engine/gw-sample.h"

#include <string.h>

#include "engine/data/number-json.h"
#include "engine/data/sample-json.h"
#include "engine/data/vgpu-json.h"

#define PHASE_BYTES  24
#define MAX_CHANNELS 256

G_DEFINE_BOXED_TYPE(GwSample, gw_sample, gw_sample_copy, gw_sample_free)

typedef struct {
	const char *name;
	gsize offset;
} Counter;

static const Counter counters[] = {
	{ "ram_total_bytes", G_STRUCT_OFFSET(GwSample, ram_total_bytes) },
	{ "ram_transferred_bytes", G_STRUCT_OFFSET(GwSample, ram_transferred_bytes) },
	{ "ram_remaining_bytes", G_STRUCT_OFFSET(GwSample, ram_remaining_bytes) },
	{ "ram_dirty_bytes_per_s", G_STRUCT_OFFSET(GwSample, ram_dirty_bytes_per_s) },
	{ "passes", G_STRUCT_OFFSET(GwSample, passes) },
	{ "bandwidth_bytes_per_s", G_STRUCT_OFFSET(GwSample, bandwidth_bytes_per_s) },
	{ "vfio_transferred_bytes", G_STRUCT_OFFSET(GwSample, vfio_transferred_bytes) },
	{ "expected_downtime_us", G_STRUCT_OFFSET(GwSample, expected_downtime_us) },
	{ "downtime_limit_us", G_STRUCT_OFFSET(GwSample, downtime_limit_us) },
};

static const Counter vgpu_numbers[] = {
	{ "transferred_bytes", G_STRUCT_OFFSET(GwVgpuSample, transferred_bytes) },
	{ "precopy_bytes", G_STRUCT_OFFSET(GwVgpuSample, precopy_bytes) },
	{ "stop_copy_bytes", G_STRUCT_OFFSET(GwVgpuSample, stop_copy_bytes) },
	{ "remaining_bytes", G_STRUCT_OFFSET(GwVgpuSample, remaining_bytes) },
	{ "dirty_bytes_per_s", G_STRUCT_OFFSET(GwVgpuSample, dirty_bytes_per_s) },
};

static const Counter channel_counters[] = {
	{ "acked_bytes", G_STRUCT_OFFSET(GwChannelSample, acked_bytes) },
	{ "unsent_bytes", G_STRUCT_OFFSET(GwChannelSample, unsent_bytes) },
	{ "rtt_us", G_STRUCT_OFFSET(GwChannelSample, rtt_us) },
	{ "cwnd_bytes", G_STRUCT_OFFSET(GwChannelSample, cwnd_bytes) },
	{ "retransmits", G_STRUCT_OFFSET(GwChannelSample, retransmits) },
	{ "delivery_bytes_per_s", G_STRUCT_OFFSET(GwChannelSample, delivery_bytes_per_s) },
};

static const Counter numbers[] = {
	{ "total_transferred_bytes", G_STRUCT_OFFSET(GwSample, total_transferred_bytes) },
	{ "total_remaining_bytes", G_STRUCT_OFFSET(GwSample, total_remaining_bytes) },
	{ "total_dirty_bytes_per_s", G_STRUCT_OFFSET(GwSample, total_dirty_bytes_per_s) },
	{ "predicted_downtime_us", G_STRUCT_OFFSET(GwSample, predicted_downtime_us) },
	{ "predicted_left_us", G_STRUCT_OFFSET(GwSample, predicted_left_us) },
};

static void
vgpu_free(gpointer data)
{
	GwVgpuSample *vgpu = data;
	g_free(vgpu->id);
	g_free(vgpu);
}

GwSample *
gw_sample_new(void)
{
	GwSample *self = g_new0(GwSample, 1);
	self->vgpus = g_ptr_array_new_with_free_func(vgpu_free);
	self->channels = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < G_N_ELEMENTS(counters); i++)
		G_STRUCT_MEMBER(gint64, self, counters[i].offset) = -1;
	for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
		G_STRUCT_MEMBER(GwNumber, self, numbers[i].offset) = GW_NUMBER_UNKNOWN;
	return self;
}

GwVgpuSample *
sample_add_vgpu(GwSample *self, const char *id, gint64 vram_bytes)
{
	GwVgpuSample *vgpu = g_new0(GwVgpuSample, 1);
	vgpu->id = g_strdup(id);
	vgpu->vram_bytes = vram_bytes;
	for (guint i = 0; i < G_N_ELEMENTS(vgpu_numbers); i++)
		G_STRUCT_MEMBER(GwNumber, vgpu, vgpu_numbers[i].offset) = GW_NUMBER_UNKNOWN;
	g_ptr_array_add(self->vgpus, vgpu);
	return vgpu;
}

GwChannelSample *
sample_add_channel(GwSample *self, guint index)
{
	GwChannelSample *channel = g_new0(GwChannelSample, 1);
	channel->index = index;
	for (guint i = 0; i < G_N_ELEMENTS(channel_counters); i++)
		G_STRUCT_MEMBER(gint64, channel, channel_counters[i].offset) = -1;
	g_ptr_array_add(self->channels, channel);
	return channel;
}

static gpointer
copy_channel(gconstpointer channel, gpointer data)
{
	return g_memdup2(channel, sizeof(GwChannelSample));
}

GwSample *
gw_sample_copy(const GwSample *self)
{
	GwSample *copy = g_memdup2(self, sizeof *self);
	copy->held_up_by = g_strdup(self->held_up_by);
	copy->vgpus = g_ptr_array_new_with_free_func(vgpu_free);
	for (guint i = 0; i < self->vgpus->len; i++) {
		GwVgpuSample *vgpu =
			g_memdup2(g_ptr_array_index(self->vgpus, i), sizeof(GwVgpuSample));
		vgpu->id = g_strdup(vgpu->id);
		g_ptr_array_add(copy->vgpus, vgpu);
	}
	copy->channels = g_ptr_array_copy(self->channels, copy_channel, NULL);
	g_ptr_array_set_free_func(copy->channels, g_free);
	return copy;
}

void
gw_sample_free(GwSample *self)
{
	if (self == NULL)
		return;
	g_free(self->held_up_by);
	g_ptr_array_unref(self->vgpus);
	g_ptr_array_unref(self->channels);
	g_free(self);
}

/* The sum of RAM's part, as QEMU counted it, and the part of each vGPU. */
static GwNumber
sum(const GwSample *self, gint64 ram, gsize vgpu_offset)
{
	GwNumber total = gw_number(ram, GW_SOURCE_QEMU, GW_CONFIDENCE_MEASURED);
	for (guint i = 0; i < self->vgpus->len; i++) {
		const GwVgpuSample *vgpu = g_ptr_array_index(self->vgpus, i);
		total = gw_number_add(total, G_STRUCT_MEMBER(GwNumber, vgpu, vgpu_offset));
	}
	return total;
}

void
sample_sum(GwSample *self)
{
	self->total_transferred_bytes = sum(self, self->ram_transferred_bytes,
					    G_STRUCT_OFFSET(GwVgpuSample, transferred_bytes));
	self->total_remaining_bytes = sum(self, self->ram_remaining_bytes,
					  G_STRUCT_OFFSET(GwVgpuSample, remaining_bytes));
	self->total_dirty_bytes_per_s = sum(self, self->ram_dirty_bytes_per_s,
					    G_STRUCT_OFFSET(GwVgpuSample, dirty_bytes_per_s));
}

static JsonArray *
vgpus_to_array(const GwSample *self)
{
	JsonArray *array = json_array_new();
	for (guint i = 0; i < self->vgpus->len; i++) {
		const GwVgpuSample *vgpu = g_ptr_array_index(self->vgpus, i);
		JsonObject *object = json_object_new();
		fields_add_string(object, "id", vgpu->id);
		fields_add_known(object, "vram_bytes", vgpu->vram_bytes);
		if (vgpu->has_precopy)
			json_object_set_boolean_member(object, "has_precopy", TRUE);
		for (guint n = 0; n < G_N_ELEMENTS(vgpu_numbers); n++)
			number_add_member(object, vgpu_numbers[n].name,
					  G_STRUCT_MEMBER(GwNumber, vgpu, vgpu_numbers[n].offset));
		json_array_add_object_element(array, object);
	}
	return array;
}

static JsonArray *
channels_to_array(const GwSample *self)
{
	JsonArray *array = json_array_new();
	for (guint i = 0; i < self->channels->len; i++) {
		const GwChannelSample *channel = g_ptr_array_index(self->channels, i);
		JsonObject *object = json_object_new();
		json_object_set_int_member(object, "index", channel->index);
		for (guint n = 0; n < G_N_ELEMENTS(channel_counters); n++)
			fields_add_known(object, channel_counters[n].name,
					 G_STRUCT_MEMBER(gint64, channel,
							 channel_counters[n].offset));
		json_array_add_object_element(array, object);
	}
	return array;
}

JsonNode *
sample_to_node(const GwSample *self)
{
	JsonObject *object = json_object_new();
	json_object_set_int_member(object, "time_us", self->time_us);
	fields_add_string(object, "phase", self->phase);
	for (guint i = 0; i < G_N_ELEMENTS(counters); i++)
		fields_add_known(object, counters[i].name,
				 G_STRUCT_MEMBER(gint64, self, counters[i].offset));
	if (self->vgpus->len > 0)
		json_object_set_array_member(object, "vgpus", vgpus_to_array(self));
	if (self->channels->len > 0)
		json_object_set_array_member(object, "channels", channels_to_array(self));
	for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
		number_add_member(object, numbers[i].name,
				  G_STRUCT_MEMBER(GwNumber, self, numbers[i].offset));
	fields_add_string(object, "held_up_by", self->held_up_by);
	return fields_node(object);
}

char *
gw_sample_to_json(const GwSample *self)
{
	return fields_take_text(sample_to_node(self), FALSE);
}

/* The string is interned forever, so only possible names of phases are accepted. */
static const char *
read_phase(Fields *fields)
{
	g_autofree char *word = fields_string(fields, "phase", FIELDS_OPTIONAL, PHASE_BYTES);
	if (word == NULL)
		return NULL;
	if (strspn(word, "abcdefghijklmnopqrstuvwxyz-") != strlen(word)) {
		fields_fail(fields, "phase", "is not the name of a phase");
		return NULL;
	}
	return g_intern_string(word);
}

static gboolean
read_vgpu(GwSample *self, JsonNode *node, const char *path, GError **error)
{
	Fields fields;
	fields_init(&fields, node, path);
	g_autofree char *id = fields_string(&fields, "id", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	GwVgpuSample *vgpu =
		sample_add_vgpu(self, id, fields_count(&fields, "vram_bytes", FIELDS_OPTIONAL));
	vgpu->has_precopy = fields_boolean(&fields, "has_precopy", FIELDS_OPTIONAL);
	for (guint i = 0; i < G_N_ELEMENTS(vgpu_numbers); i++)
		G_STRUCT_MEMBER(GwNumber, vgpu, vgpu_numbers[i].offset) =
			number_read_member(&fields, vgpu_numbers[i].name);
	return fields_end(&fields, error);
}

static gboolean
read_channel(GwSample *self, JsonNode *node, const char *path, GError **error)
{
	Fields fields;
	fields_init(&fields, node, path);
	GwChannelSample *channel = sample_add_channel(self, 0);
	channel->index = MAX(0, fields_count(&fields, "index", FIELDS_REQUIRED));
	for (guint i = 0; i < G_N_ELEMENTS(channel_counters); i++)
		G_STRUCT_MEMBER(gint64, channel, channel_counters[i].offset) =
			fields_count(&fields, channel_counters[i].name, FIELDS_OPTIONAL);
	return fields_end(&fields, error);
}

typedef gboolean (*ReadItem)(GwSample *self, JsonNode *node, const char *path, GError **error);

static gboolean
read_items(GwSample *self, JsonArray *array, const char *path, const char *name, ReadItem read,
	   GError **error)
{
	guint n = array != NULL ? json_array_get_length(array) : 0;
	for (guint i = 0; i < n; i++) {
		g_autofree char *item = g_strdup_printf("%s: %s[%u]", path, name, i);
		if (!read(self, json_array_get_element(array, i), item, error))
			return FALSE;
	}
	return TRUE;
}

GwSample *
sample_from_node(JsonNode *node, const char *path, GError **error)
{
	g_autoptr(GwSample) self = gw_sample_new();
	Fields fields;
	fields_init(&fields, node, path);
	self->time_us = fields_moment(&fields, "time_us");
	self->phase = read_phase(&fields);
	for (guint i = 0; i < G_N_ELEMENTS(counters); i++)
		G_STRUCT_MEMBER(gint64, self, counters[i].offset) =
			fields_count(&fields, counters[i].name, FIELDS_OPTIONAL);
	for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
		G_STRUCT_MEMBER(GwNumber, self, numbers[i].offset) =
			number_read_member(&fields, numbers[i].name);
	self->held_up_by = fields_string(&fields, "held_up_by", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	JsonArray *vgpus = fields_array(&fields, "vgpus", FIELDS_OPTIONAL, VGPU_MAX);
	JsonArray *channels = fields_array(&fields, "channels", FIELDS_OPTIONAL, MAX_CHANNELS);
	if (!fields_end(&fields, error) ||
	    !read_items(self, vgpus, path, "vgpus", read_vgpu, error) ||
	    !read_items(self, channels, path, "channels", read_channel, error))
		return NULL;
	return g_steal_pointer(&self);
}
