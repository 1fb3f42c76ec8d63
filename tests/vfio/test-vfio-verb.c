/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwit mdev as people and scripts use it: the built program on a tree that a thread here serves
 * as the kernel would.
 */
#include <string.h>
#include <sys/wait.h>

#include "engine/gw-error.h"
#include "engine/gw-mdev.h"
#include "tests/rig/fake-sysfs.h"
#include "tests/rig/golden.h"
#include "tests/rig/test-util.h"

#define UUID "11111111-2222-4333-8444-555555555555"

typedef struct {
	int exit_code;
	char *out;
	char *err;
} Said;

static void
said_clear(Said *self)
{
	g_free(self->out);
	g_free(self->err);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Said, said_clear);

/* Runs godwit mdev on the tree. */
static Said
run(const FakeSysfs *fake, const char *arguments)
{
	g_autofree char *line = g_strdup_printf("%s mdev %s --sysfs %s", TEST_GODWIT, arguments,
						fake_sysfs_get_root(fake));
	Said said = { -1, NULL, NULL };
	int status = -1;
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(g_spawn_command_line_sync(line, &said.out, &said.err, &status, &error));
	TEST_NO_ERROR(error);
	said.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return said;
}

static void
check(const FakeSysfs *fake, const char *arguments, int exit_code, const char *out, const char *err)
{
	g_auto(Said) said = run(fake, arguments);
	CU_ASSERT_EQUAL(said.exit_code, exit_code);
	TEST_STRING(said.out, out);
	if (strstr(said.err, err) == NULL || (err[0] == '\0' && said.err[0] != '\0'))
		TEST_STRING(said.err, err);
}

static void
types_and_vgpus_are_listed(void)
{
	static const char *const trees[] = { "nvidia-mdev", "nvidia-sriov", "nvidia-vf",
					     "intel-gvtg",  "lab",	    "broken" };
	g_autoptr(GString) all = g_string_new(NULL);
	for (guint i = 0; i < G_N_ELEMENTS(trees); i++) {
		g_autoptr(FakeSysfs) fake = fake_sysfs_load(trees[i]);
		g_auto(Said) types = run(fake, "types");
		g_auto(Said) list = run(fake, "list");
		CU_ASSERT_EQUAL(types.exit_code, 0);
		CU_ASSERT_EQUAL(list.exit_code, 0);
		g_string_append_printf(all, "--- %s: types\n%s--- %s: list\n%s%s%s", trees[i],
				       types.out, trees[i], list.out, types.err, list.err);
	}
	golden_check("sysfs/verb.txt", all->str);
}

static void
json_is_for_programs(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-sriov");
	g_auto(Said) types = run(fake, "types --json");
	g_auto(Said) list = run(fake, "list --json");
	g_autoptr(GString) all = g_string_new(types.out);
	g_string_append(all, list.out);
	/* Where the tree is differs each time. */
	g_string_replace(all, fake_sysfs_get_root(fake), "ROOT", 0);
	/* The host's pci.ids, where it has one, gives the board its name. */
	g_autoptr(GRegex) model = g_regex_new("\"model\" : \"[^\"]+\"", 0, 0, NULL);
	g_autofree char *text =
		g_regex_replace_literal(model, all->str, -1, 0, "\"model\" : \"MODEL\"", 0, NULL);
	golden_check("sysfs/verb.json", text);
}

static void
one_is_made_and_removed(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("lab");
	fake_sysfs_serve(fake);
	check(fake, "create gwvgpu-big --uuid " UUID, 0, UUID "\n", "");
	check(fake, "create gwvgpu-big --uuid " UUID, 0, UUID "\n", "nothing was made");
	check(fake, "create gwvgpu-small --uuid " UUID, 1, "", "of type 'gwvgpu-big' and not");
	check(fake, "create gwvgpu-big --parent gwvgpu0", 1, "",
	      "no instance of type 'gwvgpu-big'");
	check(fake, "create gwvgpu-huge", 1, "", "has no type 'gwvgpu-huge'");
	g_auto(Said) list = run(fake, "list");
	CU_ASSERT_PTR_NOT_NULL(strstr(list.out, UUID "  gwvgpu0  gwvgpu-big  256 MiB"));
	check(fake, "remove " UUID, 0, "", "");
	check(fake, "remove " UUID, 0, "", "there is no vGPU");
	check(fake, "remove --json " UUID, 0, "{\"removed\": false}\n", "");
	check(fake, "list", 0, "this host has no vGPUs\n", "");
}

/* Nobody serves the tree: a file takes the write, and nothing happens. */
static void
one_that_does_not_go_is_a_failure(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
	check(fake, "remove c0b26072-dd1b-4340-84fe-bf338c510818 --timeout 1s", 1, "",
	      "still exists after 1.0 s");
}

static void
wrong_usage_is_told(void)
{
	static const char *const rows[][2] = {
		{ "", "is missing" },
		{ "frob", "'frob' is not one of types, list, create, remove" },
		{ "types x", "'x' is one argument too many" },
		{ "list x y", "'y' is one argument too many" },
		{ "create", "create: TYPE is missing" },
		{ "remove", "remove: UUID is missing" },
		{ "remove x", "'x' is neither a UUID nor a PCI address" },
		{ "create x --uuid 1", "--uuid '1' is not a UUID" },
		{ "list --uuid 1", "--parent and --uuid are options of 'create' only" },
		{ "create x --timeout 1s", "--timeout is an option of 'remove' only" },
		{ "remove " UUID " --timeout soon", "--timeout: " },
	};
	g_autoptr(FakeSysfs) fake = fake_sysfs_new();
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
		check(fake, rows[i][0], 2, "", rows[i][1]);
	check(fake, "types", 0, "this host cannot make vGPUs\n", "");
	check(fake, "create x", 1, "", "nothing on this host makes vGPUs");
}

/* What the verb does, an embedder can do. */
static void
the_library_does_the_same(void)
{
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("lab");
	const char *root = fake_sysfs_get_root(fake);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(gw_mdev_list("/no/such", &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_FAILED, "sysfs '/no/such'");
	g_clear_error(&error);
	CU_ASSERT_PTR_NULL(gw_mdev_create(root, "no-type", NULL, NULL, NULL, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_FAILED, "this host has no type 'no-type'");
	g_clear_error(&error);
	CU_ASSERT_FALSE(gw_mdev_remove(root, "..", 0, NULL, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_FAILED, "neither a UUID nor a PCI address");

	fake_sysfs_serve(fake);
	gboolean reused = TRUE, removed = FALSE;
	g_autoptr(GwMdev) mdev =
		gw_mdev_create(root, "gwvgpu-small", "gwvgpu1", NULL, &reused, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mdev);
	CU_ASSERT_FALSE(reused);
	CU_ASSERT_EQUAL(mdev->vram_bytes, 64 << 20);
	TEST_STRING(mdev->parent, "gwvgpu1");
	g_autofree char *json = gw_mdev_to_json(mdev);
	CU_ASSERT_PTR_NOT_NULL(strstr(json, mdev->path));
	CU_ASSERT_TRUE(gw_mdev_remove(root, mdev->id, 10 * G_TIME_SPAN_SECOND, &removed, NULL));
	CU_ASSERT_TRUE(removed);
	CU_ASSERT_TRUE(gw_mdev_id_is_valid(mdev->id));
	CU_ASSERT_FALSE(gw_mdev_id_is_valid(NULL));
}

CU_TestInfo suite_vfio_verb[] = {
	{ "types and vGPUs are listed", types_and_vgpus_are_listed },
	{ "JSON is for programs", json_is_for_programs },
	{ "one is made and removed", one_is_made_and_removed },
	{ "one that does not go is a failure", one_that_does_not_go_is_a_failure },
	{ "wrong usage is told", wrong_usage_is_told },
	{ "the library does the same", the_library_does_the_same },
	CU_TEST_INFO_NULL,
};
