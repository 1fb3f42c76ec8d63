/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-plan.h"
#include "engine/gw-vgpu.h"

/* Compares the vGPUs of the two hosts. Pure. */

/**
 * vgpu_compare:
 * @source: those of the VM
 * @destination: those that its VM file there asks for, or that the QEMU there has
 * @issues: of GwIssue; everything that prevents the migration is added
 */
void vgpu_compare(const GPtrArray *source, const GPtrArray *destination, GPtrArray *issues);

/**
 * vgpu_check_sizes:
 * @source: (nullable): those of the VM
 * @bandwidth_bytes_per_s: 0 for no limit
 *
 * Adds to @issues the vGPUs because of which QEMU would never, or perhaps never, stop the guest.
 */
void vgpu_check_sizes(const GPtrArray *source, gint64 downtime_limit_us,
		      gint64 bandwidth_bytes_per_s, GPtrArray *issues);
