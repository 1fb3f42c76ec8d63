/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwit survey: shows this host, its GPUs and vGPUs and, with --qmp, one QEMU. It asks and changes
 * nothing.
 */
#include <stdio.h>

#include "engine/gw-mdev.h"
#include "engine/gw-survey.h"
#include "tools/cmd.h"
#include "tools/json-text.h"
#include "tools/units.h"

typedef struct {
	char *qmp;
	gboolean json;
} SurveyOptions;

/* What this host can make, and what exists. */
typedef struct {
	GPtrArray *parents; /* of GwMdevParent */
	GPtrArray *vgpus;   /* of GwMdev */
} Gpus;

static void
gpus_clear(Gpus *self)
{
	g_clear_pointer(&self->parents, g_ptr_array_unref);
	g_clear_pointer(&self->vgpus, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Gpus, gpus_clear);

static gboolean
gpus_list(Gpus *self, GError **error)
{
	self->parents = gw_mdev_list_parents(NULL, error);
	if (self->parents == NULL)
		return FALSE;
	self->vgpus = gw_mdev_list(NULL, error);
	return self->vgpus != NULL;
}

static void
print_row(const char *label, const char *value)
{
	if (value != NULL && value[0] != '\0')
		printf("  %-14s %s\n", label, value);
}

static void
print_list(const char *label, char *const *list)
{
	g_autofree char *joined = list != NULL ? g_strjoinv(" ", (char **)list) : NULL;
	print_row(label, joined);
}

static void
print_size(const char *label, guint64 bytes)
{
	g_autofree char *text = units_format_bytes((gint64)MIN(bytes, G_MAXINT64));
	if (bytes > 0)
		print_row(label, text);
}

static void
print_host(const GwHostSurvey *host)
{
	printf("host %s\n", host->host_name != NULL ? host->host_name : "?");
	print_row("kernel", host->kernel);
	print_row("architecture", host->arch);
	print_size("free memory", host->memory_available_bytes);
}

static void
print_parent(const GwMdevParent *parent)
{
	guint64 available = 0;
	for (guint i = 0; i < parent->types->len; i++) {
		const GwMdevType *type = g_ptr_array_index(parent->types, i);
		available = MAX(available, (guint64)MAX(type->available, 0));
	}
	g_autofree char *text =
		g_strdup_printf("%s%s%s, driver %s %s (%s), %u types, up to %" G_GUINT64_FORMAT
				" more vGPUs",
				parent->name, parent->model != NULL ? " " : "",
				parent->model != NULL ? parent->model : "",
				parent->driver != NULL ? parent->driver : "?",
				parent->driver_version != NULL ? parent->driver_version : "?",
				parent->framework, parent->types->len, available);
	print_row("GPU", text);
}

static void
print_gpus(const Gpus *gpus)
{
	for (guint i = 0; i < gpus->parents->len; i++)
		print_parent(g_ptr_array_index(gpus->parents, i));
	for (guint i = 0; i < gpus->vgpus->len; i++) {
		const GwMdev *vgpu = g_ptr_array_index(gpus->vgpus, i);
		g_autofree char *text = g_strdup_printf("%s on %s, type %s", vgpu->id,
							vgpu->parent != NULL ? vgpu->parent : "?",
							vgpu->type != NULL ? vgpu->type : "?");
		print_row("vGPU", text);
	}
}

static void
print_vm_vgpus(const GwSurvey *vm)
{
	for (guint i = 0; vm->vgpus != NULL && i < vm->vgpus->len; i++) {
		const GwVgpu *vgpu = g_ptr_array_index(vm->vgpus, i);
		g_autofree char *text =
			g_strdup_printf("%s (%s) %s", vgpu->name != NULL ? vgpu->name : "?",
					vgpu->type != NULL ? vgpu->type : "?",
					vgpu->id != NULL ? vgpu->id : "");
		print_row("vGPU", text);
	}
}

/* Prints the devices that have an id. The others are part of the machine. */
static void
print_devices(const GwSurvey *vm)
{
	gboolean is_first = TRUE;
	for (guint i = 0; vm->devices != NULL && i < vm->devices->len; i++) {
		const GwDevice *device = g_ptr_array_index(vm->devices, i);
		if (device->id == NULL)
			continue;
		g_autofree char *text =
			g_strdup_printf("%s (%s) at %s", device->id, device->type, device->path);
		print_row(is_first ? "devices" : "", text);
		is_first = FALSE;
	}
}

static void
print_disks(const GwSurvey *vm)
{
	for (guint i = 0; vm->disks != NULL && i < vm->disks->len; i++) {
		const GwDisk *disk = g_ptr_array_index(vm->disks, i);
		g_autofree char *size = units_format_bytes(disk->size_bytes);
		g_autofree char *text = g_strdup_printf("%s: %s, %s%s", disk->device, disk->file,
							disk->size_bytes >= 0 ? size : "?",
							disk->read_only ? ", read-only" : "");
		print_row(i == 0 ? "disks" : "", text);
	}
}

static void
print_vm(const GwSurvey *vm)
{
	printf("vm %s\n", vm->name != NULL ? vm->name : "(no name)");
	print_row("QEMU", vm->qemu_version);
	print_row("target", vm->target);
	print_row("machine", vm->machine_type);
	print_row("accelerator", vm->accelerator);
	print_row("CPU", vm->cpu_model);
	print_row("uuid", vm->uuid);
	print_row("state", vm->run_state);
	print_size("RAM", vm->ram_bytes);
	g_autofree char *vcpus = g_strdup_printf("%u", vm->vcpus);
	if (vm->vcpus > 0)
		print_row("vCPUs", vcpus);
	print_row("migration", vm->migrate_status);
	for (guint i = 0; vm->blocked_reasons != NULL && vm->blocked_reasons[i] != NULL; i++)
		print_row(i == 0 ? "blocked by" : "", vm->blocked_reasons[i]);
	print_list("capabilities", vm->capabilities);
	print_list("switched on", vm->capabilities_on);
	print_list("virtual IOMMU", vm->viommus);
	print_devices(vm);
	print_disks(vm);
	print_vm_vgpus(vm);
}

static void
print_json(const GwHostSurvey *host, const Gpus *gpus, const GwSurvey *vm)
{
	g_autoptr(GString) object = g_string_new("{");
	g_autofree char *host_json = gw_host_survey_to_json(host);
	json_text_raw(object, "host", host_json);
	g_autofree char *gpus_json = gw_mdev_parents_to_json(gpus->parents);
	json_text_raw(object, "gpus", gpus_json);
	g_autofree char *vgpus_json = gw_mdev_array_to_json(gpus->vgpus);
	json_text_raw(object, "vgpus", vgpus_json);
	g_autofree char *vm_json = vm != NULL ? gw_survey_to_json(vm) : NULL;
	if (vm_json != NULL)
		json_text_raw(object, "vm", vm_json);
	printf("%s}\n", object->str);
}

static int
survey(gpointer data, char **arguments)
{
	SurveyOptions *options = data;
	GError *error = NULL;
	g_autoptr(GwHostSurvey) host = gw_survey_host();
	g_autoptr(GwSurvey) vm = NULL;
	g_auto(Gpus) gpus = { 0 };
	if (!gpus_list(&gpus, &error))
		return cmd_fail(EXIT_FAILURE, error);
	if (options->qmp != NULL) {
		vm = gw_survey_qemu(options->qmp, &error);
		if (vm == NULL)
			return cmd_fail(EXIT_FAILURE, error);
	}
	if (options->json) {
		print_json(host, &gpus, vm);
		return cmd_printed(0);
	}
	print_host(host);
	print_gpus(&gpus);
	if (vm != NULL)
		print_vm(vm);
	return cmd_printed(0);
}

static const CmdOption options[] = {
	{ "qmp", G_STRUCT_OFFSET(SurveyOptions, qmp), "SOCK",
	  "Also show the QEMU of this monitor" },
	{ "json", G_STRUCT_OFFSET(SurveyOptions, json), NULL, "Print JSON" },
	{ NULL },
};

const Cmd verb_survey = {
	.name = "survey",
	.arguments = "",
	.summary = "Show what this host and a QEMU on it can do",
	.options = options,
	.options_size = sizeof(SurveyOptions),
	.run = survey,
};
