/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-vgpu.h"
#include "engine/gw-vm.h"
#include "engine/host/qemu.h"
#include "vfio/vfio-host.h"

/* The meeting point of vfio/ and the engine: this host's vGPUs as GwVgpu. */

/* (transfer full): NULL with %GW_ERROR_VGPU. */
VfioHost *vgpu_host_open(GError **error);

/* (transfer full): the vGPU in the folder @sysfs_path, which QEMU has. @name: QEMU's id of it. A
 * device that is no vGPU (a whole board) is described as far as it can be. */
GwVgpu *vgpu_describe(const VfioHost *host, const char *name, const char *sysfs_path);

/* (transfer full): what would be made of @wanted here, now. */
GwVgpu *vgpu_describe_wanted(const VfioHost *host, const GwVmVgpu *wanted);

/* (transfer full): of GwVgpu, those that @qemu has; NULL with %QMP_ERROR. */
GPtrArray *vgpu_list_of_qemu(const VfioHost *host, Qemu *qemu, GError **error);
/* (transfer full): "; 12.0 MiB of vGPU 'gpu0' remain", for each of @vgpus (nullable), as the
 * drivers say now; empty where none does. Asks as vfio_feature_ask() does. */
char *vgpu_describe_left_of(const GPtrArray *vgpus, pid_t qemu);

/* (transfer full): of GwVgpu, those that @vm wants, in the file's order. */
GPtrArray *vgpu_list_of_vm(const VfioHost *host, const GwVm *vm);

/**
 * vgpu_take_open:
 * @vgpus: of vgpu_list_of_vm()
 * @vm: its QEMU runs
 * @open: of vgpu_list_of_qemu()
 *
 * Adds what can be known only now: their UUIDs and QEMU's own ids, and what the drivers can do.
 */
void vgpu_take_open(GPtrArray *vgpus, const GwVm *vm, const GPtrArray *open);

/**
 * vgpu_remove_ids:
 * @ids: UUIDs or PCI addresses; those that are not there are fine
 *
 * Turns the loop until all have gone, some seconds at most: a vGPU that somebody still holds open
 * cannot go.
 *
 * Returns: %FALSE with %GW_ERROR_VGPU for the first that does not go; the others are removed all
 *   the same
 */
gboolean vgpu_remove_ids(const char *const *ids, GError **error) G_GNUC_WARN_UNUSED_RESULT;
