/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names of the error domains: an embedder may print or compare them, so they never change. And
 * the host of an error, which no word of a guest, of QEMU or of the peer decides.
 */
#include "engine/control/control.h"
#include "engine/data/plan-json.h"
#include "engine/gw-error.h"
#include "engine/plan/negotiate.h"
#include "engine/util/error-host.h"
#include "qmp/json-scan.h"
#include "qmp/qmp-error.h"
#include "tests/rig/test-util.h"
#include "vfio/vfio-error.h"

static void
error_domains_have_names_without_blanks(void)
{
	TEST_STRING(g_quark_to_string(GW_ERROR), "GwError");
	TEST_STRING(g_quark_to_string(QMP_ERROR), "qmp-error-quark");
	TEST_STRING(g_quark_to_string(VFIO_ERROR), "vfio-error-quark");
	TEST_STRING(g_quark_to_string(JSON_SCAN_ERROR), "json-scan-error-quark");
}

static void
host_is_told_once(void)
{
	g_autoptr(GError) error = g_error_new(GW_ERROR, GW_ERROR_BUSY, "no");

	CU_ASSERT_FALSE(error_is_at(error, SIDE_SOURCE));
	CU_ASSERT_FALSE(error_is_at(error, SIDE_DESTINATION));
	error_add_side(&error, SIDE_DESTINATION);
	error_add_side(&error, SIDE_SOURCE);
	TEST_STRING(error->message, "destination: no");
	CU_ASSERT_TRUE(error_is_at(error, SIDE_DESTINATION));
	CU_ASSERT_FALSE(error_is_at(error, SIDE_SOURCE));
	TEST_STRING(error_peek_text(error), "no");
}

static void
host_stays_with_copies_and_prefixes(void)
{
	g_autoptr(GError) error = g_error_new(GW_ERROR, GW_ERROR_BUSY, "no");
	g_autoptr(GError) whole = NULL;

	error_add_side(&error, SIDE_DESTINATION);
	g_autoptr(GError) copy = g_error_copy(error);
	g_propagate_prefixed_error(&whole, g_steal_pointer(&copy), "undoing setup: ");
	error_add_side(&whole, SIDE_SOURCE);
	TEST_STRING(whole->message, "undoing setup: destination: no");
	CU_ASSERT_TRUE(error_is_at(whole, SIDE_DESTINATION));
	TEST_STRING(error_peek_text(whole), "undoing setup: destination: no");
}

static void
words_name_no_host(void)
{
	g_autoptr(GError) guest = g_error_new(GW_ERROR, GW_ERROR_VM_FILE, "destination: x");
	g_autoptr(GError) qemu = g_error_new(QMP_ERROR, QMP_ERROR_CLOSED, "destination: x");

	error_add_side(&guest, SIDE_SOURCE);
	TEST_STRING(guest->message, "source: destination: x");
	CU_ASSERT_FALSE(error_is_at(guest, SIDE_DESTINATION));
	CU_ASSERT_FALSE(error_is_at(qemu, SIDE_DESTINATION));
	error_add_side(&qemu, SIDE_SOURCE);
	TEST_STRING(qemu->message, "source: destination: x");
	CU_ASSERT_TRUE(error_is_at(qemu, SIDE_SOURCE));
	CU_ASSERT_TRUE(g_error_matches(qemu, GW_ERROR, GW_ERROR_MONITOR_LOST));
}

/* What a host is called, where it is no end of a migration. */
static void
other_hosts_are_no_side(void)
{
	g_autoptr(GError) error = g_error_new(GW_ERROR, GW_ERROR_MONITOR, "no");

	error_add_host(&error, "this host");
	error_add_side(&error, SIDE_SOURCE);
	TEST_STRING(error->message, "this host: no");
	CU_ASSERT_FALSE(error_is_at(error, SIDE_SOURCE));
	TEST_STRING(error_peek_text(error), "this host: no");
}

static void
cancel_has_no_host(void)
{
	g_autoptr(GError) error = g_error_new(G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
	GError *none = NULL;

	error_add_side(&error, SIDE_DESTINATION);
	TEST_STRING(error->message, "cancelled");
	CU_ASSERT_TRUE(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
	CU_ASSERT_FALSE(error_is_at(error, SIDE_DESTINATION));
	error_add_side(&none, SIDE_SOURCE);
	CU_ASSERT_PTR_NULL(none);
	error_add_side(NULL, SIDE_SOURCE);
}

/* (transfer full): as the source has it after the agent has sent @error. */
static GError *
send(const GError *error)
{
	g_autoptr(JsonObject) object = control_error_to_object(error);
	GError *received = control_error_from_object(object);

	error_add_side(&received, SIDE_DESTINATION);
	return received;
}

static void
peer_is_at_its_own_end(void)
{
	g_autoptr(GError) own = g_error_new(GW_ERROR, GW_ERROR_MONITOR_LOST, "QEMU has gone");
	g_autoptr(GError) word = g_error_new(GW_ERROR, GW_ERROR_BUSY, "source: it is yours");

	error_add_side(&own, SIDE_DESTINATION);
	g_autoptr(GError) told = send(own);
	TEST_STRING(told->message, "destination: QEMU has gone");
	CU_ASSERT_TRUE(error_is_at(told, SIDE_DESTINATION));
	CU_ASSERT_TRUE(g_error_matches(told, GW_ERROR, GW_ERROR_MONITOR_LOST));
	g_autoptr(GError) claimed = send(word);
	TEST_STRING(claimed->message, "destination: source: it is yours");
	CU_ASSERT_TRUE(error_is_at(claimed, SIDE_DESTINATION));
}

/* (transfer full): of a plan whose only issue is @host's. */
static GError *
refuse(const char *host)
{
	g_autoptr(GwPlan) plan = gw_plan_new();
	GError *error = NULL;

	g_ptr_array_add(plan->issues, gw_issue_new(GW_SEVERITY_ERROR, "disk", host,
						   "destination: x", "no", NULL));
	negotiate_set_error(plan, &error);
	return error;
}

static void
plan_is_refused_where_its_first_issue_is(void)
{
	g_autoptr(GError) here = refuse("source");
	g_autoptr(GError) there = refuse("destination");
	g_autoptr(GError) both = refuse("both");

	TEST_STRING(here->message, "source: destination: x: no");
	CU_ASSERT_TRUE(error_is_at(here, SIDE_SOURCE));
	TEST_STRING(there->message, "destination: destination: x: no");
	CU_ASSERT_TRUE(error_is_at(there, SIDE_DESTINATION));
	TEST_STRING(both->message, "both: destination: x: no");
	CU_ASSERT_FALSE(error_is_at(both, SIDE_DESTINATION));
	CU_ASSERT_TRUE(g_error_matches(both, GW_ERROR, GW_ERROR_INCOMPATIBLE));
}

CU_TestInfo suite_error[] = {
	{ "a host is told once", host_is_told_once },
	{ "it stays with copies and prefixes", host_stays_with_copies_and_prefixes },
	{ "words name no host", words_name_no_host },
	{ "other hosts are no side", other_hosts_are_no_side },
	{ "a cancel has no host", cancel_has_no_host },
	{ "the peer is at its own end", peer_is_at_its_own_end },
	{ "a plan is refused where its first issue is", plan_is_refused_where_its_first_issue_is },
	{ "error domains have names without blanks", error_domains_have_names_without_blanks },
	CU_TEST_INFO_NULL,
};
