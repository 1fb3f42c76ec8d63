/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwSample: all counters at one instant, as data. A number that is not known is -1 in the struct and
 * absent from the JSON, in both directions; it is never 0.
 *
 * The phase is a string that is never freed, so that a sample can be copied as a whole. One that is read
 * back must therefore be short and plain before it is interned.
 */
#include "engine/gw-sample.h"

#include <string.h>

#include "engine/fields.h"
#include "engine/sample-json.h"

#define PHASE_BYTES 24

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
};

void
gw_sample_init(GwSample *self)
{
	self->time_us = 0;
	self->phase = NULL;
	for (guint i = 0; i < G_N_ELEMENTS(counters); i++)
		G_STRUCT_MEMBER(gint64, self, counters[i].offset) = -1;
}

GwSample *
gw_sample_copy(const GwSample *self)
{
	return g_memdup2(self, sizeof *self);
}

void
gw_sample_free(GwSample *self)
{
	g_free(self);
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
	return fields_node(object);
}

char *
gw_sample_to_json(const GwSample *self)
{
	return fields_take_text(sample_to_node(self), FALSE);
}

/* Interned for ever, so only what can be a phase. */
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

GwSample *
sample_from_node(JsonNode *node, const char *path, GError **error)
{
	g_autoptr(GwSample) self = g_new(GwSample, 1);
	gw_sample_init(self);
	Fields fields;
	fields_init(&fields, node, path);
	self->time_us = fields_moment(&fields, "time_us");
	self->phase = read_phase(&fields);
	for (guint i = 0; i < G_N_ELEMENTS(counters); i++)
		G_STRUCT_MEMBER(gint64, self, counters[i].offset) =
			fields_count(&fields, counters[i].name, FIELDS_OPTIONAL);
	return fields_end(&fields, error) ? g_steal_pointer(&self) : NULL;
}
