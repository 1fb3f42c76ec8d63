/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A sysfs in /tmp with a small model of the kernel's mdev and of NVIDIA's virtual functions. All of
 * its state is in the tree's files: free instances count down on create and up on remove, and a
 * UUID is taken when its link is on the bus. fake-kernel.c has the model; this file builds the
 * tree, and serves other processes.
 */
#include "tests/rig/fake-sysfs.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "tests/rig/fake-gate.h"
#include "tests/rig/fake-kernel.h"
#include "tests/rig/golden.h"
#include "tests/rig/test-util.h"

#define POLL_US	 (5 * 1000)
#define BOARDS	 "devices/pci0000:00"
#define TYPES	 "mdev_supported_types"
#define UP_BOARD "../../.."

struct _FakeSysfs {
	char *root;
	FakeGate *gate;
	GThread *server; /* (nullable) */
	gint stop;
};

FakeSysfs *
fake_sysfs_new(void)
{
	FakeSysfs *self = g_new0(FakeSysfs, 1);
	self->root = test_folder_new();
	self->gate = fake_gate_new(self->root);
	return self;
}

void
fake_sysfs_free(FakeSysfs *self)
{
	if (self == NULL)
		return;
	g_atomic_int_set(&self->stop, 1);
	if (self->server != NULL)
		g_thread_join(self->server);
	fake_gate_free(self->gate);
	test_folder_free(self->root);
	g_free(self);
}

const char *
fake_sysfs_get_root(const FakeSysfs *self)
{
	return self->root;
}

/* (transfer full): where @path is, its folders made. */
static char *
place(const FakeSysfs *self, const char *path)
{
	char *full = g_build_filename(self->root, path, NULL);
	g_autofree char *folder = g_path_get_dirname(full);
	CU_ASSERT_EQUAL_FATAL(g_mkdir_with_parents(folder, 0700), 0);
	return full;
}

void
fake_sysfs_file(FakeSysfs *self, const char *path, const char *text)
{
	g_autofree char *full = place(self, path);
	CU_ASSERT_TRUE_FATAL(g_file_set_contents(full, text, -1, NULL));
}

void
fake_sysfs_link(FakeSysfs *self, const char *path, const char *target)
{
	g_autofree char *full = place(self, path);
	CU_ASSERT_EQUAL_FATAL(symlink(target, full), 0);
}

static void
add_folder(FakeSysfs *self, const char *path)
{
	g_autofree char *full = place(self, path);
	CU_ASSERT_EQUAL_FATAL(g_mkdir_with_parents(full, 0700), 0);
}

void
fake_sysfs_remove(FakeSysfs *self, const char *path)
{
	char *full = g_build_filename(self->root, path, NULL);
	if (unlink(full) == 0)
		g_free(full);
	else
		test_folder_free(full);
}

char *
fake_sysfs_read(const FakeSysfs *self, const char *path)
{
	g_autofree char *full = g_build_filename(self->root, path, NULL);
	char *text = NULL;
	return g_file_get_contents(full, &text, NULL, NULL) ? g_strchomp(text) : NULL;
}

gboolean
fake_sysfs_exists(const FakeSysfs *self, const char *path)
{
	g_autofree char *full = g_build_filename(self->root, path, NULL);
	return g_file_test(full, G_FILE_TEST_EXISTS);
}

static void
load_line(FakeSysfs *self, const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, " ", 3);
	guint n = g_strv_length(words);
	if (line[0] == '#' || line[0] == '\0')
		return;
	g_autofree char *text = g_strcompress(n > 2 ? words[2] : "");
	if (n == 2 && strcmp(words[0], "d") == 0)
		add_folder(self, words[1]);
	else if (n >= 2 && strcmp(words[0], "f") == 0)
		fake_sysfs_file(self, words[1], text);
	else if (n == 3 && strcmp(words[0], "l") == 0)
		fake_sysfs_link(self, words[1], words[2]);
	else
		CU_FAIL_FATAL("a line of a tree that makes no sense");
}

FakeSysfs *
fake_sysfs_load(const char *name)
{
	FakeSysfs *self = fake_sysfs_new();
	g_autofree char *file = g_strdup_printf("sysfs/%s.tree", name);
	g_autofree char *text = golden_read(file);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line != NULL; line++)
		load_line(self, *line);
	return self;
}

void
fake_sysfs_add_parent(FakeSysfs *self, const char *bdf, const char *driver, const char *version)
{
	g_autofree char *on_bus = g_strdup_printf("bus/pci/devices/%s", bdf);
	g_autofree char *in_class = g_strdup_printf("class/mdev_bus/%s", bdf);
	g_autofree char *to_board = g_strdup_printf(UP_BOARD "/" BOARDS "/%s", bdf);
	g_autofree char *vendor = g_strdup_printf(BOARDS "/%s/vendor", bdf);
	g_autofree char *bound = g_strdup_printf(BOARDS "/%s/driver", bdf);
	g_autofree char *to_driver = g_strdup_printf(UP_BOARD "/bus/pci/drivers/%s", driver);
	g_autofree char *module = g_strdup_printf("module/%s/version", driver);
	fake_sysfs_file(self, vendor, "0x10de\n");
	fake_sysfs_link(self, on_bus, to_board);
	fake_sysfs_link(self, in_class, to_board + strlen("../"));
	fake_sysfs_link(self, bound, to_driver);
	fake_sysfs_file(self, module, version);
	add_folder(self, "bus/mdev/devices");
}

void
fake_sysfs_add_type(FakeSysfs *self, const char *bdf, const char *type, guint vram_mib,
		    guint available)
{
	g_autofree char *description =
		g_strdup_printf("num_heads=4, frl_config=60, framebuffer=%uM, "
				"max_resolution=4096x2160, max_instance=16\n",
				vram_mib);
	g_autofree char *name = g_strdup_printf("Board %s\n", type);
	g_autofree char *instances = g_strdup_printf("%u\n", available);
	const char *const files[][2] = { { "create", "" },
					 { "name", name },
					 { "description", description },
					 { "device_api", "vfio-pci\n" },
					 { "available_instances", instances } };
	for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path =
			g_strdup_printf(BOARDS "/%s/" TYPES "/%s/%s", bdf, type, files[i][0]);
		fake_sysfs_file(self, path, files[i][1]);
	}
}

gboolean
fake_sysfs_target(int fd, char target[PATH_MAX])
{
	char link[64];
	g_snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	gssize n = readlink(link, target, PATH_MAX - 1);
	target[MAX(n, 0)] = '\0';
	return n > 0;
}

int
fake_sysfs_write(int fd, const char *path, const char *text)
{
	char target[PATH_MAX];
	return fake_sysfs_target(fd, target) ? fake_gate_write(target, text) : EBADF;
}

/* What was written to one of the files since it was last looked at. */
static void
serve_file(const char *path)
{
	g_autofree char *text = NULL;
	if (!g_file_get_contents(path, &text, NULL, NULL) || text[0] == '\0')
		return;
	if (truncate(path, 0) == 0)
		fake_kernel_write(path, g_strchomp(text));
}

/* The tree is small and lives for seconds: looking again and again is good enough. */
static void
serve_types(const char *root)
{
	g_autofree char *buses = g_build_filename(root, "class", "mdev_bus", NULL);
	g_autoptr(GDir) parents = g_dir_open(buses, 0, NULL);
	const char *parent, *type;
	while (parents != NULL && (parent = g_dir_read_name(parents)) != NULL) {
		g_autofree char *types = g_build_filename(buses, parent, TYPES, NULL);
		g_autoptr(GDir) entries = g_dir_open(types, 0, NULL);
		while (entries != NULL && (type = g_dir_read_name(entries)) != NULL) {
			g_autofree char *link = g_build_filename(types, type, "create", NULL);
			g_autofree char *path = realpath(link, NULL);
			if (path != NULL)
				serve_file(path);
		}
	}
}

static void
serve_devices(const char *root)
{
	g_autofree char *bus = g_build_filename(root, "bus", "mdev", "devices", NULL);
	g_autoptr(GDir) devices = g_dir_open(bus, 0, NULL);
	const char *device;
	while (devices != NULL && (device = g_dir_read_name(devices)) != NULL) {
		g_autofree char *link = g_build_filename(bus, device, "remove", NULL);
		g_autofree char *path = realpath(link, NULL);
		if (path != NULL)
			serve_file(path);
	}
}

static gpointer
serve(gpointer data)
{
	FakeSysfs *self = data;
	while (!g_atomic_int_get(&self->stop)) {
		serve_types(self->root);
		serve_devices(self->root);
		g_usleep(POLL_US);
	}
	return NULL;
}

void
fake_sysfs_serve(FakeSysfs *self)
{
	self->server = g_thread_new("fake-sysfs", serve, self);
}
