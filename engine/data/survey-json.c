/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwSurvey as data: freed, written as JSON, read from a peer that is not trusted. The JSON has the
 * names of the struct; what QEMU did not report is absent. Strings and lists of properties are all
 * alike, so tables describe them. survey-qemu.c asks QEMU.
 */
#include "engine/data/survey-json.h"

#include <string.h>

#include "engine/data/property-list.h"
#include "engine/data/survey-lists.h"
#include "engine/data/vgpu-json.h"

#define MAX_CAPABILITIES 256
#define MAX_PROPERTIES	 1024
#define MAX_VIOMMUS	 16
#define MAX_REASONS	 64
#define MAX_JOBS	 256
#define MAX_VCPUS	 65536

#define MEMBER(name, max)                                   \
	{                                                   \
#name, G_STRUCT_OFFSET(GwSurvey, name), max \
	}

typedef struct {
	const char *name;
	gsize offset;
	gsize max; /* bytes of a text, members of a list */
} Member;

static const Member texts[] = {
	MEMBER(qemu_version, FIELDS_WORD_BYTES),   MEMBER(target, FIELDS_WORD_BYTES),
	MEMBER(machine_type, FIELDS_WORD_BYTES),   MEMBER(accelerator, FIELDS_WORD_BYTES),
	MEMBER(cpu_model, FIELDS_WORD_BYTES),	   MEMBER(name, FIELDS_WORD_BYTES),
	MEMBER(uuid, FIELDS_WORD_BYTES),	   MEMBER(run_state, FIELDS_WORD_BYTES),
	MEMBER(migrate_status, FIELDS_WORD_BYTES), MEMBER(incoming, FIELDS_TEXT_BYTES),
	MEMBER(supervisor, FIELDS_TEXT_BYTES),	   MEMBER(absent_reason, FIELDS_TEXT_BYTES),
};

static const Member properties[] = {
	MEMBER(parameters, MAX_PROPERTIES), MEMBER(machine, MAX_PROPERTIES),
	MEMBER(cpu, MAX_PROPERTIES),	    MEMBER(cpu_features, MAX_PROPERTIES),
	MEMBER(topology, MAX_PROPERTIES),   MEMBER(memory_devices, MAX_PROPERTIES),
	MEMBER(numa, MAX_PROPERTIES),	    MEMBER(shared_memory, MAX_PROPERTIES),
};

static char **
text_slot(const GwSurvey *self, guint i)
{
	return (char **)G_STRUCT_MEMBER_P(self, texts[i].offset);
}

static GPtrArray **
property_slot(const GwSurvey *self, guint i)
{
	return (GPtrArray **)G_STRUCT_MEMBER_P(self, properties[i].offset);
}

void
gw_survey_free(GwSurvey *self)
{
	if (self == NULL)
		return;
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free(*text_slot(self, i));
	for (guint i = 0; i < G_N_ELEMENTS(properties); i++)
		g_clear_pointer(property_slot(self, i), g_ptr_array_unref);
	g_strfreev(self->blocked_reasons);
	g_strfreev(self->capabilities);
	g_strfreev(self->capabilities_on);
	g_strfreev(self->jobs);
	g_strfreev(self->exports);
	g_strfreev(self->viommus);
	g_clear_pointer(&self->ram_blocks, g_ptr_array_unref);
	g_clear_pointer(&self->devices, g_ptr_array_unref);
	g_clear_pointer(&self->disks, g_ptr_array_unref);
	g_clear_pointer(&self->vgpus, g_ptr_array_unref);
	gw_host_survey_free(self->host);
	g_free(self);
}

GwSurvey *
survey_new_absent(const char *reason)
{
	GwSurvey *self = g_new0(GwSurvey, 1);
	self->is_absent = TRUE;
	self->absent_reason = g_strdup(reason);
	self->capabilities = g_new0(char *, 1);
	return self;
}

/* In the struct 0 means that QEMU did not report it. */
static void
add_size(JsonObject *object, const char *name, guint64 value)
{
	if (value > 0 && value <= G_MAXINT64)
		json_object_set_int_member(object, name, (gint64)value);
}

static void
add_if(JsonObject *object, const char *name, gboolean value)
{
	if (value)
		json_object_set_boolean_member(object, name, TRUE);
}

static void
write_lists(const GwSurvey *self, JsonObject *object)
{
	for (guint i = 0; i < G_N_ELEMENTS(properties); i++)
		property_list_write(object, properties[i].name, *property_slot(self, i));
	fields_add_strv(object, "blocked_reasons", self->blocked_reasons);
	fields_add_strv(object, "capabilities", self->capabilities);
	fields_add_strv(object, "capabilities_on", self->capabilities_on);
	fields_add_strv(object, "jobs", self->jobs);
	fields_add_strv(object, "exports", self->exports);
	fields_add_strv(object, "viommus", self->viommus);
	ram_block_list_write(object, "ram_blocks", self->ram_blocks);
	device_list_write(object, "devices", self->devices);
	disk_list_write(object, "disks", self->disks);
	if (self->vgpus != NULL)
		json_object_set_array_member(object, "vgpus", vgpu_list_to_array(self->vgpus));
	if (self->host != NULL)
		json_object_set_object_member(object, "host", host_survey_to_object(self->host));
}

JsonNode *
survey_to_node(const GwSurvey *self)
{
	JsonObject *object = json_object_new();
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
		fields_add_string(object, texts[i].name, *text_slot(self, i));
	json_object_set_boolean_member(object, "running", self->running);
	add_size(object, "ram_bytes", self->ram_bytes);
	add_size(object, "resident_bytes", self->resident_bytes);
	add_size(object, "vcpus", self->vcpus);
	add_size(object, "qemu_descriptors", self->qemu_descriptors);
	add_size(object, "controller_descriptors", self->controller_descriptors);
	if (self->no_shutdown != GW_TRISTATE_UNKNOWN)
		json_object_set_boolean_member(object, "no_shutdown",
					       self->no_shutdown == GW_TRISTATE_YES);
	json_object_set_boolean_member(object, "has_oob", self->has_oob);
	add_if(object, "is_indirect", self->is_indirect);
	add_if(object, "has_vfio_migration", self->has_vfio_migration);
	add_if(object, "is_absent", self->is_absent);
	write_lists(self, object);
	return fields_node(object);
}

char *
gw_survey_to_json(const GwSurvey *self)
{
	return fields_take_text(survey_to_node(self), TRUE);
}

JsonNode *
survey_to_bounded_node(GwSurvey *self, gsize max_bytes)
{
	JsonNode *node = survey_to_node(self);
	g_autofree char *text = json_to_string(node, FALSE);
	if (strlen(text) <= max_bytes)
		return node;
	json_node_unref(node);
	for (guint i = 0; self->devices != NULL && i < self->devices->len; i++) {
		GwDevice *device = g_ptr_array_index(self->devices, i);
		g_clear_pointer(&device->properties, g_ptr_array_unref);
	}
	return survey_to_node(self);
}

static guint
read_vcpus(Fields *fields)
{
	gint64 vcpus = fields_count(fields, "vcpus", FIELDS_OPTIONAL);
	if (vcpus > MAX_VCPUS)
		fields_fail(fields, "vcpus", "is too large");
	return (guint)CLAMP(vcpus, 0, MAX_VCPUS);
}

static guint
read_descriptors(Fields *fields, const char *name)
{
	return (guint)CLAMP(fields_count(fields, name, FIELDS_OPTIONAL), 0, G_MAXINT);
}

static GwTristate
read_tristate(Fields *fields, const char *name)
{
	if (fields->object == NULL || !json_object_has_member(fields->object, name))
		return GW_TRISTATE_UNKNOWN;
	return fields_boolean(fields, name, FIELDS_REQUIRED) ? GW_TRISTATE_YES : GW_TRISTATE_NO;
}

static GPtrArray *
read_vgpus(Fields *fields)
{
	GError *error = NULL;
	JsonArray *array = fields_array(fields, "vgpus", FIELDS_OPTIONAL, VGPU_MAX);
	GPtrArray *vgpus = array != NULL ? vgpu_list_from_array(array, &error) : NULL;
	if (error != NULL) {
		g_prefix_error(&error, "%s: ", fields->path);
		fields_fail_with(fields, error);
	}
	return vgpus;
}

static void
read_lists(Fields *f, GwSurvey *self)
{
	for (guint i = 0; i < G_N_ELEMENTS(properties); i++)
		*property_slot(self, i) =
			property_list_read(f, properties[i].name, (guint)properties[i].max);
	self->blocked_reasons =
		fields_strv(f, "blocked_reasons", FIELDS_OPTIONAL, MAX_REASONS, FIELDS_TEXT_BYTES);
	self->capabilities = fields_strv(f, "capabilities", FIELDS_REQUIRED, MAX_CAPABILITIES,
					 FIELDS_WORD_BYTES);
	self->capabilities_on = fields_strv(f, "capabilities_on", FIELDS_OPTIONAL, MAX_CAPABILITIES,
					    FIELDS_WORD_BYTES);
	self->jobs = fields_strv(f, "jobs", FIELDS_OPTIONAL, MAX_JOBS, FIELDS_TEXT_BYTES);
	self->exports = fields_strv(f, "exports", FIELDS_OPTIONAL, MAX_JOBS, FIELDS_TEXT_BYTES);
	self->viommus = fields_strv(f, "viommus", FIELDS_OPTIONAL, MAX_VIOMMUS, FIELDS_WORD_BYTES);
	self->ram_blocks = ram_block_list_read(f, "ram_blocks");
	self->devices = device_list_read(f, "devices");
	self->disks = disk_list_read(f, "disks");
	self->vgpus = read_vgpus(f);
	self->host = host_survey_read(f, "host");
}

GwSurvey *
survey_from_node(JsonNode *node, GError **error)
{
	g_autoptr(GwSurvey) self = g_new0(GwSurvey, 1);
	Fields f;
	fields_init(&f, node, "survey");
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
		*text_slot(self, i) =
			fields_string(&f, texts[i].name, FIELDS_OPTIONAL, texts[i].max);
	self->running = fields_boolean(&f, "running", FIELDS_REQUIRED);
	self->ram_bytes = (guint64)MAX(0, fields_count(&f, "ram_bytes", FIELDS_OPTIONAL));
	self->resident_bytes = (guint64)MAX(0, fields_count(&f, "resident_bytes", FIELDS_OPTIONAL));
	self->vcpus = read_vcpus(&f);
	self->qemu_descriptors = read_descriptors(&f, "qemu_descriptors");
	self->controller_descriptors = read_descriptors(&f, "controller_descriptors");
	self->no_shutdown = read_tristate(&f, "no_shutdown");
	self->has_oob = fields_boolean(&f, "has_oob", FIELDS_REQUIRED);
	self->is_indirect = fields_boolean(&f, "is_indirect", FIELDS_OPTIONAL);
	self->has_vfio_migration = fields_boolean(&f, "has_vfio_migration", FIELDS_OPTIONAL);
	self->is_absent = fields_boolean(&f, "is_absent", FIELDS_OPTIONAL);
	read_lists(&f, self);
	return fields_end(&f, error) ? g_steal_pointer(&self) : NULL;
}
