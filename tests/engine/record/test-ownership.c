/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who owns a VM: the state machine, its file, and the lock.
 */
#include <CUnit/CUnit.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "engine/record/handover.h"
#include "engine/record/ownership-file.h"
#include "tests/rig/test-util.h"

#define S1 "0b9d7e42-7b0c-4f2a-9a57-000000000001"
#define S2 "0b9d7e42-7b0c-4f2a-9a57-000000000002"

static const OwnershipPeer peer = { (char *)"192.0.2.2", 49160, (char *)"CN=b", (char *)"agent",
				    (char *)"0a0b" };

static void
does(Ownership *record, OwnershipEvent event, const char *session, OwnershipPlace place)
{
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(ownership_apply(record, event, session, &peer, 1796000000, &error));
	TEST_NO_ERROR(error);
	CU_ASSERT_EQUAL(record->now.place, place);
}

static void
may_not(Ownership *record, OwnershipEvent event, const char *session)
{
	g_autoptr(GError) error = NULL;
	OwnershipPlace before = record->now.place;
	CU_ASSERT_FALSE(ownership_apply(record, event, session, &peer, 1796000000, &error));
	CU_ASSERT_TRUE(g_error_matches(error, GW_ERROR, GW_ERROR_UNKNOWN));
	CU_ASSERT_EQUAL(record->now.place, before);
}

static void
a_guest_goes_and_comes_back(void)
{
	g_autoptr(Ownership) record = ownership_new("web1");
	does(record, OWNERSHIP_RUN, NULL, OWNERSHIP_HERE);
	does(record, OWNERSHIP_SEND, S1, OWNERSHIP_HANDING_OVER);
	does(record, OWNERSHIP_GIVE, S1, OWNERSHIP_THERE);
	CU_ASSERT_STRING_EQUAL(record->now.peer.host, "192.0.2.2");
	does(record, OWNERSHIP_RECEIVE, S2, OWNERSHIP_RECEIVING);
	does(record, OWNERSHIP_TAKE, S2, OWNERSHIP_HERE);
}

static void
what_is_undone_is_as_before(void)
{
	g_autoptr(Ownership) record = ownership_new("web1");
	does(record, OWNERSHIP_SEND, S1, OWNERSHIP_HANDING_OVER);
	does(record, OWNERSHIP_GIVE, S1, OWNERSHIP_THERE);
	does(record, OWNERSHIP_RECEIVE, S2, OWNERSHIP_RECEIVING);
	does(record, OWNERSHIP_UNDO, S2, OWNERSHIP_THERE);
	CU_ASSERT_STRING_EQUAL(record->now.session, S1);
	CU_ASSERT_STRING_EQUAL(record->now.peer.subject, "CN=b");
}

/* While one session is not settled, no other one and no start gets past it. */
static void
an_open_session_holds_the_vm(void)
{
	static const OwnershipEvent all[] = { OWNERSHIP_RECEIVE, OWNERSHIP_TAKE, OWNERSHIP_SEND,
					      OWNERSHIP_GIVE,	 OWNERSHIP_UNDO, OWNERSHIP_LOSE };
	static const OwnershipEvent opens[] = { OWNERSHIP_RECEIVE, OWNERSHIP_SEND };
	for (guint i = 0; i < G_N_ELEMENTS(opens); i++) {
		g_autoptr(Ownership) record = ownership_new("web1");
		OwnershipPlace place;
		CU_ASSERT_TRUE(ownership_next(OWNERSHIP_NOT_KNOWN, opens[i], &place));
		does(record, opens[i], S1, place);
		for (guint j = 0; j < G_N_ELEMENTS(all); j++)
			may_not(record, all[j], S2);
		may_not(record, OWNERSHIP_RUN, NULL);
		does(record, OWNERSHIP_LOSE, S1, OWNERSHIP_NOWHERE);
	}
}

/* Neither a commit nor an answer comes out of nothing. */
static void
nothing_is_taken_that_was_not_announced(void)
{
	for (OwnershipPlace place = 0; place < N_OWNERSHIP_PLACES; place++) {
		OwnershipPlace to;
		CU_ASSERT_EQUAL(ownership_next(place, OWNERSHIP_TAKE, &to),
				place == OWNERSHIP_RECEIVING);
		CU_ASSERT_EQUAL(ownership_next(place, OWNERSHIP_GIVE, &to),
				place == OWNERSHIP_HANDING_OVER);
	}
}

static void
a_session_that_was_taken_is_never_forgotten(void)
{
	g_autoptr(Ownership) record = ownership_new("web1");
	ownership_add_taken(record, S1, "00ff", "CN=a");
	for (guint i = 0; i < 2000; i++) {
		g_autofree char *session = g_strdup_printf("0b9d7e42-7b0c-4f2a-9a57-1%011u", i);
		ownership_add_taken(record, session, NULL, NULL);
		ownership_confirm(record, session);
		CU_ASSERT_EQUAL(record->has_dropped, i >= 1024);
	}
	CU_ASSERT_TRUE(record->taken->len <
		       1100); /* those that nobody has confirmed, and the last */
	g_autofree char *text = ownership_to_json(record);
	g_autoptr(Ownership) again = ownership_from_json(text, strlen(text), "web1", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(again);
	CU_ASSERT_TRUE(again->has_dropped);
	CU_ASSERT_PTR_NOT_NULL(ownership_find_taken(record, S1));
	CU_ASSERT_PTR_NULL(ownership_find_taken(record, S2));
}

static void
the_file_has_all_of_it(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(Ownership) record = ownership_load(folder, "web1", &error);
	CU_ASSERT_EQUAL(record->now.place, OWNERSHIP_NOT_KNOWN);
	does(record, OWNERSHIP_RUN, NULL, OWNERSHIP_HERE);
	does(record, OWNERSHIP_SEND, S1, OWNERSHIP_HANDING_OVER);
	ownership_add_taken(record, S2, "00ff", "CN=a");
	CU_ASSERT_TRUE(ownership_save(record, folder, &error));
	TEST_NO_ERROR(error);

	g_autoptr(Ownership) again = ownership_load(folder, "web1", &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(again);
	g_autofree char *text = ownership_to_json(record);
	g_autofree char *text_again = ownership_to_json(again);
	CU_ASSERT_STRING_EQUAL(text, text_again);
	CU_ASSERT_FALSE(ownership_is_from_earlier_boot(again));
	CU_ASSERT_STRING_EQUAL(again->now.peer.agent, "agent");
	CU_ASSERT_STRING_EQUAL(again->now.peer.token, "0a0b");
	does(again, OWNERSHIP_UNDO, S1, OWNERSHIP_HERE);
	CU_ASSERT_STRING_EQUAL(ownership_find_taken(again, S2)->token, "00ff");
}

static void
names_are_made_harmless(void)
{
	static const char *const names[] = { "../../etc/passwd", ".", "..", "a b\n\t", "/", "" };
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *vms = g_build_filename(folder, "vms", NULL);
	g_autofree char *long_name = g_strnfill(255, 0x01);
	for (guint i = 0; i <= G_N_ELEMENTS(names); i++) {
		g_autoptr(GError) error = NULL;
		const char *name = i < G_N_ELEMENTS(names) ? names[i] : long_name;
		CU_ASSERT_TRUE(handover_start_here(folder, name, NULL, &error));
		TEST_NO_ERROR(error);
		g_autoptr(Ownership) again = ownership_load(folder, name, &error);
		CU_ASSERT_PTR_NOT_NULL_FATAL(again);
		CU_ASSERT_EQUAL(again->now.place, OWNERSHIP_HERE);
	}
	g_autoptr(GPtrArray) list = ownership_list(folder, NULL);
	CU_ASSERT_EQUAL(list->len, G_N_ELEMENTS(names) + 1);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	CU_ASSERT_STRING_EQUAL(g_dir_read_name(dir), "vms");
	CU_ASSERT_PTR_NULL(g_dir_read_name(dir));
}

/* Nothing is concluded from a record that cannot be trusted; least of all that the VM was never
 * here. */
static void
a_spoilt_record_is_an_error(void)
{
	static const char *const texts[] = {
		"",
		"{}",
		"[]",
		"{\"vm\":\"web2\",\"now\":{\"place\":\"here\"},\"taken\":[]}",
		"{\"vm\":\"web1\",\"now\":{\"place\":\"moon\"},\"taken\":[]}",
		"{\"vm\":\"web1\",\"now\":{\"place\":\"here\"},\"taken\":[{}]}",
		"{\"vm\":\"web1\",\"now\":{\"place\":\"here\"}}",
	};
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "vms", "web1.json", NULL);
	CU_ASSERT_TRUE(handover_start_here(folder, "web1", NULL, NULL));
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(GError) error = NULL;
		CU_ASSERT_TRUE(g_file_set_contents(path, texts[i], -1, NULL));
		CU_ASSERT_EQUAL(chmod(path, 0600), 0);
		CU_ASSERT_PTR_NULL(ownership_load(folder, "web1", &error));
		CU_ASSERT_TRUE(g_error_matches(error, GW_ERROR, GW_ERROR_STATE_DIR));
	}
	g_autoptr(GError) error = NULL;
	CU_ASSERT_EQUAL(chmod(path, 0666), 0);
	CU_ASSERT_PTR_NULL(ownership_load(folder, "web1", &error));
	CU_ASSERT_PTR_NOT_NULL_FATAL(error);
	CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "other users"));
}

static void
one_session_at_a_time(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(VmLock) lock = vm_lock_take(folder, "web1", "receiving", &error);
	g_autoptr(VmLock) other = vm_lock_take(folder, "web2", "receiving", &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL(other);
	CU_ASSERT_PTR_NULL(vm_lock_take(folder, "web1", "migrating", &error));
	CU_ASSERT_TRUE(g_error_matches(error, GW_ERROR, GW_ERROR_BUSY));
	g_autofree char *who = g_strdup_printf("receiving by process %d", (int)getpid());
	CU_ASSERT_PTR_NOT_NULL(strstr(error->message, who));
	g_clear_pointer(&lock, vm_lock_free);
	lock = vm_lock_take(folder, "web1", "migrating", NULL);
	CU_ASSERT_PTR_NOT_NULL(lock);
}

/* A crash lets go. The child's exit code says nothing: under valgrind it is that of its leak
 * check. */
static void
a_dead_holder_holds_nothing(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "vms", "web1.lock", NULL);
	g_autofree char *signature = NULL;
	pid_t child = fork();
	if (child == 0)
		_exit(vm_lock_take(folder, "web1", "receiving", NULL) != NULL ? 0 : 1);
	CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
	CU_ASSERT_TRUE_FATAL(g_file_get_contents(path, &signature, NULL, NULL));
	g_autofree char *held = g_strdup_printf("receiving by process %d\n", (int)child);
	CU_ASSERT_STRING_EQUAL(signature, held);
	g_autoptr(VmLock) lock = vm_lock_take(folder, "web1", "recovering", NULL);
	CU_ASSERT_PTR_NOT_NULL(lock);
}

CU_TestInfo suite_ownership[] = {
	{ "a guest goes and comes back", a_guest_goes_and_comes_back },
	{ "what is undone is as before", what_is_undone_is_as_before },
	{ "an open session holds the VM", an_open_session_holds_the_vm },
	{ "nothing is taken that was not announced", nothing_is_taken_that_was_not_announced },
	{ "a session that was taken is never forgotten",
	  a_session_that_was_taken_is_never_forgotten },
	{ "the file has all of it", the_file_has_all_of_it },
	{ "names are made harmless", names_are_made_harmless },
	{ "a spoilt record is an error", a_spoilt_record_is_an_error },
	{ "one session at a time", one_session_at_a_time },
	{ "a dead holder holds nothing", a_dead_holder_holds_nothing },
	CU_TEST_INFO_NULL,
};
