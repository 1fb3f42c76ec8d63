/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The probe: a migration into a sink, to see what the guest and its vGPUs send again, that is, what
 * they write. It never reaches the switchover: with QEMU's capabilities switchover-ack and
 * return-path QEMU waits for an acknowledgement of the destination before it stops the guest, and
 * the sink never sends one. Without that capability nothing prevents the switchover (a quiet guest
 * is switched over even with the smallest limit), so a QEMU before 8.1 is rejected.
 *
 * If something goes wrong the guest keeps running. A cancel, a time-out and every error end in
 * migrate_cancel. If that does not help, or we are killed, the socket closes, QEMU fails the
 * migration, and the guest keeps running. Changes to QEMU's settings are written to the journal
 * before they are made.
 *
 * The capability "events" is off: when everything is sent and the switchover is not allowed, QEMU
 * syncs its dirty bitmap tens of thousands of times a second, and would send an event for each
 * sync.
 */
#include "engine/measure/probe.h"

#include <string.h>

#include "engine/gw-error.h"
#include "engine/util/error-host.h"
#include "engine/data/plan-json.h"
#include "engine/host/qemu-mark.h"
#include "engine/host/settings.h"
#include "engine/measure/sink.h"
#include "qmp/await.h"

#define FD_NAME		 "godwit-probe"
#define LOOK_MS		 100
#define MIN_US		 (3 * G_USEC_PER_SEC)
#define CANCEL_GRACE_MS	 3000
#define FINAL_TIMEOUT_MS 10000

typedef struct {
	Qemu *qemu;
	const GwSurvey *survey;
	GCancellable *cancellable;
	Journal *journal;
	Settings *former;
	Sink *sink;
	gint64 began_us;
	ProbeResult *result;
} Probe;

void
probe_result_clear(ProbeResult *self)
{
	g_clear_pointer(&self->vgpus, g_array_unref);
}

static gboolean
refuse(GError **error, const char *why)
{
	g_set_error(error, GW_ERROR, GW_ERROR_INCOMPATIBLE, "no probe: %s", why);
	error_add_side(error, SIDE_SOURCE);
	return FALSE;
}

static gboolean
has_capability(const GwSurvey *survey, const char *name)
{
	return survey->capabilities != NULL &&
	       g_strv_contains((const char *const *)survey->capabilities, name);
}

gboolean
probe_check(const GwSurvey *survey, GError **error)
{
	if (!has_capability(survey, "switchover-ack") || !has_capability(survey, "return-path"))
		return refuse(error, "this QEMU has no 'switchover-ack' (8.1 or later has), and "
				     "without it nothing prevents QEMU from stopping the guest");
	if (!survey->running)
		return refuse(error, "the guest does not run, so it writes nothing");
	if (survey->blocked_reasons != NULL && survey->blocked_reasons[0] != NULL)
		return refuse(error, survey->blocked_reasons[0]);
	return TRUE;
}

static void
add_capability(GwPlan *plan, const char *name)
{
	GwPlanCapability *capability = g_new0(GwPlanCapability, 1);
	capability->name = g_strdup(name);
	capability->at_source = TRUE;
	g_ptr_array_add(plan->capabilities, capability);
}

static void
add_parameter(GwPlan *plan, const GwSurvey *survey, const char *name, gint64 value)
{
	if (gw_property_list_get(survey->parameters, name) == NULL)
		return;
	GwPlanParameter *parameter = g_new0(GwPlanParameter, 1);
	parameter->name = g_strdup(name);
	parameter->value = value;
	parameter->at_source = TRUE;
	g_ptr_array_add(plan->parameters, parameter);
}

/* The limit is 1 ms and not 0: with 0 QEMU would not ask the vGPUs how much remains. */
static GwPlan *
make_plan(const GwSurvey *survey)
{
	GwPlan *plan = gw_plan_new();
	add_capability(plan, "return-path");
	add_capability(plan, "switchover-ack");
	add_parameter(plan, survey, "downtime-limit", 1);
	add_parameter(plan, survey, "max-bandwidth", 0);
	add_parameter(plan, survey, "avail-switchover-bandwidth", 0);
	return plan;
}

static JsonObject *
journal_facts(Probe *self)
{
	JsonObject *facts = json_object_new();
	json_object_set_string_member(facts, "vm",
				      self->survey->name != NULL ? self->survey->name : "");
	json_object_set_string_member(facts, "qmp", self->qemu->qmp_path);
	json_object_set_int_member(facts, "pid", self->qemu->process.pid);
	json_object_set_int_member(facts, "start_ticks", (gint64)self->qemu->process.start_ticks);
	json_object_set_boolean_member(facts, "was_running", self->survey->running);
	return facts;
}

/* Prepares everything. finish() undoes it, also when this fails halfway. */
static gboolean
begin(Probe *self, const char *state_dir, GError **error)
{
	g_autoptr(GwPlan) plan = make_plan(self->survey);
	g_autofree char *session = g_uuid_string_random();
	self->journal = journal_create(state_dir, session, SIDE_SOURCE, journal_facts(self), error);
	if (self->journal == NULL)
		return FALSE;
	/* For a recovery, where QEMU's process is not known. */
	g_autoptr(GError) no_mark = NULL;
	if (!qemu_mark(self->qemu, session, &no_mark))
		g_debug("probe: %s", no_mark->message);
	g_autoptr(Settings) former = settings_save(self->qemu, plan, SIDE_SOURCE, error);
	if (former == NULL)
		return FALSE;
	JsonObject *facts = json_object_new();
	settings_add_facts(former, facts);
	if (!journal_append(self->journal, JOURNAL_PROBE, facts, error) ||
	    !journal_sync(self->journal, error))
		return FALSE;
	self->former = g_steal_pointer(&former);
	self->sink = sink_new(error);
	if (self->sink == NULL ||
	    !settings_apply(self->former, self->qemu, plan, SIDE_SOURCE, error) ||
	    !qmp_getfd(self->qemu->qmp, FD_NAME, sink_get_fd(self->sink), error))
		return FALSE;
	sink_let_go(self->sink);
	self->began_us = g_get_monotonic_time();
	return qmp_migrate(self->qemu->qmp, "fd:" FD_NAME, error);
}

/* ---- while it runs ---- */

/* Returns the index of the vGPU's device in the stream; -1: it has not appeared yet. */
static int
find_device(Stream *stream, const StreamCounts *counts, const GwVgpu *vgpu)
{
	g_autofree char *name = g_strconcat(vgpu->guest_path, "/vfio", NULL);
	for (guint i = 0; vgpu->guest_path != NULL && i < counts->n_devices; i++)
		if (strcmp(stream_get_device(stream, i), name) == 0)
			return (int)i;
	return -1;
}

static void
look_at_stream(Probe *self, gint64 time_us)
{
	StreamCounts counts;
	Stream *stream = sink_get_stream(self->sink);
	stream_read(stream, &counts);
	self->result->sent_bytes = (gint64)counts.total_bytes;
	for (guint i = 0; i < self->result->vgpus->len; i++) {
		int at = find_device(stream, &counts, g_ptr_array_index(self->survey->vgpus, i));
		if (at < 0)
			continue;
		const StreamVfio *vfio = &counts.vfio[at];
		/* In the middle of a section its data already count, but the section does not. */
		guint64 n_empty =
			vfio->n_parts > vfio->n_data_parts ? vfio->n_parts - vfio->n_data_parts : 0;
		probe_rate_add(&g_array_index(self->result->vgpus, ProbeRate, i), time_us,
			       vfio->precopy_bytes, n_empty);
	}
}

/* A vGPU that sends nothing while the guest runs never settles. Without a vGPU the probe shows
 * whether the guest can bear it, by its RAM. */
static gboolean
is_settled(const Probe *self, gint64 now_us)
{
	for (guint i = 0; i < self->result->vgpus->len; i++) {
		const ProbeRate *rate = &g_array_index(self->result->vgpus, ProbeRate, i);
		const GwVgpu *vgpu = g_ptr_array_index(self->survey->vgpus, i);
		gboolean can_send = vgpu->migration_flags < 0 ||
				    (vgpu->migration_flags & GW_VGPU_PRE_COPY) != 0;
		if (can_send && !probe_rate_is_settled(rate))
			return FALSE;
	}
	return now_us >= MIN_US;
}

static gboolean
never(gpointer data)
{
	return FALSE;
}

static gboolean
check_status(Probe *self, GError **error)
{
	QmpMigrateStatus status = self->qemu->info.status;
	if (!qemu_check(self->qemu, QEMU_SILENCE_MS, error))
		return FALSE;
	if (!qmp_migrate_status_is_final(status) || status == QMP_MIGRATE_NONE)
		return TRUE;
	const char *why = self->qemu->info.error_desc;
	g_set_error(error, GW_ERROR, GW_ERROR_MIGRATION, "the probe ended by itself: %s%s%s",
		    qmp_migrate_status_to_string(status), why != NULL ? ": " : "",
		    why != NULL ? why : "");
	error_add_side(error, SIDE_SOURCE);
	return FALSE;
}

static gboolean
watch(Probe *self, gint64 time_us, GError **error)
{
	gint64 now_us = 0;
	while (now_us < time_us && !is_settled(self, now_us)) {
		g_autoptr(GError) wait_error = NULL;
		qemu_poll(self->qemu);
		if (!await_until(never, NULL, LOOK_MS, self->cancellable, &wait_error) &&
		    g_error_matches(wait_error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
			g_propagate_error(error, g_steal_pointer(&wait_error));
			return FALSE;
		}
		now_us = g_get_monotonic_time() - self->began_us;
		look_at_stream(self, now_us);
		if (!check_status(self, error))
			return FALSE;
	}
	self->result->lasted_us = now_us;
	return TRUE;
}

/* ---- and its end ---- */

static gboolean
wait_final(Probe *self, int timeout_ms, GError **error)
{
	gint64 deadline_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
	do {
		g_auto(QmpMigrateInfo) info;
		qmp_migrate_info_init(&info);
		if (!qmp_query_migrate(self->qemu->qmp, &info, error))
			return FALSE;
		if (qmp_migrate_status_is_final(info.status))
			return TRUE;
		await_ms(LOOK_MS / 5);
	} while (g_get_monotonic_time() < deadline_us);
	g_set_error(error, GW_ERROR, GW_ERROR_MIGRATION, "QEMU does not end the probe's migration");
	error_add_side(error, SIDE_SOURCE);
	return FALSE;
}

static gboolean
cancel(Probe *self, GError **error)
{
	g_autoptr(GError) ignored = NULL;
	if (!qmp_migrate_cancel(self->qemu->qmp, &ignored))
		g_debug("probe: %s", ignored->message);
	g_clear_error(&ignored);
	if (wait_final(self, CANCEL_GRACE_MS, &ignored))
		return TRUE;
	sink_sever(self->sink);
	return wait_final(self, FINAL_TIMEOUT_MS, error);
}

/* Nothing here can be cancelled: the guest's safety comes first. */
static gboolean
finish(Probe *self, GError **error)
{
	if (self->journal == NULL)
		return TRUE;
	gboolean is_done =
		self->former == NULL || /* nothing was changed yet */
		(self->qemu->closed == NULL && (self->began_us == 0 || cancel(self, error)) &&
		 qemu_restore_run(self->qemu, RUN_AT_SOURCE, TRUE, error) &&
		 settings_restore(self->former, self->qemu, error));
	if (is_done) {
		qemu_unmark(self->qemu, journal_get_session(self->journal));
		journal_remove(self->journal);
	} else if (self->qemu->closed != NULL && error != NULL && *error == NULL)
		g_propagate_error(error, g_error_copy(self->qemu->closed));
	return is_done;
}

static void
probe_clear(Probe *self)
{
	sink_free(self->sink);
	settings_free(self->former);
	journal_free(self->journal);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Probe, probe_clear);

gboolean
probe_run(Qemu *qemu, const GwSurvey *survey, gint64 time_us, const char *state_dir,
	  GCancellable *cancellable, ProbeResult *ret_result, GError **error)
{
	guint n_vgpus = survey->vgpus != NULL ? survey->vgpus->len : 0;
	*ret_result = (ProbeResult){ .lasted_us = 0 };
	ret_result->vgpus = g_array_new(FALSE, TRUE, sizeof(ProbeRate));
	g_array_set_size(ret_result->vgpus, n_vgpus);
	g_auto(Probe) self = {
		.qemu = qemu, .survey = survey, .cancellable = cancellable, .result = ret_result
	};
	g_autoptr(GError) first = NULL;
	g_autoptr(GError) second = NULL;
	gboolean is_measured = begin(&self, state_dir, &first) && watch(&self, time_us, &first);
	gboolean is_ended = finish(&self, &second);
	error_add_side(&first, SIDE_SOURCE);
	error_add_side(&second, SIDE_SOURCE);
	if (!is_measured && !is_ended)
		g_prefix_error(&second, "%s; and then: ", first->message);
	if (!is_ended)
		g_propagate_error(error, g_steal_pointer(&second));
	else if (!is_measured)
		g_propagate_error(error, g_steal_pointer(&first));
	return is_measured && is_ended;
}
