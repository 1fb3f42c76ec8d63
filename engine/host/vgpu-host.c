/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * This host's vGPUs, described for the survey and removed at the end. The QEMU of a running VM is
 * asked which vGPUs it has; the VM file is not used for this, because a QEMU that another program
 * started has none.
 */
#include "engine/host/vgpu-host.h"

#include <string.h>

#include "engine/data/vgpu-json.h"
#include "engine/gw-error.h"
#include "engine/host/vgpu-vendor.h"
#include "engine/host/vm-argv.h"
#include "qmp/await.h"
#include "qmp/qmp-pci.h"
#include "vfio/vfio-device.h"
#include "vfio/vfio-feature.h"
#include "vfio/vfio-remove.h"

#define REMOVE_TIMEOUT_US (10 * G_USEC_PER_SEC)

VfioHost *
vgpu_host_open(GError **error)
{
	g_autoptr(GError) cause = NULL;
	VfioHost *host = vfio_host_new(NULL, NULL, &cause);
	if (host == NULL)
		g_set_error(error, GW_ERROR, GW_ERROR_VGPU, "%s", cause->message);
	return host;
}

static void
take_type(GwVgpu *vgpu, const VfioType *type)
{
	g_free(vgpu->type);
	vgpu->type = g_strdup(type->id);
	vgpu->type_name = g_strdup(type->name);
	vgpu->description = g_strdup(type->description);
	vgpu->vram_bytes = type->vram_bytes;
}

static GwVgpu *
vgpu_new(const char *name)
{
	GwVgpu *vgpu = g_new0(GwVgpu, 1);
	vgpu->name = g_strdup(name);
	vgpu->vram_bytes = vgpu->available = -1;
	vgpu->migration_flags = vgpu->stop_copy_bytes = -1;
	return vgpu;
}

GwVgpu *
vgpu_describe(const VfioHost *host, const char *name, const char *sysfs_path)
{
	GwVgpu *vgpu = vgpu_new(name);
	g_autofree char *id = g_path_get_basename(sysfs_path);
	g_autoptr(VfioDevice) device = vfio_device_new(host, id, NULL);
	vgpu->id = g_strdup(id);
	if (device == NULL)
		return vgpu;
	vgpu->framework = g_strdup(device->backend->name);
	vgpu->vendor = g_strdup(device->vendor->name);
	vgpu->parent = g_strdup(device->parent);
	vgpu->driver = g_strdup(device->parent_driver);
	vgpu->driver_version = g_strdup(device->driver_version);
	vgpu->params = g_strdup(device->params);
	if (device->type != NULL)
		take_type(vgpu, device->type);
	vgpu_vendor_describe(host, device, vgpu);
	return vgpu;
}

static void
take_parent(GwVgpu *vgpu, const VfioParent *parent)
{
	if (vgpu->framework != NULL)
		return;
	vgpu->framework = g_strdup(parent->backend->name);
	vgpu->vendor = g_strdup(parent->vendor->name);
	vgpu->parent = g_strdup(parent->name);
	vgpu->driver = g_strdup(parent->driver);
	vgpu->driver_version = g_strdup(parent->driver_version);
}

/* Returns whether @wanted may be made on @parent: the named parent, else any parent of the type's
 * driver. */
static gboolean
is_meant(const VfioParent *parent, const GwVmVgpu *wanted)
{
	if (wanted->parent != NULL)
		return vfio_parent_is_called(parent, wanted->parent);
	g_autofree char *driver = vfio_type_driver(wanted->type);
	return driver == NULL || parent->driver == NULL || strcmp(driver, parent->driver) == 0 ||
	       vfio_parent_find_type(parent, wanted->type) != NULL;
}

/* All possible parents count together: if one is full the next is tried. */
static void
find_wanted(const VfioHost *host, const GwVmVgpu *wanted, GwVgpu *vgpu)
{
	g_autoptr(GPtrArray) parents = vfio_parents_list(host);
	for (guint i = 0; i < parents->len; i++) {
		const VfioParent *parent = g_ptr_array_index(parents, i);
		if (!is_meant(parent, wanted))
			continue;
		take_parent(vgpu, parent);
		const VfioType *type = vfio_parent_find_type(parent, wanted->type);
		if (type != NULL && vgpu->type == NULL)
			take_type(vgpu, type);
		if (type != NULL && type->available >= 0)
			vgpu->available = MAX(vgpu->available, 0) + type->available;
	}
}

GwVgpu *
vgpu_describe_wanted(const VfioHost *host, const GwVmVgpu *wanted)
{
	GwVgpu *vgpu = vgpu_new(wanted->name);
	find_wanted(host, wanted, vgpu);
	g_autoptr(VfioDevice) there =
		wanted->uuid != NULL ? vfio_device_new(host, wanted->uuid, NULL) : NULL;
	if (there == NULL)
		return vgpu;
	/* It is there already: if it is the right one it needs no instance any more. */
	vgpu->id = g_strdup(there->id);
	vgpu->taken_type = g_strdup(there->type != NULL ? there->type->id : "unknown");
	if (strcmp(vgpu->taken_type, wanted->type) == 0) {
		g_clear_pointer(&vgpu->taken_type, g_free);
		vgpu->available = MAX(vgpu->available, 0) + 1;
		vgpu->params = g_strdup(there->params);
	}
	return vgpu;
}

/* Only the program that has the device open can ask for this. */
static void
ask_features(const VfioHost *host, pid_t qemu, GwVgpu *vgpu)
{
	VfioFeatures features;
	vfio_feature_ask(host, qemu, vgpu->id, &features);
	vgpu->migration_flags = features.flags;
	vgpu->stop_copy_bytes = features.stop_copy_bytes;
	vgpu->lacks_data_size = features.lacks_data_size;
}

static void
describe_left(const VfioHost *host, pid_t qemu, const GwVgpu *vgpu, GString *out)
{
	VfioFeatures features;
	vfio_feature_ask(host, qemu, vgpu->id, &features);
	const char *name = vgpu_display_name(vgpu);
	if (features.lacks_data_size)
		g_string_append_printf(out,
				       "; the driver of vGPU '%s' does not report how much remains "
				       "(QEMU assumes 100 GiB)",
				       name);
	else if (features.stop_copy_bytes >= 0)
		g_string_append_printf(out, "; %.1f MiB of vGPU '%s' remain",
				       (double)features.stop_copy_bytes / (1 << 20), name);
}

char *
vgpu_describe_left_of(const GPtrArray *vgpus, pid_t qemu)
{
	GString *out = g_string_new(NULL);
	g_autoptr(VfioHost) host = vgpus != NULL && vgpus->len > 0 ? vgpu_host_open(NULL) : NULL;
	for (guint i = 0; host != NULL && i < vgpus->len; i++)
		describe_left(host, qemu, g_ptr_array_index(vgpus, i), out);
	return g_string_free(out, FALSE);
}

/* See vgpu-watch.c. */
static gboolean
ask_watched(Qemu *qemu, const QmpDevice *device, GwVgpu *vgpu, GError **error)
{
	gboolean has_events = FALSE;
	if (qemu_stderr_is_readable(&qemu->words))
		return TRUE;
	if (!qmp_device_get_boolean(qemu->qmp, device, "migration-events", &has_events, error))
		return FALSE;
	gboolean has_p2p = vgpu->migration_flags > 0 && (vgpu->migration_flags & GW_VGPU_P2P) != 0;
	vgpu->cannot_verify = !has_events || !has_p2p || vgpu->name == NULL;
	return TRUE;
}

static gboolean
add_qemu_device(const VfioHost *host, Qemu *qemu, const QmpDevice *device, GPtrArray *vgpus,
		GError **error)
{
	if (strcmp(device->type, "vfio-pci") != 0)
		return TRUE;
	g_autofree char *path = qmp_device_get_string(qemu->qmp, device, "sysfsdev", error);
	if (path == NULL)
		return FALSE;
	GwVgpu *vgpu = vgpu_describe(host, device->id, path);
	ask_features(host, qemu->process.pid, vgpu);
	g_ptr_array_add(vgpus, vgpu);
	if (!ask_watched(qemu, device, vgpu, error))
		return FALSE;
	return qmp_device_guest_path(qemu->qmp, device, &vgpu->guest_path, error);
}

GPtrArray *
vgpu_list_of_qemu(const VfioHost *host, Qemu *qemu, GError **error)
{
	g_autoptr(GPtrArray) devices = qmp_list_devices(qemu->qmp, error);
	if (devices == NULL)
		return NULL;
	g_autoptr(GPtrArray) vgpus = g_ptr_array_new_with_free_func((GDestroyNotify)gw_vgpu_free);
	for (guint i = 0; i < devices->len; i++)
		if (!add_qemu_device(host, qemu, g_ptr_array_index(devices, i), vgpus, error))
			return NULL;
	return g_steal_pointer(&vgpus);
}

/* QEMU's id of it, by which the source knows it, as far as the command line shows it. */
static GwVgpu *
describe_named(const VfioHost *host, const GwVm *vm, const GwVmVgpu *wanted)
{
	GwVgpu *vgpu = vgpu_describe_wanted(host, wanted);
	char *id = vm_argv_device_id(vm, wanted->name);
	if (id != NULL) {
		g_free(vgpu->name);
		vgpu->name = id;
	}
	return vgpu;
}

GPtrArray *
vgpu_list_of_vm(const VfioHost *host, const GwVm *vm)
{
	GPtrArray *vgpus = g_ptr_array_new_with_free_func((GDestroyNotify)gw_vgpu_free);
	for (guint i = 0; i < vm->vgpus->len; i++)
		g_ptr_array_add(vgpus, describe_named(host, vm, g_ptr_array_index(vm->vgpus, i)));
	return vgpus;
}

static void
take_open(GwVgpu *vgpu, const GwVgpu *open)
{
	g_free(vgpu->name);
	g_free(vgpu->guest_path);
	g_free(vgpu->id);
	vgpu->name = g_strdup(open->name);
	vgpu->id = g_strdup(open->id);
	vgpu->guest_path = g_strdup(open->guest_path);
	vgpu->migration_flags = open->migration_flags;
	vgpu->stop_copy_bytes = open->stop_copy_bytes;
	vgpu->lacks_data_size = open->lacks_data_size;
	vgpu->cannot_verify = open->cannot_verify;
}

void
vgpu_take_open(GPtrArray *vgpus, const GwVm *vm, const GPtrArray *open)
{
	for (guint i = 0; i < vgpus->len; i++) {
		const GwVmVgpu *made = g_ptr_array_index(vm->vgpus, i);
		for (guint j = 0; j < open->len; j++) {
			const GwVgpu *its = g_ptr_array_index(open, j);
			if (g_strcmp0(its->id, made->id) == 0)
				take_open(g_ptr_array_index(vgpus, i), its);
		}
	}
}

/* Waits for one of several that are removed at once. */
static void
finish_removal(GAsyncResult **result, GError **error)
{
	g_autoptr(GError) cause = NULL;
	/* The removal has its own deadline, so this ends. */
	gboolean ended = await_result(result, -1, NULL);
	g_warn_if_fail(ended);
	if (!vfio_device_remove_finish(*result, &cause) && *error == NULL)
		g_set_error_literal(error, GW_ERROR, GW_ERROR_VGPU, cause->message);
	g_clear_object(result);
}

gboolean
vgpu_remove_ids(const char *const *ids, GError **error)
{
	guint n = ids != NULL ? g_strv_length((char **)ids) : 0;
	if (n == 0)
		return TRUE;
	g_autoptr(VfioHost) host = vgpu_host_open(error);
	if (host == NULL)
		return FALSE;
	g_autofree GAsyncResult **results = g_new0(GAsyncResult *, n);
	g_autoptr(GError) first = NULL;
	for (guint i = 0; i < n; i++)
		vfio_device_remove_async(host, ids[i], REMOVE_TIMEOUT_US, NULL, await_take_result,
					 &results[i]);
	for (guint i = 0; i < n; i++)
		finish_removal(&results[i], &first);
	if (first == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&first));
	return FALSE;
}
