/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The agent's answers up to the stream: survey (a QEMU is found or started), prepare (the plan is looked at
 * again and written down), setup (the channel is given to QEMU, which begins to load).
 *
 * A command line never comes over the network: the source names a VM, and what is run for it is in a file
 * of this host.
 */
#include "engine/agent-run.h"

#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/gw-error.h"
#include "engine/negotiate.h"
#include "engine/net.h"
#include "engine/survey-data.h"
#include "engine/survey-qemu.h"
#include "qmp/await.h"

#define CHANNEL_TIMEOUT_MS 10000
#define SETUP_TIMEOUT_MS   10000

/* The events that a source wants to see; others would only fill its report. */
static const char *const forwarded_events[] = {
	"MIGRATION",	  "STOP",	    "RESUME",	      "SHUTDOWN", "RESET",
	"GUEST_PANICKED", "BLOCK_IO_ERROR", "VFIO_MIGRATION", NULL,
};

static void
on_qemu_event(Qemu *qemu, const char *name, JsonObject *data, gint64 timestamp_us,
	      gpointer user_data)
{
	AgentRun *self = user_data;
	if (!g_strv_contains(forwarded_events, name))
		return;
	recorder_event(self->recorder, "destination", name, data, timestamp_us);
	JsonObject *fields = json_object_new();
	json_object_set_string_member(fields, "name", name);
	json_object_set_int_member(fields, "timestamp_us", timestamp_us);
	if (data != NULL)
		json_object_set_object_member(fields, "data", json_object_ref(data));
	control_conn_notify(self->conn, CONTROL_EVENT, fields);
}

/* Names come over the network: they are compared with what is here, never made into a path. */
static GwVm *
find_in_dir(const char *vm_dir, const char *name, GError **error)
{
	g_autoptr(GDir) dir = g_dir_open(vm_dir, 0, error);
	if (dir == NULL)
		return NULL;
	g_autoptr(GError) broken = NULL;
	for (const char *file; (file = g_dir_read_name(dir)) != NULL;) {
		g_autofree char *path = g_build_filename(vm_dir, file, NULL);
		if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
			continue;
		g_autoptr(GError) local_error = NULL;
		g_autoptr(GwVm) vm = gw_vm_load(path, &local_error);
		if (vm != NULL && strcmp(vm->name, name) == 0)
			return g_steal_pointer(&vm);
		if (vm == NULL && broken == NULL)
			broken = g_steal_pointer(&local_error);
	}
	g_set_error(error, GW_ERROR, GW_ERROR_VM_FILE, "no VM named '%s' in '%s'%s%s", name, vm_dir,
		    broken != NULL ? "; not readable there: " : "",
		    broken != NULL ? broken->message : "");
	return NULL;
}

static GwVm *
find_vm(const AgentConfig *config, const char *name, GError **error)
{
	if (config->vm_dir != NULL)
		return find_in_dir(config->vm_dir, name, error);
	g_autoptr(GwVm) vm = gw_vm_load(config->vm_file, error);
	if (vm == NULL || *name == '\0' || strcmp(vm->name, name) == 0)
		return g_steal_pointer(&vm);
	g_set_error(error, GW_ERROR, GW_ERROR_VM_FILE,
		    "this agent waits for the VM '%s', not for '%s'", vm->name, name);
	return NULL;
}

typedef struct {
	const GwVm *vm;
	const char *log_path;
	gboolean ended;
	GError *error;
	GPid pid;
} Launch;

static void
launch_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	static const char *const extra[] = { "-S", "-incoming", "defer", NULL };
	Launch *launch = data;
	g_task_return_boolean(task, gw_vm_start(launch->vm, extra, launch->log_path, &launch->pid,
						&launch->error));
}

static void
on_launched(GObject *source, GAsyncResult *result, gpointer data)
{
	((Launch *)data)->ended = TRUE;
}

static gboolean
has_launched(gpointer data)
{
	return ((Launch *)data)->ended;
}

/* Starting takes a while, in which the source's pings want their answers: so not in this thread. */
static gboolean
start_qemu(AgentRun *self, GError **error)
{
	Launch launch = { .vm = self->vm, .log_path = self->log_path };
	g_autoptr(GTask) task = g_task_new(NULL, NULL, on_launched, &launch);
	g_task_set_task_data(task, &launch, NULL);
	g_task_run_in_thread(task, launch_thread);
	if (!await_until(has_launched, &launch, -1, NULL, error))
		return FALSE;
	if (launch.error == NULL) {
		process_open(&self->launched, launch.pid);
		return TRUE;
	}
	g_propagate_error(error, launch.error);
	return FALSE;
}

static gboolean
start_from_file(AgentRun *self, const char *name, GError **error)
{
	self->vm = find_vm(self->config, name, error);
	if (self->vm == NULL)
		return FALSE;
	g_free(self->vm_name);
	self->vm_name = g_strdup(self->vm->name);
	g_autofree char *log_name = g_strconcat(self->vm->name, ".qemu.log", NULL);
	self->log_path = g_build_filename(self->config->state_dir, log_name, NULL);

	JsonObject *facts = json_object_new();
	json_object_set_string_member(facts, "vm", self->vm->name);
	json_object_set_string_member(facts, "qmp", self->vm->qmp_path);
	json_object_set_string_member(facts, "log", self->log_path);
	json_object_set_boolean_member(facts, "owned", TRUE);
	self->journal = journal_create(self->config->state_dir, self->session, JOURNAL_DESTINATION,
				       facts, error);
	if (self->journal == NULL || !start_qemu(self, error))
		return FALSE;
	facts = json_object_new();
	json_object_set_int_member(facts, "pid", self->launched.pid);
	json_object_set_int_member(facts, "start_ticks", (gint64)self->launched.start_ticks);
	return journal_append(self->journal, "started", facts, error);
}

static void
set_session(AgentRun *self, const char *session)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	self->session = g_strdup(session);
}

static gboolean
check_session(const char *session, GError **error)
{
	if (g_uuid_string_is_valid(session))
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL,
		    "control message 'survey': field 'session' is not a UUID");
	return FALSE;
}

gboolean
agent_survey(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error)
{
	const char *name = json_object_get_string_member(body, "vm");
	const char *session = json_object_get_string_member(body, "session");
	if (!check_session(session, error))
		return FALSE;
	set_session(self, session);
	self->is_check = json_object_get_boolean_member(body, "check");
	self->vm_name = g_strdup(name);
	if (!agent_run_hook(self, "survey", error))
		return FALSE;
	if (self->config->qmp_path == NULL && !start_from_file(self, name, error))
		return FALSE;

	const char *path = self->vm != NULL ? self->vm->qmp_path : self->config->qmp_path;
	self->qemu = qemu_attach(path, "destination", self->stop, error);
	if (self->qemu == NULL)
		return FALSE;
	qemu_set_event_func(self->qemu, on_qemu_event, self);
	qemu_start_heartbeat(self->qemu);
	self->survey = survey_take(self->qemu, error);
	if (self->survey == NULL)
		return FALSE;
	json_object_set_member(reply, "survey", survey_to_node(self->survey));
	return TRUE;
}

static JsonObject *
qemu_facts(AgentRun *self)
{
	JsonObject *facts = json_object_new();
	json_object_set_string_member(facts, "vm", self->vm_name);
	json_object_set_string_member(facts, "qmp", self->qemu->qmp_path);
	json_object_set_int_member(facts, "pid", self->qemu->process.pid);
	json_object_set_int_member(facts, "start_ticks", (gint64)self->qemu->process.start_ticks);
	json_object_set_boolean_member(facts, "paused", self->plan->paused);
	return facts;
}

/* A QEMU that somebody else started has no journal yet, and may lack -S: 'stop' takes back its own start
 * at the end of the load. */
static gboolean
prepare_foreign(AgentRun *self, GError **error)
{
	JsonObject *facts = json_object_new();
	json_object_set_boolean_member(facts, "owned", FALSE);
	self->journal = journal_create(self->config->state_dir, self->session, JOURNAL_DESTINATION,
				       facts, error);
	if (self->journal == NULL)
		return FALSE;
	self->former_capabilities = qmp_query_migrate_capabilities(self->qemu->qmp, error);
	return self->former_capabilities != NULL && qmp_stop(self->qemu->qmp, error);
}

static gboolean
apply_capabilities(AgentRun *self, GError **error)
{
	g_autoptr(GHashTable) capabilities = qmp_query_migrate_capabilities(self->qemu->qmp, error);
	if (capabilities == NULL)
		return FALSE;
	GHashTableIter iter;
	gpointer name;
	g_hash_table_iter_init(&iter, capabilities);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		g_hash_table_iter_replace(
			&iter,
			GINT_TO_POINTER(g_strv_contains(
				(const char *const *)self->plan->capabilities_destination, name)));
	return qmp_migrate_set_capabilities(self->qemu->qmp, capabilities, error);
}

static gboolean
make_token(AgentRun *self, GError **error)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	if (getrandom(self->token, sizeof self->token, 0) != sizeof self->token) {
		g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "no random numbers for a token");
		return FALSE;
	}
	self->token_is_set = TRUE;
	return TRUE;
}

gboolean
agent_prepare(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error)
{
	if (!agent_run_hook(self, "prepare", error))
		return FALSE;
	self->plan = gw_plan_from_json_node(json_object_get_member(body, "plan"), error);
	if (self->plan == NULL)
		return FALSE;
	if (!negotiate_check_destination(self->plan, self->survey, error))
		return FALSE;
	if (self->vm == NULL && !prepare_foreign(self, error))
		return FALSE;
	if (!journal_append(self->journal, "prepare", qemu_facts(self), error) ||
	    !apply_capabilities(self, error) || !make_token(self, error))
		return FALSE;
	g_autofree char *token = control_token_to_string(self->token);
	json_object_set_string_member(reply, "token", token);
	return TRUE;
}

static gboolean
channel_has_come(gpointer data)
{
	AgentRun *self = data;
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	return self->data_fd >= 0 || control_conn_get_error(self->conn) != NULL ||
	       self->qemu->closed != NULL;
}

static int
take_channel(AgentRun *self, GError **error)
{
	gboolean came = await_until(channel_has_come, self, CHANNEL_TIMEOUT_MS, self->stop, NULL);
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
	int fd = self->data_fd;
	self->data_fd = -1;
	if (fd < 0)
		g_set_error(error, GW_ERROR, GW_ERROR_PEER_LOST, "the data channel %s",
			    came ? "was given up" : "did not come in time");
	return fd;
}

static gboolean
loads_or_ended(gpointer data)
{
	Qemu *qemu = data;
	return qemu->status != QMP_MIGRATE_NONE || qemu->closed != NULL;
}

static gboolean
start_loading(AgentRun *self, int fd, GError **error)
{
	if (!qmp_getfd(self->qemu->qmp, "godwit", fd, error))
		return FALSE;
	self->incoming_sent = TRUE;
	self->qemu->status = QMP_MIGRATE_NONE;
	if (!qmp_migrate_incoming(self->qemu->qmp, "fd:godwit", !self->survey->has_exit_on_error,
				  error))
		return FALSE;
	if (!await_until(loads_or_ended, self->qemu, SETUP_TIMEOUT_MS, self->stop, error)) {
		g_prefix_error(error, "QEMU does not begin to load: ");
		return FALSE;
	}
	return qemu_check(self->qemu, SETUP_TIMEOUT_MS, error);
}

/* The journal's line is on the disk before the door opens: whoever reads "setup" of an earlier boot knows
 * that a commit may have followed. */
gboolean
agent_setup(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error)
{
	if (!agent_run_hook(self, "setup", error) ||
	    !journal_append(self->journal, "setup", NULL, error) ||
	    !journal_sync(self->journal, error))
		return FALSE;
	int fd = take_channel(self, error);
	if (fd < 0)
		return FALSE;
	gboolean loading = start_loading(self, fd, error);
	close(fd); /* QEMU has its own */
	return loading && agent_run_hook(self, "load", error);
}
