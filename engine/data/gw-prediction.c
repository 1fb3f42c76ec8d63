/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwPrediction as data: made, copied, freed, and its JSON, in which an unknown number is absent.
 * predict.c computes it.
 */
#include "engine/gw-prediction.h"

#include "engine/util/json-fields.h"
#include "engine/data/number-json.h"
#include "engine/data/prediction-json.h"
#include "engine/data/vgpu-json.h"

#define MAX_PARTS (VGPU_MAX + 16)

G_DEFINE_BOXED_TYPE(GwPrediction, gw_prediction, gw_prediction_copy, gw_prediction_free)

static const GwRange unknown = { -1, -1, -1 };

static const struct {
	const char *name;
	gsize offset;
} ranges[] = {
	{ "needed_downtime_limit_us", G_STRUCT_OFFSET(GwPrediction, needed_downtime_limit_us) },
	{ "passes", G_STRUCT_OFFSET(GwPrediction, passes) },
	{ "total_us", G_STRUCT_OFFSET(GwPrediction, total_us) },
	{ "downtime_us", G_STRUCT_OFFSET(GwPrediction, downtime_us) },
};

static const struct {
	const char *name;
	gsize offset;
} counts[] = {
	{ "bandwidth_bytes_per_s", G_STRUCT_OFFSET(GwPrediction, bandwidth_bytes_per_s) },
	{ "downtime_limit_us", G_STRUCT_OFFSET(GwPrediction, downtime_limit_us) },
};

static void
part_free(gpointer data)
{
	GwPredictedPart *part = data;
	g_free(part->name);
	g_free(part->id);
	g_free(part);
}

GwPrediction *
prediction_new(void)
{
	GwPrediction *self = g_new0(GwPrediction, 1);
	self->time_us = -1;
	self->parts = g_ptr_array_new_with_free_func(part_free);
	for (guint i = 0; i < G_N_ELEMENTS(counts); i++)
		G_STRUCT_MEMBER(gint64, self, counts[i].offset) = -1;
	for (guint i = 0; i < G_N_ELEMENTS(ranges); i++)
		G_STRUCT_MEMBER(GwRange, self, ranges[i].offset) = unknown;
	return self;
}

void
prediction_add_part(GwPrediction *self, const char *name, const char *id, GwRange us)
{
	GwPredictedPart *part = g_new0(GwPredictedPart, 1);
	part->name = g_strdup(name);
	part->id = g_strdup(id);
	part->us = us;
	g_ptr_array_add(self->parts, part);
}

GwPrediction *
gw_prediction_copy(const GwPrediction *self)
{
	if (self == NULL)
		return NULL;
	GwPrediction *copy = g_memdup2(self, sizeof *self);
	copy->held_up_by = g_strdup(self->held_up_by);
	copy->parts = g_ptr_array_new_with_free_func(part_free);
	for (guint i = 0; i < self->parts->len; i++) {
		const GwPredictedPart *part = g_ptr_array_index(self->parts, i);
		prediction_add_part(copy, part->name, part->id, part->us);
	}
	return copy;
}

void
gw_prediction_free(GwPrediction *self)
{
	if (self == NULL)
		return;
	g_free(self->held_up_by);
	g_ptr_array_unref(self->parts);
	g_free(self);
}

/* An unknown range is absent. */
static void
add_range(JsonObject *object, const char *name, GwRange range)
{
	if (range.low < 0 && range.likely < 0)
		return;
	JsonObject *member = json_object_new();
	fields_add_known(member, "low", range.low);
	fields_add_known(member, "likely", range.likely);
	fields_add_known(member, "high", range.high);
	json_object_set_object_member(object, name, member);
}

static JsonArray *
parts_to_array(const GwPrediction *self)
{
	JsonArray *array = json_array_new();
	for (guint i = 0; i < self->parts->len; i++) {
		const GwPredictedPart *part = g_ptr_array_index(self->parts, i);
		JsonObject *object = json_object_new();
		fields_add_string(object, "name", part->name);
		fields_add_string(object, "id", part->id);
		add_range(object, "us", part->us);
		json_array_add_object_element(array, object);
	}
	return array;
}

JsonNode *
prediction_to_node(const GwPrediction *self)
{
	JsonObject *object = json_object_new();
	fields_add_known(object, "time_us", self->time_us);
	for (guint i = 0; i < G_N_ELEMENTS(counts); i++)
		fields_add_known(object, counts[i].name,
				 G_STRUCT_MEMBER(gint64, self, counts[i].offset));
	json_object_set_boolean_member(object, "converges", self->converges);
	fields_add_string(object, "confidence", gw_confidence_to_string(self->confidence));
	for (guint i = 0; i < G_N_ELEMENTS(ranges); i++)
		add_range(object, ranges[i].name, G_STRUCT_MEMBER(GwRange, self, ranges[i].offset));
	json_object_set_array_member(object, "parts", parts_to_array(self));
	fields_add_string(object, "held_up_by", self->held_up_by);
	return fields_node(object);
}

char *
gw_prediction_to_json(const GwPrediction *self)
{
	return fields_take_text(prediction_to_node(self), FALSE);
}

static GwRange
read_range(Fields *fields, const char *name)
{
	JsonNode *node = fields_object(fields, name, FIELDS_OPTIONAL);
	if (node == NULL)
		return unknown;
	g_autofree char *path = g_strdup_printf("%s: %s", fields->path, name);
	Fields inner;
	fields_init(&inner, node, path);
	GwRange range = {
		.low = fields_count(&inner, "low", FIELDS_OPTIONAL),
		.likely = fields_count(&inner, "likely", FIELDS_OPTIONAL),
		.high = fields_count(&inner, "high", FIELDS_OPTIONAL),
	};
	return fields_end_inner(&inner, fields) ? range : unknown;
}

static gboolean
read_part(GwPrediction *self, JsonNode *node, const char *path, GError **error)
{
	Fields fields;
	fields_init(&fields, node, path);
	g_autofree char *name = fields_string(&fields, "name", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	g_autofree char *id = fields_string(&fields, "id", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	prediction_add_part(self, name, id, read_range(&fields, "us"));
	return fields_end(&fields, error);
}

static gboolean
read_parts(GwPrediction *self, JsonArray *array, const char *path, GError **error)
{
	guint n = array != NULL ? json_array_get_length(array) : 0;
	for (guint i = 0; i < n; i++) {
		g_autofree char *item = g_strdup_printf("%s: parts[%u]", path, i);
		if (!read_part(self, json_array_get_element(array, i), item, error))
			return FALSE;
	}
	return TRUE;
}

GwPrediction *
prediction_from_node(JsonNode *node, const char *path, GError **error)
{
	g_autoptr(GwPrediction) self = prediction_new();
	Fields fields;
	fields_init(&fields, node, path);
	self->time_us = fields_count(&fields, "time_us", FIELDS_OPTIONAL);
	for (guint i = 0; i < G_N_ELEMENTS(counts); i++)
		G_STRUCT_MEMBER(gint64, self, counts[i].offset) =
			fields_count(&fields, counts[i].name, FIELDS_OPTIONAL);
	self->converges = fields_boolean(&fields, "converges", FIELDS_REQUIRED);
	self->confidence = number_read_confidence(&fields, "confidence");
	for (guint i = 0; i < G_N_ELEMENTS(ranges); i++)
		G_STRUCT_MEMBER(GwRange, self, ranges[i].offset) =
			read_range(&fields, ranges[i].name);
	JsonArray *parts = fields_array(&fields, "parts", FIELDS_OPTIONAL, MAX_PARTS);
	self->held_up_by = fields_string(&fields, "held_up_by", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	if (!fields_end(&fields, error) || !read_parts(self, parts, path, error))
		return NULL;
	return g_steal_pointer(&self);
}
