/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The plan's rules about what the guest runs on: the board, the CPU, the memory, and the host. A
 * guest reads most of this only once, when it starts.
 */
#include <string.h>

#include "engine/plan/cpu-flags.h"
#include "engine/plan/device-words.h"
#include "engine/plan/negotiate-rules.h"

#define GIB		(G_GUINT64_CONSTANT(1) << 30)
#define TCG_CHUNK_BYTES (64 * 4096)

static void
check_target(Negotiation *self)
{
	negotiation_compare(self, "target", "architecture", negotiation_source(self)->target,
			    negotiation_destination(self)->target,
			    "use hosts whose QEMU emulates the same architecture");
}

static void
check_machine(Negotiation *self)
{
	negotiation_compare(
		self, "machine-type", "machine type", negotiation_source(self)->machine_type,
		negotiation_destination(self)->machine_type,
		"name the machine type with its version (-machine pc-q35-7.2) on both hosts");
}

static void
check_machine_properties(Negotiation *self)
{
	const GPtrArray *ours = negotiation_source(self)->machine;
	for (guint i = 0; ours != NULL && i < ours->len; i++) {
		const GwProperty *property = g_ptr_array_index(ours, i);
		const char *theirs = gw_property_list_get(negotiation_destination(self)->machine,
							  property->name);
		if (theirs == NULL || strcmp(property->value, theirs) == 0)
			continue;
		gboolean is_topology = g_str_has_prefix(property->name, "smp.");
		/* The vCPUs themselves show how many there are, and could be. */
		if (is_topology && strcmp(property->name, "smp.cpus") == 0)
			continue;
		negotiation_error(self, is_topology ? "topology" : "machine-property", SIDES_BOTH,
				  property->name,
				  is_topology ? "give both QEMUs the same -smp"
					      : "give both QEMUs the same -machine",
				  "it is '%s' at the source and '%s' at the destination",
				  property->value, theirs);
	}
}

static void
check_uuid(Negotiation *self)
{
	negotiation_compare(self, "uuid", "UUID", negotiation_source(self)->uuid,
			    negotiation_destination(self)->uuid, "give both QEMUs the same -uuid");
}

/* ---- memory ---- */

static void
check_memory(Negotiation *self)
{
	guint64 ours = negotiation_source(self)->ram_bytes;
	guint64 theirs = negotiation_destination(self)->ram_bytes;
	if (ours == theirs)
		return;
	const GPtrArray *modules = negotiation_source(self)->memory_devices;
	negotiation_error(self, "ram-size", SIDES_BOTH, "RAM",
			  modules != NULL && modules->len > 0
				  ? "give both QEMUs the same -m and the same memory modules"
				  : "give both QEMUs the same -m",
			  "it has %" G_GUINT64_FORMAT " bytes at the source and %" G_GUINT64_FORMAT
			  " bytes at the destination",
			  ours, theirs);
}

static const GwRamBlock *
find_block(const GPtrArray *blocks, const char *name)
{
	for (guint i = 0; i < blocks->len; i++) {
		const GwRamBlock *block = g_ptr_array_index(blocks, i);
		if (strcmp(block->name, name) == 0)
			return block;
	}
	return NULL;
}

/* "0000:00:03.0/virtio-net-pci.rom": a missing block of a device is reported with the device. */
static gboolean
is_of_device(const GwRamBlock *block)
{
	return g_str_has_prefix(block->name, "0000:") && strchr(block->name, '/') != NULL;
}

/* Memory that a vGPU's driver maps is not sent. */
static gboolean
is_mapping(const GwRamBlock *block)
{
	return strstr(block->name, " mmaps[") != NULL || strstr(block->name, " BAR ") != NULL;
}

static gboolean
is_resizable(const GwRamBlock *block)
{
	return block->used_bytes != block->max_bytes;
}

/* QEMU resizes a resizable block, up to its maximum size. */
static gboolean
fits(const GwRamBlock *ours, const GwRamBlock *theirs)
{
	return ours->used_bytes == theirs->used_bytes ||
	       ((is_resizable(ours) || is_resizable(theirs)) &&
		ours->used_bytes <= theirs->max_bytes);
}

static void
check_block(Negotiation *self, const GwRamBlock *ours, const GwRamBlock *theirs)
{
	if (theirs == NULL && !is_of_device(ours)) {
		negotiation_error(self, "ram-block", SIDES_DESTINATION, ours->name,
				  "give both QEMUs the same memory backends, ids included",
				  "it has no memory block of this name (%" G_GUINT64_FORMAT
				  " bytes)",
				  ours->used_bytes);
	} else if (theirs != NULL && !fits(ours, theirs)) {
		negotiation_error(self, "ram-block", SIDES_BOTH, ours->name,
				  is_of_device(ours)
					  ? "give both QEMUs the same firmware files and sizes"
					  : "give both QEMUs the same memory backends",
				  "the memory block has %" G_GUINT64_FORMAT
				  " bytes at the source and %" G_GUINT64_FORMAT
				  " bytes at the destination",
				  ours->used_bytes, theirs->used_bytes);
	}
}

static void
check_ram_blocks(Negotiation *self)
{
	const GwSurvey *source = negotiation_source(self);
	const GwSurvey *destination = negotiation_destination(self);
	/* If the total RAM differs, the block that causes it is no news. */
	gboolean ram_differs = source->ram_bytes != destination->ram_bytes;
	if (source->ram_blocks == NULL || destination->ram_blocks == NULL ||
	    source->ram_blocks->len == 0 || destination->ram_blocks->len == 0)
		return;
	for (guint i = 0; i < source->ram_blocks->len; i++) {
		const GwRamBlock *block = g_ptr_array_index(source->ram_blocks, i);
		if (is_mapping(block) || (ram_differs && !is_of_device(block)))
			continue;
		check_block(self, block, find_block(destination->ram_blocks, block->name));
	}
}

/* Read-only blocks, also those whose contents the stream has. */
static gboolean
is_rom(const GwRamBlock *block)
{
	return strstr(block->name, "rom") != NULL || strstr(block->name, "bios") != NULL ||
	       strstr(block->name, "flash") != NULL;
}

/*
 * QEMU before 9.0 copies the dirty bits of 64 pages at once, and does not tell its emulation (TCG)
 * that it has cleared them: a page that is written again later is then not sent again. Blocks of
 * another size are copied page by page. A guest that stands still writes nothing, and a screen is
 * drawn again. The capability came with the same version as the fix.
 */
static void
check_lost_pages(Negotiation *self)
{
	const GwSurvey *source = negotiation_source(self);
	if (!source->running || g_strcmp0(source->accelerator, "tcg") != 0 ||
	    negotiation_has_word(source->capabilities, "mapped-ram"))
		return;
	for (guint i = 0; source->ram_blocks != NULL && i < source->ram_blocks->len; i++) {
		const GwRamBlock *block = g_ptr_array_index(source->ram_blocks, i);
		if (is_rom(block) || is_of_device(block) ||
		    block->used_bytes % TCG_CHUNK_BYTES != 0)
			continue;
		negotiation_warning(
			self, "tcg-pages", SIDES_SOURCE, block->name,
			"pause the guest for the move ('stop'), or start it with KVM, a "
			"newer QEMU, or 8 KiB more of memory",
			"this QEMU loses pages under TCG if the guest writes them while "
			"they are sent several times: the block is a multiple of 64 pages");
		return;
	}
}

/* Hotplugged memory is reported with the modules, and vCPUs with the vCPUs. */
static void
compare_node(Negotiation *self, const GwProperty *size)
{
	const char *theirs = gw_property_list_get(negotiation_destination(self)->numa, size->name);
	if (!g_str_has_suffix(size->name, " size") || g_strcmp0(size->value, theirs) == 0)
		return;
	negotiation_error(self, "topology", SIDES_BOTH, size->name,
			  "give both QEMUs the same -numa",
			  "it is '%s' at the source and '%s' at the destination", size->value,
			  theirs != NULL ? theirs : "none");
}

static guint
count_nodes(const GPtrArray *numa)
{
	guint n = 0;
	for (guint i = 0; i < numa->len; i++)
		n += g_str_has_suffix(((const GwProperty *)g_ptr_array_index(numa, i))->name,
				      " size");
	return n;
}

/* A QEMU without NUMA nodes reports none. */
static void
check_numa(Negotiation *self)
{
	const GPtrArray *ours = negotiation_source(self)->numa;
	const GPtrArray *theirs = negotiation_destination(self)->numa;
	if (ours == NULL || theirs == NULL ||
	    negotiation_source(self)->ram_bytes != negotiation_destination(self)->ram_bytes)
		return;
	guint n_ours = count_nodes(ours);
	guint n_theirs = count_nodes(theirs);
	if (n_ours != n_theirs)
		negotiation_error(self, "topology", SIDES_BOTH, "NUMA",
				  "give both QEMUs the same -numa",
				  "the guest's memory is in %u nodes at the source and in %u at "
				  "the destination",
				  n_ours, n_theirs);
	for (guint i = 0; n_ours == n_theirs && i < ours->len; i++)
		compare_node(self, g_ptr_array_index(ours, i));
}

static void
check_memory_devices(Negotiation *self)
{
	const GPtrArray *lists[] = { negotiation_source(self)->memory_devices,
				     negotiation_destination(self)->memory_devices };
	if (lists[0] == NULL || lists[1] == NULL)
		return;
	for (guint host = 0; host < N_SIDES; host++)
		for (guint i = 0; i < lists[host]->len; i++) {
			const GwProperty *ours = g_ptr_array_index(lists[host], i);
			const char *theirs = gw_property_list_get(lists[1 - host], ours->name);
			g_autofree char *words = memory_device_words(ours->name, ours->value);
			if (theirs == NULL)
				negotiation_error(
					self, "memory-device", sides_of(1 - host), ours->name,
					host == SIDE_SOURCE && words != NULL
						? words
						: "give both QEMUs the same memory modules",
					"it has no memory module '%s' (%s)", ours->name,
					ours->value);
			else if (host == 0 && strcmp(ours->value, theirs) != 0)
				negotiation_error(self, "memory-device", SIDES_BOTH, ours->name,
						  "give both QEMUs the same memory modules",
						  "it is '%s' at the source and '%s' at the "
						  "destination",
						  ours->value, theirs);
		}
}

/* Memory that the destination's QEMU has already needs no more free memory. */
static void
check_free_memory(Negotiation *self)
{
	const GwSurvey *destination = negotiation_destination(self);
	guint64 needed = negotiation_source(self)->ram_bytes;
	if (destination->host == NULL || destination->host->memory_available_bytes == 0)
		return;
	guint64 room = destination->host->memory_available_bytes + destination->resident_bytes;
	if (room >= needed)
		return;
	negotiation_error(self, "memory", SIDES_DESTINATION, "host",
			  "free memory there, or choose another host",
			  "the guest's RAM is %.1f GiB, but only %.1f GiB are free there",
			  (double)needed / (double)GIB, (double)room / (double)GIB);
}

/* ---- vCPUs ---- */

static void
check_vcpus(Negotiation *self)
{
	guint ours = negotiation_source(self)->vcpus;
	guint theirs = negotiation_destination(self)->vcpus;
	if (ours != theirs)
		negotiation_error(self, "vcpus", SIDES_BOTH, "vCPUs",
				  "give both QEMUs the same -smp",
				  "there are %u at the source and %u at the destination", ours,
				  theirs);
}

/* "core-id=1 socket-id=0": a key that both have must have the same value. */
static gboolean
same_place(const char *ours, const char *theirs)
{
	g_auto(GStrv) words = g_strsplit(ours, " ", -1);
	g_auto(GStrv) others = g_strsplit(theirs, " ", -1);
	for (guint i = 0; words[i] != NULL; i++)
		for (guint o = 0; others[o] != NULL; o++) {
			gsize len = strcspn(words[i], "=") + 1;
			if (strncmp(words[i], others[o], len) == 0 &&
			    strcmp(words[i], others[o]) != 0)
				return FALSE;
		}
	return TRUE;
}

static void
check_topology(Negotiation *self)
{
	const GPtrArray *ours = negotiation_source(self)->topology;
	for (guint i = 0; ours != NULL && i < ours->len; i++) {
		const GwProperty *vcpu = g_ptr_array_index(ours, i);
		const char *theirs =
			gw_property_list_get(negotiation_destination(self)->topology, vcpu->name);
		if (theirs == NULL || same_place(vcpu->value, theirs))
			continue;
		g_autofree char *subject = g_strconcat("vCPU ", vcpu->name, NULL);
		negotiation_error(self, "topology", SIDES_BOTH, subject,
				  "give both QEMUs the same -smp and -numa",
				  "its place is '%s' at the source and '%s' at the destination",
				  vcpu->value, theirs);
	}
}

static void
check_accelerator(Negotiation *self)
{
	negotiation_compare(self, "accelerator", "accelerator",
			    negotiation_source(self)->accelerator,
			    negotiation_destination(self)->accelerator,
			    "give both QEMUs the same -accel");
}

static void
check_cpu_model(Negotiation *self)
{
	negotiation_compare(self, "cpu-model", "CPU model", negotiation_source(self)->cpu_model,
			    negotiation_destination(self)->cpu_model,
			    "give both QEMUs the same -cpu");
}

static guint32
bits_of(const GPtrArray *features, const char *word)
{
	const char *text = gw_property_list_get(features, word);
	guint64 bits = 0;
	if (text == NULL || !g_ascii_string_to_unsigned(text, 16, 0, G_MAXUINT32, &bits, NULL))
		return 0;
	return (guint32)bits;
}

/* Some QEMUs count bits that all of them derive from the topology: HTT, CmpLegacy. */
static guint32
own_bits(const char *word)
{
	return strcmp(word, "00000001.0.EDX") == 0   ? ~(1u << 28)
	       : strcmp(word, "80000001.0.ECX") == 0 ? ~(1u << 1)
						     : ~0u;
}

/* (transfer full): the names of the bits that @ours has and @theirs does not have; "" for none. */
static char *
bits_only_in(const GPtrArray *ours, const GPtrArray *theirs)
{
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();
	for (guint i = 0; i < ours->len; i++) {
		const char *word = ((const GwProperty *)g_ptr_array_index(ours, i))->name;
		guint32 bits = bits_of(ours, word) & ~bits_of(theirs, word) & own_bits(word);
		g_autofree char *text = cpu_names_of(word, bits);
		if (bits != 0)
			g_strv_builder_add(names, text);
	}
	g_auto(GStrv) list = g_strv_builder_end(names);
	return g_strjoinv(" ", list);
}

static void
check_cpu_features(Negotiation *self)
{
	const GPtrArray *ours = negotiation_source(self)->cpu_features;
	const GPtrArray *theirs = negotiation_destination(self)->cpu_features;
	if (ours == NULL || theirs == NULL || ours->len == 0 || theirs->len == 0)
		return;
	g_autofree char *missing = bits_only_in(ours, theirs);
	g_autofree char *more = bits_only_in(theirs, ours);
	if (*missing != '\0')
		negotiation_error(
			self, "cpu-features", SIDES_DESTINATION, "CPU",
			"use a CPU model that both hosts support completely, on both",
			"the guest may use features that its CPU would not have there: %s",
			missing);
	if (*more != '\0')
		negotiation_warning(
			self, "cpu-features-more", SIDES_DESTINATION, "CPU",
			"use a CPU model that both hosts support completely, on both",
			"the guest's CPU would get features there that it does not have now: %s",
			more);
}

/* The clock has a separate rule, and a different model is reported by its name. */
static gboolean
is_told_elsewhere(const Negotiation *self, const char *property)
{
	gboolean is_model_id = strcmp(property, "model-id") == 0;
	gboolean model_differs = g_strcmp0(negotiation_source(self)->cpu_model,
					   negotiation_destination(self)->cpu_model) != 0;
	return strcmp(property, "tsc-frequency") == 0 || (is_model_id && model_differs);
}

static void
check_cpu_properties(Negotiation *self)
{
	const GPtrArray *ours = negotiation_source(self)->cpu;
	for (guint i = 0; ours != NULL && i < ours->len; i++) {
		const GwProperty *property = g_ptr_array_index(ours, i);
		const char *theirs =
			gw_property_list_get(negotiation_destination(self)->cpu, property->name);
		if (theirs == NULL || strcmp(property->value, theirs) == 0 ||
		    is_told_elsewhere(self, property->name))
			continue;
		negotiation_error(self, "cpu-property", SIDES_BOTH, property->name,
				  "give both QEMUs the same -cpu",
				  "it is '%s' at the source and '%s' at the destination",
				  property->value, theirs);
	}
}

/* A guest that was promised a constant clock relies on it. */
static void
check_clock(Negotiation *self)
{
	static const guint32 invtsc = 1u << 8;
	const GwSurvey *source = negotiation_source(self);
	gboolean is_promised = source->cpu_features != NULL &&
			       (bits_of(source->cpu_features, "80000007.0.EDX") & invtsc) != 0;
	const char *ours = gw_property_list_get(source->cpu, "tsc-frequency");
	const char *theirs =
		gw_property_list_get(negotiation_destination(self)->cpu, "tsc-frequency");
	if (ours == NULL || theirs == NULL || !is_promised)
		return;
	if (strcmp(ours, theirs) != 0 || strcmp(ours, "0") == 0)
		negotiation_error(self, "clock", SIDES_BOTH, "TSC",
				  "give both QEMUs the same -cpu ...,tsc-frequency=",
				  "the guest relies on an invariant TSC (invtsc), whose frequency "
				  "is %s Hz at the source and %s Hz at the destination (0: the "
				  "host's own)",
				  ours, theirs);
}

static void
check_arch(Negotiation *self)
{
	for (guint host = 0; negotiation_has_vgpus(self) && host < N_SIDES; host++) {
		const GwHostSurvey *survey = self->surveys[host]->host;
		if (survey == NULL || survey->arch == NULL || strcmp(survey->arch, "x86_64") == 0)
			continue;
		negotiation_error(self, "host-arch", sides_of(host), "host",
				  "use hosts of the x86-64 architecture",
				  "vGPUs are migrated between x86-64 hosts only, and it is '%s'",
				  survey->arch);
	}
}

static const NegotiationRule rules[] = {
	{ check_arch, FALSE },		{ check_target, TRUE },
	{ check_machine, TRUE },	{ check_machine_properties, TRUE },
	{ check_uuid, TRUE },		{ check_memory, TRUE },
	{ check_ram_blocks, TRUE },	{ check_lost_pages, FALSE },
	{ check_numa, TRUE },		{ check_memory_devices, TRUE },
	{ check_free_memory, TRUE },	{ check_vcpus, TRUE },
	{ check_topology, TRUE },	{ check_accelerator, TRUE },
	{ check_cpu_model, TRUE },	{ check_cpu_features, TRUE },
	{ check_cpu_properties, TRUE }, { check_clock, TRUE },
};

void
negotiate_machine(Negotiation *self)
{
	negotiation_run(self, rules, G_N_ELEMENTS(rules));
}
