/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is found in trees of the shapes that real hosts have, whole, as golden files; and in one
 * that no kernel makes. PCI addresses and the small readers that this rests on are tested here too.
 */
#include <string.h>

#include "tests/rig/fake-sysfs.h"
#include "tests/rig/golden.h"
#include "tests/rig/test-util.h"
#include "vfio/vfio-device.h"
#include "vfio/vfio-error.h"

/* The data base of PCI names differs from one machine to the next. */
static void
name_it(VfioPciId *id)
{
	id->vendor_name = g_strdup(id->vendor == 0x8086 ? "Intel" : "NVIDIA");
	id->device_name = g_strdup_printf("Board %x", id->device);
}

static VfioHost *
open_host(const FakeSysfs *fake)
{
	const VfioSeams seams = { .pci_names = name_it };
	g_autoptr(GError) error = NULL;
	VfioHost *host = vfio_host_new(fake_sysfs_get_root(fake), &seams, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(host);
	return host;
}

/* On one line. */
static void
say(GString *out, const char *label, const char *text)
{
	g_autofree char *escaped = g_strescape(text != NULL ? text : "(none)", NULL);
	g_string_append_printf(out, "%s=%s\n", label, escaped);
}

static void
say_type(GString *out, const VfioType *type)
{
	say(out, "  type", type->id);
	say(out, "    name", type->name);
	say(out, "    description", type->description);
	say(out, "    api", type->device_api);
	g_string_append_printf(out,
			       "    vram=%" G_GINT64_FORMAT " available=%" G_GINT64_FORMAT "\n",
			       type->vram_bytes, type->available);
}

static void
say_parent(GString *out, const VfioParent *parent)
{
	say(out, "parent", parent->name);
	g_string_append_printf(out, "  framework=%s vendor=%s\n", parent->backend->name,
			       parent->vendor->name);
	say(out, "  board", parent->board);
	say(out, "  driver", parent->driver);
	say(out, "  version", parent->driver_version);
	if (parent->pci != NULL)
		g_string_append_printf(out, "  pci=%04x:%04x %04x:%04x %06x %s %s\n",
				       parent->pci->vendor, parent->pci->device,
				       parent->pci->subsystem_vendor, parent->pci->subsystem_device,
				       parent->pci->class_code, parent->pci->vendor_name,
				       parent->pci->device_name);
	for (guint i = 0; i < parent->types->len; i++)
		say_type(out, g_ptr_array_index(parent->types, i));
}

static void
say_device(GString *out, const FakeSysfs *fake, const VfioDevice *device)
{
	say(out, "device", device->id);
	CU_ASSERT_TRUE(g_str_has_prefix(device->path, fake_sysfs_get_root(fake)));
	say(out, "  path", device->path + strlen(fake_sysfs_get_root(fake)));
	g_string_append_printf(out, "  framework=%s vendor=%s\n", device->backend->name,
			       device->vendor->name);
	say(out, "  parent", device->parent);
	say(out, "  board", device->board);
	say(out, "  group", device->iommu_group);
	say(out, "  driver", device->driver);
	say(out, "  parent driver", device->parent_driver);
	say(out, "  version", device->driver_version);
	say(out, "  params", device->params);
	if (device->type != NULL)
		say_type(out, device->type);
}

static void
check_tree(const char *name)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load(name);
	g_autoptr(VfioHost) host = open_host(fake);
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GPtrArray) parents = vfio_parents_list(host);
	for (guint i = 0; i < parents->len; i++)
		say_parent(out, g_ptr_array_index(parents, i));
	g_autoptr(GPtrArray) devices = vfio_devices_list(host);
	for (guint i = 0; i < devices->len; i++)
		say_device(out, fake, g_ptr_array_index(devices, i));
	g_autofree char *golden = g_strdup_printf("sysfs/%s.txt", name);
	golden_check(golden, out->str);
}

static void
nvidia_board_with_mdev(void)
{
	check_tree("nvidia-mdev");
}

static void
nvidia_sriov_board_with_mdev(void)
{
	check_tree("nvidia-sriov");
}

static void
nvidia_sriov_board_without_mdev(void)
{
	check_tree("nvidia-vf");
}

static void
intel_gvtg_board(void)
{
	check_tree("intel-gvtg");
}

static void
the_lab(void)
{
	check_tree("lab");
}

static void
a_broken_tree(void)
{
	check_tree("broken");
}

static void
an_empty_tree(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_new();
	g_autoptr(VfioHost) host = open_host(fake);
	g_autoptr(GPtrArray) parents = vfio_parents_list(host);
	g_autoptr(GPtrArray) devices = vfio_devices_list(host);
	CU_ASSERT_EQUAL(parents->len, 0);
	CU_ASSERT_EQUAL(devices->len, 0);
	CU_ASSERT_PTR_NULL(vfio_parent_new(host, "0000:3b:00.0"));
	static const struct {
		const char *id;
		const char *text;
	} rows[] = {
		{ "C0B26072-DD1B-4340-84FE-BF338C510818",
		  "no vGPU 'c0b26072-dd1b-4340-84fe-bf338c510818'" },
		{ "3B:00.4", "no vGPU '0000:3b:00.4'" },
		{ "../../etc/passwd", "'../../etc/passwd' is neither a UUID nor a PCI address" },
		{ "a\033b\xff", "'a?b\xef\xbf\xbd' is neither" },
		{ "", "'' is neither" },
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		CU_ASSERT_PTR_NULL(vfio_device_new(host, rows[i].id, &error));
		TEST_ERROR(error, VFIO_ERROR, VFIO_ERROR_NOT_FOUND, rows[i].text);
	}
}

/* A kernel may leave the compatibility class out. */
static void
parents_are_found_without_their_class(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
	fake_sysfs_remove(fake, "class");
	g_autoptr(VfioHost) host = open_host(fake);
	g_autoptr(GPtrArray) parents = vfio_parents_list(host);
	CU_ASSERT_EQUAL_FATAL(parents->len, 1);
	const VfioParent *parent = g_ptr_array_index(parents, 0);
	TEST_STRING(parent->name, "0000:3b:00.0");
	CU_ASSERT_EQUAL(parent->types->len, 4);
}

static void
addresses_are_parsed(void)
{
	static const struct {
		const char *text;
		const char *normal;
	} rows[] = {
		{ "0000:3b:00.0", "0000:3b:00.0" },	    { "3b:00.0", "0000:3b:00.0" },
		{ "0000:3B:1F.7", "0000:3b:1f.7" },	    { "10000:01:00.0", "10000:01:00.0" },
		{ "ffffffff:ff:1f.7", "ffffffff:ff:1f.7" },
	};
	static const char *const bad[] = { "",
					   "3b",
					   "3b:00",
					   "3b:00.",
					   "3b:00.8",
					   "3b:20.0",
					   "3b:00.0 ",
					   "000:3b:00.0",
					   "0000:3b:00.00",
					   "g0:00.0",
					   "fffffffff:3b:00.0",
					   ":3b:00.0",
					   "0000:3b:00.0/..",
					   "-1:00.0",
					   "0000:0000:3b:00.0" };
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		VfioBdf bdf;
		CU_ASSERT_TRUE_FATAL(vfio_bdf_parse(rows[i].text, &bdf));
		g_autofree char *text = vfio_bdf_format(&bdf);
		TEST_STRING(text, rows[i].normal);
	}
	for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
		VfioBdf bdf = { 1, 2, 3, 4 };
		CU_ASSERT_FALSE(vfio_bdf_parse(bad[i], &bdf));
		CU_ASSERT_EQUAL(bdf.function, 4);
	}
}

static void
frame_buffers_are_read(void)
{
	static const struct {
		const char *text;
		gint64 bytes;
	} rows[] = {
		{ "num_heads=4, frl_config=60, framebuffer=8192M, max_instance=12", 8192LL << 20 },
		{ "framebuffer=1G", 1LL << 30 },
		{ "a=b,framebuffer=512K", 512LL << 10 },
		{ "max_instance=1\nframebuffer=0M", 0 },
		{ "framebuffer=8192", -1 },
		{ "framebuffer=8192T", -1 },
		{ "framebuffer=-1M", -1 },
		{ "framebuffer= 1M", -1 },
		{ "framebuffer=", -1 },
		{ "framebuffer", -1 },
		{ "framebuffer=99999999999999999999M", -1 },
		{ "framebuffer=9223372036854775807G", -1 },
		{ "xframebuffer=1M", -1 },
		{ "xframebuffer=1M, framebuffer=2M", 2LL << 20 },
		{ "virtual display, 640x480 framebuffer", -1 },
		{ "low_gm_size: 128MB", -1 },
		{ "", -1 },
		{ NULL, -1 },
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
		CU_ASSERT_EQUAL(vfio_type_framebuffer_bytes(rows[i].text), rows[i].bytes);
}

static void
forbidden_settings_are_found(void)
{
	static const struct {
		const char *params;
		const char *found;
	} rows[] = {
		{ "frame_rate_limiter=0,enable_uvm=1", "enable_uvm" },
		{ "enable_profiling=1, enable_debugging=1,enable_uvm=0",
		  "enable_debugging, enable_profiling" },
		{ " enable_uvm=1\n", "enable_uvm" },
		{ "enable_uvm=0,enable_uvm=1", "enable_uvm" },
		{ "enable_uvm=2", "enable_uvm" },
		{ "enable_uvm=0", NULL },
		{ "enable_uvm=", NULL },
		{ "enable_uvm", NULL },
		{ "enable_uvmx=1,xenable_uvm=1", NULL },
		{ ",,=,", NULL },
		{ "", NULL },
		{ NULL, NULL },
	};
	static const char *const vendors[] = { "nvidia", "gwvgpu" };
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
		for (guint k = 0; k < G_N_ELEMENTS(vendors); k++) {
			g_autofree char *found =
				vfio_vendor_find_forbidden(vfio_vendor_by_name(vendors[k]),
							   rows[i].params);
			TEST_STRING(found, rows[i].found);
		}
	CU_ASSERT_PTR_NULL(
		vfio_vendor_find_forbidden(vfio_vendor_by_name("generic"), "enable_uvm=1"));
}

/* The real library, with whatever data base this machine has. */
static void
pci_names_come_from_libpciaccess(void)
{
	VfioPciId id = { .vendor = 0x8086, .device = 0x1237 };
	vfio_pci_names(&id);
	if (id.vendor_name == NULL) {
		test_skip("there is no pci.ids");
		return;
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(id.vendor_name, "Intel"));
	g_free(id.vendor_name);
	g_free(id.device_name);
}

CU_TestInfo suite_vfio_trees[] = {
	{ "an NVIDIA board with mdev", nvidia_board_with_mdev },
	{ "an NVIDIA SR-IOV board with mdev", nvidia_sriov_board_with_mdev },
	{ "an NVIDIA SR-IOV board without mdev", nvidia_sriov_board_without_mdev },
	{ "an Intel GVT-g board", intel_gvtg_board },
	{ "the lab", the_lab },
	{ "a broken tree", a_broken_tree },
	{ "an empty tree", an_empty_tree },
	{ "parents are found without their class", parents_are_found_without_their_class },
	{ "addresses are parsed", addresses_are_parsed },
	{ "frame buffers are read", frame_buffers_are_read },
	{ "forbidden settings are found", forbidden_settings_are_found },
	{ "PCI names come from libpciaccess", pci_names_come_from_libpciaccess },
	CU_TEST_INFO_NULL,
};
