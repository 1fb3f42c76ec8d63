/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Makes the vGPUs and starts the QEMU that the source's VM is to move into, and removes both again.
 *
 * A command line never comes over the network: the source names a VM, and the command is in a file
 * of this host. vGPUs are made only if the source's vGPUs could become them; the journal names them
 * before the first is made.
 */
#include "engine/agent/agent-lock.h"
#include "engine/agent/agent-start.h"

#include <string.h>

#include <glib/gstdio.h>

#include "engine/gw-error.h"
#include "engine/data/survey-json.h"
#include "engine/data/vgpu-json.h"
#include "engine/host/incoming.h"
#include "engine/host/qemu-messages.h"
#include "engine/host/monitor-socket.h"
#include "engine/host/vgpu-host.h"
#include "engine/data/vgpu-pair.h"
#include "engine/host/vgpu-vendor.h"
#include "engine/host/vm-dir.h"
#include "engine/host/vm-start.h"
#include "engine/host/vm-vgpus.h"
#include "engine/plan/negotiate-vgpus.h"
#include "engine/util/json-fields.h"
#include "qmp/await.h"
#include "vfio/vfio-backend.h"
#include "vfio/vfio-device.h"

static GwVm *
find_vm(const AgentConfig *config, const char *name, GError **error)
{
	if (config->vm_dir != NULL)
		return vm_dir_find(config->vm_dir, name, error);
	g_autoptr(GwVm) vm = gw_vm_load(config->vm_file, error);
	if (vm == NULL || *name == '\0' || strcmp(vm->name, name) == 0)
		return g_steal_pointer(&vm);
	g_set_error(error, GW_ERROR, GW_ERROR_VM_FILE,
		    "this agent waits for the VM '%s', not for '%s'", vm->name, name);
	return NULL;
}

typedef struct {
	GwVm *vm;
	const char *log_path;
	const char *session;
	GPid pid;
} Launch;

/* Some limits of a driver show only when a program opens the vGPU, and that is QEMU at its start.
 * */
static const struct {
	QemuMessage meaning;
	const char *remedy;
} refusals[] = {
	{ QEMU_MESSAGE_NO_P2P,
	  "the driver cannot stop several vGPUs together (no P2P support): give the VM one vGPU "
	  "only, or use a driver release with peer-to-peer support" },
	{ QEMU_MESSAGE_NO_MIGRATION,
	  "the driver cannot migrate vGPUs: use a driver release that can, and switch it on "
	  "there" },
	{ QEMU_MESSAGE_VIOMMU,
	  "a vGPU does not migrate together with a virtual IOMMU: take that away from the VM" },
};

static void
explain_refusal(GError **error)
{
	for (guint i = 0; i < G_N_ELEMENTS(refusals); i++) {
		if (!qemu_message_means((*error)->message, refusals[i].meaning))
			continue;
		g_autoptr(GError) cause = g_steal_pointer(error);
		g_set_error(error, GW_ERROR, GW_ERROR_INCOMPATIBLE, "%s: %s", refusals[i].remedy,
			    cause->message);
		return;
	}
}

static gboolean
make_and_start(Launch *launch, GError **error)
{
	static const char *const extra[] = { "-S", "-incoming", "defer", NULL };
	if (!gw_vm_make_vgpus(launch->vm, error))
		return FALSE;
	if (vm_start_for_session(launch->vm, extra, launch->log_path, launch->session, &launch->pid,
				 error))
		return TRUE;
	g_autoptr(GError) cause = NULL;
	if (gw_vm_remove_vgpus(launch->vm, &cause))
		explain_refusal(error);
	else
		g_prefix_error(error, "%s; and before that: ", cause->message);
	return FALSE;
}

static void
launch_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	GError *error = NULL;
	if (make_and_start(data, &error))
		g_task_return_boolean(task, TRUE);
	else
		g_task_return_error(task, error);
}

/* Starting takes a while, in which the source's pings want their answers: so not in this thread. */
static gboolean
launch(AgentRun *self, GError **error)
{
	Launch launch = { .vm = self->start.vm,
			  .log_path = self->start.log_path,
			  .session = self->shared.session };
	g_autoptr(GAsyncResult) result = NULL;
	g_autoptr(GTask) task = g_task_new(NULL, NULL, await_take_result, &result);
	g_task_set_task_data(task, &launch, NULL);
	g_task_run_in_thread(task, launch_thread);
	if (!await_result(&result, -1, error) || !g_task_propagate_boolean(task, error))
		return FALSE;
	process_open(&self->start.launched, launch.pid);
	return TRUE;
}

/* The same UUID as at the source where it is free, since some drivers and people identify a vGPU by
 * it. */
static void
choose_uuid(const VfioHost *host, GwVmVgpu *vgpu, const GwVgpu *source)
{
	if (vgpu->uuid != NULL)
		return;
	g_autofree char *uuid = source->id != NULL ? vfio_uuid_normalize(source->id) : NULL;
	g_autoptr(VfioDevice) there = uuid != NULL ? vfio_device_new(host, uuid, NULL) : NULL;
	vgpu->uuid =
		uuid != NULL && there == NULL ? g_steal_pointer(&uuid) : g_uuid_string_random();
}

/* For the journal: the vGPUs that will be made, which are those whose UUID is free here. */
static JsonObject *
planned_vgpus(const VfioHost *host, const GwVm *vm)
{
	JsonObject *facts = json_object_new();
	JsonArray *ids = json_array_new();
	for (guint i = 0; i < vm->vgpus->len; i++) {
		const GwVmVgpu *vgpu = g_ptr_array_index(vm->vgpus, i);
		g_autoptr(VfioDevice) there = vfio_device_new(host, vgpu->uuid, NULL);
		if (there == NULL)
			json_array_add_string_element(ids, vgpu->uuid);
	}
	json_object_set_array_member(facts, "vgpus", ids);
	return facts;
}

/* %TRUE with an absent survey when the source's vGPUs cannot become ours: then none is made. */
static gboolean
check_vgpus(AgentRun *self, const GPtrArray *source, GError **error)
{
	g_autoptr(VfioHost) host = vgpu_host_open(error);
	if (host == NULL)
		return FALSE;
	self->start.vgpus = vgpu_list_of_vm(host, self->start.vm);
	vgpu_vendor_ask(host, source, self->start.vgpus);
	g_autoptr(GwPlan) found = gw_plan_new();
	vgpu_compare(source, self->start.vgpus, found->issues);
	if (!gw_plan_is_possible(found)) {
		self->survey = survey_new_absent(NULL);
		return TRUE;
	}
	for (guint i = 0; i < self->start.vm->vgpus->len; i++)
		choose_uuid(host, g_ptr_array_index(self->start.vm->vgpus, i),
			    vgpu_partner(source, self->start.vgpus, i));
	return journal_append(self->journal, JOURNAL_VGPUS, planned_vgpus(host, self->start.vm),
			      error);
}

static JsonObject *
started_facts(AgentRun *self)
{
	JsonObject *facts = json_object_new();
	g_auto(GStrv) ids = vm_made_ids(self->start.vm);
	fields_add_strv(facts, "vgpus", ids);
	json_object_set_int_member(facts, "pid", self->start.launched.pid);
	json_object_set_int_member(facts, "start_ticks", (gint64)self->start.launched.start_ticks);
	return facts;
}

static gboolean
open_journal(AgentRun *self, GError **error)
{
	JsonObject *facts = json_object_new();
	json_object_set_string_member(facts, "vm", self->start.vm->name);
	json_object_set_string_member(facts, "qmp", self->start.vm->qmp_path);
	json_object_set_string_member(facts, "log", self->start.log_path);
	json_object_set_boolean_member(facts, "owned", TRUE);
	self->journal = journal_create(self->config->state_dir, self->shared.session,
				       SIDE_DESTINATION, facts, error);
	return self->journal != NULL;
}

/* A VM that runs here already is not this session's: no journal may name it, since a recovery ends
 * what a journal names. It is one more issue of the plan. */
static gboolean
runs_here(AgentRun *self)
{
	const GwVm *vm = self->start.vm;
	g_autofree char *running = vm_describe_running(vm, self->start.log_path);
	if (running == NULL)
		return FALSE;
	g_autofree char *text =
		g_strdup_printf("VM '%s' is already running here: %s", vm->name, running);
	self->survey = survey_new_absent(text);
	return TRUE;
}

gboolean
agent_start_vm(AgentRun *self, const char *name, const GPtrArray *source_vgpus, GError **error)
{
	self->start.vm = find_vm(self->config, name, error);
	if (self->start.vm == NULL)
		return FALSE;
	g_free(self->vm_name);
	self->vm_name = g_strdup(self->start.vm->name);
	self->start.log_path = gw_vm_make_log_path(self->start.vm, self->config->state_dir);
	if (!agent_lock_vm(self, error))
		return FALSE;
	if (runs_here(self))
		return TRUE;
	if (!open_journal(self, error) || !check_vgpus(self, source_vgpus, error))
		return FALSE;
	if (self->survey != NULL)
		return TRUE; /* absent: start nothing */
	g_autoptr(GError) failure = NULL;
	if (launch(self, &failure))
		return journal_append(self->journal, JOURNAL_STARTED, started_facts(self), error);
	if (g_error_matches(failure, GW_ERROR, GW_ERROR_LAUNCH)) {
		/* One more issue of the plan, which is told together with the others. */
		self->survey = survey_new_absent(failure->message);
		return TRUE;
	}
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

static gboolean
remove_vgpus(AgentRun *self, GError **error)
{
	g_auto(GStrv) ids = vm_made_ids(self->start.vm);
	return vgpu_remove_ids((const char *const *)ids, error);
}

gboolean
agent_end_vm(AgentRun *self, GError **error)
{
	if (self->qemu != NULL &&
	    (!incoming_check_not_started(self->qemu, error) || !qemu_end(self->qemu, TRUE, error)))
		return FALSE;
	if (self->qemu == NULL && process_is_known(&self->start.launched) &&
	    !process_kill(&self->start.launched, PROCESS_KILL_TIMEOUT_MS)) {
		g_autofree char *which = process_describe(&self->start.launched);
		g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "QEMU (%s) cannot be ended", which);
		return FALSE;
	}
	if (!process_is_known(&self->start.launched))
		return TRUE;
	/* A killed QEMU leaves its socket behind. The next QEMU does not care, but a person may
	 * take it for a running one. */
	monitor_remove_stale(self->start.vm->qmp_path);
	g_unlink(self->start.log_path);
	return remove_vgpus(self, error);
}
