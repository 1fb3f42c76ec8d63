/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwVgpu as data. The vGPUs of both hosts belong together by their names. Where these do not fit, the first
 * belongs to the first and so on; but a QEMU lists its devices in an order of its own, not the command line's.
 */
#include "engine/vgpu-data.h"

#include <string.h>

#include "engine/fields.h"
#include "engine/gw-error.h"
#include "engine/plan-json.h"
#include "vfio/vfio-compat.h"

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
	g_free(self);
}

/* The texts, by the names they have in JSON. */
#define TEXT(member)                                     \
	{                                                \
#member, G_STRUCT_OFFSET(GwVgpu, member) \
	}
static const struct {
	const char *name;
	gsize offset;
} texts[] = {
	TEXT(name),   TEXT(id),		TEXT(type),   TEXT(type_name), TEXT(description),
	TEXT(parent), TEXT(framework),	TEXT(vendor), TEXT(driver),    TEXT(driver_version),
	TEXT(params), TEXT(taken_type),
};

static JsonObject *
to_object(const GwVgpu *self)
{
	JsonObject *object = json_object_new();
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
		fields_add_string(object, texts[i].name,
				  G_STRUCT_MEMBER(char *, self, texts[i].offset));
	fields_add_known(object, "vram_bytes", self->vram_bytes);
	fields_add_known(object, "available", self->available);
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

JsonArray *
vgpu_ids(const GPtrArray *vgpus)
{
	JsonArray *ids = json_array_new();
	for (guint i = 0; vgpus != NULL && i < vgpus->len; i++) {
		const GwVgpu *vgpu = g_ptr_array_index(vgpus, i);
		if (vgpu->framework != NULL && vgpu->id != NULL)
			json_array_add_string_element(ids, vgpu->id);
	}
	return ids;
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

static void
fill_side(VfioSide *side, const GwVgpu *vgpu)
{
	vfio_side_init(side);
	side->id = vgpu->name != NULL ? vgpu->name : vgpu->id;
	side->framework = vgpu->framework;
	side->vendor = vgpu->vendor;
	side->driver = vgpu->driver;
	side->driver_version = vgpu->driver_version;
	side->type = vgpu->type;
	side->type_name = vgpu->type_name;
	side->description = vgpu->description;
	side->vram_bytes = vgpu->vram_bytes;
	side->params = vgpu->params;
	side->available = vgpu->available;
	side->taken_type = vgpu->taken_type;
}

static void
compare_pair(const GwVgpu *source, const GwVgpu *destination, GPtrArray *issues)
{
	VfioSide ours, theirs;
	fill_side(&ours, source);
	fill_side(&theirs, destination);
	g_autoptr(GPtrArray) found = vfio_compat_check(&ours, &theirs);
	for (guint i = 0; i < found->len; i++) {
		const VfioIssue *issue = g_ptr_array_index(found, i);
		g_ptr_array_add(issues, gw_issue_new(issue->severity == VFIO_SEVERITY_ERROR
							     ? GW_SEVERITY_ERROR
							     : GW_SEVERITY_WARNING,
						     issue->code, "both", ours.id, issue->text,
						     issue->remedy));
	}
}

/* How often @name is in @vgpus; @ret_last is one of them. */
static guint
find_name(const GPtrArray *vgpus, const char *name, const GwVgpu **ret_last)
{
	guint n = 0;
	for (guint i = 0; name != NULL && i < vgpus->len; i++) {
		const GwVgpu *vgpu = g_ptr_array_index(vgpus, i);
		if (vgpu->name == NULL || strcmp(vgpu->name, name) != 0)
			continue;
		*ret_last = vgpu;
		n++;
	}
	return n;
}

const GwVgpu *
vgpu_partner(const GPtrArray *source, const GPtrArray *destination, guint i)
{
	const GwVgpu *partner = NULL, *found = NULL;
	for (guint other = 0; other < destination->len; other++) {
		const GwVgpu *vgpu = g_ptr_array_index(destination, other);
		if (find_name(destination, vgpu->name, &found) != 1 ||
		    find_name(source, vgpu->name, &found) != 1)
			return g_ptr_array_index(source, i);
		if (other == i)
			partner = found;
	}
	return partner;
}

void
vgpu_compare(const GPtrArray *source, const GPtrArray *destination, GPtrArray *issues)
{
	guint n_source = source != NULL ? source->len : 0;
	guint n_destination = destination != NULL ? destination->len : 0;
	if (n_source != n_destination) {
		g_autofree char *text = g_strdup_printf(
			"the VM has %u vGPUs at the source and %u at the destination", n_source,
			n_destination);
		g_ptr_array_add(issues,
				gw_issue_new(GW_SEVERITY_ERROR, "vgpu-count", "both", "vGPUs", text,
					     "give both QEMUs the same devices"));
		return;
	}
	for (guint i = 0; i < n_source; i++)
		compare_pair(vgpu_partner(source, destination, i),
			     g_ptr_array_index(destination, i), issues);
}
