/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GwVgpu as data: to and from the peer. */
#include "engine/data/vgpu-json.h"

#include <string.h>

#include "engine/util/json-fields.h"
#include "engine/gw-error.h"

#define MAX_FLAGS 64

void
gw_vgpu_free(GwVgpu *self)
{
	if (self == NULL)
		return;
	g_free(self->name);
	g_free(self->id);
	g_free(self->type);
	g_free(self->type_name);
	g_free(self->description);
	g_free(self->parent);
	g_free(self->framework);
	g_free(self->vendor);
	g_free(self->driver);
	g_free(self->driver_version);
	g_free(self->params);
	g_free(self->taken_type);
	g_free(self->guest_path);
	g_free(self->metadata);
	g_free(self->refusal);
	g_free(self);
}

/* The strings, by their names in JSON. */
#define TEXT(member)                                     \
	{                                                \
#member, G_STRUCT_OFFSET(GwVgpu, member) \
	}
static const struct {
	const char *name;
	gsize offset;
} texts[] = {
	TEXT(name),   TEXT(id),		TEXT(type),	  TEXT(type_name), TEXT(description),
	TEXT(parent), TEXT(framework),	TEXT(vendor),	  TEXT(driver),	   TEXT(driver_version),
	TEXT(params), TEXT(taken_type), TEXT(guest_path), TEXT(metadata),  TEXT(refusal),
};

static const struct {
	const char *name;
	gint64 flag;
} flags[] = {
	{ "stop-copy", GW_VGPU_STOP_COPY },
	{ "p2p", GW_VGPU_P2P },
	{ "pre-copy", GW_VGPU_PRE_COPY },
};

/* Adds nothing if they are unknown; an empty list means that it cannot migrate. */
static void
add_flags(JsonObject *object, gint64 known)
{
	if (known < 0)
		return;
	JsonArray *words = json_array_new();
	for (guint i = 0; i < G_N_ELEMENTS(flags); i++)
		if (known & flags[i].flag)
			json_array_add_string_element(words, flags[i].name);
	json_object_set_array_member(object, "migration", words);
}

static JsonObject *
to_object(const GwVgpu *self)
{
	JsonObject *object = json_object_new();
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
		fields_add_string(object, texts[i].name,
				  G_STRUCT_MEMBER(char *, self, texts[i].offset));
	fields_add_known(object, "vram_bytes", self->vram_bytes);
	fields_add_known(object, "available", self->available);
	add_flags(object, self->migration_flags);
	fields_add_known(object, "stop_copy_bytes", self->stop_copy_bytes);
	if (self->lacks_data_size)
		json_object_set_boolean_member(object, "lacks_data_size", TRUE);
	if (self->cannot_verify)
		json_object_set_boolean_member(object, "is_unwatched", TRUE);
	return object;
}

JsonArray *
vgpu_list_to_array(const GPtrArray *vgpus)
{
	JsonArray *array = json_array_new();
	for (guint i = 0; vgpus != NULL && i < vgpus->len; i++)
		json_array_add_object_element(array, to_object(g_ptr_array_index(vgpus, i)));
	return array;
}

const char *
vgpu_display_name(const GwVgpu *vgpu)
{
	return vgpu->name != NULL ? vgpu->name : vgpu->id;
}

GStrv
vgpu_removable_ids(const GPtrArray *vgpus)
{
	g_autoptr(GStrvBuilder) ids = g_strv_builder_new();
	for (guint i = 0; vgpus != NULL && i < vgpus->len; i++) {
		const GwVgpu *vgpu = g_ptr_array_index(vgpus, i);
		if (vgpu->framework != NULL && vgpu->id != NULL)
			g_strv_builder_add(ids, vgpu->id);
	}
	return g_strv_builder_end(ids);
}

/* Returns -1 if they are absent. Unknown words, of later versions, are skipped. */
static gint64
read_flags(Fields *f)
{
	g_auto(GStrv) words =
		fields_strv(f, "migration", FIELDS_OPTIONAL, MAX_FLAGS, FIELDS_WORD_BYTES);
	gint64 known = words != NULL ? 0 : -1;
	for (guint i = 0; words != NULL && i < G_N_ELEMENTS(flags); i++)
		if (g_strv_contains((const char *const *)words, flags[i].name))
			known |= flags[i].flag;
	return known;
}

static GwVgpu *
from_node(JsonNode *node, GError **error)
{
	g_autoptr(GwVgpu) self = g_new0(GwVgpu, 1);
	Fields f;
	fields_init(&f, node, "vgpu");
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
		G_STRUCT_MEMBER(char *, self, texts[i].offset) =
			fields_string(&f, texts[i].name, FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	self->vram_bytes = fields_count(&f, "vram_bytes", FIELDS_OPTIONAL);
	self->available = fields_count(&f, "available", FIELDS_OPTIONAL);
	self->migration_flags = read_flags(&f);
	self->stop_copy_bytes = fields_count(&f, "stop_copy_bytes", FIELDS_OPTIONAL);
	self->lacks_data_size = fields_boolean(&f, "lacks_data_size", FIELDS_OPTIONAL);
	self->cannot_verify = fields_boolean(&f, "is_unwatched", FIELDS_OPTIONAL);
	return fields_end(&f, error) ? g_steal_pointer(&self) : NULL;
}

GPtrArray *
vgpu_list_from_array(JsonArray *array, GError **error)
{
	g_autoptr(GPtrArray) vgpus = g_ptr_array_new_with_free_func((GDestroyNotify)gw_vgpu_free);
	if (array != NULL && json_array_get_length(array) > VGPU_MAX) {
		g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL, "more than %d vGPUs", VGPU_MAX);
		return NULL;
	}
	for (guint i = 0; array != NULL && i < json_array_get_length(array); i++) {
		GwVgpu *vgpu = from_node(json_array_get_element(array, i), error);
		if (vgpu == NULL)
			return NULL;
		g_ptr_array_add(vgpus, vgpu);
	}
	return g_steal_pointer(&vgpus);
}
