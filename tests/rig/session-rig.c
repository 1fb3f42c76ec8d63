/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sets up and runs one migration between two models of QEMU, with session, agent and test on one
 * main loop, and does to it what its row says at the moment that its row says. A phase is held by
 * the hook that both sides offer: it waits for a file, so that nothing here depends on who is
 * faster. What is expected afterwards is checked in session-check.c.
 */
#include "tests/rig/session-rig.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "qmp/await.h"
#include "tests/rig/test-util.h"

#define DEADLINE_MS 50000
#define SETTLE_MS   10000

static void
act_now(Rig *self, RigAct act)
{
	switch (act) {
	case RIG_NOTHING:
		break;
	case RIG_CANCEL:
		g_cancellable_cancel(self->cancellable);
		break;
	case RIG_STOP_AGENT:
		rig_stop_agent(self);
		break;
	case RIG_CUT:
	case RIG_LOSE_AGENT:
		splice_proxy_cut(self->proxy, act == RIG_LOSE_AGENT);
		break;
	case RIG_KILL_SOURCE:
		kill(model_qemu_get_pid(self->source), SIGKILL);
		model_qemu_wait(self->source);
		break;
	case RIG_KILL_DESTINATION:
		kill(model_qemu_get_pid(self->destination), SIGKILL);
		model_qemu_wait(self->destination);
		break;
	case RIG_FREEZE_DESTINATION:
		kill(model_qemu_get_pid(self->destination), SIGSTOP);
		break;
	}
}

static void
let_go(Rig *self)
{
	g_autofree char *path = g_build_filename(self->folder, "go", NULL);

	g_assert_true(g_file_set_contents(path, "", 0, NULL));
}

/* An agent that is held itself cannot stop before it is let go. */
static gboolean
must_stop_first(Rig *self)
{
	return self->row->act == RIG_STOP_AGENT && g_str_has_prefix(self->row->when, "source:");
}

static void
meet(Rig *self, const char *where, const char *what)
{
	g_autofree char *now = g_strconcat(where, ":", what, NULL);

	if (self->acted || g_strcmp0(now, self->row->when) != 0)
		return;
	self->acted = TRUE;
	act_now(self, self->row->act);
	if (!must_stop_first(self))
		let_go(self);
}

static void
on_phase(GwSession *session, const char *name, gpointer data)
{
	meet(data, "source", name);
}

static void
on_event(GwSession *session, const GwEvent *event, gpointer data)
{
	Rig *self = data;

	if (!g_str_equal(event->host, "source"))
		return;
	meet(self, "event", event->name);
	if (!g_str_equal(event->name, "MIGRATION") || event->data == NULL)
		return;
	/* {"status":"active"} */
	g_auto(GStrv) pieces = g_strsplit(event->data, "\"", -1);
	if (g_strv_length(pieces) == 5)
		meet(self, "event", pieces[3]);
}

static void
on_agent_event(GwAgent *agent, const char *vm_name, const GwEvent *event, gpointer data)
{
	if (!g_str_equal(event->name, "phase"))
		return;
	g_auto(GStrv) pieces = g_strsplit(event->data, "\"", -1);
	g_assert_cmpuint(g_strv_length(pieces), ==, 5);
	meet(data, "agent", pieces[3]);
}

static void
on_session_ended(GwAgent *agent, const char *vm_name, const GwReport *report, gpointer data)
{
	Rig *self = data;

	gw_report_free(self->agent_report);
	self->agent_report = gw_report_copy(report);
}

static void
on_finished(GObject *object, GAsyncResult *result, gpointer data)
{
	((Rig *)data)->report = gw_session_finish(GW_SESSION(object), result);
}

static void
on_agent_stopped(GObject *object, GAsyncResult *result, gpointer data)
{
	Rig *self = data;

	gw_agent_stop_finish(GW_AGENT(object), result);
	self->agent_stopped = TRUE;
	let_go(self);
}

void
rig_stop_agent(Rig *self)
{
	self->agent_stopping = TRUE;
	gw_agent_stop_async(self->agent, on_agent_stopped, self);
}

/* The hook of "source:PHASE" or "agent:PHASE" for @side; (transfer full) (nullable) */
static char *
make_hook(Rig *self, const char *side)
{
	const char *when = self->row->when;

	if (when == NULL || !g_str_has_prefix(when, side))
		return NULL;
	return g_strdup_printf("test \"$GODWIT_PHASE\" != %s || for i in $(seq 2000); do "
			       "test -e %s/go && exit 0; sleep 0.01; done",
			       when + strlen(side), self->folder);
}

static guint16
agent_port(Rig *self)
{
	const char *colon = strrchr(gw_agent_get_address(self->agent), ':');

	return (guint16)g_ascii_strtoull(colon + 1, NULL, 10);
}

static char *
write_vm_file(Rig *self)
{
	char *path = g_build_filename(self->folder, "vm", NULL);
	g_autofree char *text = g_strdup_printf(
		"[vm]\nname=web1\nqmp=%s\nargv=%s -name web1 --log %s --commands %s "
		"-qmp unix:${qmp},server=on %s\n",
		self->vm_qmp_path, TEST_MODEL_QEMU, self->destination_log,
		self->destination_commands,
		self->row->destination != NULL ? self->row->destination : "");

	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	return path;
}

void
rig_start_agent(Rig *self)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *hook = make_hook(self, "agent:");

	g_clear_object(&self->agent);
	self->agent_stopping = self->agent_stopped = FALSE;
	self->agent = gw_agent_new();
	gw_agent_set_listen(self->agent, "127.0.0.1:0");
	gw_agent_set_state_dir(self->agent, self->destination_state);
	gw_agent_set_hook(self->agent, hook);
	if (self->vm_qmp_path != NULL) {
		g_autofree char *file = write_vm_file(self);
		gw_agent_set_vm_file(self->agent, file);
	} else {
		gw_agent_set_qmp(self->agent, model_qemu_get_path(self->destination));
	}
	g_signal_connect(self->agent, "event", G_CALLBACK(on_agent_event), self);
	g_signal_connect(self->agent, "session-ended", G_CALLBACK(on_session_ended), self);
	g_assert_true(gw_agent_start(self->agent, &error));
	if (self->proxy != NULL)
		splice_proxy_set_target(self->proxy, agent_port(self));
}

/* (transfer full): a model with the row's options and two logs. */
static ModelQemu *
start_model(const char *more, const char *base, const char *log, const char *commands)
{
	g_autofree char *text = g_strdup_printf("%s --log %s --commands %s %s", base, log, commands,
						more != NULL ? more : "");
	g_auto(GStrv) argv = NULL;

	g_assert_true(g_shell_parse_argv(text, NULL, &argv, NULL));
	return model_qemu_startv((const char *const *)argv);
}

static void
start_models(Rig *self)
{
	const RigCase *row = self->row;

	self->source =
		start_model(row->source, "-name web1", self->source_log, self->source_commands);
	if ((row->flags & RIG_VM_FILE) != 0)
		self->vm_qmp_path = g_build_filename(self->folder, "vm.qmp", NULL);
	else
		self->destination = start_model(row->destination, "-name web1 -incoming defer",
						self->destination_log, self->destination_commands);
}

static void
start_proxy(Rig *self)
{
	const guint flags = self->row->flags;
	const guint wanted = RIG_PROXY | RIG_TRAP_COMMIT | RIG_TRAP_ANSWER | RIG_TRAP_FOR_GOOD;

	if ((flags & wanted) == 0 && self->row->act != RIG_CUT && self->row->act != RIG_LOSE_AGENT)
		return;
	self->proxy = splice_proxy_new(agent_port(self));
	if ((flags & RIG_TRAP_COMMIT) != 0)
		splice_proxy_trap(self->proxy, "\"commit\"", (flags & RIG_TRAP_FOR_GOOD) != 0);
	if ((flags & RIG_TRAP_ANSWER) != 0)
		splice_proxy_trap(self->proxy, "\"outcome\"", (flags & RIG_TRAP_FOR_GOOD) != 0);
}

static void
start_session(Rig *self)
{
	const guint flags = self->row->flags;
	g_autofree char *hook = make_hook(self, "source:");

	self->session = gw_session_new(model_qemu_get_path(self->source), "127.0.0.1",
				       self->proxy != NULL ? splice_proxy_get_port(self->proxy)
							   : agent_port(self));
	self->cancellable = g_cancellable_new();
	gw_session_set_state_dir(self->session, self->source_state);
	gw_session_set_hook(self->session, hook);
	gw_session_set_keep_source(self->session, (flags & RIG_KEEP_SOURCE) != 0);
	gw_session_set_paused(self->session, (flags & RIG_PAUSED) != 0);
	/* Other than the model's own, so that the restoring shows. */
	gw_session_set_downtime_limit(self->session, 77000);
	gw_session_set_bandwidth(self->session, 1000000000);
	if ((flags & RIG_SHORT_TIMEOUT) != 0)
		gw_session_set_timeout(self->session, 300 * 1000);
	g_signal_connect(self->session, "phase", G_CALLBACK(on_phase), self);
	g_signal_connect(self->session, "event", G_CALLBACK(on_event), self);
	if ((flags & RIG_CHECK_ONLY) != 0)
		gw_session_check_async(self->session, self->cancellable, on_finished, self);
	else
		gw_session_run_async(self->session, self->cancellable, on_finished, self);
}

void
rig_begin(Rig *self, const RigCase *row)
{
	*self = (Rig){ .row = row };
	self->folder = test_folder_new();
	self->deadline_us = g_get_monotonic_time() + DEADLINE_MS * 1000;
	self->source_log = g_build_filename(self->folder, "source.log", NULL);
	self->source_commands = g_build_filename(self->folder, "source.commands", NULL);
	self->source_state = g_build_filename(self->folder, "source.state", NULL);
	self->destination_log = g_build_filename(self->folder, "destination.log", NULL);
	self->destination_commands = g_build_filename(self->folder, "destination.commands", NULL);
	self->destination_state = g_build_filename(self->folder, "destination.state", NULL);
	start_models(self);
	rig_start_agent(self);
	start_proxy(self);
	start_session(self);
}

static gboolean
has_report(gpointer data)
{
	const Rig *self = data;

	return self->report != NULL || g_get_monotonic_time() > self->deadline_us;
}

void
rig_await_report(Rig *self)
{
	if (!await_until(has_report, self, DEADLINE_MS, NULL, NULL) || self->report == NULL)
		g_error("%s: the session does not end", self->row->name);
}

static gboolean
has_stopped(gpointer data)
{
	return ((Rig *)data)->agent_stopped;
}

void
rig_end_agent(Rig *self)
{
	if (!self->agent_stopping)
		rig_stop_agent(self);
	if (!await_until(has_stopped, self, SETTLE_MS, NULL, NULL))
		g_error("%s: the agent does not stop", self->row->name);
	g_clear_object(&self->agent);
}

void
rig_clear(Rig *self)
{
	if (self->agent != NULL)
		rig_end_agent(self);
	g_clear_pointer(&self->proxy, splice_proxy_free);
	g_clear_object(&self->session);
	g_clear_object(&self->cancellable);
	g_clear_pointer(&self->source, model_qemu_free);
	g_clear_pointer(&self->destination, model_qemu_free);
	g_clear_pointer(&self->report, gw_report_free);
	g_clear_pointer(&self->agent_report, gw_report_free);
	g_free(self->source_log);
	g_free(self->source_commands);
	g_free(self->source_state);
	g_free(self->destination_log);
	g_free(self->destination_commands);
	g_free(self->destination_state);
	g_free(self->vm_qmp_path);
	test_folder_free(g_steal_pointer(&self->folder));
}

static void
run_rows(const RigCase *rows, guint n_rows)
{
	g_autofree Rig *rigs = g_new0(Rig, n_rows);

	for (guint i = 0; i < n_rows; i++)
		rig_begin(&rigs[i], &rows[i]);
	for (guint i = 0; i < n_rows; i++) {
		rig_await_report(&rigs[i]);
		rig_check(&rigs[i]);
		rig_clear(&rigs[i]);
	}
}

gboolean
rig_can_prove_death(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Where no death can be proven these end as unknown, and rightly so. */
static gboolean
needs_proof(const RigCase *row)
{
	return (row->flags & RIG_VM_FILE) != 0 || row->code == GW_ERROR_REFUSED ||
	       row->place == GW_PLACE_NONE || row->act >= RIG_KILL_SOURCE ||
	       (row->place == GW_PLACE_DESTINATION && row->source != NULL &&
		strstr(row->source, "die") != NULL);
}

/* The first run of all leaves things behind that GLib makes once. */
guint
rig_warm_up(void)
{
	static gboolean is_warm;
	static const RigCase row = {
		.name = "warm up",
		.outcome = GW_OUTCOME_COMPLETED,
		.place = GW_PLACE_DESTINATION,
		.source_guest = RIG_GONE,
		.destination_guest = RIG_RUNNING,
	};

	if (!is_warm)
		run_rows(&row, 1);
	is_warm = TRUE;
	return rig_count_fds();
}

void
rig_run_all(const RigCase *rows, guint n_rows)
{
	if (!rig_can_prove_death() && (n_rows > 1 || needs_proof(rows))) {
		g_print("\n    %s: left out, no pidfd here, as under valgrind", rows[0].name);
		return;
	}
	const guint before = rig_warm_up();
	run_rows(rows, n_rows);
	const guint after = rig_count_fds();
	CU_ASSERT_EQUAL(before, after);
	if (before != after)
		g_print("\n    %s: %u descriptors before, %u after", rows[0].name, before, after);
}

void
rig_run(const RigCase *row)
{
	rig_run_all(row, 1);
}
