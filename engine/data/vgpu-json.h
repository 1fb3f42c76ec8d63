/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/gw-plan.h"
#include "engine/gw-vgpu.h"

/* GwVgpu as data: to and from the peer. Pure. */

#define VGPU_MAX 64 /* of one VM */

/* (transfer full): of an array of GwVgpu, which may be NULL. */
JsonArray *vgpu_list_to_array(const GPtrArray *vgpus);
/* (transfer full): of GwVgpu; %GW_ERROR_PROTOCOL, which names the field. The peer is not
 * trusted. */
GPtrArray *vgpu_list_from_array(JsonArray *array, GError **error);

/* What people call it: its name in the VM file or QEMU's id of it, else its id on the host. */
const char *vgpu_display_name(const GwVgpu *vgpu);
/* (transfer full): the ids of the vGPUs that were made through sysfs and can be removed there.
 * @vgpus: (nullable) */
GStrv vgpu_removable_ids(const GPtrArray *vgpus);
