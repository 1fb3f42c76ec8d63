/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The agent's answers up to the stream: survey (find a QEMU, or let agent-start.c start one),
 * prepare (check the plan again and write it down), setup (give the data channels to QEMU, which
 * begins to load).
 */
#include "engine/agent/agent-prepare.h"

#include <string.h>

#include "engine/agent/agent-lock.h"
#include "engine/agent/agent-start.h"
#include "engine/gw-error.h"
#include "engine/plan/negotiate.h"
#include "engine/control/net.h"
#include "engine/data/property-list.h"
#include "engine/data/survey-json.h"
#include "engine/data/survey-lists.h"
#include "engine/host/disk-mark.h"
#include "engine/host/incoming.h"
#include "engine/host/qemu-mark.h"
#include "engine/host/survey-qemu.h"
#include "engine/util/safe-name.h"
#include "engine/record/receiving.h"
#include "engine/data/vgpu-json.h"
#include "engine/host/vgpu-host.h"
#include "engine/host/vgpu-vendor.h"
#include "qmp/await.h"
#include "qmp/qmp-facts.h"

#define SURVEY_MAX_BYTES \
	(CONTROL_MAX_BYTES - 64 * 1024) /* leaves room for the rest of the message */
#define CHANNEL_TIMEOUT_MS 10000
#define SETUP_TIMEOUT_MS   10000

/* The events that the source puts into its report. */
static const char *const forwarded_events[] = {
	"MIGRATION",	  "STOP",	    "RESUME",	      "SHUTDOWN", "RESET",
	"GUEST_PANICKED", "BLOCK_IO_ERROR", "VFIO_MIGRATION", NULL,
};

static void
on_qemu_event(Qemu *qemu, const char *name, JsonObject *data, gint64 timestamp_us,
	      gpointer user_data)
{
	AgentRun *self = user_data;
	if (strcmp(name, "VFIO_MIGRATION") == 0)
		vgpu_watch_event(&self->commit.watch, data);
	if (!g_strv_contains(forwarded_events, name))
		return;
	recorder_event(self->recorder, side_to_string(SIDE_DESTINATION), name, data, timestamp_us);
	JsonObject *fields = json_object_new();
	json_object_set_string_member(fields, "name", name);
	json_object_set_int_member(fields, "timestamp_us", timestamp_us);
	if (qemu->event_clock.error_us > 0)
		json_object_set_int_member(fields, "error_us", qemu->event_clock.error_us);
	if (data != NULL)
		json_object_set_object_member(fields, "data", json_object_ref(data));
	control_conn_notify(self->conn, CONTROL_EVENT, fields);
}

static void
set_session(AgentRun *self, const char *session)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->shared.lock);
	self->shared.session = g_strdup(session);
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

/* No name: a source that attaches to a QEMU without one. */
static gboolean
check_name(const char *name, GError **error)
{
	if (*name == '\0' || safe_name_is_valid(name))
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL,
		    "control message 'survey': field 'vm' is longer than %d bytes, or has control "
		    "characters",
		    SAFE_NAME_MAX_BYTES);
	return FALSE;
}

/* A source asks once: what the first one began is undone when the connection ends. */
static gboolean
check_first(AgentRun *self, GError **error)
{
	if (self->shared.session == NULL)
		return TRUE;
	g_set_error_literal(error, GW_ERROR, GW_ERROR_PROTOCOL,
			    "control message 'survey' came a second time");
	return FALSE;
}

/* The monitor must be that of the QEMU that was started for this session, since that is ended with
 * it. */
static gboolean
check_started(AgentRun *self, GError **error)
{
	const Process *process = &self->qemu->process;
	if (self->start.vm == NULL || !process_is_known(process) ||
	    process_belongs_to(process, &self->start.launched))
		return TRUE;
	g_autofree char *which = process_describe(process);
	g_set_error(error, GW_ERROR, GW_ERROR_MONITOR,
		    "another QEMU (%s) answers at '%s', not the one that was started", which,
		    self->qemu->qmp_path);
	g_clear_pointer(&self->qemu, qemu_free);
	return FALSE;
}

static gboolean
attach(AgentRun *self, GError **error)
{
	const char *path =
		self->start.vm != NULL ? self->start.vm->qmp_path : self->config->qmp_path;
	self->qemu = qemu_attach(path, side_to_string(SIDE_DESTINATION), self->stop, error);
	if (self->qemu == NULL || !check_started(self, error))
		return FALSE;
	qemu_set_event_func(self->qemu, on_qemu_event, self);
	qemu_start_heartbeat(self->qemu);
	self->survey = survey_take(self->qemu, error);
	return self->survey != NULL;
}

/* For vGPUs that Godwit has not made. */
static gboolean
ask_vendor(AgentRun *self, const GPtrArray *source, GError **error)
{
	if (self->survey->vgpus == NULL || self->survey->vgpus->len == 0)
		return TRUE;
	g_autoptr(VfioHost) host = vgpu_host_open(error);
	if (host != NULL)
		vgpu_vendor_ask(host, source, self->survey->vgpus);
	return host != NULL;
}

gboolean
agent_survey(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error)
{
	const char *name = json_object_get_string_member(body, "vm");
	const char *session = json_object_get_string_member(body, "session");
	/* The source's vGPUs decide whether ours are made. */
	g_autoptr(GPtrArray) vgpus =
		vgpu_list_from_array(json_object_get_array_member(body, "vgpus"), error);
	if (vgpus == NULL || !check_session(session, error) || !check_name(name, error) ||
	    !check_first(self, error))
		return FALSE;
	set_session(self, session);
	self->is_check = json_object_get_boolean_member(body, "check");
	self->vm_name = g_strdup(name);
	if (!agent_run_hook(self, "survey", error))
		return FALSE;
	if (self->config->qmp_path != NULL ? !agent_lock_vm(self, error)
					   : !agent_start_vm(self, name, vgpus, error))
		return FALSE;
	if (self->survey == NULL && !attach(self, error))
		return FALSE;
	if (self->start.vgpus != NULL) {
		if (self->survey->vgpus != NULL)
			vgpu_take_open(self->start.vgpus, self->start.vm, self->survey->vgpus);
		g_clear_pointer(&self->survey->vgpus, g_ptr_array_unref);
		self->survey->vgpus = g_ptr_array_ref(self->start.vgpus);
	} else if (!ask_vendor(self, vgpus, error)) {
		return FALSE;
	}
	json_object_set_member(reply, "survey",
			       survey_to_bounded_node(self->survey, SURVEY_MAX_BYTES));
	return TRUE;
}

/* Are the source's marks beside our images? */
gboolean
agent_look(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error)
{
	Fields fields;
	fields_init_object(&fields, body, "look");
	g_autoptr(GPtrArray) marks = property_list_read(&fields, "marks", CONTROL_MAX_MARKS);
	g_autoptr(GPtrArray) found = property_list_new();
	if (!fields_end(&fields, error))
		return FALSE;
	for (guint i = 0; marks != NULL && self->qemu != NULL && i < marks->len; i++) {
		const GwProperty *mark = g_ptr_array_index(marks, i);
		const GwDisk *disk = disk_list_find(self->survey->disks, mark->name);
		g_autofree char *leaf = disk != NULL ? qmp_disk_leaf(disk->file) : NULL;
		g_autofree char *words =
			leaf != NULL ? disk_mark_look(self->qemu->process.pid, leaf, mark->value)
				     : NULL;
		property_list_add(found, mark->name, words);
	}
	property_list_write(reply, "found", found);
	return TRUE;
}

static JsonObject *
qemu_facts(AgentRun *self)
{
	JsonObject *facts = json_object_new();
	json_object_set_string_member(facts, "vm", agent_run_record_name(self));
	json_object_set_string_member(facts, "qmp", self->qemu->qmp_path);
	json_object_set_int_member(facts, "pid", self->qemu->process.pid);
	json_object_set_int_member(facts, "start_ticks", (gint64)self->qemu->process.start_ticks);
	json_object_set_boolean_member(facts, "paused", self->plan->paused);
	return facts;
}

/* A QEMU that somebody else started has no journal yet, and may lack -S: 'stop' keeps it from
 * starting the guest by itself at the end of the load. Since the survey somebody else may have
 * brought a guest into it, which would be stopped. */
static gboolean
prepare_foreign(AgentRun *self, GError **error)
{
	if (!incoming_check_waits(self->qemu, self->shared.session, error))
		return FALSE;
	JsonObject *facts = json_object_new();
	json_object_set_boolean_member(facts, "owned", FALSE);
	self->journal = journal_create(self->config->state_dir, self->shared.session,
				       SIDE_DESTINATION, facts, error);
	return self->journal != NULL && qmp_stop(self->qemu->qmp, error);
}

static gboolean
open_channels(AgentRun *self, GError **error)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->shared.lock);
	return channel_set_open(&self->shared.channels, channel_count(self->plan->channels), error);
}

/* Without it a recovery has the process alone to know this QEMU by. */
static void
mark_qemu(AgentRun *self)
{
	g_autoptr(GError) error = NULL;
	if (!qemu_mark(self->qemu, self->shared.session, &error))
		g_debug("QEMU takes no mark of the session: %s", error->message);
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
	if (self->start.vm == NULL && !prepare_foreign(self, error))
		return FALSE;
	mark_qemu(self);
	if (!settings_change(&self->load.former_settings, self->qemu, self->plan, SIDE_DESTINATION,
			     self->journal, JOURNAL_PREPARE, qemu_facts(self), error) ||
	    !open_channels(self, error))
		return FALSE;
	g_autofree char *token = control_token_to_string(self->shared.channels.token);
	json_object_set_string_member(reply, "token", token);
	return TRUE;
}

static gboolean
channels_have_come(gpointer data)
{
	AgentRun *self = data;
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->shared.lock);
	return channel_set_is_complete(&self->shared.channels) ||
	       control_conn_get_error(self->conn) != NULL || self->qemu->closed != NULL;
}

static GArray *
take_channels(AgentRun *self, GError **error)
{
	gboolean came = await_until(channels_have_come, self, CHANNEL_TIMEOUT_MS, self->stop, NULL);
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->shared.lock);
	guint n_missing = self->shared.channels.n_missing;
	g_autoptr(GArray) fds = channel_set_take(&self->shared.channels);
	if (n_missing == 0)
		return g_steal_pointer(&fds);
	/* If QEMU has died the source may know it before us, and then opens no channels. */
	if (!qemu_check(self->qemu, CHANNEL_TIMEOUT_MS, error))
		return NULL;
	g_set_error(error, GW_ERROR, GW_ERROR_PEER_LOST, "%u of %u data channels %s", n_missing,
		    fds->len, came ? "were closed" : "did not come in time");
	return NULL;
}

/* Bytes are counted at the source. Here the relay is for several channels, for which QEMU must
 * listen, and for a QEMU that no descriptor reaches. */
static gboolean
attach_channels(AgentRun *self, GError **error)
{
	const TransportKind *kind =
		transport_kind_choose(self->plan->channels > 1, FALSE, self->qemu->is_indirect);
	GArray *fds = take_channels(self, error);
	if (fds == NULL)
		return FALSE;
	self->load.transport = transport_attach(kind, SIDE_DESTINATION, self->qemu,
						self->shared.session, fds, NULL, error);
	return self->load.transport != NULL;
}

static gboolean
loads_or_ended(gpointer data)
{
	Qemu *qemu = data;
	return qemu->status != QMP_MIGRATE_NONE || qemu->closed != NULL;
}

/* A QEMU that refuses has begun nothing, and is not ended for it: it may wait for another
 * source. */
static gboolean
ask_incoming(AgentRun *self, GError **error)
{
	GError *cause = NULL;
	if (!incoming_check_waits(self->qemu, self->shared.session, error))
		return FALSE;
	self->qemu->resume_us = 0;
	self->load.incoming_sent = TRUE;
	if (qmp_migrate_incoming(self->qemu->qmp, self->load.transport->uri, &cause))
		return TRUE;
	self->load.incoming_sent = !qmp_error_is_refusal(cause);
	g_propagate_error(error, cause);
	return FALSE;
}

static gboolean
start_loading(AgentRun *self, GError **error)
{
	self->qemu->status = QMP_MIGRATE_NONE;
	if (!ask_incoming(self, error))
		return FALSE;
	transport_start(self->load.transport);
	if (!await_until(loads_or_ended, self->qemu, SETUP_TIMEOUT_MS, self->stop, error)) {
		g_prefix_error(error, "QEMU does not begin to load: ");
		return FALSE;
	}
	return qemu_check(self->qemu, SETUP_TIMEOUT_MS, error);
}

/* Who brings the VM here, and what that source proves itself with when it asks again. */
static gboolean
record_receiving(AgentRun *self, GError **error)
{
	g_autofree char *token = control_token_to_string(self->shared.channels.token);
	g_autofree char *host = agent_source_host(self);
	const OwnershipPeer source = { .host = host,
				       .subject = self->peer_subject,
				       .token = token };
	return receiving_begin(self->config->state_dir, agent_run_record_name(self),
			       self->shared.session, &source, error);
}

/* The line "setup" and the record are on the disk before a commit can follow: a recovery that reads
 * them after a reboot knows that the line "committed" may be missing. */
gboolean
agent_setup(AgentRun *self, JsonObject *body, JsonObject *reply, GError **error)
{
	if (!agent_run_hook(self, "setup", error) ||
	    !journal_append(self->journal, JOURNAL_SETUP, NULL, error) ||
	    !journal_sync(self->journal, error) || !record_receiving(self, error))
		return FALSE;
	return attach_channels(self, error) && start_loading(self, error) &&
	       agent_run_hook(self, "load", error);
}
