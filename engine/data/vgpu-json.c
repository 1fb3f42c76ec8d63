/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwVgpu as data: to and from the peer, and the one host's compared with the other's.
 */
#include "engine/data/vgpu-json.h"

#include <string.h>

#include "engine/util/json-fields.h"
#include "engine/gw-error.h"
#include "engine/data/plan-json.h"
#include "engine/data/vgpu-pair.h"
#include "vfio/vfio-compat.h"

#define MAX_FLAGS 64

G_STATIC_ASSERT(GW_VGPU_STOP_COPY == VFIO_FLAG_STOP_COPY && GW_VGPU_P2P == VFIO_FLAG_P2P &&
		GW_VGPU_PRE_COPY == VFIO_FLAG_PRE_COPY);

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

/* The texts, by the names they have in JSON. */
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

/* Nothing where they are not known; an empty list says that it cannot migrate. */
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

/* -1 where they were not told; a word of a later version is passed over. */
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

static const char *
name_of(const GwVgpu *vgpu)
{
	return vgpu->name != NULL ? vgpu->name : vgpu->id;
}

static void
fill_side(VfioSide *side, const GwVgpu *vgpu)
{
	vfio_side_init(side);
	side->id = name_of(vgpu);
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
	side->live = vgpu->refusal != NULL ? VFIO_LIVE_NO : VFIO_LIVE_UNKNOWN;
	side->live_reason = vgpu->refusal;
	side->migration_flags = vgpu->migration_flags;
	side->lacks_data_size = vgpu->lacks_data_size;
}

/* @ours, @theirs: what the vGPU is called on each host; those that differ in it are known by the one of the host
 * that has to change. */
static void
add_issues(GPtrArray *issues, const GPtrArray *found, const char *ours, const char *theirs)
{
	for (guint i = 0; i < found->len; i++) {
		const VfioIssue *issue = g_ptr_array_index(found, i);
		gboolean at_theirs = strcmp(issue->host, "destination") == 0 && theirs != NULL;
		g_ptr_array_add(issues,
				gw_issue_new(issue->severity == VFIO_SEVERITY_ERROR
						     ? GW_SEVERITY_ERROR
						     : GW_SEVERITY_WARNING,
					     issue->code, issue->host, at_theirs ? theirs : ours,
					     issue->text, issue->remedy));
	}
}

static void
compare_pair(const GwVgpu *source, const GwVgpu *destination, GPtrArray *issues)
{
	VfioSide ours, theirs;
	fill_side(&ours, source);
	fill_side(&theirs, destination);
	g_autoptr(GPtrArray) found = vfio_compat_check(&ours, &theirs);
	add_issues(issues, found, ours.id, theirs.id);
}

static void
check_among(const GPtrArray *vgpus, const char *where, GPtrArray *issues)
{
	for (guint i = 0; i < vgpus->len; i++) {
		VfioSide side;
		fill_side(&side, g_ptr_array_index(vgpus, i));
		g_autoptr(GPtrArray) found = vfio_compat_check_among(&side, vgpus->len, where);
		add_issues(issues, found, side.id, side.id);
	}
}

/* QEMU would refuse the stream, with half of it loaded. */
static void
add_moved(const GPtrArray *source, const GPtrArray *destination, GPtrArray *issues)
{
	for (guint i = 0; i < destination->len; i++) {
		const GwVgpu *vgpu = g_ptr_array_index(destination, i);
		if (vgpu_has_address(source, vgpu->guest_path))
			continue;
		g_autofree char *text =
			g_strdup_printf("it is at %s in the guest, where the source has no vGPU",
					vgpu->guest_path);
		g_ptr_array_add(issues,
				gw_issue_new(GW_SEVERITY_ERROR, "vgpu-address", "destination",
					     name_of(vgpu), text,
					     "give each vfio-pci device the bus= and addr= that "
					     "it has at the source"));
	}
}

static void
warn_of_unwatched(const GPtrArray *destination, GPtrArray *issues)
{
	for (guint i = 0; i < destination->len; i++) {
		const GwVgpu *vgpu = g_ptr_array_index(destination, i);
		if (vgpu->cannot_verify)
			g_ptr_array_add(
				issues,
				gw_issue_new(
					GW_SEVERITY_WARNING, "vgpu-unwatched", "destination",
					name_of(vgpu),
					"if its driver refused the state at the last moment "
					"nobody would notice: QEMU's standard error cannot be "
					"read here, and its events do not tell",
					"start that QEMU with its standard error in a file and "
					"with migration-events=on"));
	}
}

static void
compare_lists(const GPtrArray *source, const GPtrArray *destination, GPtrArray *issues)
{
	VgpuPairing pairing = vgpu_pairing(source, destination);
	if (pairing == VGPU_PAIR_MOVED) {
		add_moved(source, destination, issues);
		return;
	}
	if (pairing == VGPU_PAIR_UNKNOWN) {
		g_ptr_array_add(
			issues,
			gw_issue_new(GW_SEVERITY_ERROR, "vgpu-names", "destination", "vGPUs",
				     "nothing tells which of the vGPUs, of different types, is "
				     "which: QEMU's ids of them are not the same on both hosts",
				     "give each vfio-pci device the same id= on both hosts"));
		return;
	}
	for (guint i = 0; i < source->len; i++)
		compare_pair(vgpu_partner(source, destination, i),
			     g_ptr_array_index(destination, i), issues);
}

void
vgpu_compare(const GPtrArray *source, const GPtrArray *destination, GPtrArray *issues)
{
	static const GPtrArray none;
	source = source != NULL ? source : &none;
	destination = destination != NULL ? destination : &none;
	if (source->len != destination->len) {
		g_autofree char *text = g_strdup_printf(
			"the number of vGPUs is %u at the source and %u at the destination",
			source->len, destination->len);
		g_ptr_array_add(issues, gw_issue_new(GW_SEVERITY_ERROR, "vgpu-count", "destination",
						     "vGPUs", text,
						     "give its QEMU the devices of the source's"));
		return;
	}
	compare_lists(source, destination, issues);
	check_among(source, "source", issues);
	check_among(destination, "destination", issues);
	warn_of_unwatched(destination, issues);
}

void
vgpu_check_sizes(const GPtrArray *source, gint64 downtime_limit_us, gint64 bandwidth_bytes_per_s,
		 GPtrArray *issues)
{
	guint n_lacking = 0;
	for (guint i = 0; source != NULL && i < source->len; i++)
		n_lacking += ((const GwVgpu *)g_ptr_array_index(source, i))->lacks_data_size;
	for (guint i = 0; source != NULL && i < source->len; i++) {
		VfioSide side;
		fill_side(&side, g_ptr_array_index(source, i));
		g_autoptr(GPtrArray) found =
			vfio_compat_check_size(&side, n_lacking, downtime_limit_us,
					       bandwidth_bytes_per_s);
		add_issues(issues, found, side.id, NULL);
	}
}
