/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vGPUs as the plan sees them: read from a peer, compared pair by pair. What a host is asked, and how they
 * are made, is tests/test-vfio-*.c and the lab.
 */
#include <CUnit/CUnit.h>

#include "engine/gw-error.h"
#include "engine/negotiate.h"
#include "engine/plan-json.h"
#include "engine/vgpu-data.h"
#include "tests/test-util.h"

static GwVgpu *
make_vgpu(const char *name)
{
	GwVgpu *vgpu = g_new0(GwVgpu, 1);
	vgpu->name = g_strdup(name);
	vgpu->id = g_strdup("6b0d0d3c-6f0a-4b57-9a8e-0d7e5a1c2b3d");
	vgpu->type = g_strdup("nvidia-63");
	vgpu->type_name = g_strdup("GRID P4-2Q");
	vgpu->framework = g_strdup("mdev");
	vgpu->vendor = g_strdup("nvidia");
	vgpu->driver = g_strdup("nvidia");
	vgpu->driver_version = g_strdup("550.90.05");
	vgpu->vram_bytes = 2 * 1024 * 1024 * 1024LL;
	vgpu->available = 1;
	return vgpu;
}

static GPtrArray *
make_list(guint n)
{
	GPtrArray *vgpus = g_ptr_array_new_with_free_func((GDestroyNotify)gw_vgpu_free);
	for (guint i = 0; i < n; i++)
		g_ptr_array_add(vgpus, make_vgpu("gpu0"));
	return vgpus;
}

static void
a_list_is_read_as_it_was_written(void)
{
	g_autoptr(GPtrArray) vgpus = make_list(2);
	g_autoptr(JsonArray) array = vgpu_list_to_array(vgpus);
	g_autoptr(GPtrArray) again = vgpu_list_from_array(array, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(again);
	CU_ASSERT_EQUAL_FATAL(again->len, 2);
	const GwVgpu *vgpu = g_ptr_array_index(again, 1);
	CU_ASSERT_STRING_EQUAL(vgpu->type, "nvidia-63");
	CU_ASSERT_STRING_EQUAL(vgpu->driver_version, "550.90.05");
	CU_ASSERT_EQUAL(vgpu->vram_bytes, 2147483648LL);
	CU_ASSERT_PTR_NULL(vgpu->params);
}

static void
a_hostile_list_is_refused(void)
{
	static const struct {
		const char *text;
		const char *message;
	} rows[] = {
		{ "[7]", "not an object" },
		{ "[{\"type\":7}]", "'type'" },
		{ "[{\"vram_bytes\":-1}]", "'vram_bytes'" },
		{ "[{\"vram_bytes\":\"much\"}]", "'vram_bytes'" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(JsonNode) node = json_from_string(rows[i].text, NULL);
		CU_ASSERT_PTR_NULL(vgpu_list_from_array(json_node_get_array(node), &error));
		TEST_ERROR(error, GW_ERROR, GW_ERROR_PROTOCOL, rows[i].message);
	}
	g_autoptr(GPtrArray) many = make_list(VGPU_MAX + 1);
	g_autoptr(JsonArray) array = vgpu_list_to_array(many);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(vgpu_list_from_array(array, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_PROTOCOL, "more than 64 vGPUs");
}

static gboolean
has_code(const GPtrArray *issues, const char *code)
{
	for (guint i = 0; i < issues->len; i++)
		if (g_str_equal(((const GwIssue *)g_ptr_array_index(issues, i))->code, code))
			return TRUE;
	return FALSE;
}

static void
set(char **field, const char *value)
{
	g_free(*field);
	*field = g_strdup(value);
}

static void
older_driver(GwVgpu *vgpu)
{
	set(&vgpu->driver_version, "535.10.01");
}

static void
full(GwVgpu *vgpu)
{
	vgpu->available = 0;
}

static void
no_such_type(GwVgpu *vgpu)
{
	set(&vgpu->type, NULL);
	set(&vgpu->framework, NULL);
}

static void
taken(GwVgpu *vgpu)
{
	set(&vgpu->taken_type, "nvidia-64");
}

static void
rename_to(GPtrArray *vgpus, guint i, const char *name)
{
	set(&((GwVgpu *)g_ptr_array_index(vgpus, i))->name, name);
}

/* QEMU lists its devices in no order that anybody could rely on. */
static void
partners_are_found_by_name(void)
{
	g_autoptr(GPtrArray) source = make_list(2);
	g_autoptr(GPtrArray) destination = make_list(2);
	/* The same name twice: only the places are left. */
	CU_ASSERT_PTR_EQUAL(vgpu_partner(source, destination, 1), source->pdata[1]);
	rename_to(source, 0, "gpu1");
	rename_to(destination, 1, "gpu1");
	CU_ASSERT_PTR_EQUAL(vgpu_partner(source, destination, 0), source->pdata[1]);
	CU_ASSERT_PTR_EQUAL(vgpu_partner(source, destination, 1), source->pdata[0]);
	/* One that is called otherwise, or nothing: the places again, for all. */
	rename_to(destination, 1, "other");
	CU_ASSERT_PTR_EQUAL(vgpu_partner(source, destination, 0), source->pdata[0]);
	rename_to(destination, 1, NULL);
	CU_ASSERT_PTR_EQUAL(vgpu_partner(source, destination, 0), source->pdata[0]);
}

static void
one_difference_gives_one_refusal(void)
{
	static void (*const spoil[])(GwVgpu *) = { older_driver, full, no_such_type, taken };
	g_autoptr(GPtrArray) source = make_list(1);
	g_autoptr(GPtrArray) good = make_list(1);
	g_autoptr(GwPlan) fine = gw_plan_new();
	vgpu_compare(source, good, fine->issues);
	CU_ASSERT_TRUE(gw_plan_is_possible(fine));

	for (gsize i = 0; i < G_N_ELEMENTS(spoil); i++) {
		g_autoptr(GPtrArray) bad = make_list(1);
		g_autoptr(GwPlan) plan = gw_plan_new();
		spoil[i](g_ptr_array_index(bad, 0));
		vgpu_compare(source, bad, plan->issues);
		CU_ASSERT_FALSE(gw_plan_is_possible(plan));
	}
	g_autoptr(GPtrArray) two = make_list(2);
	g_autoptr(GwPlan) plan = gw_plan_new();
	vgpu_compare(source, two, plan->issues);
	CU_ASSERT_TRUE(has_code(plan->issues, "vgpu-count"));
}

static void
a_viommu_goes_with_no_vgpu(void)
{
	static char *viommus[] = { (char *)"intel-iommu", NULL };
	static const NegotiatePolicy policy = { .vm_name = "web1" };
	g_autoptr(GwSurvey) source = g_new0(GwSurvey, 1);
	g_autoptr(GwSurvey) destination = g_new0(GwSurvey, 1);
	destination->is_absent = TRUE;
	source->viommus = g_strdupv(viommus);
	source->has_vfio_migration = TRUE;
	g_autoptr(GwPlan) without = negotiate(source, destination, &policy);
	CU_ASSERT_FALSE(has_code(without->issues, "viommu"));

	source->vgpus = make_list(1);
	destination->vgpus = make_list(1);
	g_autoptr(GwPlan) with = negotiate(source, destination, &policy);
	CU_ASSERT_TRUE(has_code(with->issues, "viommu"));
	CU_ASSERT_FALSE(has_code(with->issues, "vfio-migration"));

	source->has_vfio_migration = FALSE;
	g_autoptr(GwPlan) old = negotiate(source, destination, &policy);
	CU_ASSERT_TRUE(has_code(old->issues, "vfio-migration"));
}

CU_TestInfo suite_vgpu[] = {
	{ "a list is read as it was written", a_list_is_read_as_it_was_written },
	{ "a hostile list is refused", a_hostile_list_is_refused },
	{ "partners are found by name", partners_are_found_by_name },
	{ "one difference gives one refusal", one_difference_gives_one_refusal },
	{ "a vIOMMU goes with no vGPU", a_viommu_goes_with_no_vgpu },
	CU_TEST_INFO_NULL,
};
