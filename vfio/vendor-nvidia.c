/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NVIDIA's vGPUs. Two facts are not in sysfs: the frame buffer of a type of the vendor-VF
 * framework, and whether a vGPU can migrate live to a board. NVIDIA's own library reports them
 * where it is installed.
 */
#include "vfio/vfio-vendor.h"

#include <string.h>

static const char *const forbidden[] = { "enable_uvm", "enable_debugging", "enable_profiling",
					 NULL };

static gboolean
matches(const char *driver)
{
	return g_strcmp0(driver, "nvidia") == 0;
}

static gint64
vram_bytes(const VfioHost *host, const VfioType *type)
{
	gint64 bytes = vfio_type_framebuffer_bytes(type->description);
	const char *dash = strchr(type->id, '-');
	guint64 number;
	if (bytes >= 0 || host->nvml == NULL || dash == NULL ||
	    !g_ascii_string_to_unsigned(dash + 1, 10, 0, G_MAXUINT, &number, NULL))
		return bytes;
	return vfio_nvml_framebuffer_bytes(host->nvml, (guint)number);
}

static GBytes *
metadata(const VfioHost *host, const char *gpu, const char *id)
{
	return host->nvml != NULL ? vfio_nvml_vgpu_metadata(host->nvml, gpu, id) : NULL;
}

static VfioLive
check_live(const VfioHost *host, GBytes *its, const char *gpu, char **ret_reason)
{
	if (host->nvml == NULL)
		return VFIO_LIVE_UNKNOWN;
	return vfio_nvml_check_live(host->nvml, its, gpu, ret_reason);
}

const VfioVendor vfio_vendor_nvidia = {
	.name = "nvidia",
	.matches = matches,
	.driver_version = vfio_vendor_module_version,
	.vram_bytes = vram_bytes,
	.params_attribute = "nvidia/vgpu_params",
	.forbidden_params = forbidden,
	.metadata = metadata,
	.check_live = check_live,
};
