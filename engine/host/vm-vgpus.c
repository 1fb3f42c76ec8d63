/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes and removes the vGPUs of a VM file. An existing vGPU that matches the file is used and
 * never removed here. If one vGPU cannot be made, those that were made here are removed again.
 */
#include "engine/host/vm-vgpus.h"

#include "engine/gw-error.h"
#include "engine/host/vgpu-host.h"
#include "engine/util/scoped-context.h"
#include "vfio/vfio-create.h"
#include "vfio/vfio-error.h"

static gboolean
make_one(const VfioHost *host, GwVmVgpu *vgpu, GError **error)
{
	VfioRequest request = { vgpu->type, vgpu->parent, vgpu->uuid };
	g_autoptr(GError) cause = NULL;
	gboolean was_there = FALSE;
	g_autoptr(VfioDevice) device = vfio_device_create(host, &request, &was_there, &cause);
	if (device == NULL) {
		/* Only making them shows that several do not fit together. */
		gboolean no_room = g_error_matches(cause, VFIO_ERROR, VFIO_ERROR_NO_INSTANCE);
		g_set_error(error, GW_ERROR, no_room ? GW_ERROR_INCOMPATIBLE : GW_ERROR_VGPU,
			    "vGPU '%s': %s", vgpu->name, cause->message);
		return FALSE;
	}
	g_free(vgpu->id);
	g_free(vgpu->sysfs_path);
	vgpu->id = g_strdup(device->id);
	vgpu->sysfs_path = g_strdup(device->path);
	vgpu->is_made = !was_there;
	return TRUE;
}

gboolean
gw_vm_make_vgpus(GwVm *self, GError **error)
{
	if (self->vgpus == NULL || self->vgpus->len == 0)
		return TRUE;
	g_autoptr(VfioHost) host = vgpu_host_open(error);
	if (host == NULL)
		return FALSE;
	for (guint i = 0; i < self->vgpus->len; i++) {
		if (make_one(host, g_ptr_array_index(self->vgpus, i), error))
			continue;
		g_autoptr(GError) ignored = NULL;
		if (gw_vm_remove_vgpus(self, &ignored))
			return FALSE;
		g_prefix_error(error, "%s; and then: ", ignored->message);
		if (error != NULL)
			(*error)->code = GW_ERROR_VGPU; /* something was touched */
		return FALSE;
	}
	return TRUE;
}

GStrv
vm_made_ids(const GwVm *self)
{
	g_autoptr(GStrvBuilder) ids = g_strv_builder_new();
	for (guint i = 0; self->vgpus != NULL && i < self->vgpus->len; i++) {
		const GwVmVgpu *vgpu = g_ptr_array_index(self->vgpus, i);
		if (vgpu->is_made)
			g_strv_builder_add(ids, vgpu->id);
	}
	return g_strv_builder_end(ids);
}

gboolean
gw_vm_remove_vgpus(GwVm *self, GError **error)
{
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	g_auto(GStrv) ids = vm_made_ids(self);
	for (guint i = 0; self->vgpus != NULL && i < self->vgpus->len; i++)
		((GwVmVgpu *)g_ptr_array_index(self->vgpus, i))->is_made = FALSE;
	return vgpu_remove_ids((const char *const *)ids, error);
}
