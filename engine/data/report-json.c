/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwReport as JSON, in the form that the design defines: times in microseconds, sizes in bytes,
 * unknown values absent. Reading is the exact inverse of writing. A file may contain anything:
 * parse_object() limits its size, its depth and its cost, and json-fields.c checks each member.
 */
#include "engine/data/report-json.h"

#include <string.h>

#include "engine/data/number-json.h"
#include "engine/data/plan-json.h"
#include "engine/util/json-parse.h"
#include "engine/data/prediction-json.h"
#include "engine/data/sample-json.h"
#include "engine/data/vgpu-json.h"

#define MAX_PHASES   4096
#define MAX_WARNINGS 64
#define MAX_RECORDS  65536 /* samples or events: a run records 4,096 of each */

/* A run records 4 MiB of events and 4,096 samples of some KiB. */
static const JsonLimits report_limits = {
	.bytes = 256 * 1024 * 1024,
	.string_bytes = 1024 * 1024,
	.heap_bytes = 1024 * 1024 * 1024,
	.depth = 64,
};

/* The numbers that are plain members of an object. */
typedef struct {
	const char *name;
	gsize offset;
} Number;

static const Number top_numbers[] = {
	{ "total_us", G_STRUCT_OFFSET(GwReport, total_us) },
	{ "setup_us", G_STRUCT_OFFSET(GwReport, setup_us) },
	{ "downtime_us", G_STRUCT_OFFSET(GwReport, downtime_us) },
	{ "downtime_error_us", G_STRUCT_OFFSET(GwReport, downtime_error_us) },
	{ "downtime_qemu_us", G_STRUCT_OFFSET(GwReport, downtime_qemu_us) },
};

static const Number ram_numbers[] = {
	{ "total_bytes", G_STRUCT_OFFSET(GwReport, ram_total_bytes) },
	{ "transferred_bytes", G_STRUCT_OFFSET(GwReport, ram_transferred_bytes) },
	{ "passes", G_STRUCT_OFFSET(GwReport, ram_passes) },
	{ "dirty_bytes_per_s", G_STRUCT_OFFSET(GwReport, ram_dirty_bytes_per_s) },
};

/* The numbers of a vGPU. Each is a plain member, and "origins" has its source and confidence;
 * "source" is that of transferred. */
static const Number vgpu_numbers[] = {
	{ "transferred_bytes", G_STRUCT_OFFSET(GwReportVgpu, transferred_bytes) },
	{ "precopy_bytes", G_STRUCT_OFFSET(GwReportVgpu, precopy_bytes) },
	{ "stop_copy_bytes", G_STRUCT_OFFSET(GwReportVgpu, stop_copy_bytes) },
	{ "dirty_bytes_per_s", G_STRUCT_OFFSET(GwReportVgpu, dirty_bytes_per_s) },
};

static void
add_numbers(JsonObject *object, const GwReport *self, const Number *numbers, guint n)
{
	for (guint i = 0; i < n; i++)
		fields_add_known(object, numbers[i].name,
				 G_STRUCT_MEMBER(gint64, self, numbers[i].offset));
}

static void
read_numbers(Fields *fields, GwReport *self, const Number *numbers, guint n)
{
	for (guint i = 0; i < n; i++)
		G_STRUCT_MEMBER(gint64, self, numbers[i].offset) =
			fields_count(fields, numbers[i].name, FIELDS_OPTIONAL);
}

static void
add_error(JsonObject *object, const GwReport *self)
{
	if (self->error_message == NULL)
		return;
	JsonObject *error = json_object_new();
	fields_add_string(error, "host", self->error_host);
	fields_add_string(error, "phase", self->error_phase);
	fields_add_string(error, "code", gw_error_code_to_string(self->error_code));
	fields_add_string(error, "message", self->error_message);
	fields_add_string(error, "qemu_source", self->error_qemu_source);
	fields_add_string(error, "qemu_destination", self->error_qemu_destination);
	json_object_set_object_member(object, "error", error);
}

static JsonArray *
phases_to_array(const GwReport *self)
{
	JsonArray *array = json_array_new();
	for (guint i = 0; i < self->phases->len; i++) {
		const GwPhase *phase = g_ptr_array_index(self->phases, i);
		JsonObject *object = json_object_new();
		fields_add_string(object, "name", phase->name);
		json_object_set_int_member(object, "start_us", phase->start_us);
		if (phase->end_us != -1)
			json_object_set_int_member(object, "end_us", phase->end_us);
		json_array_add_object_element(array, object);
	}
	return array;
}

static JsonArray *
parts_to_array(const GwReport *self)
{
	JsonArray *array = json_array_new();
	for (guint i = 0; i < self->downtime_parts->len; i++) {
		const GwPart *part = g_ptr_array_index(self->downtime_parts, i);
		JsonObject *object = json_object_new();
		fields_add_string(object, "name", part->name);
		json_object_set_int_member(object, "us", part->us);
		json_array_add_object_element(array, object);
	}
	return array;
}

static JsonArray *
warnings_to_array(const GwReport *self)
{
	JsonArray *array = json_array_new();
	for (guint i = 0; i < self->warnings->len; i++)
		json_array_add_string_element(array, g_ptr_array_index(self->warnings, i));
	return array;
}

static JsonObject *
vgpu_to_object(const GwReportVgpu *vgpu)
{
	JsonObject *object = json_object_new();
	JsonObject *origins = json_object_new();
	fields_add_string(object, "id", vgpu->id);
	fields_add_string(object, "type", vgpu->type);
	fields_add_known(object, "vram_bytes", vgpu->vram_bytes);
	for (guint i = 0; i < G_N_ELEMENTS(vgpu_numbers); i++) {
		GwNumber number = G_STRUCT_MEMBER(GwNumber, vgpu, vgpu_numbers[i].offset);
		fields_add_known(object, vgpu_numbers[i].name, number.value);
		number_add_origin(origins, vgpu_numbers[i].name, number);
	}
	if (gw_number_is_known(vgpu->transferred_bytes))
		fields_add_string(object, "source",
				  gw_number_source_to_string(vgpu->transferred_bytes.source));
	fields_add_known(object, "stopped_us", vgpu->stopped_us);
	if (json_object_get_size(origins) > 0)
		json_object_set_object_member(object, "origins", origins);
	else
		json_object_unref(origins);
	return object;
}

static JsonArray *
vgpus_to_array(const GwReport *self)
{
	JsonArray *array = json_array_new();
	for (guint i = 0; i < self->vgpus->len; i++)
		json_array_add_object_element(array,
					      vgpu_to_object(g_ptr_array_index(self->vgpus, i)));
	return array;
}

static JsonArray *
connections_to_array(const GwReport *self)
{
	JsonArray *array = json_array_new();
	for (guint i = 0; i < self->connections->len; i++) {
		const GwReportConnection *item = g_ptr_array_index(self->connections, i);
		JsonObject *object = json_object_new();
		fields_add_string(object, "name", item->name);
		fields_add_string(object, "encryption", item->encryption);
		fields_add_string(object, "encryption_destination", item->encryption_destination);
		fields_add_string(object, "cipher", item->cipher);
		json_array_add_object_element(array, object);
	}
	return array;
}

static void
add_records(JsonObject *object, const GwReport *self)
{
	JsonArray *samples = json_array_new();
	for (guint i = 0; i < self->samples->len; i++)
		json_array_add_element(samples,
				       sample_to_node(g_ptr_array_index(self->samples, i)));
	json_object_set_array_member(object, "samples", samples);
	JsonArray *events = json_array_new();
	for (guint i = 0; i < self->events->len; i++)
		json_array_add_element(events, event_to_node(g_ptr_array_index(self->events, i)));
	json_object_set_array_member(object, "events", events);
}

char *
gw_report_to_json(const GwReport *self)
{
	JsonObject *object = json_object_new();
	fields_add_string(object, "godwit", GW_VERSION);
	fields_add_string(object, "outcome", gw_outcome_to_string(self->outcome));
	fields_add_string(object, "vm_runs_on", gw_place_to_string(self->vm_runs_on));
	fields_add_string(object, "vm_state", self->vm_state);
	fields_add_string(object, "left_over", self->left_over);
	if (self->warnings->len > 0)
		json_object_set_array_member(object, "warnings", warnings_to_array(self));
	add_error(object, self);
	add_numbers(object, self, top_numbers, G_N_ELEMENTS(top_numbers));
	json_object_set_array_member(object, "phases", phases_to_array(self));
	json_object_set_array_member(object, "downtime_parts", parts_to_array(self));
	JsonObject *ram = json_object_new();
	add_numbers(ram, self, ram_numbers, G_N_ELEMENTS(ram_numbers));
	json_object_set_object_member(object, "ram", ram);
	if (self->vgpus->len > 0)
		json_object_set_array_member(object, "vgpus", vgpus_to_array(self));
	if (self->connections->len > 0)
		json_object_set_array_member(object, "connections", connections_to_array(self));
	if (self->first_prediction != NULL)
		json_object_set_member(object, "first_prediction",
				       prediction_to_node(self->first_prediction));
	if (self->prediction != NULL)
		json_object_set_member(object, "prediction", prediction_to_node(self->prediction));
	if (self->plan != NULL)
		json_object_set_member(object, "plan", gw_plan_to_json_node(self->plan));
	add_records(object, self);
	return fields_take_text(fields_node(object), TRUE);
}

static gboolean
read_error(GwReport *self, JsonNode *node, GError **error)
{
	if (node == NULL)
		return TRUE;
	Fields f;
	fields_init(&f, node, "error");
	self->error_host = fields_string(&f, "host", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	self->error_phase = fields_string(&f, "phase", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	g_autofree char *code = fields_string(&f, "code", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	self->error_code = gw_error_code_from_string(code);
	self->error_message = fields_string(&f, "message", FIELDS_REQUIRED, FIELDS_TEXT_BYTES);
	self->error_qemu_source =
		fields_string(&f, "qemu_source", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	self->error_qemu_destination =
		fields_string(&f, "qemu_destination", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	return fields_end(&f, error);
}

typedef gboolean (*ReadItem)(GwReport *self, JsonNode *node, const char *path, GError **error);

static gboolean
read_items(GwReport *self, JsonArray *array, const char *name, ReadItem read, GError **error)
{
	guint n = array != NULL ? json_array_get_length(array) : 0;
	for (guint i = 0; i < n; i++) {
		g_autofree char *path = g_strdup_printf("%s[%u]", name, i);
		if (!read(self, json_array_get_element(array, i), path, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean
read_phase(GwReport *self, JsonNode *node, const char *path, GError **error)
{
	Fields f;
	fields_init(&f, node, path);
	g_autofree char *name = fields_string(&f, "name", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	gint64 start_us = fields_moment(&f, "start_us");
	gboolean ended = f.object != NULL && json_object_has_member(f.object, "end_us");
	gint64 end_us = ended ? fields_moment(&f, "end_us") : -1;
	if (!fields_end(&f, error))
		return FALSE;
	report_add_phase(self, name, start_us, end_us);
	return TRUE;
}

static gboolean
read_part(GwReport *self, JsonNode *node, const char *path, GError **error)
{
	Fields f;
	fields_init(&f, node, path);
	g_autofree char *name = fields_string(&f, "name", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	gint64 us = fields_moment(&f, "us");
	if (!fields_end(&f, error))
		return FALSE;
	report_add_part(self, name, us);
	return TRUE;
}

static gboolean
read_connection(GwReport *self, JsonNode *node, const char *path, GError **error)
{
	Fields f;
	fields_init(&f, node, path);
	g_autofree char *name = fields_string(&f, "name", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	g_autofree char *here = fields_string(&f, "encryption", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	g_autofree char *there =
		fields_string(&f, "encryption_destination", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	g_autofree char *cipher = fields_string(&f, "cipher", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	if (!fields_end(&f, error))
		return FALSE;
	report_add_connection(self, name, here, there, cipher);
	return TRUE;
}

static gboolean
read_vgpu_numbers(GwReportVgpu *vgpu, Fields *f, const char *path, GError **error)
{
	JsonNode *node = fields_object(f, "origins", FIELDS_OPTIONAL);
	g_autofree char *origins_path = g_strdup_printf("%s: origins", path);
	Fields origins = { .path = origins_path }; /* behaves like an empty object */
	if (node != NULL)
		fields_init(&origins, node, origins_path);
	for (guint i = 0; i < G_N_ELEMENTS(vgpu_numbers); i++)
		G_STRUCT_MEMBER(GwNumber, vgpu, vgpu_numbers[i].offset) =
			number_read_origin(&origins, vgpu_numbers[i].name,
					   fields_count(f, vgpu_numbers[i].name, FIELDS_OPTIONAL));
	vgpu->stopped_us = fields_count(f, "stopped_us", FIELDS_OPTIONAL);
	fields_end_inner(&origins, f);
	return fields_end(f, error);
}

static gboolean
read_vgpu(GwReport *self, JsonNode *node, const char *path, GError **error)
{
	Fields f;
	fields_init(&f, node, path);
	g_autofree char *id = fields_string(&f, "id", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	g_autofree char *type = fields_string(&f, "type", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	gint64 vram_bytes = fields_count(&f, "vram_bytes", FIELDS_OPTIONAL);
	return read_vgpu_numbers(report_add_vgpu(self, id, type, vram_bytes), &f, path, error);
}

static gboolean
read_sample(GwReport *self, JsonNode *node, const char *path, GError **error)
{
	GwSample *sample = sample_from_node(node, path, error);
	if (sample == NULL)
		return FALSE;
	g_ptr_array_add(self->samples, sample);
	return TRUE;
}

static gboolean
read_event(GwReport *self, JsonNode *node, const char *path, GError **error)
{
	GwEvent *event = event_from_node(node, path, error);
	if (event == NULL)
		return FALSE;
	g_ptr_array_add(self->events, event);
	return TRUE;
}

static void
read_words(GwReport *self, Fields *fields)
{
	g_autofree char *version =
		fields_string(fields, "godwit", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	g_autofree char *outcome =
		fields_string(fields, "outcome", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	g_autofree char *place =
		fields_string(fields, "vm_runs_on", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	if (outcome != NULL && !outcome_from_string(outcome, &self->outcome))
		fields_fail(fields, "outcome", "is not an outcome");
	self->vm_state = fields_string(fields, "vm_state", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	self->left_over = fields_string(fields, "left_over", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	g_auto(GStrv) warnings =
		fields_strv(fields, "warnings", FIELDS_OPTIONAL, MAX_WARNINGS, FIELDS_TEXT_BYTES);
	for (guint i = 0; warnings != NULL && warnings[i] != NULL; i++)
		g_ptr_array_add(self->warnings, g_strdup(warnings[i]));
	if (place != NULL && !place_from_string(place, &self->vm_runs_on))
		fields_fail(fields, "vm_runs_on", "is not a place");
}

static gboolean
read_ram(GwReport *self, JsonNode *node, GError **error)
{
	if (node == NULL)
		return TRUE;
	Fields fields;
	fields_init(&fields, node, "ram");
	read_numbers(&fields, self, ram_numbers, G_N_ELEMENTS(ram_numbers));
	return fields_end(&fields, error);
}

static gboolean
read_prediction(GwPrediction **prediction, JsonNode *node, const char *path, GError **error)
{
	if (node == NULL)
		return TRUE;
	*prediction = prediction_from_node(node, path, error);
	return *prediction != NULL;
}

static gboolean
read_plan(GwReport *self, JsonNode *node, GError **error)
{
	if (node == NULL)
		return TRUE;
	self->plan = gw_plan_from_json_node(node, error);
	return self->plan != NULL;
}

static GwReport *
report_from_node(JsonNode *node, GError **error)
{
	g_autoptr(GwReport) self = gw_report_new();
	Fields f;
	fields_init(&f, node, "report");
	read_words(self, &f);
	read_numbers(&f, self, top_numbers, G_N_ELEMENTS(top_numbers));
	JsonNode *failure = fields_object(&f, "error", FIELDS_OPTIONAL);
	JsonNode *ram = fields_object(&f, "ram", FIELDS_OPTIONAL);
	JsonNode *first = fields_object(&f, "first_prediction", FIELDS_OPTIONAL);
	JsonNode *last = fields_object(&f, "prediction", FIELDS_OPTIONAL);
	JsonNode *plan = fields_object(&f, "plan", FIELDS_OPTIONAL);
	JsonArray *phases = fields_array(&f, "phases", FIELDS_OPTIONAL, MAX_PHASES);
	JsonArray *parts = fields_array(&f, "downtime_parts", FIELDS_OPTIONAL, MAX_PHASES);
	JsonArray *vgpus = fields_array(&f, "vgpus", FIELDS_OPTIONAL, VGPU_MAX);
	JsonArray *connections = fields_array(&f, "connections", FIELDS_OPTIONAL, MAX_PHASES);
	JsonArray *samples = fields_array(&f, "samples", FIELDS_OPTIONAL, MAX_RECORDS);
	JsonArray *events = fields_array(&f, "events", FIELDS_OPTIONAL, MAX_RECORDS);
	if (!fields_end(&f, error) || !read_error(self, failure, error) ||
	    !read_prediction(&self->first_prediction, first, "first_prediction", error) ||
	    !read_prediction(&self->prediction, last, "prediction", error) ||
	    !read_ram(self, ram, error) || !read_plan(self, plan, error) ||
	    !read_items(self, phases, "phases", read_phase, error) ||
	    !read_items(self, parts, "downtime_parts", read_part, error) ||
	    !read_items(self, vgpus, "vgpus", read_vgpu, error) ||
	    !read_items(self, connections, "connections", read_connection, error) ||
	    !read_items(self, samples, "samples", read_sample, error) ||
	    !read_items(self, events, "events", read_event, error))
		return NULL;
	return g_steal_pointer(&self);
}

static void
say_it_is_no_report(GError **error, GError *cause)
{
	g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "not a report of a migration: %s",
		    cause->message);
	g_error_free(cause);
}

GwReport *
gw_report_from_json(const char *text, gssize len, GError **error)
{
	g_return_val_if_fail(text != NULL, NULL);
	GError *cause = NULL;
	g_autoptr(JsonNode) node =
		parse_object(text, len < 0 ? strlen(text) : (gsize)len, &report_limits, &cause);
	GwReport *self = node != NULL ? report_from_node(node, &cause) : NULL;
	if (self == NULL)
		say_it_is_no_report(error, cause);
	return self;
}
