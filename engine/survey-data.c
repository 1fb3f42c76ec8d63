/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwSurvey as data: freed, written as JSON, read back from a peer that is not trusted. The JSON has the
 * struct's own names; what QEMU did not say is absent. Who asks QEMU is gw-survey.c.
 */
#include "engine/survey-data.h"

#include "engine/property.h"
#include "engine/vgpu-data.h"

#define MAX_CAPABILITIES 256
#define MAX_PARAMETERS	 256
#define MAX_VIOMMUS	 16
#define MAX_REASONS	 64
#define MAX_VCPUS	 65536

void
gw_survey_free(GwSurvey *self)
{
	if (self == NULL)
		return;
	g_free(self->qemu_version);
	g_free(self->target);
	g_free(self->machine_type);
	g_free(self->name);
	g_free(self->uuid);
	g_free(self->run_state);
	g_free(self->migrate_status);
	g_strfreev(self->blocked_reasons);
	g_strfreev(self->capabilities);
	g_strfreev(self->capabilities_on);
	g_strfreev(self->viommus);
	g_clear_pointer(&self->parameters, g_ptr_array_unref);
	g_clear_pointer(&self->vgpus, g_ptr_array_unref);
	g_free(self);
}

/* 0 is how the struct says that QEMU did not tell. */
static void
add_size(JsonObject *object, const char *name, guint64 value)
{
	if (value > 0 && value <= G_MAXINT64)
		json_object_set_int_member(object, name, (gint64)value);
}

JsonNode *
survey_to_node(const GwSurvey *self)
{
	JsonObject *object = json_object_new();
	fields_add_string(object, "qemu_version", self->qemu_version);
	fields_add_string(object, "target", self->target);
	fields_add_string(object, "machine_type", self->machine_type);
	fields_add_string(object, "name", self->name);
	fields_add_string(object, "uuid", self->uuid);
	fields_add_string(object, "run_state", self->run_state);
	json_object_set_boolean_member(object, "running", self->running);
	add_size(object, "ram_bytes", self->ram_bytes);
	add_size(object, "vcpus", self->vcpus);
	fields_add_string(object, "migrate_status", self->migrate_status);
	fields_add_strv(object, "blocked_reasons", self->blocked_reasons);
	fields_add_strv(object, "capabilities", self->capabilities);
	fields_add_strv(object, "capabilities_on", self->capabilities_on);
	property_list_write(object, "parameters", self->parameters);
	json_object_set_boolean_member(object, "has_exit_on_error", self->has_exit_on_error);
	json_object_set_boolean_member(object, "has_oob", self->has_oob);
	if (self->has_vfio_migration)
		json_object_set_boolean_member(object, "has_vfio_migration", TRUE);
	if (self->is_absent)
		json_object_set_boolean_member(object, "is_absent", TRUE);
	fields_add_strv(object, "viommus", self->viommus);
	if (self->vgpus != NULL)
		json_object_set_array_member(object, "vgpus", vgpu_list_to_array(self->vgpus));
	return fields_node(object);
}

char *
gw_survey_to_json(const GwSurvey *self)
{
	return fields_take_text(survey_to_node(self), TRUE);
}

static char *
read_word(Fields *fields, const char *name)
{
	return fields_string(fields, name, FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
}

static guint
read_vcpus(Fields *fields)
{
	gint64 vcpus = fields_count(fields, "vcpus", FIELDS_OPTIONAL);
	if (vcpus > MAX_VCPUS)
		fields_fail(fields, "vcpus", "is beyond all measure");
	return (guint)CLAMP(vcpus, 0, MAX_VCPUS);
}

static GPtrArray *
read_vgpus(Fields *fields)
{
	g_autoptr(GError) error = NULL;
	JsonArray *array = fields_array(fields, "vgpus", FIELDS_OPTIONAL, VGPU_MAX);
	GPtrArray *vgpus = array != NULL ? vgpu_list_from_array(array, &error) : NULL;
	if (error != NULL)
		fields_fail(fields, "vgpus", error->message);
	return vgpus;
}

GwSurvey *
survey_from_node(JsonNode *node, GError **error)
{
	g_autoptr(GwSurvey) self = g_new0(GwSurvey, 1);
	Fields f;
	fields_init(&f, node, "survey");
	self->qemu_version = read_word(&f, "qemu_version");
	self->target = read_word(&f, "target");
	self->machine_type = read_word(&f, "machine_type");
	self->name = read_word(&f, "name");
	self->uuid = read_word(&f, "uuid");
	self->run_state = read_word(&f, "run_state");
	self->running = fields_boolean(&f, "running", FIELDS_REQUIRED);
	self->ram_bytes = (guint64)MAX(0, fields_count(&f, "ram_bytes", FIELDS_OPTIONAL));
	self->vcpus = read_vcpus(&f);
	self->migrate_status = read_word(&f, "migrate_status");
	self->blocked_reasons =
		fields_strv(&f, "blocked_reasons", FIELDS_OPTIONAL, MAX_REASONS, FIELDS_TEXT_BYTES);
	self->capabilities = fields_strv(&f, "capabilities", FIELDS_REQUIRED, MAX_CAPABILITIES,
					 FIELDS_WORD_BYTES);
	self->capabilities_on = fields_strv(&f, "capabilities_on", FIELDS_OPTIONAL,
					    MAX_CAPABILITIES, FIELDS_WORD_BYTES);
	self->parameters = property_list_read(&f, "parameters", MAX_PARAMETERS);
	self->has_exit_on_error = fields_boolean(&f, "has_exit_on_error", FIELDS_REQUIRED);
	self->has_oob = fields_boolean(&f, "has_oob", FIELDS_REQUIRED);
	self->has_vfio_migration = fields_boolean(&f, "has_vfio_migration", FIELDS_OPTIONAL);
	self->is_absent = fields_boolean(&f, "is_absent", FIELDS_OPTIONAL);
	self->viommus = fields_strv(&f, "viommus", FIELDS_OPTIONAL, MAX_VIOMMUS, FIELDS_WORD_BYTES);
	self->vgpus = read_vgpus(&f);
	return fields_end(&f, error) ? g_steal_pointer(&self) : NULL;
}
