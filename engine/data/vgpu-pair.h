/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-vgpu.h"

/* Which vGPU of the source becomes which of the destination. Pure. Both lists are of GwVgpu and equally long. */

typedef enum {
	VGPU_PAIR_BY_ADDRESS, /* each is where the other is in the guest: QEMU's own rule */
	VGPU_PAIR_BY_NAME,
	VGPU_PAIR_BY_PLACE, /* all are of one type: it does not matter which is which */
	VGPU_PAIR_MOVED,    /* the addresses in the guest are known, and do not fit */
	VGPU_PAIR_UNKNOWN,
} VgpuPairing;

VgpuPairing vgpu_pairing(const GPtrArray *source, const GPtrArray *destination);

/* (transfer none): the one of @source that becomes @destination's at @i; where nothing tells, the one at the
 * same place. */
const GwVgpu *vgpu_partner(const GPtrArray *source, const GPtrArray *destination, guint i);

/* Is one of @vgpus at this address in the guest? */
gboolean vgpu_has_address(const GPtrArray *vgpus, const char *guest_path);
