/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks the vGPUs' drivers, through a copy of QEMU's descriptor. VFIO_DEVICE_FEATURE_MIG_DATA_SIZE
 * changes nothing, and is one of the few requests that are allowed while QEMU migrates the device.
 * But it takes the driver's lock, and some drivers forward it to the board. So it runs in a thread,
 * only if the user wants it, and less often if the answer takes long.
 */
#include "engine/measure/vgpu-pending.h"

#include "engine/host/vgpu-host.h"
#include "vfio/vfio-feature.h"

#define MIN_PAUSE_US (G_USEC_PER_SEC / 10) /* a sample */
#define MAX_PAUSE_US G_USEC_PER_SEC
#define PAUSE	     4 /* times the duration of the answer */

typedef struct {
	gint ref_count;
	GPtrArray *ids; /* of char * (nullable) */
	VfioHost *host; /* only for the thread */
	pid_t qemu;
	gint64 *stop_bytes; /* (owned): the answers, by vGPU */
} Question;

typedef struct {
	VgpuPendingSource base;
	gint64 asked_us, next_us;
	GCancellable *cancellable; /* cancelled at the end: late answers are then dropped */
	gboolean is_asking;
	Question *question;
} Device;

static void
question_unref(Question *self)
{
	if (!g_atomic_int_dec_and_test(&self->ref_count))
		return;
	g_ptr_array_unref(self->ids);
	vfio_host_unref(self->host);
	g_free(self->stop_bytes);
	g_free(self);
}

static gboolean
is_possible(const VgpuPendingContext *context, const char **ret_why)
{
	*ret_why = "the process of its QEMU is not known";
	return context->qemu->process.pid > 0;
}

static VgpuPendingSource *
begin(const VgpuPendingContext *context, GError **error)
{
	VfioHost *host = vgpu_host_open(error);
	if (host == NULL)
		return NULL;
	Device *self = g_new0(Device, 1);
	self->base.context = *context;
	self->cancellable = g_cancellable_new();
	self->question = g_new0(Question, 1);
	self->question->ref_count = 1;
	self->question->host = host;
	self->question->qemu = context->qemu->process.pid;
	self->question->ids = g_ptr_array_new_with_free_func(g_free);
	self->question->stop_bytes = g_new0(gint64, context->vgpus->len);
	for (guint i = 0; i < context->vgpus->len; i++)
		g_ptr_array_add(
			self->question->ids,
			g_strdup(((const GwVgpu *)g_ptr_array_index(context->vgpus, i))->id));
	return &self->base;
}

gint64
vgpu_pending_device_pause_us(gint64 took_us)
{
	return CLAMP(took_us, MIN_PAUSE_US / PAUSE, MAX_PAUSE_US / PAUSE) * PAUSE;
}

/* Runs in a thread. */
static void
ask(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	Question *question = data;
	for (guint i = 0; i < question->ids->len; i++) {
		VfioFeatures features = { -1, -1, FALSE };
		const char *id = g_ptr_array_index(question->ids, i);
		if (id != NULL)
			vfio_feature_ask(question->host, question->qemu, id, &features);
		question->stop_bytes[i] = features.stop_copy_bytes;
	}
	g_task_return_boolean(task, TRUE);
}

static void
on_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	if (!g_task_propagate_boolean(G_TASK(result), NULL))
		return; /* it has ended: self is freed */
	Device *self = data;
	const VgpuPendingContext *context = &self->base.context;
	gint64 now_us = context->now_us(context->now_data);
	self->is_asking = FALSE;
	self->next_us = now_us + vgpu_pending_device_pause_us(now_us - self->asked_us);
	for (guint i = 0; i < context->vgpus->len; i++) {
		AccountReading reading = { -1, -1, self->question->stop_bytes[i], TRUE };
		if (reading.stop_bytes >= 0)
			vgpu_pending_take(context, i, GW_SOURCE_DEVICE, &reading);
	}
}

static void
poll(VgpuPendingSource *base, gint64 now_us)
{
	Device *self = (Device *)base;
	if (self->is_asking || now_us < self->next_us)
		return;
	self->is_asking = TRUE;
	self->asked_us = now_us;
	g_autoptr(GTask) task = g_task_new(NULL, self->cancellable, on_answered, self);
	g_task_set_source_tag(task, poll);
	g_task_set_name(task, "ask the vGPUs' drivers");
	g_atomic_int_inc(&self->question->ref_count);
	g_task_set_task_data(task, self->question, (GDestroyNotify)question_unref);
	g_task_run_in_thread(task, ask);
}

static gboolean
end(VgpuPendingSource *base, GError **error)
{
	Device *self = (Device *)base;
	g_cancellable_cancel(self->cancellable);
	g_object_unref(self->cancellable);
	question_unref(self->question);
	g_free(self);
	return TRUE;
}

const VgpuPendingOps vgpu_pending_device = {
	.name = "device",
	.source = GW_SOURCE_DEVICE,
	.by_request = TRUE,
	.is_possible = is_possible,
	.begin = begin,
	.poll = poll,
	.end = end,
};
