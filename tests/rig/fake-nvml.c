/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A library with the entry points of NVIDIA's that Godwit calls, for one board with two vGPUs. It
 * is strict where the real one is: a call before nvmlInit, with a size that is too small, or with
 * metadata that it did not make, is rejected. The first opaque byte of the metadata says how
 * nvmlGetVgpuCompatibility answers.
 */
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, NOT_FOUND = 6, TOO_SMALL = 7 };
enum { BOARD_SIZE = 300, OPAQUE_SIZE = 10 };

typedef struct {
	unsigned int version;
	unsigned int revision;
	unsigned int guest_info_state;
	char guest_driver_version[80];
	char host_driver_version[80];
	unsigned int reserved[6];
	unsigned int virtualization_caps;
	unsigned int guest_vgpu_version;
	unsigned int opaque_bytes;
	char opaque[4];
} Metadata;

_Static_assert(sizeof(Metadata) == 212, "as NVIDIA publishes it");

static int initialized;
static int board;

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetHandleByPciBusId_v2(const char *address, void **device);
int nvmlDeviceGetActiveVgpus(void *device, unsigned int *n, unsigned int *instances);
int nvmlVgpuInstanceGetMdevUUID(unsigned int instance, char *uuid, unsigned int size);
int nvmlVgpuInstanceGetMetadata(unsigned int instance, Metadata *metadata, unsigned int *size);
int nvmlDeviceGetVgpuMetadata(void *device, void *metadata, unsigned int *size);
int nvmlGetVgpuCompatibility(Metadata *vgpu, void *gpu, unsigned int *answer);
int nvmlVgpuTypeGetFramebufferSize(unsigned int type, unsigned long long *bytes);

EXPORT int
nvmlInit_v2(void)
{
	if (getenv("FAKE_NVML_NO_DRIVER") != NULL)
		return 9;
	initialized++;
	return OK;
}

EXPORT int
nvmlShutdown(void)
{
	return initialized-- > 0 ? OK : UNINITIALIZED;
}

EXPORT int
nvmlDeviceGetHandleByPciBusId_v2(const char *address, void **device)
{
	if (initialized == 0)
		return UNINITIALIZED;
	if (strcmp(address, "0000:3b:00.0") != 0)
		return NOT_FOUND;
	*device = &board;
	return OK;
}

EXPORT int
nvmlDeviceGetActiveVgpus(void *device, unsigned int *n, unsigned int *instances)
{
	if (device != &board || *n < 2)
		return INVALID;
	*n = 2;
	instances[0] = 100;
	instances[1] = 101;
	return OK;
}

EXPORT int
nvmlVgpuInstanceGetMdevUUID(unsigned int instance, char *uuid, unsigned int size)
{
	const char *its = instance == 101 ? "C0B26072-DD1B-4340-84FE-BF338C510818"
					  : "00000000-0000-4000-8000-000000000000";
	if (size <= strlen(its))
		return TOO_SMALL;
	strcpy(uuid, its);
	return OK;
}

EXPORT int
nvmlVgpuInstanceGetMetadata(unsigned int instance, Metadata *metadata, unsigned int *size)
{
	unsigned int needed = sizeof(Metadata) - 4 + OPAQUE_SIZE;
	if (instance != 101)
		return NOT_FOUND;
	if (metadata == NULL || *size < needed) {
		*size = needed;
		return TOO_SMALL;
	}
	memset(metadata, 0, needed);
	metadata->version = 3;
	metadata->opaque_bytes = OPAQUE_SIZE;
	memset(metadata->opaque, 'L', 1);
	return OK;
}

EXPORT int
nvmlDeviceGetVgpuMetadata(void *device, void *metadata, unsigned int *size)
{
	if (device != &board)
		return INVALID;
	if (metadata == NULL || *size < BOARD_SIZE) {
		*size = BOARD_SIZE;
		return TOO_SMALL;
	}
	memset(metadata, 7, BOARD_SIZE);
	return OK;
}

EXPORT int
nvmlGetVgpuCompatibility(Metadata *vgpu, void *gpu, unsigned int *answer)
{
	static const char board_metadata[BOARD_SIZE] = { 7 };
	if (memcmp(gpu, board_metadata, 1) != 0 || vgpu->version != 3)
		return INVALID;
	/* Reads as much as it is told to, as the real one does. */
	char sum = 0;
	for (unsigned int i = 0; i < vgpu->opaque_bytes; i++)
		sum ^= vgpu->opaque[i];
	unsigned int limit = strchr("012345678", vgpu->opaque[0]) != NULL && sum != 0
				     ? (unsigned int)(vgpu->opaque[0] - '0')
				     : 0;
	answer[0] = vgpu->opaque[0] == 'L' ? 1 | 8 : 1;
	answer[1] = limit;
	return OK;
}

EXPORT int
nvmlVgpuTypeGetFramebufferSize(unsigned int type, unsigned long long *bytes)
{
	if (initialized == 0)
		return UNINITIALIZED;
	if (type != 1428)
		return NOT_FOUND;
	*bytes = 141ULL << 30;
	return OK;
}
