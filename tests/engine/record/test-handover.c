/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way of a session through the record of its source's host.
 */
#include <CUnit/CUnit.h>
#include <unistd.h>
#include <string.h>

#include "engine/gw-error.h"
#include "engine/record/handover.h"
#include "engine/record/ownership-file.h"
#include "engine/record/receiving.h"
#include "tests/rig/test-util.h"

#define S1    "0b9d7e42-7b0c-4f2a-9a57-000000000001"
#define S2    "0b9d7e42-7b0c-4f2a-9a57-000000000002"
#define QMP   "/run/web1.qmp"
#define AGENT "1c9d7e42-7b0c-4f2a-9a57-000000000009"

static Handover
handover(const char *state_dir, const char *session)
{
	return (Handover){
		.state_dir = state_dir,
		.vm_name = "web1",
		.qmp_path = QMP,
		.session = session,
		.peer = { .host = (char *)"192.0.2.2",
			  .port = 49160,
			  .agent = (char *)AGENT,
			  .token = (char *)"0a0b",
			  .tls_dir = (char *)"/etc/pki",
			  .tls_hostname = (char *)"b",
			  .insecure = TRUE },
	};
}

static void
begins(const char *state_dir, const char *session)
{
	g_autoptr(GError) error = NULL;
	Handover self = handover(state_dir, session);
	CU_ASSERT_TRUE(handover_begin(&self, &error));
	TEST_NO_ERROR(error);
}

static void
ends(const char *state_dir, const char *session, OwnershipEvent event)
{
	g_autoptr(GError) error = NULL;
	Handover self = handover(state_dir, session);
	CU_ASSERT_TRUE(handover_end(&self, event, &error));
	TEST_NO_ERROR(error);
}

static void
is_here(const char *state_dir)
{
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(handover_confirm_here(state_dir, "web1", QMP, &error));
	TEST_NO_ERROR(error);
}

static Ownership *
expect(const char *state_dir, OwnershipPlace place)
{
	g_autoptr(GError) error = NULL;
	Ownership *record = ownership_load(state_dir, "web1", &error);
	TEST_NO_ERROR(error);
	g_assert_nonnull(record);
	CU_ASSERT_EQUAL(record->now.place, place);
	return record;
}

static void
what_is_given_away_names_where_to(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	is_here(folder);
	begins(folder, S1);
	ownership_free(expect(folder, OWNERSHIP_HANDING_OVER));
	ends(folder, S1, OWNERSHIP_GIVE);
	ends(folder, S1, OWNERSHIP_GIVE);
	g_autoptr(Ownership) record = expect(folder, OWNERSHIP_THERE);
	const OwnershipPeer *peer = &record->now.peer;
	CU_ASSERT_STRING_EQUAL(record->now.session, S1);
	CU_ASSERT_STRING_EQUAL(record->qmp_path, QMP);
	CU_ASSERT_STRING_EQUAL(peer->host, "192.0.2.2");
	CU_ASSERT_STRING_EQUAL(peer->agent, AGENT);
	CU_ASSERT_STRING_EQUAL(peer->token, "0a0b");
	CU_ASSERT_STRING_EQUAL(peer->tls_dir, "/etc/pki");
	CU_ASSERT_STRING_EQUAL(peer->tls_hostname, "b");
	CU_ASSERT_TRUE(peer->insecure);
	g_autoptr(Ownership) found = ownership_find_monitor(folder, QMP);
	CU_ASSERT_PTR_NOT_NULL_FATAL(found);
	CU_ASSERT_STRING_EQUAL(found->vm_name, "web1");
	CU_ASSERT_PTR_NULL(ownership_find_monitor(folder, "/run/web2.qmp"));
}

/* One monitor, by whichever of its names. */
static void
a_link_to_the_monitor_leads_to_the_record(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = test_file_new(folder, "vm.qmp", "");
	g_autofree char *alias = g_build_filename(folder, "alias.qmp", NULL);
	CU_ASSERT_EQUAL_FATAL(symlink(path, alias), 0);
	CU_ASSERT_TRUE_FATAL(handover_confirm_here(folder, "web1", alias, NULL));
	g_autoptr(Ownership) found = ownership_find_monitor(folder, path);
	CU_ASSERT_PTR_NOT_NULL(found);
}

static void
what_fails_is_as_before(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	is_here(folder);
	begins(folder, S1);
	ends(folder, S1, OWNERSHIP_UNDO);
	ownership_free(expect(folder, OWNERSHIP_HERE));
	begins(folder, S2);
	ends(folder, S2, OWNERSHIP_LOSE);
	g_autoptr(Ownership) record = expect(folder, OWNERSHIP_NOWHERE);
	CU_ASSERT_STRING_EQUAL(record->now.session, S2);
}

/* An old journal that is settled late changes nothing of what came after it. */
static void
a_late_end_changes_nothing(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	begins(folder, S1);
	ends(folder, S2, OWNERSHIP_UNDO);
	ends(folder, S2, OWNERSHIP_GIVE);
	ends(folder, S2, OWNERSHIP_LOSE);
	ownership_free(expect(folder, OWNERSHIP_HANDING_OVER));
	is_here(folder);
	ends(folder, S1, OWNERSHIP_GIVE);
	ownership_free(expect(folder, OWNERSHIP_HERE));
}

/* The journal of an earlier version, which kept no records. */
static void
without_a_record_the_end_is_written(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	ends(folder, S1, OWNERSHIP_UNDO);
	ownership_free(expect(folder, OWNERSHIP_NOT_KNOWN));
	ends(folder, S1, OWNERSHIP_GIVE);
	ownership_free(expect(folder, OWNERSHIP_THERE));
}

static void
another_open_session_is_not_passed_over(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(GError) error = NULL;
	Handover self = handover(folder, S2);
	begins(folder, S1);
	CU_ASSERT_FALSE(handover_begin(&self, &error));
	CU_ASSERT_TRUE(g_error_matches(error, GW_ERROR, GW_ERROR_UNKNOWN));
	CU_ASSERT_PTR_NOT_NULL(strstr(error->message, S1));
	g_autoptr(Ownership) record = expect(folder, OWNERSHIP_HANDING_OVER);
	CU_ASSERT_STRING_EQUAL(record->now.session, S1);
}

/* The agent died before it could write that the guest had come: its source may still ask. */
static void
a_guest_that_is_here_was_taken(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(GError) error = NULL;
	Handover self = handover(folder, S1);
	CU_ASSERT_TRUE(receiving_begin(folder, "web1", S1, &self.peer, &error));
	TEST_NO_ERROR(error);
	is_here(folder);
	g_autoptr(Ownership) record = expect(folder, OWNERSHIP_HERE);
	const OwnershipTaken *taken = ownership_find_taken(record, S1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(taken);
	CU_ASSERT_STRING_EQUAL(taken->token, "0a0b");
}

static void
a_nameless_vm_goes_by_its_monitor(void)
{
	CU_ASSERT_STRING_EQUAL(ownership_choose_name("web1", QMP), "web1");
	CU_ASSERT_STRING_EQUAL(ownership_choose_name("", QMP), QMP);
	CU_ASSERT_STRING_EQUAL(ownership_choose_name(NULL, QMP), QMP);
}

CU_TestInfo suite_handover[] = {
	{ "what is given away names where to", what_is_given_away_names_where_to },
	{ "a link to the monitor leads to the record", a_link_to_the_monitor_leads_to_the_record },
	{ "what fails is as before", what_fails_is_as_before },
	{ "a late end changes nothing", a_late_end_changes_nothing },
	{ "without a record the end is written", without_a_record_the_end_is_written },
	{ "another open session is not passed over", another_open_session_is_not_passed_over },
	{ "a guest that is here was taken", a_guest_that_is_here_was_taken },
	{ "a nameless VM goes by its monitor", a_nameless_vm_goes_by_its_monitor },
	CU_TEST_INFO_NULL,
};
