/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks QEMU's trace points (qmp/trace-line.c parses their lines; trace-log.c reads them).
 *
 * QEMU hits them whenever it checks how much remains: every 50 to 100 ms while it has RAM to send,
 * and 30,000 times a second when it has none and may not switch over (measured on 10.0). It asks
 * the drivers only rarely, about once a pass over RAM; otherwise the lines show QEMU's own count.
 * So the trace points are on until QEMU has asked for each vGPU, or some KiB have arrived, and then
 * off for a second. They are off longer if the lines would otherwise exceed some KiB a second,
 * because the log may belong to somebody. If a user has switched them on, they are not changed.
 */
#include "engine/measure/vgpu-pending.h"

#include <string.h>

#include "engine/measure/trace-log.h"
#include "qmp/qmp-trace.h"
#include "qmp/source-util.h"
#include "qmp/trace-line.h"

#define PERIOD_US	(G_USEC_PER_SEC)
#define WINDOW_US	(2 * G_USEC_PER_SEC)		/* while there are few lines */
#define STORM_US	(150 * (G_USEC_PER_SEC / 1000)) /* time in which a storm of lines shows */
#define READ_MS		5				/* during a storm */
#define CALM_READ_MS	20
#define DRAIN_READS	4 /* empty reads, after they are off */
#define LOG_BYTES_PER_S (16 * 1024)
#define FACT		"trace_log"
#define FACT_NAME	"trace_log_name"

typedef struct {
	VgpuPendingSource base;
	TraceLog log;
	GSource *reader; /* (nullable): while they are on, and until everything is read */
	gboolean is_on;
	gint64 calm_us; /* when it is known to be no storm */
	gint64 off_us;	/* when to switch them off */
	gint64 next_us; /* when they may be switched on again */
	guint n_idle_reads;
	gsize window_bytes;
	gboolean *seen; /* (owned): by vGPU: the driver's own figure was seen */
} Trace;

static char *
log_name(const char *run_name)
{
	return g_strconcat(run_name, "-log", NULL);
}

static gboolean
is_possible(const VgpuPendingContext *context, const char **ret_why)
{
	QmpTraceState state = QMP_TRACE_ABSENT;
	g_autoptr(GError) error = NULL;
	if (!qmp_trace_query(context->qemu->qmp, TRACE_LINE_EVENTS, &state, &error) ||
	    state == QMP_TRACE_ABSENT) {
		*ret_why = "this QEMU has no such trace points";
		return FALSE;
	}
	*ret_why = "they are switched on already";
	return state == QMP_TRACE_OFF &&
	       trace_log_find_kind(context->qemu, ret_why) != TRACE_LOG_NONE;
}

static void
add_facts(const VgpuPendingContext *context, JsonObject *facts)
{
	const char *why;
	g_autofree char *name = log_name(context->name);
	json_object_set_string_member(facts, FACT,
				      trace_log_kind_to_string(
					      trace_log_find_kind(context->qemu, &why)));
	json_object_set_string_member(facts, FACT_NAME, name);
}

static VgpuPendingSource *
begin(const VgpuPendingContext *context, GError **error)
{
	const char *why;
	g_autofree char *name = log_name(context->name);
	g_autofree Trace *self = g_new0(Trace, 1);
	if (!trace_log_open(&self->log, context->qemu, trace_log_find_kind(context->qemu, &why),
			    name, error))
		return NULL;
	self->base.context = *context;
	self->seen = g_new0(gboolean, context->vgpus->len);
	return (VgpuPendingSource *)g_steal_pointer(&self);
}

/* ---- while they are on ---- */

/* Finds the vGPU by the name that QEMU uses, which is the host's. */
static gint
find_vgpu(const GPtrArray *vgpus, const char *device)
{
	for (guint i = 0; i < vgpus->len; i++) {
		const GwVgpu *vgpu = g_ptr_array_index(vgpus, i);
		if (g_strcmp0(vgpu->id, device) == 0)
			return (gint)i;
	}
	return -1;
}

static void
take_line(const char *text, gsize len, gpointer data)
{
	Trace *self = data;
	const VgpuPendingContext *context = &self->base.context;
	TraceLine line;
	gint vgpu =
		trace_line_parse(text, len, &line) ? find_vgpu(context->vgpus, line.device) : -1;
	if (vgpu < 0)
		return;
	AccountReading reading = { line.initial_bytes, line.dirty_bytes, line.stop_bytes,
				   line.is_exact };
	if (self->seen[vgpu])
		return; /* a storm has thousands of these */
	vgpu_pending_take(context, (guint)vgpu, GW_SOURCE_TRACE, &reading);
	self->seen[vgpu] = line.is_exact;
}

static gboolean
have_seen_enough(const Trace *self)
{
	if (self->window_bytes >= LOG_BYTES_PER_S)
		return TRUE;
	for (guint i = 0; i < self->base.context.vgpus->len; i++)
		if (!self->seen[i])
			return FALSE;
	return TRUE;
}

static void
switch_off(Trace *self, gint64 now_us)
{
	self->is_on = FALSE;
	self->n_idle_reads = 0;
	qmp_trace_set_async(self->base.context.qemu->qmp, TRACE_LINE_EVENTS, FALSE);
	self->next_us = now_us + PERIOD_US;
}

/* Everything is read. A user who reads the same log must not get too many lines. */
static gboolean
end_window(Trace *self)
{
	if (self->log.kind == TRACE_LOG_FILE)
		self->next_us += (gint64)(self->window_bytes * G_USEC_PER_SEC / LOG_BYTES_PER_S);
	source_end(&self->reader);
	return G_SOURCE_REMOVE;
}

static gboolean on_read(gpointer data);

static void
read_each(Trace *self, guint ms)
{
	self->reader = source_begin(g_timeout_source_new(ms), on_read, self,
				    g_main_context_get_thread_default());
}

/* Reads more slowly from now on. Returns whether to keep the old source. */
static gboolean
slow_down(Trace *self)
{
	source_end(&self->reader);
	self->calm_us = G_MAXINT64;
	read_each(self, CALM_READ_MS);
	return G_SOURCE_REMOVE;
}

static gboolean
on_read(gpointer data)
{
	Trace *self = data;
	const VgpuPendingContext *context = &self->base.context;
	gint64 now_us = context->now_us(context->now_data);
	gsize n = trace_log_read(&self->log, take_line, self);
	self->window_bytes += n;
	if (self->is_on && (have_seen_enough(self) || now_us >= self->off_us))
		switch_off(self, now_us);
	self->n_idle_reads = n > 0 ? 0 : self->n_idle_reads + 1;
	if (!self->is_on && self->n_idle_reads >= DRAIN_READS)
		return end_window(self);
	return self->is_on && now_us >= self->calm_us ? slow_down(self) : G_SOURCE_CONTINUE;
}

static void
poll(VgpuPendingSource *base, gint64 now_us)
{
	Trace *self = (Trace *)base;
	if (self->reader != NULL || now_us < self->next_us)
		return;
	memset(self->seen, 0, base->context.vgpus->len * sizeof *self->seen);
	self->window_bytes = 0;
	trace_log_skip(&self->log);
	self->is_on = TRUE;
	self->calm_us = now_us + STORM_US;
	self->off_us = now_us + WINDOW_US;
	qmp_trace_set_async(base->context.qemu->qmp, TRACE_LINE_EVENTS, TRUE);
	read_each(self, READ_MS);
}

/* ---- the end ---- */

static gboolean
end(VgpuPendingSource *base, GError **error)
{
	Trace *self = (Trace *)base;
	Qemu *qemu = base->context.qemu;
	g_autoptr(GError) local_error = NULL;
	gboolean is_off = !self->is_on || qemu->closed != NULL ||
			  qmp_trace_set(qemu->qmp, TRACE_LINE_EVENTS, FALSE, &local_error);
	source_end(&self->reader);
	gboolean is_back = trace_log_close(&self->log, qemu, is_off ? &local_error : NULL);
	g_free(self->seen);
	g_free(self);
	if (local_error != NULL)
		g_propagate_prefixed_error(error, g_steal_pointer(&local_error),
					   "the trace points: ");
	return is_off && is_back;
}

static gboolean
put_back(Qemu *qemu, Journal *journal, GError **error)
{
	const char *kind = journal_get_string(journal, FACT);
	const char *name = journal_get_string(journal, FACT_NAME);
	return kind == NULL || name == NULL || trace_log_put_back(qemu, kind, name, error);
}

const VgpuPendingOps vgpu_pending_trace = {
	.name = "trace",
	.source = GW_SOURCE_TRACE,
	.is_possible = is_possible,
	.add_facts = add_facts,
	.begin = begin,
	.poll = poll,
	.end = end,
	.put_back = put_back,
};
