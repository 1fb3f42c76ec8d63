/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the phases of one control connection share. The loop in agent-run.c and the handlers of the
 * phases stand above this file; nothing here calls them.
 */
#include "engine/agent/agent-context.h"

#include "engine/gw-error.h"
#include "qmp/await.h"

#define BUSY_POLL_MS 50

AgentRun *
agent_run_new(const AgentConfig *config, const AgentRunOwner *owner, gpointer owner_data,
	      GSocket *socket, const RecorderListener *listener, gpointer listener_data)
{
	AgentRun *self = g_new0(AgentRun, 1);
	self->config = config;
	self->owner = owner;
	self->owner_data = owner_data;
	self->socket = g_object_ref(socket);
	self->stop = g_cancellable_new();
	self->recorder = recorder_new(listener, listener_data);
	self->warnings = g_ptr_array_new_with_free_func(g_free);
	g_mutex_init(&self->shared.lock);
	g_queue_init(&self->loop.messages);
	self->start.launched = (Process)PROCESS_INIT;
	vgpu_watch_init(&self->commit.watch);
	return self;
}

static void
clear_start(AgentRun *self)
{
	gw_vm_free(self->start.vm);
	g_free(self->start.log_path);
	process_clear(&self->start.launched);
	g_clear_pointer(&self->start.vgpus, g_ptr_array_unref);
}

void
agent_run_free(AgentRun *self)
{
	if (self == NULL)
		return;
	channel_set_clear(&self->shared.channels);
	g_free(self->shared.session);
	g_mutex_clear(&self->shared.lock);
	g_queue_clear_full(&self->loop.messages, (GDestroyNotify)control_message_free);
	clear_start(self);
	settings_free(self->load.former_settings);
	vgpu_watch_clear(&self->commit.watch);
	gw_plan_free(self->plan);
	journal_free(self->journal);
	vm_lock_free(self->lock);
	gw_survey_free(self->survey);
	g_free(self->vm_name);
	g_clear_error(&self->error);
	recorder_free(self->recorder);
	g_object_unref(self->socket);
	g_free(self->peer);
	g_ptr_array_unref(self->warnings);
	g_free(self->peer_subject);
	g_clear_pointer(&self->said, g_bytes_unref);
	g_object_unref(self->stop);
	g_free(self);
}

gboolean
agent_run_owns_guest(const AgentRun *self)
{
	return self->state == CONTROL_STATE_COMMITTED || self->state == CONTROL_STATE_DONE;
}

gboolean
agent_run_has_ended(const AgentRun *self)
{
	return self->state == CONTROL_STATE_ENDED || self->state == CONTROL_STATE_DONE;
}

const char *
agent_run_record_name(const AgentRun *self)
{
	return ownership_choose_name(self->vm_name, self->config->qmp_path);
}

Hook *
agent_run_hook_begin(AgentRun *self, const char *phase)
{
	recorder_phase(self->recorder, phase);
	return self->is_check ? NULL
			      : hook_begin(self->config->hook, phase, self->vm_name,
					   side_to_string(SIDE_DESTINATION), HOOK_TIMEOUT_MS);
}

gboolean
agent_run_hook(AgentRun *self, const char *phase, GError **error)
{
	return hook_end(agent_run_hook_begin(self, phase), error);
}

gboolean
agent_run_try_again(const GError *why, gint64 deadline_us)
{
	if (!g_error_matches(why, GW_ERROR, GW_ERROR_BUSY) || g_get_monotonic_time() > deadline_us)
		return FALSE;
	await_ms(BUSY_POLL_MS);
	return TRUE;
}

void
agent_run_warn(AgentRun *self, const char *text)
{
	recorder_event(self->recorder, "engine", text, NULL, g_get_monotonic_time());
	if (self->warnings->len < CONTROL_MAX_WARNINGS)
		g_ptr_array_add(self->warnings, g_utf8_make_valid(text, -1));
}

void
agent_run_remember_error(AgentRun *self, const GError *error)
{
	if (self->error == NULL)
		self->error = g_error_copy(error);
}
