/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What NVIDIA's own library reports: the sizes of vGPU types, and whether a vGPU can migrate live
 * to a board. The library is proprietary and often absent. So it is loaded when needed, and its
 * absence is normal. Only the functions in use are declared here, after the published interface,
 * which is stable since the first release that can migrate.
 *
 * Metadata comes from the other host, and the library reads as many bytes as the metadata itself
 * claims. So that number is checked before the library sees it.
 */
#include "vfio/vfio-nvml.h"

#include <dlfcn.h>
#include <string.h>

typedef int NvmlReturn;
typedef void *NvmlDevice;
typedef unsigned int NvmlInstance;

enum { NVML_OK = 0, NVML_TOO_SMALL = 7 };
enum { NVML_LIVE = 8 };
enum { LIMIT_HOST_DRIVER = 1, LIMIT_GUEST_DRIVER = 2, LIMIT_GPU = 4 };

#define VERSION_BYTES	   80
#define UUID_BYTES	   80
#define MAX_INSTANCES	   256
#define MAX_METADATA_BYTES (64 * 1024)

typedef struct {
	unsigned int version;
	unsigned int revision;
	unsigned int guest_info_state;
	char guest_driver_version[VERSION_BYTES];
	char host_driver_version[VERSION_BYTES];
	unsigned int reserved[6];
	unsigned int virtualization_caps;
	unsigned int guest_vgpu_version;
	unsigned int opaque_bytes;
	char opaque[4];
} VgpuMetadata;

typedef struct {
	unsigned int compatibility;
	unsigned int limit;
} Compatibility;

struct _VfioNvml {
	void *library;
	NvmlReturn (*init)(void);
	NvmlReturn (*shutdown)(void);
	NvmlReturn (*device_by_pci)(const char *address, NvmlDevice *device);
	NvmlReturn (*active_vgpus)(NvmlDevice device, unsigned int *n, NvmlInstance *instances);
	NvmlReturn (*mdev_uuid)(NvmlInstance instance, char *uuid, unsigned int size);
	NvmlReturn (*vgpu_metadata)(NvmlInstance instance, VgpuMetadata *metadata,
				    unsigned int *size);
	NvmlReturn (*gpu_metadata)(NvmlDevice device, gpointer metadata, unsigned int *size);
	NvmlReturn (*compatibility)(VgpuMetadata *vgpu, gpointer gpu, Compatibility *answer);
	/* (nullable): not in every release */
	NvmlReturn (*framebuffer)(unsigned int type, unsigned long long *bytes);
};

static gboolean
load_symbols(VfioNvml *self)
{
	const struct {
		const char *name;
		gsize offset;
		gboolean optional;
	} symbols[] = {
		{ "nvmlInit_v2", G_STRUCT_OFFSET(VfioNvml, init), FALSE },
		{ "nvmlShutdown", G_STRUCT_OFFSET(VfioNvml, shutdown), FALSE },
		{ "nvmlDeviceGetHandleByPciBusId_v2", G_STRUCT_OFFSET(VfioNvml, device_by_pci),
		  FALSE },
		{ "nvmlDeviceGetActiveVgpus", G_STRUCT_OFFSET(VfioNvml, active_vgpus), FALSE },
		{ "nvmlVgpuInstanceGetMdevUUID", G_STRUCT_OFFSET(VfioNvml, mdev_uuid), TRUE },
		{ "nvmlVgpuInstanceGetMetadata", G_STRUCT_OFFSET(VfioNvml, vgpu_metadata), FALSE },
		{ "nvmlDeviceGetVgpuMetadata", G_STRUCT_OFFSET(VfioNvml, gpu_metadata), FALSE },
		{ "nvmlGetVgpuCompatibility", G_STRUCT_OFFSET(VfioNvml, compatibility), FALSE },
		{ "nvmlVgpuTypeGetFramebufferSize", G_STRUCT_OFFSET(VfioNvml, framebuffer), TRUE },
	};
	for (guint i = 0; i < G_N_ELEMENTS(symbols); i++) {
		void *symbol = dlsym(self->library, symbols[i].name);
		if (symbol == NULL && !symbols[i].optional)
			return FALSE;
		memcpy(G_STRUCT_MEMBER_P(self, symbols[i].offset), &symbol, sizeof symbol);
	}
	return TRUE;
}

VfioNvml *
vfio_nvml_open(const char *library)
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL)
		return NULL;
	VfioNvml *self = g_new0(VfioNvml, 1);
	self->library = handle;
	if (load_symbols(self) && self->init() == NVML_OK)
		return self;
	dlclose(handle);
	g_free(self);
	return NULL;
}

void
vfio_nvml_close(VfioNvml *self)
{
	if (self == NULL)
		return;
	self->shutdown();
	dlclose(self->library);
	g_free(self);
}

gint64
vfio_nvml_framebuffer_bytes(VfioNvml *self, guint type)
{
	unsigned long long bytes = 0;
	if (self->framebuffer == NULL || self->framebuffer(type, &bytes) != NVML_OK)
		return -1;
	return bytes <= G_MAXINT64 ? (gint64)bytes : -1;
}

/* Finds the vGPU on @device that is this mdev. */
static gboolean
find_instance(VfioNvml *self, NvmlDevice device, const char *uuid, NvmlInstance *ret_instance)
{
	NvmlInstance instances[MAX_INSTANCES];
	unsigned int n = MAX_INSTANCES;
	if (self->mdev_uuid == NULL || self->active_vgpus(device, &n, instances) != NVML_OK)
		return FALSE;
	for (unsigned int i = 0; i < MIN(n, MAX_INSTANCES); i++) {
		char its[UUID_BYTES] = "";
		if (self->mdev_uuid(instances[i], its, sizeof its - 1) != NVML_OK ||
		    g_ascii_strcasecmp(its, uuid) != 0)
			continue;
		*ret_instance = instances[i];
		return TRUE;
	}
	return FALSE;
}

GBytes *
vfio_nvml_vgpu_metadata(VfioNvml *self, const char *gpu, const char *mdev_uuid)
{
	NvmlDevice device;
	NvmlInstance instance;
	if (self->device_by_pci(gpu, &device) != NVML_OK ||
	    !find_instance(self, device, mdev_uuid, &instance))
		return NULL;
	unsigned int size = 0;
	if (self->vgpu_metadata(instance, NULL, &size) != NVML_TOO_SMALL ||
	    size < sizeof(VgpuMetadata) || size > MAX_METADATA_BYTES)
		return NULL;
	g_autofree VgpuMetadata *metadata = g_malloc0(size);
	if (self->vgpu_metadata(instance, metadata, &size) != NVML_OK)
		return NULL;
	return g_bytes_new_take(g_steal_pointer(&metadata), size);
}

/* (transfer full): a copy that the library may read; NULL when the library would read past its
 * end. */
static VgpuMetadata *
check_metadata(GBytes *bytes)
{
	gsize size;
	gconstpointer data = g_bytes_get_data(bytes, &size);
	if (size < sizeof(VgpuMetadata) || size > MAX_METADATA_BYTES)
		return NULL;
	VgpuMetadata *metadata = g_memdup2(data, size);
	metadata->guest_driver_version[VERSION_BYTES - 1] = '\0';
	metadata->host_driver_version[VERSION_BYTES - 1] = '\0';
	if (metadata->opaque_bytes <= size - G_STRUCT_OFFSET(VgpuMetadata, opaque))
		return metadata;
	g_free(metadata);
	return NULL;
}

/* (transfer full): NULL when the library does not report it. */
static gpointer
board_metadata(VfioNvml *self, const char *gpu)
{
	NvmlDevice device;
	unsigned int size = 0;
	if (self->device_by_pci(gpu, &device) != NVML_OK ||
	    self->gpu_metadata(device, NULL, &size) != NVML_TOO_SMALL || size == 0 ||
	    size > MAX_METADATA_BYTES)
		return NULL;
	g_autofree gpointer metadata = g_malloc0(size);
	if (self->gpu_metadata(device, metadata, &size) != NVML_OK)
		return NULL;
	return g_steal_pointer(&metadata);
}

static const char *
limit_text(unsigned int limit)
{
	if (limit & LIMIT_HOST_DRIVER)
		return "the drivers of the two hosts are not compatible";
	if (limit & LIMIT_GUEST_DRIVER)
		return "the driver in the guest is not compatible with that host's driver";
	if (limit & LIMIT_GPU)
		return "the boards are not compatible";
	return "NVIDIA's library gives no reason";
}

VfioLive
vfio_nvml_check_live(VfioNvml *self, GBytes *metadata, const char *gpu, char **ret_reason)
{
	g_autofree VgpuMetadata *vgpu = check_metadata(metadata);
	g_autofree gpointer board = vgpu != NULL ? board_metadata(self, gpu) : NULL;
	Compatibility answer = { 0 };
	if (board == NULL || self->compatibility(vgpu, board, &answer) != NVML_OK)
		return VFIO_LIVE_UNKNOWN;
	if (answer.compatibility & NVML_LIVE)
		return VFIO_LIVE_YES;
	*ret_reason = g_strdup(limit_text(answer.limit));
	return VFIO_LIVE_NO;
}
