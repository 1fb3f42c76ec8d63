/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The vGPU of our own lab, tests/lab/vgpu/. In sysfs it resembles NVIDIA's: the same kind of
 * description, the same settings that forbid migration.
 */
#include "vfio/vfio-vendor.h"

static const char *const forbidden[] = { "enable_uvm", "enable_debugging", "enable_profiling",
					 NULL };

static gboolean
matches(const char *driver)
{
	return g_strcmp0(driver, "gwvgpu") == 0;
}

const VfioVendor vfio_vendor_gwvgpu = {
	.name = "gwvgpu",
	.matches = matches,
	.driver_version = vfio_vendor_module_version,
	.vram_bytes = vfio_vendor_described_vram,
	.params_attribute = "gwvgpu/vgpu_params",
	.forbidden_params = forbidden,
};
