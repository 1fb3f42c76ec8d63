/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-vgpu.h"

/* Decides which vGPU of the source becomes which of the destination. Pure. Both lists are of GwVgpu
 * and have the same length. */

typedef enum {
	VGPU_PAIR_BY_ADDRESS, /* both have the same address in the guest: QEMU's own rule */
	VGPU_PAIR_BY_NAME,
	VGPU_PAIR_BY_PLACE, /* all are of one type: it does not matter which is which */
	VGPU_PAIR_MOVED,    /* the addresses in the guest are known, and do not fit */
	VGPU_PAIR_UNKNOWN,
} VgpuPairing;

VgpuPairing vgpu_pairing(const GPtrArray *source, const GPtrArray *destination);

/* (transfer none): the vGPU of @source that becomes @destination's number @i; if nothing decides
 * it, the one at the same position. */
const GwVgpu *vgpu_partner(const GPtrArray *source, const GPtrArray *destination, guint i);

/* Returns whether one of @vgpus has this address in the guest. */
gboolean vgpu_has_address(const GPtrArray *vgpus, const char *guest_path);
