/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vGPUs as the plan sees them: read from a peer, compared pair by pair. What a host is asked, and
 * how they are made, is tests/test-vfio-*.c and the lab.
 */
#include <CUnit/CUnit.h>
#include <string.h>

#include "engine/gw-error.h"
#include "engine/plan/negotiate-vgpus.h"
#include "engine/plan/negotiate.h"
#include "engine/data/plan-json.h"
#include "engine/data/vgpu-json.h"
#include "engine/host/vgpu-host.h"
#include "engine/data/vgpu-pair.h"
#include "engine/host/vgpu-vendor.h"
#include "engine/host/vm-vgpus.h"
#include "tests/rig/fake-sysfs.h"
#include "tests/rig/test-util.h"

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
	vgpu->migration_flags = GW_VGPU_STOP_COPY | GW_VGPU_P2P | GW_VGPU_PRE_COPY;
	vgpu->stop_copy_bytes = 4096;
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
	CU_ASSERT_EQUAL(vgpu->migration_flags, 7);
	CU_ASSERT_EQUAL(vgpu->stop_copy_bytes, 4096);
	CU_ASSERT_FALSE(vgpu->lacks_data_size);
}

/* What a driver cannot do and what nobody knows are two things. */
static void
flags_are_told_or_not(void)
{
	static const gint64 flags[] = { -1, 0, 1, 3, 5, 7 };
	g_autoptr(GPtrArray) vgpus = make_list(G_N_ELEMENTS(flags));
	for (guint i = 0; i < G_N_ELEMENTS(flags); i++) {
		GwVgpu *vgpu = g_ptr_array_index(vgpus, i);
		vgpu->migration_flags = flags[i];
		vgpu->stop_copy_bytes = -1;
		vgpu->lacks_data_size = TRUE;
	}
	g_autoptr(JsonArray) array = vgpu_list_to_array(vgpus);
	g_autoptr(GPtrArray) again = vgpu_list_from_array(array, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(again);
	for (guint i = 0; i < G_N_ELEMENTS(flags); i++) {
		const GwVgpu *vgpu = g_ptr_array_index(again, i);
		CU_ASSERT_EQUAL(vgpu->migration_flags, flags[i]);
		CU_ASSERT_EQUAL(vgpu->stop_copy_bytes, -1);
		CU_ASSERT_TRUE(vgpu->lacks_data_size);
	}
	g_autoptr(JsonNode) node =
		json_from_string("[{\"migration\":[\"stop-copy\",\"of tomorrow\"]}]", NULL);
	g_autoptr(GPtrArray) later = vgpu_list_from_array(json_node_get_array(node), NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(later);
	CU_ASSERT_EQUAL(((const GwVgpu *)later->pdata[0])->migration_flags, GW_VGPU_STOP_COPY);
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
		{ "[{\"migration\":7}]", "'migration'" },
		{ "[{\"migration\":[7]}]", "'migration'" },
		{ "[{\"stop_copy_bytes\":-7}]", "'stop_copy_bytes'" },
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

static void
move_to(GPtrArray *vgpus, guint i, const char *guest_path)
{
	set(&((GwVgpu *)g_ptr_array_index(vgpus, i))->guest_path, guest_path);
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
	CU_ASSERT_EQUAL(vgpu_pairing(source, destination), VGPU_PAIR_BY_NAME);
	CU_ASSERT_PTR_EQUAL(vgpu_partner(source, destination, 0), source->pdata[1]);
	CU_ASSERT_PTR_EQUAL(vgpu_partner(source, destination, 1), source->pdata[0]);
	/* One that is called otherwise, or nothing: the places again, for all. */
	rename_to(destination, 1, "other");
	CU_ASSERT_PTR_EQUAL(vgpu_partner(source, destination, 0), source->pdata[0]);
	rename_to(destination, 1, NULL);
	CU_ASSERT_EQUAL(vgpu_pairing(source, destination), VGPU_PAIR_BY_PLACE);
	CU_ASSERT_PTR_EQUAL(vgpu_partner(source, destination, 0), source->pdata[0]);
}

/* Where QEMU sends it counts for more than its name, as soon as that is known. */
static void
partners_are_found_by_address(void)
{
	g_autoptr(GPtrArray) source = make_list(2);
	g_autoptr(GPtrArray) destination = make_list(2);
	rename_to(source, 1, "gpu1");
	rename_to(destination, 1, "gpu1");
	move_to(source, 0, "0000:00:08.0");
	move_to(source, 1, "0000:00:09.0");
	move_to(destination, 0, "0000:00:09.0");
	CU_ASSERT_EQUAL(vgpu_pairing(source, destination), VGPU_PAIR_BY_NAME);
	move_to(destination, 1, "0000:00:08.0");
	CU_ASSERT_EQUAL(vgpu_pairing(source, destination), VGPU_PAIR_BY_ADDRESS);
	CU_ASSERT_PTR_EQUAL(vgpu_partner(source, destination, 0), source->pdata[1]);
	CU_ASSERT_PTR_EQUAL(vgpu_partner(source, destination, 1), source->pdata[0]);
	move_to(destination, 1, "0000:00:0a.0");
	CU_ASSERT_EQUAL(vgpu_pairing(source, destination), VGPU_PAIR_MOVED);
	g_autoptr(GwPlan) plan = gw_plan_new();
	vgpu_compare(source, destination, plan->issues);
	CU_ASSERT_EQUAL_FATAL(plan->issues->len, 1);
	const GwIssue *issue = g_ptr_array_index(plan->issues, 0);
	TEST_STRING(issue->code, "vgpu-address");
	TEST_STRING(issue->subject, "gpu1");
	CU_ASSERT_PTR_NOT_NULL(strstr(issue->text, "at 0000:00:0a.0 in the guest"));
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

/* The first issue of @code: what it says of where to change what. */
static void
check_issue(const GPtrArray *issues, const char *code, const char *host, const char *subject)
{
	for (guint i = 0; i < issues->len; i++) {
		const GwIssue *issue = g_ptr_array_index(issues, i);
		if (!g_str_equal(issue->code, code))
			continue;
		TEST_STRING(issue->host, host);
		TEST_STRING(issue->subject, subject);
		CU_ASSERT_PTR_NOT_NULL(issue->remedy);
		return;
	}
	CU_FAIL("no such issue");
}

static void
an_issue_names_the_host_that_has_to_change(void)
{
	g_autoptr(GPtrArray) source = make_list(2);
	g_autoptr(GPtrArray) destination = make_list(2);
	g_autoptr(GPtrArray) issues = g_ptr_array_new_with_free_func((GDestroyNotify)gw_issue_free);
	rename_to(source, 1, "gpu1");
	rename_to(destination, 1, "gpu1");
	GwVgpu *ours = g_ptr_array_index(source, 1), *theirs = g_ptr_array_index(destination, 0);
	ours->migration_flags = GW_VGPU_STOP_COPY;
	ours->lacks_data_size = TRUE;
	older_driver(theirs);
	vgpu_compare(source, destination, issues);
	vgpu_check_sizes(source, 300000, 0, issues);
	check_issue(issues, "vgpu-driver-version", "destination", "gpu0");
	check_issue(issues, "vgpu-precopy-differs", "source", "gpu1");
	check_issue(issues, "vgpu-no-p2p", "source", "gpu1");
	check_issue(issues, "vgpu-no-data-size", "source", "gpu1");
	CU_ASSERT_EQUAL(issues->len, 4);
}

/* Where the names do not fit it must not matter which is which. */
static void
names_that_do_not_fit_are_refused(void)
{
	static const struct {
		const char *name;
		const char *type;
		gboolean refused;
	} rows[] = {
		{ "gpu1", "nvidia-64", FALSE },	 { "gpu1", "nvidia-63", FALSE },
		{ "other", "nvidia-63", FALSE }, { "other", "nvidia-64", TRUE },
		{ NULL, "nvidia-64", TRUE },	 { "gpu0", "nvidia-64", TRUE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GPtrArray) source = make_list(2);
		g_autoptr(GPtrArray) destination = make_list(2);
		g_autoptr(GwPlan) plan = gw_plan_new();
		rename_to(source, 1, "gpu1");
		rename_to(destination, 1, rows[i].name);
		set(&((GwVgpu *)source->pdata[1])->type, rows[i].type);
		set(&((GwVgpu *)destination->pdata[1])->type, rows[i].type);
		vgpu_compare(source, destination, plan->issues);
		CU_ASSERT_EQUAL(has_code(plan->issues, "vgpu-names"), rows[i].refused);
		CU_ASSERT_EQUAL(gw_plan_is_possible(plan), !rows[i].refused);
	}
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

/* The source is gone before the driver has said yes: unless it is kept. */
static void
a_paused_guest_has_unproven_vgpus(void)
{
	static const struct {
		gboolean paused, keep_source, runs, is_warned;
	} rows[] = {
		{ FALSE, FALSE, TRUE, FALSE },
		{ TRUE, FALSE, TRUE, TRUE },
		{ TRUE, TRUE, TRUE, FALSE },
		{ FALSE, FALSE, FALSE, TRUE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const NegotiatePolicy policy = { .vm_name = "web1",
						 .paused = rows[i].paused,
						 .keep_source = rows[i].keep_source };
		g_autoptr(GwSurvey) source = g_new0(GwSurvey, 1);
		g_autoptr(GwSurvey) destination = g_new0(GwSurvey, 1);
		source->running = rows[i].runs;
		source->vgpus = make_list(1);
		destination->vgpus = make_list(1);
		destination->is_absent = TRUE;
		g_autoptr(GwPlan) plan = negotiate(source, destination, &policy);
		CU_ASSERT_EQUAL(has_code(plan->issues, "vgpu-unproven"), rows[i].is_warned);
		if (rows[i].is_warned)
			check_issue(plan->issues, "vgpu-unproven", "destination", "gpu0");
	}
}

/* (transfer full): of one: the vGPU of a board, as that host describes it. */
static GPtrArray *
list_of_board(const VfioHost *host)
{
	GPtrArray *vgpus = g_ptr_array_new_with_free_func((GDestroyNotify)gw_vgpu_free);
	g_ptr_array_add(
		vgpus, vgpu_describe(host, "gpu0",
				     "/sys/bus/mdev/devices/c0b26072-dd1b-4340-84fe-bf338c510818"));
	return vgpus;
}

/* The fake library says what the first byte of the opaque part asks for: see fake-nvml.c. */
static void
answer_with(GwVgpu *vgpu, char first)
{
	gsize size;
	CU_ASSERT_PTR_NOT_NULL_FATAL(vgpu->metadata);
	g_autofree guchar *data = g_base64_decode(vgpu->metadata, &size);
	CU_ASSERT_TRUE_FATAL(size > 208);
	data[208] = (guchar)first;
	g_autofree char *text = g_base64_encode(data, size);
	set(&vgpu->metadata, text);
}

static void
the_vendors_library_is_asked(void)
{
	static const struct {
		char first;
		const char *metadata; /* (nullable): in the place of the whole */
		const char *refusal;
	} rows[] = {
		{ 'L', NULL, NULL },
		{ '1', NULL, "the drivers of the two hosts are not compatible" },
		{ 'L', "not base64!", NULL },
		{ 'L', "", NULL },
	};
	const VfioSeams seams = { .nvml = TEST_FAKE_NVML };
	g_autoptr(FakeSysfs) fake = fake_sysfs_load("nvidia-mdev");
	g_autoptr(VfioHost) host = vfio_host_new(fake_sysfs_get_root(fake), &seams, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(host);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GPtrArray) ours = list_of_board(host);
		g_autoptr(GPtrArray) theirs = list_of_board(host);
		g_autoptr(GwPlan) plan = gw_plan_new();
		answer_with(ours->pdata[0], rows[i].first);
		if (rows[i].metadata != NULL)
			set(&((GwVgpu *)ours->pdata[0])->metadata, rows[i].metadata);
		/* As it comes from the peer. */
		g_autoptr(JsonArray) array = vgpu_list_to_array(ours);
		g_autoptr(GPtrArray) source = vgpu_list_from_array(array, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(source);
		vgpu_vendor_ask(host, source, theirs);
		TEST_STRING(((GwVgpu *)theirs->pdata[0])->refusal, rows[i].refusal);
		vgpu_compare(source, theirs, plan->issues);
		CU_ASSERT_EQUAL(has_code(plan->issues, "vgpu-vendor-refuses"),
				rows[i].refusal != NULL);
	}
	g_autoptr(GPtrArray) none = make_list(0);
	g_autoptr(GPtrArray) one = list_of_board(host);
	vgpu_vendor_ask(host, none, one);
	CU_ASSERT_PTR_NULL(((GwVgpu *)one->pdata[0])->refusal);
}

/* A board that is nobody's vGPU cannot be removed, and one without an id ends no list. */
static void
only_what_was_made_can_be_removed(void)
{
	g_autoptr(GPtrArray) vgpus = make_list(3);
	g_autoptr(GPtrArray) made = g_ptr_array_new();
	GwVmVgpu own = { .id = (char *)"a", .is_made = TRUE };
	GwVmVgpu was_there = { .id = (char *)"b" };
	GwVmVgpu last = { .id = (char *)"c", .is_made = TRUE };
	const GwVm vm = { .vgpus = made };
	const GwVm empty = { 0 };

	set(&((GwVgpu *)vgpus->pdata[0])->framework, NULL);
	set(&((GwVgpu *)vgpus->pdata[1])->id, NULL);
	set(&((GwVgpu *)vgpus->pdata[2])->id, "0000:01:00.4");
	g_auto(GStrv) ids = vgpu_removable_ids(vgpus);
	g_autofree char *text = g_strjoinv(" ", ids);
	TEST_STRING(text, "0000:01:00.4");
	g_auto(GStrv) none = vgpu_removable_ids(NULL);
	CU_ASSERT_EQUAL(g_strv_length(none), 0);

	g_ptr_array_add(made, &own);
	g_ptr_array_add(made, &was_there);
	g_ptr_array_add(made, &last);
	g_auto(GStrv) made_ids = vm_made_ids(&vm);
	g_autofree char *made_text = g_strjoinv(" ", made_ids);
	TEST_STRING(made_text, "a c");
	g_auto(GStrv) of_none = vm_made_ids(&empty);
	CU_ASSERT_EQUAL(g_strv_length(of_none), 0);
}

CU_TestInfo suite_vgpu[] = {
	{ "only what was made can be removed", only_what_was_made_can_be_removed },
	{ "a list is read as it was written", a_list_is_read_as_it_was_written },
	{ "a hostile list is refused", a_hostile_list_is_refused },
	{ "flags are told or not", flags_are_told_or_not },
	{ "partners are found by name", partners_are_found_by_name },
	{ "partners are found by address", partners_are_found_by_address },
	{ "an issue names the host that has to change",
	  an_issue_names_the_host_that_has_to_change },
	{ "names that do not fit are refused", names_that_do_not_fit_are_refused },
	{ "one difference gives one refusal", one_difference_gives_one_refusal },
	{ "a vIOMMU goes with no vGPU", a_viommu_goes_with_no_vgpu },
	{ "a paused guest has unproven vGPUs", a_paused_guest_has_unproven_vgpus },
	{ "the vendor's library is asked", the_vendors_library_is_asked },
	CU_TEST_INFO_NULL,
};
