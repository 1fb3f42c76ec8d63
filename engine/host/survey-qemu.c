/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The survey of one QEMU: what it reports of itself (qmp/qmp-facts.c asks), what the host knows
 * about it, and its vGPUs. Changes nothing.
 */
#include "engine/host/survey-qemu.h"

#include "engine/gw-error.h"
#include "engine/util/descriptors.h"
#include "engine/util/error-host.h"
#include "engine/util/scoped-context.h"
#include "engine/data/property-list.h"
#include "engine/host/disk-identity.h"
#include "engine/host/supervisor.h"
#include "engine/host/survey-host.h"
#include "engine/data/survey-lists.h"
#include "engine/host/vgpu-host.h"
#include "qmp/qmp-facts.h"

static int
compare_words(gconstpointer a, gconstpointer b)
{
	return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

/* The names in @capabilities, or only those that are on. */
static GStrv
list_capabilities(GHashTable *capabilities, gboolean only_on)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	GHashTableIter iter;
	gpointer name, on;
	if (capabilities == NULL)
		return g_new0(char *, 1);
	g_hash_table_iter_init(&iter, capabilities);
	while (g_hash_table_iter_next(&iter, &name, &on))
		if (!only_on || GPOINTER_TO_INT(on))
			g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, compare_words);
	g_ptr_array_add(names, NULL);
	return (GStrv)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

static GPtrArray *
list_parameters(const QmpParameters *parameters)
{
	GPtrArray *list = property_list_new();
	g_auto(GStrv) names = parameters != NULL ? qmp_parameters_list(parameters) : NULL;
	for (guint i = 0; names != NULL && names[i] != NULL; i++) {
		g_autofree char *value = qmp_parameters_get_text(parameters, names[i]);
		property_list_add(list, names[i], value);
	}
	return list;
}

static GPtrArray *
list_pairs(const GPtrArray *pairs)
{
	GPtrArray *list = property_list_new();
	for (guint i = 0; i < pairs->len; i++) {
		const QmpPair *pair = g_ptr_array_index(pairs, i);
		property_list_add(list, pair->name, pair->value);
	}
	return list;
}

/* NULL where there is nothing to tell. */
static GPtrArray *
list_pairs_if_any(const GPtrArray *pairs)
{
	return pairs->len > 0 ? list_pairs(pairs) : NULL;
}

static void
add_device(GPtrArray *devices, const char *path, const char *id, const char *type,
	   GPtrArray *properties)
{
	GwDevice *device = g_new0(GwDevice, 1);
	device->path = g_strdup(path);
	device->id = g_strdup(id);
	device->type = g_strdup(type);
	device->properties = properties;
	g_ptr_array_add(devices, device);
}

/* Those on buses, and then those that were given and are on none, but memory modules. NULL: it
 * tells of none. */
static GPtrArray *
list_devices(const QmpFacts *facts)
{
	if (facts->qdevs->len == 0)
		return NULL;
	GPtrArray *devices = device_list_new();
	for (guint i = 0; i < facts->qdevs->len; i++) {
		const QmpQdev *qdev = g_ptr_array_index(facts->qdevs, i);
		add_device(devices, qdev->path, qdev->id, qdev->type, list_pairs(qdev->properties));
	}
	for (guint i = 0; i < facts->peripherals->len; i++) {
		const QmpPair *pair = g_ptr_array_index(facts->peripherals, i);
		g_autofree char *path = g_strconcat("id@", pair->name, NULL);
		if (device_list_find(devices, pair->name) == NULL &&
		    qmp_pairs_get(facts->memory_devices, pair->name) == NULL)
			add_device(devices, path, pair->name, pair->value, NULL);
	}
	return devices;
}

static GPtrArray *
list_ram_blocks(const GPtrArray *blocks)
{
	GPtrArray *list = ram_block_list_new();
	for (guint i = 0; i < blocks->len; i++) {
		const QmpRamBlock *block = g_ptr_array_index(blocks, i);
		GwRamBlock *copy = g_new0(GwRamBlock, 1);
		copy->name = g_strdup(block->name);
		copy->used_bytes = block->used_bytes;
		copy->max_bytes = block->max_bytes;
		g_ptr_array_add(list, copy);
	}
	return list;
}

static GPtrArray *
list_disks(const GPtrArray *disks, pid_t qemu)
{
	GPtrArray *list = disk_list_new();
	for (guint i = 0; i < disks->len; i++) {
		const QmpDisk *disk = g_ptr_array_index(disks, i);
		GwDisk *copy = g_new0(GwDisk, 1);
		copy->device = g_strdup(disk->device);
		copy->node = g_strdup(disk->node);
		copy->file = g_strdup(disk->file);
		copy->base = disk->base != NULL ? qmp_disk_leaf(disk->base) : NULL;
		copy->format = g_strdup(disk->format);
		copy->size_bytes = disk->size_bytes;
		copy->written_bytes = disk->written_bytes;
		copy->read_only = disk->read_only;
		copy->limits = list_pairs_if_any(disk->limits);
		copy->bitmaps = list_pairs_if_any(disk->bitmaps);
		disk_identify(copy, qemu, disk->leaf);
		g_ptr_array_add(list, copy);
	}
	return list;
}

static GStrv
list_jobs(const GPtrArray *jobs)
{
	g_autoptr(GStrvBuilder) list = g_strv_builder_new();
	for (guint i = 0; i < jobs->len; i++) {
		const QmpPair *job = g_ptr_array_index(jobs, i);
		g_autofree char *text = g_strdup_printf("%s (%s)", job->name, job->value);
		g_strv_builder_add(list, text);
	}
	return g_strv_builder_end(list);
}

static const char *const viommu_types[] = { "intel-iommu",	   "amd-iommu",	 "virtio-iommu-pci",
					    "virtio-iommu-device", "arm-smmuv3", NULL };

/* A board can have one by itself too (-machine iommu=...). */
static GStrv
list_viommus(const QmpFacts *facts)
{
	g_autoptr(GStrvBuilder) list = g_strv_builder_new();
	for (guint i = 0; i < facts->qdevs->len; i++) {
		const QmpQdev *qdev = g_ptr_array_index(facts->qdevs, i);
		if (g_strv_contains(viommu_types, qdev->type))
			g_strv_builder_add(list, qdev->type);
	}
	const char *machine = qmp_pairs_get(facts->machine, "iommu");
	if (machine != NULL && *machine != '\0' && !g_str_equal(machine, "none") &&
	    !g_str_equal(machine, "off"))
		g_strv_builder_add(list, machine);
	return g_strv_builder_end(list);
}

static void
take_texts(GwSurvey *survey, QmpFacts *facts)
{
	survey->run_state = g_steal_pointer(&facts->run_state);
	survey->running = facts->running;
	survey->name = g_steal_pointer(&facts->name);
	survey->uuid = g_steal_pointer(&facts->uuid);
	survey->target = g_steal_pointer(&facts->target);
	survey->machine_type = g_steal_pointer(&facts->machine_type);
	survey->accelerator = g_steal_pointer(&facts->accelerator);
	survey->cpu_model = g_steal_pointer(&facts->cpu_model);
	survey->ram_bytes = facts->memory_bytes;
	survey->vcpus = facts->n_vcpus;
	survey->migrate_status = g_strdup(qmp_migrate_status_to_string(facts->migrate.status));
	survey->blocked_reasons = g_steal_pointer(&facts->migrate.blocked_reasons);
	survey->has_vfio_migration = facts->has_vfio_migration;
}

static void
take_lists(GwSurvey *survey, const QmpFacts *facts, pid_t qemu)
{
	survey->capabilities = list_capabilities(facts->capabilities, FALSE);
	survey->capabilities_on = list_capabilities(facts->capabilities, TRUE);
	survey->parameters = list_parameters(facts->parameters);
	survey->machine = list_pairs(facts->machine);
	survey->cpu = list_pairs(facts->cpu);
	survey->cpu_features = list_pairs(facts->cpu_words);
	survey->topology = list_pairs(facts->vcpus);
	survey->numa = list_pairs(facts->numa);
	survey->memory_devices = list_pairs(facts->memory_devices);
	survey->ram_blocks = list_ram_blocks(facts->ram_blocks);
	survey->devices = list_devices(facts);
	survey->disks = list_disks(facts->disks, qemu);
	survey->shared_memory = disk_list_shared_memory(qemu);
	survey->jobs = list_jobs(facts->jobs);
	survey->exports = list_jobs(facts->exports);
	survey->viommus = list_viommus(facts);
}

/* (transfer full) (nullable): QEMU tells of the sockets on which it listens, its command line of
 * the rest. */
static char *
find_incoming(const QmpFacts *facts, pid_t qemu)
{
	if (g_strcmp0(facts->run_state, "inmigrate") != 0)
		return NULL;
	return facts->migrate.listens_on != NULL ? g_strdup(facts->migrate.listens_on)
						 : survey_host_incoming(qemu);
}

/* (transfer full): NULL with QEMU's or the kernel's error. */
static GwSurvey *
take(Qemu *qemu, GError **error)
{
	g_autoptr(QmpFacts) facts = qmp_facts_query(qemu->qmp, error);
	g_autoptr(VfioHost) host = facts != NULL ? vgpu_host_open(error) : NULL;
	if (host == NULL)
		return NULL;
	pid_t pid = qemu->process.pid;
	g_autoptr(GwSurvey) survey = g_new0(GwSurvey, 1);
	survey->vgpus = vgpu_list_of_qemu(host, qemu, error);
	if (survey->vgpus == NULL)
		return NULL;
	survey->qemu_version = qmp_version_string(qemu->qmp);
	survey->has_oob = qmp_client_has_oob(qemu->qmp);
	survey->is_indirect = qemu->is_indirect;
	survey->no_shutdown = survey_host_no_shutdown(pid);
	survey->supervisor = supervisor_find("", pid);
	survey->incoming = find_incoming(facts, pid);
	survey->resident_bytes = survey_host_resident_bytes(pid);
	survey->qemu_descriptors = pid > 0 ? descriptors_count_free(pid) : 0;
	survey->controller_descriptors = descriptors_count_free(0);
	survey->host = gw_survey_host();
	take_texts(survey, facts);
	take_lists(survey, facts, pid);
	return g_steal_pointer(&survey);
}

GwSurvey *
survey_take(Qemu *qemu, GError **error)
{
	g_autoptr(GError) cause = NULL;
	GwSurvey *survey = take(qemu, &cause);
	if (survey != NULL)
		return survey;
	g_set_error(error, GW_ERROR, GW_ERROR_MONITOR_LOST, "survey: %s", cause->message);
	error_add_host(error, qemu->host);
	return NULL;
}

GwSurvey *
gw_survey_qemu(const char *qmp_path, GError **error)
{
	g_auto(PrivateContext) context = private_context_push();
	g_autoptr(Qemu) qemu = qemu_attach(qmp_path, "this host", NULL, error);
	return qemu != NULL ? survey_take(qemu, error) : NULL;
}
