/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plan's rules about vGPUs. vfio/ knows the rules for one pair; this file decides which vGPUs
 * are compared.
 */
#include "engine/plan/negotiate-vgpus.h"

#include <string.h>

#include "engine/data/vgpu-json.h"
#include "engine/data/vgpu-pair.h"
#include "engine/plan/negotiate-rules.h"
#include "vfio/vfio-compat.h"

G_STATIC_ASSERT(GW_VGPU_STOP_COPY == VFIO_FLAG_STOP_COPY && GW_VGPU_P2P == VFIO_FLAG_P2P &&
		GW_VGPU_PRE_COPY == VFIO_FLAG_PRE_COPY);

static void
fill_side(VfioSide *side, const GwVgpu *vgpu)
{
	vfio_side_init(side);
	side->id = vgpu_display_name(vgpu);
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

/* @ours, @theirs: what the vGPU is called on each host; those that differ in it are known by the
 *   one of the host that has to change. */
static void
add_issues(GPtrArray *issues, const GPtrArray *found, const char *ours, const char *theirs)
{
	for (guint i = 0; i < found->len; i++) {
		const VfioIssue *issue = g_ptr_array_index(found, i);
		gboolean at_theirs = strcmp(issue->host, side_to_string(SIDE_DESTINATION)) == 0 &&
				     theirs != NULL;
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
check_among(const GPtrArray *vgpus, Side side, GPtrArray *issues)
{
	for (guint i = 0; i < vgpus->len; i++) {
		VfioSide vgpu;
		fill_side(&vgpu, g_ptr_array_index(vgpus, i));
		g_autoptr(GPtrArray) found =
			vfio_compat_check_among(&vgpu, vgpus->len, side_to_string(side));
		add_issues(issues, found, vgpu.id, vgpu.id);
	}
}

/* QEMU would reject the stream after half of it was loaded. */
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
				gw_issue_new(GW_SEVERITY_ERROR, "vgpu-address",
					     side_to_string(SIDE_DESTINATION),
					     vgpu_display_name(vgpu), text,
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
					GW_SEVERITY_WARNING, "vgpu-unwatched",
					side_to_string(SIDE_DESTINATION), vgpu_display_name(vgpu),
					"if its driver rejected the state at the last moment "
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
			gw_issue_new(
				GW_SEVERITY_ERROR, "vgpu-names", side_to_string(SIDE_DESTINATION),
				"vGPUs",
				"the vGPUs have different types, and nothing tells which one is "
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
		g_ptr_array_add(issues,
				gw_issue_new(GW_SEVERITY_ERROR, "vgpu-count",
					     side_to_string(SIDE_DESTINATION), "vGPUs", text,
					     "give its QEMU the devices of the source's"));
		return;
	}
	compare_lists(source, destination, issues);
	check_among(source, SIDE_SOURCE, issues);
	check_among(destination, SIDE_DESTINATION, issues);
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

/* ---- the rules ---- */

static void
check_vgpus(Negotiation *self)
{
	const GPtrArray *vgpus = negotiation_source(self)->vgpus;
	/* A QEMU that did not start for another reason has not reported its vGPUs. */
	if (negotiation_destination(self)->absent_reason == NULL)
		vgpu_compare(vgpus, negotiation_destination(self)->vgpus, self->plan->issues);
	vgpu_check_sizes(vgpus, self->plan->downtime_limit_us, self->plan->bandwidth_bytes_per_s,
			 self->plan->issues);
}

/* QEMU 7.2 and older use a VFIO interface that no present kernel has. */
static void
check_vfio_migration(Negotiation *self)
{
	for (guint host = 0; host < N_SIDES; host++)
		if (negotiation_has_vgpus(self) && !self->surveys[host]->is_absent &&
		    !self->surveys[host]->has_vfio_migration)
			negotiation_error(self, "vfio-migration", sides_of(host), "QEMU",
					  "use QEMU 8.1 or later",
					  "this QEMU's vfio-pci cannot migrate (it has no "
					  "'enable-migration')");
}

static void
check_viommus(Negotiation *self)
{
	for (guint host = 0; negotiation_has_vgpus(self) && host < N_SIDES; host++) {
		const GStrv viommus = self->surveys[host]->viommus;
		for (guint i = 0; viommus != NULL && viommus[i] != NULL; i++)
			negotiation_error(
				self, "viommu", sides_of(host), viommus[i],
				"remove the virtual IOMMU from the VM",
				"a vGPU cannot be migrated together with a virtual IOMMU ('%s')",
				viommus[i]);
	}
}

/* A driver checks the received state only when the guest continues: see vgpu-watch.c. */
static void
check_unproven(Negotiation *self)
{
	const GPtrArray *vgpus = negotiation_source(self)->vgpus;
	if (!self->plan->paused || self->plan->keep_source)
		return;
	for (guint i = 0; vgpus != NULL && i < vgpus->len; i++) {
		const GwVgpu *vgpu = g_ptr_array_index(vgpus, i);
		negotiation_warning(self, "vgpu-unproven", SIDES_DESTINATION,
				    vgpu_display_name(vgpu),
				    "give --keep-source, and end the source's QEMU when the guest "
				    "runs there",
				    "its driver accepts or rejects the received state only when "
				    "the guest continues, and the source has ended by then");
	}
}

static const NegotiationRule rules[] = {
	{ check_vgpus, FALSE },
	{ check_unproven, FALSE },
	{ check_vfio_migration, FALSE },
	{ check_viommus, FALSE },
};

void
negotiate_vgpus(Negotiation *self)
{
	negotiation_run(self, rules, G_N_ELEMENTS(rules));
}
