/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fallback for drivers without a vendor file: drivers in the kernel itself, samples, Intel's GVT-g.
 * Their modules seldom have a version, and most descriptions name no frame buffer. Both then stay
 * unknown; nothing is guessed.
 */
#include "vfio/vfio-vendor.h"

static gboolean
matches(const char *driver)
{
	return TRUE;
}

const VfioVendor vfio_vendor_generic = {
	.name = "generic",
	.matches = matches,
	.driver_version = vfio_vendor_module_version,
	.vram_bytes = vfio_vendor_described_vram,
};
