/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What must hold after a migration of session-rig.c, whatever went wrong in it: the report is what
 * the row says, the guests are where it says, never both ran at one time, the QEMUs were told what
 * they should be, what was changed in the source is as before, and no journal is left but those
 * that have to be.
 */
#include "tests/rig/session-rig.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "qmp/await.h"
#include "qmp/qmp-machine.h"
#include "qmp/qmp-migration.h"
#include "qmp/qmp-parameters.h"
#include "tests/rig/test-util.h"

#define SETTLE_MS 10000

void
rig_expect(Rig *self, gboolean holds, const char *format, ...)
{
	va_list values;

	CU_ASSERT_TRUE(holds);
	if (holds)
		return;
	va_start(values, format);
	g_autofree char *text = g_strdup_vprintf(format, values);
	va_end(values);
	g_print("\n    %s: %s", self->row->name, text);
}

guint
rig_count_fds(void)
{
	g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
	guint n = 0;

	while (g_dir_read_name(dir) != NULL)
		n++;
	return n;
}

/* ---- where the guests are ---- */

static GStrv
read_lines(const char *path)
{
	g_autofree char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return g_new0(char *, 1);
	g_strchomp(text);
	return g_strsplit(text, "\n", -1);
}

static gboolean
runs(const char *log)
{
	g_auto(GStrv) lines = read_lines(log);
	const guint n = g_strv_length(lines);

	return n > 0 && g_str_has_suffix(lines[n - 1], " running");
}

static gboolean
answers(const char *qmp_path)
{
	g_autoptr(QmpClient) client = qmp_client_connect(qmp_path, 2000, NULL, NULL);

	if (client == NULL)
		return FALSE;
	qmp_client_close(client);
	return TRUE;
}

static RigGuest
guest(gboolean gone, const char *log)
{
	if (gone)
		return RIG_GONE;
	return runs(log) ? RIG_RUNNING : RIG_STOPPED;
}

RigGuest
rig_source_guest(Rig *self)
{
	return guest(model_qemu_has_ended(self->source), self->source_log);
}

RigGuest
rig_destination_guest(Rig *self)
{
	gboolean gone = self->destination != NULL ? model_qemu_has_ended(self->destination)
						  : !answers(self->vm_qmp_path);

	return guest(gone, self->destination_log);
}

typedef struct {
	Rig *rig;
	RigGuest source;
	RigGuest destination;
} Guests;

static gboolean
are_there(gpointer data)
{
	const Guests *wanted = data;

	return rig_source_guest(wanted->rig) == wanted->source &&
	       rig_destination_guest(wanted->rig) == wanted->destination;
}

void
rig_expect_guests(Rig *self, RigGuest source, RigGuest destination)
{
	static const char *const words[] = { "running", "stopped", "gone" };
	Guests wanted = { self, source, destination };

	for (guint ms = 0; ms < SETTLE_MS && !are_there(&wanted); ms += 10)
		test_turn(10);
	RigGuest here = rig_source_guest(self);
	RigGuest there = rig_destination_guest(self);
	rig_expect(self, here == source, "the source is %s, not %s", words[here], words[source]);
	rig_expect(self, there == destination, "the destination is %s, not %s", words[there],
		   words[destination]);
}

/* From "US running" to "US stopped"; a QEMU that was killed meanwhile has no end in its log. */
typedef struct {
	gint64 from_us;
	gint64 to_us; /* G_MAXINT64: to now; 0: unknown */
} Span;

static GArray *
read_spans(const char *log, gboolean gone)
{
	g_auto(GStrv) lines = read_lines(log);
	GArray *spans = g_array_new(FALSE, FALSE, sizeof(Span));

	for (guint i = 0; lines[i] != NULL; i += 2) {
		Span span = { g_ascii_strtoll(lines[i], NULL, 10), gone ? 0 : G_MAXINT64 };
		g_assert_true(g_str_has_suffix(lines[i], " running"));
		if (lines[i + 1] != NULL)
			span.to_us = g_ascii_strtoll(lines[i + 1], NULL, 10);
		g_array_append_val(spans, span);
		if (lines[i + 1] == NULL)
			break;
	}
	return spans;
}

static gboolean
overlap(const Span *a, const Span *b)
{
	return a->from_us < b->to_us && b->from_us < a->to_us;
}

void
rig_check_never_two(Rig *self)
{
	g_autoptr(GArray) here = read_spans(self->source_log, rig_source_guest(self) == RIG_GONE);
	g_autoptr(GArray) there =
		read_spans(self->destination_log, rig_destination_guest(self) == RIG_GONE);

	for (guint i = 0; i < here->len; i++)
		for (guint k = 0; k < there->len; k++)
			rig_expect(self,
				   !overlap(&g_array_index(here, Span, i),
					    &g_array_index(there, Span, k)),
				   "the guest ran twice at one time");
}

/* ---- what the QEMUs were told ---- */

/* The number of the first line of @command with @text in it; -1 if there is none. */
static int
find_command(GStrv lines, const char *command, const char *text)
{
	g_autofree char *prefix = g_strconcat(command, " ", NULL);

	for (int i = 0; lines[i] != NULL; i++)
		if (g_str_has_prefix(lines[i], prefix) && strstr(lines[i], text) != NULL)
			return i;
	return -1;
}

static gboolean
word_holds(GStrv lines, const char *word)
{
	gboolean denied = *word == '!';
	g_auto(GStrv) order = g_strsplit(word, "<", 2);
	g_auto(GStrv) pair = g_strsplit(word + denied, "=", 2);

	if (order[1] != NULL) {
		int first = find_command(lines, order[0], "");
		return first >= 0 && first < find_command(lines, order[1], "");
	}
	return denied != (find_command(lines, pair[0], pair[1] != NULL ? pair[1] : "") >= 0);
}

/* (transfer full): the commands without their arguments, and without those that are asked again and
 * again. */
static char *
list_names(GStrv lines)
{
	GString *names = g_string_new(NULL);

	for (guint i = 0; lines[i] != NULL; i++)
		if (!g_str_has_prefix(lines[i], "query-"))
			g_string_append_printf(names, "%.*s ", (int)strcspn(lines[i], " "),
					       lines[i]);
	return g_string_free(names, FALSE);
}

/* (transfer full): without those by which each monitor is asked for its process. */
static GStrv
read_commands(const char *path)
{
	g_auto(GStrv) lines = read_lines(path);
	g_autoptr(GStrvBuilder) kept = g_strv_builder_new();

	for (guint i = 0; lines[i] != NULL; i++)
		if (strstr(lines[i], "godwit-proof") == NULL)
			g_strv_builder_add(kept, lines[i]);
	return g_strv_builder_end(kept);
}

void
rig_expect_saw(Rig *self, const char *commands_path, const char *words)
{
	g_auto(GStrv) lines = read_commands(commands_path);
	g_auto(GStrv) list = g_strsplit(words != NULL ? words : "", " ", -1);
	g_autofree char *name = g_path_get_basename(commands_path);
	g_autofree char *told = list_names(lines);

	for (guint i = 0; list[i] != NULL; i++)
		if (*list[i] != '\0')
			rig_expect(self, word_holds(lines, list[i]),
				   "%s: '%s' does not hold in: %s", name, list[i], told);
}

/* ---- what is left ---- */

static gboolean
has_journal(const char *folder, const char *suffix)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name = NULL;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
		if (g_str_has_suffix(name, suffix))
			return TRUE;
	return FALSE;
}

void
rig_expect_journals(Rig *self, const char *journals)
{
	g_autofree char *found =
		g_strconcat(has_journal(self->source_state, ".source") ? "s" : "",
			    has_journal(self->destination_state, ".destination") ? "d" : "", NULL);

	rig_expect(self, g_str_equal(found, journals != NULL ? journals : ""),
		   "journals left: '%s', not '%s'", found, journals != NULL ? journals : "");
}

static gboolean
was_on(const char *options, const char *capability)
{
	g_autofree char *option = g_strconcat("--capability ", capability, NULL);

	return options != NULL && strstr(options, option) != NULL;
}

/* A model's settings are as it was started with; but one that hangs in cancelling takes no
 * capability. */
static void
check_settings(Rig *self, const char *host, const char *path, const char *options)
{
	g_autoptr(QmpClient) client = qmp_client_connect(path, 5000, NULL, NULL);
	GHashTableIter iter;
	gpointer name = NULL;
	gpointer on = NULL;

	rig_expect(self, client != NULL, "the %s's monitor was not given back", host);
	if (client == NULL)
		return;
	g_autoptr(GHashTable) capabilities = qmp_query_migrate_capabilities(client, NULL);
	g_autoptr(QmpParameters) parameters = qmp_parameters_query(client, NULL);
	g_hash_table_iter_init(&iter, capabilities);
	gboolean hangs = options != NULL && strstr(options, "--cancel-hangs") != NULL;
	while (!hangs && g_hash_table_iter_next(&iter, &name, &on))
		rig_expect(self, GPOINTER_TO_INT(on) == was_on(options, name),
			   "%s: capability '%s' was not restored", host, (char *)name);
	g_autofree char *downtime = qmp_parameters_get_text(parameters, "downtime-limit");
	g_autofree char *bandwidth = qmp_parameters_get_text(parameters, "max-bandwidth");
	rig_expect(self, g_strcmp0(downtime, "300") == 0, "%s: downtime-limit not restored", host);
	rig_expect(self, g_strcmp0(bandwidth, "134217728") == 0, "%s: max-bandwidth not restored",
		   host);
	qmp_client_close(client);
}

/* Of the QEMUs that go on, when nothing is left to recover. */
static void
check_both_settings(Rig *self)
{
	const RigCase *row = self->row;

	if (row->journals != NULL)
		return;
	if (row->source_guest != RIG_GONE)
		check_settings(self, "source", model_qemu_get_path(self->source), row->source);
	if (row->destination_guest != RIG_GONE && self->destination != NULL)
		check_settings(self, "destination", model_qemu_get_path(self->destination),
			       row->destination);
}

static void
check_report(Rig *self)
{
	const RigCase *row = self->row;
	const GwReport *report = self->report;
	const char *message = report->error_message != NULL ? report->error_message : "";

	rig_expect(self, report->outcome == row->outcome, "outcome '%s', not '%s' (%s)",
		   gw_outcome_to_string(report->outcome), gw_outcome_to_string(row->outcome),
		   message);
	rig_expect(self, report->vm_runs_on == row->place, "it runs on '%s', not '%s' (%s)",
		   gw_place_to_string(report->vm_runs_on), gw_place_to_string(row->place), message);
	if (row->outcome == GW_OUTCOME_COMPLETED || report->outcome == GW_OUTCOME_COMPLETED)
		return;
	rig_expect(self, row->code == RIG_ANY_CODE || report->error_code == row->code,
		   "code '%s', not '%s' (%s)", gw_error_code_to_string(report->error_code),
		   gw_error_code_to_string(row->code), message);
	rig_expect(self, row->phase == NULL || g_str_equal(report->error_phase, row->phase),
		   "failed in '%s', not '%s' (%s)", report->error_phase, row->phase, message);
	rig_expect(self, row->host == NULL || g_str_equal(report->error_host, row->host),
		   "failed at '%s', not '%s' (%s)", report->error_host, row->host, message);
	rig_expect(self, row->text == NULL || strstr(message, row->text) != NULL,
		   "'%s' is not in '%s'", row->text, message);
	/* We gave up: what the destination's QEMU says to that is our own doing. */
	if (row->outcome == GW_OUTCOME_CANCELLED || row->outcome == GW_OUTCOME_NO_CONVERGENCE)
		rig_expect(self, report->error_qemu_destination == NULL, "the report has '%s'",
			   report->error_qemu_destination);
}

/* The agent's own report must not contradict. */
static void
check_agent_report(Rig *self)
{
	const GwReport *theirs = self->agent_report;

	if (theirs == NULL || self->report->vm_runs_on == GW_PLACE_UNKNOWN)
		return;
	gboolean ours_there = self->report->vm_runs_on == GW_PLACE_DESTINATION;
	gboolean theirs_there = theirs->vm_runs_on == GW_PLACE_DESTINATION;
	rig_expect(self, ours_there == theirs_there, "the agent says it runs on '%s', we say '%s'",
		   gw_place_to_string(theirs->vm_runs_on),
		   gw_place_to_string(self->report->vm_runs_on));
}

/* What the agent has started is its child, which somebody has to end and the agent's watch to
 * reap. */
static void
end_started(Rig *self)
{
	g_autoptr(QmpClient) client =
		self->vm_qmp_path != NULL ? qmp_client_connect(self->vm_qmp_path, 2000, NULL, NULL)
					  : NULL;

	if (client == NULL)
		return;
	const pid_t pid = qmp_client_get_peer_pid(client);
	CU_ASSERT_TRUE(qmp_quit(client, NULL));
	for (guint ms = 0; ms < SETTLE_MS && kill(pid, 0) == 0; ms += 10)
		test_turn(10);
	rig_expect(self, kill(pid, 0) != 0, "what the agent has started was not reaped");
	test_turn(1);
}

void
rig_check(Rig *self)
{
	const RigCase *row = self->row;

	check_report(self);
	rig_expect(self, row->when == NULL || self->acted, "'%s' never came", row->when);
	rig_expect_guests(self, row->source_guest, row->destination_guest);
	rig_end_agent(self);
	rig_expect_saw(self, self->source_commands, row->source_saw);
	rig_expect_saw(self, self->destination_commands, row->destination_saw);
	rig_expect_journals(self, row->journals);
	rig_check_never_two(self);
	check_agent_report(self);
	check_both_settings(self);
	end_started(self);
}
