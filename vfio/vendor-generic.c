/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whoever has no file of his own: drivers of the kernel itself, samples, Intel's GVT-g. Their modules seldom
 * have a version, and most descriptions name no frame buffer; both then stay unknown rather than guessed.
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
