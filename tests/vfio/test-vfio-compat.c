/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two vGPUs that fit, and one difference at a time: the codes it gives are exactly those, in their
 * order, and each has a text and a remedy.
 */
#include <string.h>

#include "tests/rig/test-util.h"
#include "vfio/vfio-compat.h"

#define UUID "c0b26072-dd1b-4340-84fe-bf338c510818"

static const VfioSide good = {
	.id = UUID,
	.framework = "mdev",
	.vendor = "nvidia",
	.driver = "nvidia",
	.driver_version = "550.90.05",
	.type = "nvidia-64",
	.type_name = "GRID P4-2Q",
	.description = "framebuffer=2048M",
	.vram_bytes = 2048LL << 20,
	.params = "frame_rate_limiter=0",
	.migration_flags = VFIO_FLAG_STOP_COPY | VFIO_FLAG_P2P | VFIO_FLAG_PRE_COPY,
	.available = 1,
};

/* (transfer full): "source error vgpu-x, both warning vgpu-y": which host has to change, and
 * why. */
static char *
join(const GPtrArray *issues)
{
	GString *out = g_string_new(NULL);
	for (guint i = 0; i < issues->len; i++) {
		const VfioIssue *issue = g_ptr_array_index(issues, i);
		CU_ASSERT_TRUE(strlen(issue->text) > 10);
		CU_ASSERT_TRUE(strlen(issue->remedy) > 10);
		g_string_append_printf(out, "%s%s %s %s", i > 0 ? ", " : "", issue->host,
				       issue->severity == VFIO_SEVERITY_ERROR ? "error" : "warning",
				       issue->code);
	}
	return g_string_free(out, FALSE);
}

static void
check(const VfioSide *source, const VfioSide *destination, const char *expected, const char *text)
{
	g_autoptr(GPtrArray) issues = vfio_compat_check(source, destination);
	g_autofree char *codes = join(issues);
	TEST_STRING(codes, expected);
	if (issues->len > 0) {
		const VfioIssue *first = g_ptr_array_index(issues, 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(first->text, text));
	}
}

#define DIFFER(field, src, dst, expected, text)                   \
	do {                                                      \
		VfioSide source = good, destination = good;       \
		source.field = src;                               \
		destination.field = dst;                          \
		check(&source, &destination, (expected), (text)); \
	} while (0)

static void
what_fits_has_no_issue(void)
{
	check(&good, &good, "", "");
	DIFFER(available, 0, -1, "", "");
	DIFFER(live, VFIO_LIVE_UNKNOWN, VFIO_LIVE_YES, "", "");
	DIFFER(migration_flags, -1, 7, "", "");
	DIFFER(migration_flags, 1, -1, "", "");
	DIFFER(vram_bytes, -1, 2048LL << 20, "", "");
	DIFFER(description, NULL, "framebuffer=2048M", "", "");
	DIFFER(params, NULL, NULL, "", "");
}

static void
drivers_must_be_the_same(void)
{
	DIFFER(driver_version, "550.90.05", "550.90.07", "destination error vgpu-driver-version",
	       "'550.90.05' on the source and '550.90.07' on the destination");
	DIFFER(driver_version, NULL, "550.90.07", "source warning vgpu-driver-version-unknown",
	       "not known on the source");
	DIFFER(driver_version, "550.90.05", NULL, "destination warning vgpu-driver-version-unknown",
	       "not known on the destination");
	DIFFER(driver_version, NULL, NULL, "both warning vgpu-driver-version-unknown",
	       "not known on either host");
	DIFFER(driver, "nvidia", "gwvgpu", "destination error vgpu-driver",
	       "'gwvgpu' on the destination");
	DIFFER(framework, "mdev", "vendor-vf", "destination error vgpu-framework", "'vendor-vf'");
	DIFFER(live, VFIO_LIVE_UNKNOWN, VFIO_LIVE_NO, "destination error vgpu-vendor-refuses",
	       "without a reason");
}

static void
the_type_must_be_there_and_the_same(void)
{
	DIFFER(type, "nvidia-64", NULL, "destination error vgpu-type-missing",
	       "has no type 'nvidia-64'");
	DIFFER(type, NULL, "nvidia-64", "source error vgpu-type-unknown", UUID);
	DIFFER(type_name, "GRID P4-2Q", "GRID P40-2Q", "destination error vgpu-type-differs",
	       "'GRID P40-2Q'");
	DIFFER(description, "framebuffer=2048M", "framebuffer=1024M",
	       "destination error vgpu-type-differs", "framebuffer=1024M");
	DIFFER(vram_bytes, 10, 20, "destination error vgpu-vram-differs", "10 bytes of vRAM");
	DIFFER(vram_bytes, -1, -1, "both warning vgpu-vram-unknown", "is not known");
}

static void
an_instance_must_be_free(void)
{
	DIFFER(available, 1, 0, "destination error vgpu-no-instance",
	       "no instance of type 'nvidia-64'");
	DIFFER(taken_type, NULL, "nvidia-63", "destination error vgpu-uuid-taken",
	       "of type 'nvidia-63'");
	VfioSide destination = good;
	destination.available = 0;
	destination.taken_type = "nvidia-64";
	check(&good, &destination, "", "");
}

static void
settings_must_allow_it(void)
{
	DIFFER(params, "enable_uvm=1", NULL, "source error vgpu-params",
	       "at the source: enable_uvm");
	DIFFER(params, NULL, "a=1,enable_debugging=1,enable_profiling=1",
	       "destination error vgpu-params",
	       "at the destination: enable_debugging, enable_profiling");
	DIFFER(vendor, "generic", "generic", "", "");
}

static void
flags_must_fit(void)
{
	DIFFER(migration_flags, 7, 3, "destination error vgpu-precopy-differs",
	       "the driver at the destination cannot copy");
	DIFFER(migration_flags, 3, 7, "source error vgpu-precopy-differs",
	       "the driver at the source cannot copy");
	DIFFER(migration_flags, 0, 7, "source error vgpu-not-migratable",
	       "at the source cannot migrate");
	DIFFER(migration_flags, -1, 0, "destination error vgpu-not-migratable",
	       "at the destination cannot migrate");
}

static void
all_issues_come_at_once(void)
{
	VfioSide source = good, destination = good;
	source.params = "enable_uvm=1";
	destination.driver_version = "1";
	destination.available = 0;
	destination.live = VFIO_LIVE_NO;
	destination.live_reason = "the boards are not compatible";
	check(&source, &destination,
	      "source error vgpu-params, destination error vgpu-driver-version, destination error "
	      "vgpu-vendor-refuses, "
	      "destination error vgpu-no-instance",
	      "enable_uvm");
	VfioSide nothing;
	vfio_side_init(&nothing);
	check(&source, &nothing, "source error vgpu-params, destination error vgpu-no-parent",
	      "enable_uvm");
	check(&nothing, &good,
	      "source warning vgpu-driver-version-unknown, source error vgpu-type-unknown",
	      "source");
}

static void
several_need_p2p(void)
{
	static const struct {
		gint64 flags;
		guint n;
		const char *expected;
	} rows[] = {
		{ VFIO_FLAG_STOP_COPY, 1, "" },
		{ VFIO_FLAG_STOP_COPY, 2, "destination error vgpu-no-p2p" },
		{ VFIO_FLAG_STOP_COPY | VFIO_FLAG_PRE_COPY, 4, "destination error vgpu-no-p2p" },
		{ VFIO_FLAG_STOP_COPY | VFIO_FLAG_P2P, 2, "" },
		{ 0, 2, "" },
		{ -1, 2, "" },
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		VfioSide side = good;
		side.migration_flags = rows[i].flags;
		g_autoptr(GPtrArray) issues =
			vfio_compat_check_among(&side, rows[i].n, "destination");
		g_autofree char *codes = join(issues);
		TEST_STRING(codes, rows[i].expected);
	}
}

/* QEMU assumes 100 GiB of each: 86 s at 10 Gbit/s. */
static void
a_size_must_be_told_or_fit(void)
{
	static const char error[] = "source error vgpu-no-data-size";
	static const char warning[] = "source warning vgpu-no-data-size";
	static const struct {
		gint64 limit_us;
		gint64 bandwidth_bytes_per_s;
		guint n;
		const char *expected;
		const char *remedy;
	} rows[] = {
		{ 300000, 0, 1, error, "a downtime limit of 86 s (at 10 Gbit/s)" },
		{ 2000000, 0, 1, error, "" },
		{ 3000000, 0, 1, warning, "" },
		{ 3000000, 0, 2, error, "172 s" },
		{ 85000000, 1250000000, 1, error, "a downtime limit of 86 s" },
		{ 86000000, 1250000000, 1, warning, "" },
		{ 2000000000, 8 << 20, 1, error, "12801 s" },
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		VfioSide side = good;
		g_autoptr(GPtrArray) none = vfio_compat_check_size(&side, 0, rows[i].limit_us, 0);
		CU_ASSERT_EQUAL(none->len, 0);
		side.lacks_data_size = TRUE;
		g_autoptr(GPtrArray) issues =
			vfio_compat_check_size(&side, rows[i].n, rows[i].limit_us,
					       rows[i].bandwidth_bytes_per_s);
		g_autofree char *codes = join(issues);
		TEST_STRING(codes, rows[i].expected);
		const VfioIssue *issue = g_ptr_array_index(issues, 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(issue->remedy, rows[i].remedy));
	}
}

CU_TestInfo suite_vfio_compat[] = {
	{ "what fits has no issue", what_fits_has_no_issue },
	{ "drivers must be the same", drivers_must_be_the_same },
	{ "the type must be there and the same", the_type_must_be_there_and_the_same },
	{ "an instance must be free", an_instance_must_be_free },
	{ "settings must allow it", settings_must_allow_it },
	{ "flags must fit", flags_must_fit },
	{ "all issues come at once", all_issues_come_at_once },
	{ "several need P2P", several_need_p2p },
	{ "a size must be told, or fit", a_size_must_be_told_or_fit },
	CU_TEST_INFO_NULL,
};
