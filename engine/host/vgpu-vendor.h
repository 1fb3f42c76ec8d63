/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-vgpu.h"
#include "vfio/vfio-device.h"

/* What the vendor's own library says of a move: it describes the vGPU where it is, in a form that
 * only it can read, and is asked where the vGPU shall go. Where there is no such library nothing is
 * said. */

/* Sets @vgpu's metadata. */
void vgpu_vendor_describe(const VfioHost *host, const VfioDevice *device, GwVgpu *vgpu);

/**
 * vgpu_vendor_ask:
 * @source: of GwVgpu, from the other host: what they say of themselves is not trusted
 * @destination: of GwVgpu, on this host or to be made here
 *
 * Sets the refusal of those of @destination that the library does not let come.
 */
void vgpu_vendor_ask(const VfioHost *host, const GPtrArray *source, const GPtrArray *destination);
