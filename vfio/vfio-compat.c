/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Can the vGPU of one host become that of another? Pure: what is known of both goes in, every issue comes
 * out. A thing that is not known at one end is at most a warning: a driver may tell nothing and still work,
 * and a refusal must be right.
 */
#include "vfio/vfio-compat.h"

#include <string.h>

#define SAME_DRIVER "load the same driver version on both hosts"

void
vfio_issue_free(VfioIssue *self)
{
	if (self == NULL)
		return;
	g_free(self->text);
	g_free(self->remedy);
	g_free(self);
}

static void G_GNUC_PRINTF(5, 6) add(GPtrArray *issues, VfioSeverity severity, const char *code,
				    const char *remedy, const char *format, ...)
{
	VfioIssue *issue = g_new0(VfioIssue, 1);
	issue->severity = severity;
	issue->code = code;
	issue->remedy = g_strdup(remedy);
	va_list args;
	va_start(args, format);
	issue->text = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(issues, issue);
}

void
vfio_side_init(VfioSide *self)
{
	*self = (VfioSide){ .vram_bytes = -1, .migration_flags = -1, .available = -1 };
}

static void
take_type(VfioSide *self, const VfioType *type)
{
	if (type == NULL)
		return;
	self->type = type->id;
	self->type_name = type->name;
	self->description = type->description;
	self->vram_bytes = type->vram_bytes;
	self->available = type->available;
}

void
vfio_side_from_device(VfioSide *self, const VfioDevice *device)
{
	vfio_side_init(self);
	self->id = device->id;
	self->framework = device->backend->name;
	self->vendor = device->vendor->name;
	self->driver = device->parent_driver;
	self->driver_version = device->driver_version;
	self->params = device->params;
	take_type(self, device->type);
}

void
vfio_side_from_parent(VfioSide *self, const VfioParent *parent, const char *type)
{
	vfio_side_init(self);
	if (parent == NULL)
		return;
	self->id = parent->name;
	self->framework = parent->backend->name;
	self->vendor = parent->vendor->name;
	self->driver = parent->driver;
	self->driver_version = parent->driver_version;
	take_type(self, vfio_parent_find_type(parent, type));
}

static gboolean
differ(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) != 0;
}

static void
check_driver(const VfioSide *source, const VfioSide *destination, GPtrArray *issues)
{
	const char *from = source->driver_version, *to = destination->driver_version;
	if (differ(source->framework, destination->framework))
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-framework",
		    "use hosts with the same kernel and vGPU software",
		    "the source makes vGPUs by '%s' and the destination by '%s'", source->framework,
		    destination->framework);
	if (differ(source->driver, destination->driver))
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-driver",
		    "choose a destination with the same kind of board and driver",
		    "the driver is '%s' on the source and '%s' on the destination", source->driver,
		    destination->driver);
	else if (differ(from, to))
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-driver-version", SAME_DRIVER,
		    "the driver's version is '%s' on the source and '%s' on the destination", from,
		    to);
	else if (from == NULL || to == NULL)
		add(issues, VFIO_SEVERITY_WARNING, "vgpu-driver-version-unknown",
		    "make sure that both hosts have the same driver version",
		    "the driver's version is not known on %s",
		    from != NULL ? "the destination"
		    : to != NULL ? "the source"
				 : "either host");
}

static void
check_live(const VfioSide *destination, GPtrArray *issues)
{
	if (destination->live == VFIO_LIVE_NO)
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-vendor-refuses",
		    "choose a destination that the vendor's documents allow",
		    "the vendor's own library says no: %s",
		    destination->live_reason != NULL ? destination->live_reason
						     : "without a reason");
}

static void
check_same_type(const VfioSide *source, const VfioSide *destination, GPtrArray *issues)
{
	if (differ(source->type_name, destination->type_name) ||
	    differ(source->description, destination->description))
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-type-differs",
		    "choose a destination with the same kind of board",
		    "type '%s' is not the same thing on both hosts: '%s' (%s) on the source, '%s' "
		    "(%s) "
		    "on the destination",
		    source->type, source->type_name != NULL ? source->type_name : "?",
		    source->description != NULL ? source->description : "?",
		    destination->type_name != NULL ? destination->type_name : "?",
		    destination->description != NULL ? destination->description : "?");
	else if (source->vram_bytes >= 0 && destination->vram_bytes >= 0 &&
		 source->vram_bytes != destination->vram_bytes)
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-vram-differs",
		    "choose a destination with the same kind of board",
		    "type '%s' has %" G_GINT64_FORMAT " bytes of vRAM on the source and "
		    "%" G_GINT64_FORMAT " on the destination",
		    source->type, source->vram_bytes, destination->vram_bytes);
}

static void
check_type(const VfioSide *source, const VfioSide *destination, GPtrArray *issues)
{
	if (source->type == NULL) {
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-type-unknown",
		    "look at the vGPU in sysfs; remove it and make it anew if its type is gone",
		    "the type of vGPU '%s' cannot be read on the source", source->id);
		return;
	}
	if (destination->type == NULL) {
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-type-missing",
		    "choose a destination with the same kind of board, or a parent that has the "
		    "type",
		    "the destination has no type '%s'", source->type);
		return;
	}
	check_same_type(source, destination, issues);
	if (differ(source->type, destination->taken_type))
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-uuid-taken",
		    "remove that vGPU on the destination, or give this one another UUID there",
		    "on the destination the UUID belongs to a vGPU of type '%s'",
		    destination->taken_type);
	else if (destination->available == 0 && destination->taken_type == NULL)
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-no-instance",
		    "remove a vGPU on the destination, or choose another parent there",
		    "no instance of type '%s' is free on the destination", source->type);
	if (source->vram_bytes < 0 && destination->vram_bytes < 0)
		add(issues, VFIO_SEVERITY_WARNING, "vgpu-vram-unknown",
		    "allow a longer downtime limit than the prediction asks for",
		    "nobody tells how much vRAM type '%s' has: no prediction covers it",
		    source->type);
}

static void
check_params(const VfioSide *side, const char *where, GPtrArray *issues)
{
	g_autofree char *found =
		vfio_vendor_find_forbidden(vfio_vendor_by_name(side->vendor), side->params);
	if (found != NULL)
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-params",
		    "shut the guest down, switch them off in the vGPU's vgpu_params, start it "
		    "again",
		    "settings that make it impossible to migrate are on at the %s: %s", where,
		    found);
}

static void
check_flags(const VfioSide *source, const VfioSide *destination, GPtrArray *issues)
{
	const VfioSide *sides[] = { source, destination };
	static const char *const names[] = { "source", "destination" };
	for (guint i = 0; i < G_N_ELEMENTS(sides); i++)
		if (sides[i]->migration_flags >= 0 &&
		    !(sides[i]->migration_flags & VFIO_FLAG_STOP_COPY))
			add(issues, VFIO_SEVERITY_ERROR, "vgpu-not-migratable",
			    "use a driver release that can migrate, and switch it on there",
			    "the driver at the %s cannot migrate vGPUs", names[i]);
	if (source->migration_flags < 0 || destination->migration_flags < 0)
		return;
	gint64 changed = source->migration_flags ^ destination->migration_flags;
	if (changed & VFIO_FLAG_PRE_COPY)
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-precopy-differs", SAME_DRIVER,
		    "only the driver at the %s can copy while the guest runs",
		    source->migration_flags & VFIO_FLAG_PRE_COPY ? names[0] : names[1]);
}

GPtrArray *
vfio_compat_check(const VfioSide *source, const VfioSide *destination)
{
	GPtrArray *issues = g_ptr_array_new_with_free_func((GDestroyNotify)vfio_issue_free);
	check_params(source, "source", issues);
	if (destination->framework == NULL) {
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-no-parent",
		    "load the vendor's driver there, enable the board's virtual functions, or name "
		    "another parent",
		    "nothing at the destination can make this vGPU");
		return issues;
	}
	check_driver(source, destination, issues);
	check_live(destination, issues);
	check_type(source, destination, issues);
	check_params(destination, "destination", issues);
	check_flags(source, destination, issues);
	return issues;
}

GPtrArray *
vfio_compat_check_set(const VfioSide *sides, guint n, const char *where)
{
	GPtrArray *issues = g_ptr_array_new_with_free_func((GDestroyNotify)vfio_issue_free);
	for (guint i = 0; n > 1 && i < n; i++)
		if (sides[i].migration_flags >= 0 && !(sides[i].migration_flags & VFIO_FLAG_P2P))
			add(issues, VFIO_SEVERITY_ERROR, "vgpu-no-p2p",
			    "give the VM one vGPU only, or use a driver release with peer-to-peer "
			    "support",
			    "vGPU '%s' at the %s cannot be stopped together with others (no P2P "
			    "support)",
			    sides[i].id, where);
	return issues;
}
