/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NVIDIA's library, played by fake-nvml.c: that it is called rightly, that its absence is silent,
 * and that metadata from another host cannot make it read past its end.
 */
#include <string.h>

#include "tests/rig/fake-sysfs.h"
#include "tests/rig/test-util.h"
#include "vfio/vfio-create.h"

#define UUID  "c0b26072-dd1b-4340-84fe-bf338c510818"
#define BOARD "0000:3b:00.0"

static VfioHost *
open_host(const FakeSysfs *fake, const char *library)
{
	const VfioSeams seams = { .nvml = library };
	VfioHost *host = vfio_host_new(fake_sysfs_get_root(fake), &seams, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(host);
	return host;
}

static void
its_absence_is_silent(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
	g_setenv("FAKE_NVML_NO_DRIVER", "1", TRUE);
	/* Not there, no such symbols, and no driver. */
	static const char *const libraries[] = { "libno-such-library.so.1", "libc.so.6",
						 TEST_FAKE_NVML };
	for (guint i = 0; i < G_N_ELEMENTS(libraries); i++) {
		g_autoptr(VfioHost) host = open_host(fake, libraries[i]);
		CU_ASSERT_PTR_NULL(host->nvml);
		g_autoptr(VfioDevice) device = vfio_device_new(host, UUID, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(device);
		CU_ASSERT_PTR_NULL(vfio_device_metadata(host, device));
		g_autoptr(GBytes) bytes = g_bytes_new_static("x", 1);
		char *reason = NULL;
		CU_ASSERT_EQUAL(device->vendor->check_live(host, bytes, BOARD, &reason),
				VFIO_LIVE_UNKNOWN);
	}
	g_unsetenv("FAKE_NVML_NO_DRIVER");
}

static void
it_tells_the_size_of_a_type(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-vf");
	g_autoptr(VfioHost) host = open_host(fake, TEST_FAKE_NVML);
	CU_ASSERT_PTR_NOT_NULL(host->nvml);
	g_autoptr(VfioParent) parent = vfio_parent_new(host, "0000:81:00.5");
	CU_ASSERT_PTR_NOT_NULL_FATAL(parent);
	CU_ASSERT_EQUAL(vfio_parent_find_type(parent, "nvidia-1428")->vram_bytes, 141LL << 30);
	CU_ASSERT_EQUAL(vfio_parent_find_type(parent, "nvidia-1429")->vram_bytes, -1);
	/* What sysfs says goes first. */
	g_autoptr(FakeSysfs) described = fake_sysfs_load("nvidia-mdev");
	g_autoptr(VfioHost) other = open_host(described, TEST_FAKE_NVML);
	g_autoptr(VfioDevice) device = vfio_device_new(other, UUID, NULL);
	CU_ASSERT_EQUAL(device->type->vram_bytes, 2048LL << 20);
}

static void
a_vgpu_goes_live_to_a_board(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
	g_autoptr(VfioHost) host = open_host(fake, TEST_FAKE_NVML);
	g_autoptr(VfioDevice) device = vfio_device_new(host, UUID, NULL);
	g_autoptr(GBytes) metadata = vfio_device_metadata(host, device);
	CU_ASSERT_PTR_NOT_NULL_FATAL(metadata);
	char *reason = NULL;
	CU_ASSERT_EQUAL(device->vendor->check_live(host, metadata, BOARD, &reason), VFIO_LIVE_YES);
	CU_ASSERT_PTR_NULL(reason);
	CU_ASSERT_EQUAL(device->vendor->check_live(host, metadata, "0000:99:00.0", &reason),
			VFIO_LIVE_UNKNOWN);
	CU_ASSERT_PTR_NULL(vfio_nvml_vgpu_metadata(host->nvml, BOARD, "no such"));
	CU_ASSERT_PTR_NULL(vfio_nvml_vgpu_metadata(host->nvml, "0000:99:00.0", UUID));
	/* The other one is there, and has no metadata. */
	CU_ASSERT_PTR_NULL(
		vfio_nvml_vgpu_metadata(host->nvml, BOARD, "00000000-0000-4000-8000-000000000000"));
}

/* (transfer full): the metadata with another first opaque byte, or another length of its own. */
static GBytes *
forge(GBytes *metadata, char first, guint32 opaque_bytes, gsize size)
{
	gsize n;
	const char *data = g_bytes_get_data(metadata, &n);
	g_autofree char *copy = g_malloc0(MAX(n, size));
	memcpy(copy, data, n);
	memcpy(copy + 204, &opaque_bytes, sizeof opaque_bytes);
	copy[208] = first;
	return g_bytes_new(copy, size);
}

static void
its_refusal_has_a_reason(void)
{
	static const struct {
		char first;
		const char *reason;
	} rows[] = {
		{ '1', "the drivers of the two hosts are not compatible" },
		{ '2', "the driver in the guest is not compatible with that host's driver" },
		{ '4', "the boards are not compatible" },
		{ 'x', "NVIDIA's library gives no reason" },
	};
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
	g_autoptr(VfioHost) host = open_host(fake, TEST_FAKE_NVML);
	g_autoptr(GBytes) metadata = vfio_nvml_vgpu_metadata(host->nvml, BOARD, UUID);
	CU_ASSERT_PTR_NOT_NULL_FATAL(metadata);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) forged =
			forge(metadata, rows[i].first, 10, g_bytes_get_size(metadata));
		g_autofree char *reason = NULL;
		CU_ASSERT_EQUAL(vfio_nvml_check_live(host->nvml, forged, BOARD, &reason),
				VFIO_LIVE_NO);
		TEST_STRING(reason, rows[i].reason);
	}
}

static void
forged_metadata_is_not_believed(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
	g_autoptr(VfioHost) host = open_host(fake, TEST_FAKE_NVML);
	g_autoptr(GBytes) metadata = vfio_nvml_vgpu_metadata(host->nvml, BOARD, UUID);
	CU_ASSERT_PTR_NOT_NULL_FATAL(metadata);
	static const struct {
		guint32 opaque_bytes;
		gsize size;
		VfioLive live;
	} rows[] = {
		{ 10, 218, VFIO_LIVE_YES },
		{ 11, 218, VFIO_LIVE_UNKNOWN },
		{ G_MAXUINT32, 218, VFIO_LIVE_UNKNOWN },
		{ 4, 212, VFIO_LIVE_YES },
		{ 0, 211, VFIO_LIVE_UNKNOWN },
		{ 0, 0, VFIO_LIVE_UNKNOWN },
		{ 10, 64 * 1024 + 1, VFIO_LIVE_UNKNOWN },
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) forged = forge(metadata, 'L', rows[i].opaque_bytes, rows[i].size);
		char *reason = NULL;
		CU_ASSERT_EQUAL(vfio_nvml_check_live(host->nvml, forged, BOARD, &reason),
				rows[i].live);
	}
}

CU_TestInfo suite_vfio_nvml[] = {
	{ "its absence is silent", its_absence_is_silent },
	{ "it tells the size of a type", it_tells_the_size_of_a_type },
	{ "a vGPU goes live to a board", a_vgpu_goes_live_to_a_board },
	{ "its refusal has a reason", its_refusal_has_a_reason },
	{ "forged metadata is not believed", forged_metadata_is_not_believed },
	CU_TEST_INFO_NULL,
};
