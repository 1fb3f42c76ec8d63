/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Can the vGPU of one host migrate to the other host? Pure: takes the known facts of both hosts and
 * returns every issue. A fact that one host does not know is at most a warning: a driver may report
 * nothing and still work, and a rejection must be right.
 */
#include "vfio/vfio-compat.h"

#include <string.h>

void
vfio_issue_free(VfioIssue *self)
{
	if (self == NULL)
		return;
	g_free(self->text);
	g_free(self->remedy);
	g_free(self);
}

static const char source_host[] = "source", destination_host[] = "destination";

/* @host: the host that must change. */
static void G_GNUC_PRINTF(6, 7) add(GPtrArray *issues, VfioSeverity severity, const char *code,
				    const char *host, const char *remedy, const char *format, ...)
{
	VfioIssue *issue = g_new0(VfioIssue, 1);
	issue->severity = severity;
	issue->code = code;
	issue->host = host;
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

static gboolean
differ(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) != 0;
}

static void
check_framework(const VfioSide *source, const VfioSide *destination, GPtrArray *issues)
{
	if (differ(source->framework, destination->framework))
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-framework", destination_host,
		    "choose a destination with the same kernel and vGPU software",
		    "the source makes vGPUs with '%s' and the destination with '%s'",
		    source->framework, destination->framework);
}

static void
check_driver_version(const char *from, const char *to, GPtrArray *issues)
{
	if (from == NULL || to == NULL) {
		gboolean neither = from == NULL && to == NULL;
		add(issues, VFIO_SEVERITY_WARNING, "vgpu-driver-version-unknown",
		    neither	   ? "both"
		    : from == NULL ? source_host
				   : destination_host,
		    "make sure that both hosts have the same driver version",
		    "the driver's version is not known on %s",
		    neither	   ? "either host"
		    : from == NULL ? "the source"
				   : "the destination");
		return;
	}
	g_autofree char *remedy = g_strdup_printf("load driver version '%s' on the destination: "
						  "both hosts must have the same version",
						  from);
	if (strcmp(from, to) != 0)
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-driver-version", destination_host, remedy,
		    "the driver's version is '%s' on the source and '%s' on the destination", from,
		    to);
}

static void
check_driver(const VfioSide *source, const VfioSide *destination, GPtrArray *issues)
{
	if (differ(source->driver, destination->driver))
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-driver", destination_host,
		    "choose a destination with the same kind of board and driver",
		    "the driver is '%s' on the source and '%s' on the destination", source->driver,
		    destination->driver);
	else
		check_driver_version(source->driver_version, destination->driver_version, issues);
}

static void
check_live(const VfioSide *destination, GPtrArray *issues)
{
	if (destination->live == VFIO_LIVE_NO)
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-vendor-refuses", destination_host,
		    "choose a destination that the vendor's documentation allows",
		    "the vendor's own library rejects it: %s",
		    destination->live_reason != NULL ? destination->live_reason
						     : "without a reason");
}

static void
check_same_type(const VfioSide *source, const VfioSide *destination, GPtrArray *issues)
{
	if (differ(source->type_name, destination->type_name) ||
	    differ(source->description, destination->description))
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-type-differs", destination_host,
		    "choose a destination with the same kind of board",
		    "type '%s' differs between the hosts: '%s' (%s) on the source, '%s' "
		    "(%s) "
		    "on the destination",
		    source->type, source->type_name != NULL ? source->type_name : "?",
		    source->description != NULL ? source->description : "?",
		    destination->type_name != NULL ? destination->type_name : "?",
		    destination->description != NULL ? destination->description : "?");
	else if (source->vram_bytes >= 0 && destination->vram_bytes >= 0 &&
		 source->vram_bytes != destination->vram_bytes)
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-vram-differs", destination_host,
		    "choose a destination with the same kind of board",
		    "type '%s' has %" G_GINT64_FORMAT " bytes of vRAM on the source and "
		    "%" G_GINT64_FORMAT " on the destination",
		    source->type, source->vram_bytes, destination->vram_bytes);
	if (source->vram_bytes < 0 && destination->vram_bytes < 0)
		add(issues, VFIO_SEVERITY_WARNING, "vgpu-vram-unknown", "both",
		    "allow a longer downtime limit than the prediction asks for",
		    "the vRAM size of type '%s' is not known: no prediction includes it",
		    source->type);
}

static void
check_instance(const VfioSide *source, const VfioSide *destination, GPtrArray *issues)
{
	if (differ(source->type, destination->taken_type))
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-uuid-taken", destination_host,
		    "remove that vGPU on the destination, or give this vGPU another UUID there",
		    "on the destination the UUID belongs to a vGPU of type '%s'",
		    destination->taken_type);
	else if (destination->available == 0 && destination->taken_type == NULL)
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-no-instance", destination_host,
		    "remove a vGPU on the destination, or choose another parent there",
		    "no instance of type '%s' is free on the destination", source->type);
}

static void
check_type(const VfioSide *source, const VfioSide *destination, GPtrArray *issues)
{
	if (source->type == NULL) {
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-type-unknown", source_host,
		    "look at the vGPU in sysfs; if its type is gone, remove the vGPU and create it "
		    "again",
		    "the type of vGPU '%s' cannot be read on the source", source->id);
		return;
	}
	if (destination->type == NULL) {
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-type-missing", destination_host,
		    "choose a destination with the same kind of board, or a parent that has the "
		    "type",
		    "the destination has no type '%s'", source->type);
		return;
	}
	check_same_type(source, destination, issues);
	check_instance(source, destination, issues);
}

static void
check_params(const VfioSide *side, const char *where, GPtrArray *issues)
{
	g_autofree char *found =
		vfio_vendor_find_forbidden(vfio_vendor_by_name(side->vendor), side->params);
	if (found != NULL)
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-params", where,
		    "shut the guest down, switch these settings off in the vGPU's vgpu_params, "
		    "start it "
		    "again",
		    "settings that prevent migration are on at the %s: %s", where, found);
}

static void
check_migratable(const VfioSide *side, const char *where, GPtrArray *issues)
{
	if (side->migration_flags >= 0 && !(side->migration_flags & VFIO_FLAG_STOP_COPY))
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-not-migratable", where,
		    "use a driver release that supports migration, and enable migration there",
		    "the driver at the %s cannot migrate vGPUs", where);
}

/* A driver that copies early sends data that the other kind of driver never sends. So a destination
 * would wait forever for this data, or would receive data that it does not expect. */
static void
check_precopy(const VfioSide *source, const VfioSide *destination, GPtrArray *issues)
{
	if (source->migration_flags <= 0 || destination->migration_flags <= 0 ||
	    !((source->migration_flags ^ destination->migration_flags) & VFIO_FLAG_PRE_COPY))
		return;
	gboolean source_can = (source->migration_flags & VFIO_FLAG_PRE_COPY) != 0;
	const char *can = source_can ? source_host : destination_host;
	const char *cannot = source_can ? destination_host : source_host;
	add(issues, VFIO_SEVERITY_ERROR, "vgpu-precopy-differs", cannot,
	    "use the same driver release with the same settings on both hosts",
	    "the driver at the %s cannot copy while the guest runs, but the driver at the %s does "
	    "(PRE_COPY)",
	    cannot, can);
}

GPtrArray *
vfio_compat_check(const VfioSide *source, const VfioSide *destination)
{
	GPtrArray *issues = g_ptr_array_new_with_free_func((GDestroyNotify)vfio_issue_free);
	check_params(source, source_host, issues);
	check_migratable(source, source_host, issues);
	if (destination->framework == NULL) {
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-no-parent", destination_host,
		    "load the vendor's driver there, enable the board's virtual functions, or name "
		    "another parent",
		    "no device at the destination can make this vGPU");
		return issues;
	}
	check_framework(source, destination, issues);
	check_driver(source, destination, issues);
	check_live(destination, issues);
	check_type(source, destination, issues);
	check_params(destination, destination_host, issues);
	check_migratable(destination, destination_host, issues);
	check_precopy(source, destination, issues);
	return issues;
}

GPtrArray *
vfio_compat_check_among(const VfioSide *side, guint n, const char *where)
{
	GPtrArray *issues = g_ptr_array_new_with_free_func((GDestroyNotify)vfio_issue_free);
	/* check_migratable() has already reported a driver that cannot migrate at all. */
	if (n > 1 && side->migration_flags > 0 && !(side->migration_flags & VFIO_FLAG_P2P))
		add(issues, VFIO_SEVERITY_ERROR, "vgpu-no-p2p", where,
		    "give the VM one vGPU only, or use a driver release with peer-to-peer support",
		    "the driver at the %s cannot stop this vGPU together with others (no P2P "
		    "support)",
		    where);
	return issues;
}

/* The size that QEMU assumes for a device whose driver does not report one (hw/vfio/migration.c,
 * VFIO_MIG_STOP_COPY_SIZE); 10 Gbit/s; and 400 Gbit/s, a rate that no stream of QEMU's comes
 * near. */
#define ASSUMED_BYTES	    (100LL << 30)
#define USUAL_BYTES_PER_S   1250000000LL
#define FASTEST_BYTES_PER_S 50000000000LL

static char *
size_remedy(gint64 bytes, gint64 bandwidth_bytes_per_s)
{
	gint64 rate = bandwidth_bytes_per_s > 0 ? bandwidth_bytes_per_s : USUAL_BYTES_PER_S;
	return g_strdup_printf("use a driver release that reports it (MIG_DATA_SIZE), or allow a "
			       "downtime limit of %" G_GINT64_FORMAT " s%s",
			       bytes / rate + 1,
			       bandwidth_bytes_per_s > 0 ? "" : " (at 10 Gbit/s)");
}

GPtrArray *
vfio_compat_check_size(const VfioSide *side, guint n_lacking, gint64 downtime_limit_us,
		       gint64 bandwidth_bytes_per_s)
{
	GPtrArray *issues = g_ptr_array_new_with_free_func((GDestroyNotify)vfio_issue_free);
	if (!side->lacks_data_size)
		return issues;
	gint64 rate = bandwidth_bytes_per_s > 0 ? bandwidth_bytes_per_s : FASTEST_BYTES_PER_S;
	double limit_s = (double)downtime_limit_us / G_USEC_PER_SEC;
	gint64 bytes = n_lacking * ASSUMED_BYTES;
	g_autofree char *remedy = size_remedy(bytes, bandwidth_bytes_per_s);
	add(issues,
	    (double)rate * limit_s < (double)bytes ? VFIO_SEVERITY_ERROR : VFIO_SEVERITY_WARNING,
	    "vgpu-no-data-size", source_host, remedy,
	    "the driver does not report how much is left to copy: QEMU assumes 100 GiB, "
	    "and stops the guest only when 100 GiB fit into the downtime limit, %.1f s",
	    limit_s);
	return issues;
}
