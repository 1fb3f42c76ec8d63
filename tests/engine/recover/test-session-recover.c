/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What comes after "nobody can know": the agent was lost between COMMIT and its answer, both sides
 * are left as they are, and gw_recover() settles it, once the agent is back or the user has looked.
 *
 * The runs wait 15 s for an answer that does not come, so all of them are made at the same time,
 * and each test goes on with its own.
 */
#include <signal.h>
#include <string.h>

#include "engine/gw-error.h"
#include "engine/gw-ownership.h"
#include "engine/gw-recover.h"
#include "engine/record/journal.h"
#include "qmp/await.h"
#include "tests/rig/session-rig.h"
#include "tests/rig/test-util.h"

#define PATIENCE_MS 30000

#define LOST(NAME, FLAGS, THERE)                                                                   \
	{                                                                                          \
		.name = NAME, .flags = RIG_TRAP_FOR_GOOD | (FLAGS), .outcome = GW_OUTCOME_UNKNOWN, \
		.place = GW_PLACE_UNKNOWN, .code = GW_ERROR_UNKNOWN, .source_guest = RIG_STOPPED,  \
		.destination_guest = (THERE),                                                      \
	}

/* gw_recover() blocks, and the agent needs this thread's loop. */
typedef struct {
	const char *state_dir;
	GwAssume assume;
	GPtrArray *results;
	GError *refusal; /* (nullable): of `godwit run --here` */
	gboolean ended;
} Recovery;

static gpointer
recovery_thread(gpointer data)
{
	Recovery *self = data;
	g_autoptr(GError) error = NULL;

	const char *const names[] = { "web1", NULL };
	self->results = gw_recover(self->state_dir, names, self->assume, NULL, &error);
	g_assert_no_error(error);
	g_atomic_int_set(&self->ended, TRUE);
	g_main_context_wakeup(NULL);
	return NULL;
}

static gboolean
has_ended(gpointer data)
{
	return g_atomic_int_get(&((Recovery *)data)->ended);
}

/* Recovers the source's side. Expects one journal: settled or not, and where the guest is. */
static void
recover(Rig *rig, GwAssume assume, gboolean settled, GwPlace place, const char *text)
{
	Recovery self = { .state_dir = rig->source_state, .assume = assume };
	GThread *thread = g_thread_new("recover", recovery_thread, &self);

	g_assert_true(await_until(has_ended, &self, PATIENCE_MS, NULL, NULL));
	g_thread_join(thread);
	CU_ASSERT_EQUAL_FATAL(self.results->len, 1);
	const GwRecovered *found = g_ptr_array_index(self.results, 0);
	rig_expect(rig, found->settled == settled && found->acted == settled && !found->busy,
		   "settled: %d, acted: %d, busy: %d", found->settled, found->acted, found->busy);
	rig_expect(rig, found->vm_runs_on == place, "it runs on '%s', not '%s'",
		   gw_place_to_string(found->vm_runs_on), gw_place_to_string(place));
	rig_expect(rig, strstr(found->text, text) != NULL, "'%s' is not in '%s'", text,
		   found->text);
	TEST_STRING(found->vm_name, "web1");
	TEST_STRING(found->role, "source");
	g_ptr_array_unref(self.results);
}

static gpointer
claim_thread(gpointer data)
{
	Recovery *self = data;
	gw_claim_free(gw_claim_new(self->state_dir, "web1", "/run/web1", GW_CLAIM_HERE, NULL,
				   &self->refusal));
	g_atomic_int_set(&self->ended, TRUE);
	g_main_context_wakeup(NULL);
	return NULL;
}

/* Is the VM started here on the user's word? @text: (nullable): why not; NULL: it is */
static void
expect_claim(Rig *rig, const char *text)
{
	Recovery self = { .state_dir = rig->source_state };
	GThread *thread = g_thread_new("claim", claim_thread, &self);

	g_assert_true(await_until(has_ended, &self, PATIENCE_MS, NULL, NULL));
	g_thread_join(thread);
	const char *said = self.refusal != NULL ? self.refusal->message : "nothing";
	rig_expect(rig, (self.refusal != NULL) == (text != NULL), "claim: %s", said);
	rig_expect(rig, text == NULL || strstr(said, text) != NULL, "'%s' is not in '%s'", text,
		   said);
	rig_expect(rig,
		   text == NULL || g_error_matches(self.refusal, GW_ERROR, GW_ERROR_HANDED_OVER),
		   "its code is another");
	g_clear_error(&self.refusal);
}

static void
agent_was_only_cut_off(Rig *rig)
{
	rig_expect_journals(rig, "sd");
	recover(rig, GW_ASSUME_NOTHING, FALSE, GW_PLACE_UNKNOWN, "the agent cannot say");
	rig_expect_guests(rig, RIG_STOPPED, RIG_RUNNING);
	rig_expect_journals(rig, "sd");
	splice_proxy_heal(rig->proxy);
	recover(rig, GW_ASSUME_NOTHING, TRUE, GW_PLACE_DESTINATION,
		"the destination has taken it over");
	rig_expect_guests(rig, RIG_GONE, RIG_RUNNING);
	rig_expect_saw(rig, rig->source_commands, "quit !cont");
	rig_expect_journals(rig, "");
}

static void
commit_never_came(Rig *rig)
{
	rig_expect_journals(rig, "s");
	splice_proxy_heal(rig->proxy);
	recover(rig, GW_ASSUME_NOTHING, TRUE, GW_PLACE_SOURCE, "it was not taken over");
	rig_expect_guests(rig, RIG_RUNNING, RIG_GONE);
	rig_expect_saw(rig, rig->source_commands, "cont !quit");
	rig_expect_saw(rig, rig->destination_commands, "!cont");
	rig_expect_journals(rig, "");
}

/* What a recovery after the agent's death goes by: see recover-destination.c. */
static void
expect_paused_in_journal(Rig *rig, gboolean paused)
{
	g_autoptr(GPtrArray) names = journal_list(rig->destination_state, NULL);
	CU_ASSERT_EQUAL_FATAL(names->len, 1);
	const JournalName *name = g_ptr_array_index(names, 0);
	g_autoptr(Journal) journal =
		journal_open(rig->destination_state, name->session, SIDE_DESTINATION, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
	CU_ASSERT_PTR_NOT_NULL(journal_get_node(journal, "paused"));
	CU_ASSERT_EQUAL(journal_get_boolean(journal, "paused"), paused);
}

static void
guest_stays_paused(Rig *rig)
{
	rig_end_agent(rig);
	expect_paused_in_journal(rig, TRUE);
	rig_start_agent(rig);
	splice_proxy_heal(rig->proxy);
	recover(rig, GW_ASSUME_NOTHING, TRUE, GW_PLACE_DESTINATION,
		"the destination has taken it over");
	rig_expect_guests(rig, RIG_GONE, RIG_STOPPED);
	rig_expect_saw(rig, rig->destination_commands, "!cont");
	rig_expect_journals(rig, "");
}

static void
agent_is_another_process(Rig *rig)
{
	rig_end_agent(rig);
	expect_paused_in_journal(rig, FALSE);
	rig_start_agent(rig);
	splice_proxy_heal(rig->proxy);
	recover(rig, GW_ASSUME_NOTHING, TRUE, GW_PLACE_DESTINATION,
		"the destination has taken it over");
	rig_expect_guests(rig, RIG_GONE, RIG_RUNNING);
	rig_expect_journals(rig, "");
}

static gboolean
let_go(gpointer data)
{
	journal_free(data);
	return G_SOURCE_REMOVE;
}

/* The agent's host is at the same session when the source asks. */
static void
journal_is_busy(Rig *rig)
{
	rig_end_agent(rig);
	g_autoptr(GPtrArray) names = journal_list(rig->destination_state, NULL);
	CU_ASSERT_EQUAL_FATAL(names->len, 1);
	const JournalName *name = g_ptr_array_index(names, 0);
	Journal *held = journal_open(rig->destination_state, name->session, SIDE_DESTINATION, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(held);
	g_timeout_add(1000, let_go, held);
	rig_start_agent(rig);
	splice_proxy_heal(rig->proxy);
	recover(rig, GW_ASSUME_NOTHING, TRUE, GW_PLACE_DESTINATION,
		"the destination has taken it over");
	rig_expect_guests(rig, RIG_GONE, RIG_RUNNING);
	rig_expect_journals(rig, "");
}

static void
agent_is_a_stranger(Rig *rig)
{
	g_autofree char *elsewhere = g_build_filename(rig->folder, "elsewhere", NULL);
	g_autofree char *state = g_steal_pointer(&rig->destination_state);

	rig_end_agent(rig);
	rig->destination_state = g_steal_pointer(&elsewhere);
	rig_start_agent(rig);
	splice_proxy_heal(rig->proxy);
	recover(rig, GW_ASSUME_NOTHING, FALSE, GW_PLACE_UNKNOWN, "another state folder");
	rig_expect_guests(rig, RIG_STOPPED, RIG_RUNNING);
	expect_claim(rig, "its agent cannot tell whether it runs there");
	rig_expect_saw(rig, rig->source_commands, "!cont !quit");
	rig_expect_journals(rig, "s");
	rig_end_agent(rig);
	expect_claim(rig, NULL); /* nobody can be asked: the user's word counts */
	g_free(rig->destination_state);
	rig->destination_state = g_steal_pointer(&state);
	rig_expect_journals(rig, "sd");
}

static void
user_says_it_runs(Rig *rig)
{
	rig_end_agent(rig);
	recover(rig, GW_ASSUME_RUNNING, TRUE, GW_PLACE_DESTINATION, "you say that it runs");
	rig_expect_guests(rig, RIG_GONE, RIG_RUNNING);
	rig_expect_saw(rig, rig->source_commands, "quit !cont");
	rig_expect_journals(rig, "d");
}

static void
user_says_it_is_gone(Rig *rig)
{
	rig_end_agent(rig);
	recover(rig, GW_ASSUME_NOTHING, FALSE, GW_PLACE_UNKNOWN, "the agent cannot say");
	rig_expect_guests(rig, RIG_STOPPED, RIG_GONE);
	recover(rig, GW_ASSUME_GONE, TRUE, GW_PLACE_SOURCE, "you say that it is gone");
	rig_expect_guests(rig, RIG_RUNNING, RIG_GONE);
	rig_expect_saw(rig, rig->source_commands, "cont !quit");
	rig_expect_journals(rig, "");
}

/* The source's QEMU has died meanwhile: what the agent says still decides. */
static void
source_died_meanwhile(Rig *rig)
{
	kill(model_qemu_get_pid(rig->source), SIGKILL);
	model_qemu_wait(rig->source);
	splice_proxy_heal(rig->proxy);
	recover(rig, GW_ASSUME_NOTHING, TRUE, GW_PLACE_NONE, "its QEMU has died here");
	rig_expect_guests(rig, RIG_GONE, RIG_GONE);
	rig_expect_journals(rig, "");
}

static const struct {
	RigCase row;
	void (*go_on)(Rig *rig);
} runs[] = {
	{ LOST("the agent was only cut off", RIG_TRAP_ANSWER, RIG_RUNNING),
	  agent_was_only_cut_off },
	{ LOST("COMMIT never came", RIG_TRAP_COMMIT, RIG_GONE), commit_never_came },
	{ LOST("the agent is another process", RIG_TRAP_ANSWER, RIG_RUNNING),
	  agent_is_another_process },
	{ LOST("the guest stays paused", RIG_TRAP_ANSWER | RIG_PAUSED, RIG_STOPPED),
	  guest_stays_paused },
	{ LOST("the journal is busy", RIG_TRAP_ANSWER, RIG_RUNNING), journal_is_busy },
	{ LOST("the agent is a stranger", RIG_TRAP_ANSWER, RIG_RUNNING), agent_is_a_stranger },
	{ LOST("the user says it runs", RIG_TRAP_ANSWER, RIG_RUNNING), user_says_it_runs },
	{ LOST("the user says it is gone", RIG_TRAP_COMMIT, RIG_GONE), user_says_it_is_gone },
	{ LOST("the source has died meanwhile", RIG_TRAP_COMMIT, RIG_GONE), source_died_meanwhile },
};

static void
check_unknown(Rig *rig)
{
	rig_await_report(rig);
	rig_expect(rig, rig->report->outcome == GW_OUTCOME_UNKNOWN, "outcome '%s' (%s)",
		   gw_outcome_to_string(rig->report->outcome), rig->report->error_message);
	rig_expect(rig, gw_report_to_exit_code(rig->report) == 6, "exit code %d",
		   gw_report_to_exit_code(rig->report));
	rig_expect_guests(rig, RIG_STOPPED, rig->row->destination_guest);
}

static void
test_recover(void)
{
	Rig rigs[G_N_ELEMENTS(runs)];

	if (!rig_can_prove_death()) {
		test_skip("no pidfd here, as under valgrind");
		return;
	}
	const guint before = rig_warm_up();

	for (guint i = 0; i < G_N_ELEMENTS(runs); i++)
		rig_begin(&rigs[i], &runs[i].row);
	for (guint i = 0; i < G_N_ELEMENTS(runs); i++) {
		check_unknown(&rigs[i]);
		runs[i].go_on(&rigs[i]);
		rig_check_never_two(&rigs[i]);
		rig_clear(&rigs[i]);
	}
	CU_ASSERT_EQUAL(before, rig_count_fds());
}

CU_TestInfo suite_session_recover[] = {
	{ "what was left unknown is settled", test_recover },
	CU_TEST_INFO_NULL,
};
