/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/gw-plan.h"
#include "engine/gw-vgpu.h"

/* GwVgpu as data: to and from the peer, and compared. Pure. */

#define VGPU_MAX 64 /* of one VM */

/* (transfer full): of an array of GwVgpu, which may be NULL. */
JsonArray *vgpu_list_to_array(const GPtrArray *vgpus);
/* (transfer full): of GwVgpu; %GW_ERROR_PROTOCOL, naming the field. The peer is not trusted. */
GPtrArray *vgpu_list_from_array(JsonArray *array, GError **error);

/* (transfer full): the ids of those that were made through sysfs and can be removed there. @vgpus: (nullable) */
JsonArray *vgpu_ids(const GPtrArray *vgpus);

/**
 * vgpu_compare:
 * @source: those that the VM has
 * @destination: those that its VM file there asks for, or that the QEMU there has
 * @issues: of GwIssue; what stands in the way is added
 */
void vgpu_compare(const GPtrArray *source, const GPtrArray *destination, GPtrArray *issues);

/**
 * vgpu_check_sizes:
 * @source: (nullable): those that the VM has
 * @bandwidth_bytes_per_s: 0 for no limit
 *
 * Adds to @issues the vGPUs for whose sake QEMU would never, or perhaps never, stop the guest.
 */
void vgpu_check_sizes(const GPtrArray *source, gint64 downtime_limit_us,
		      gint64 bandwidth_bytes_per_s, GPtrArray *issues);
