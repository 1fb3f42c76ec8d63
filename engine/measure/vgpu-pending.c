/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sources that are asked how much of the vGPUs remains, from the best to the worst: QEMU
 * itself, by its `remaining` (11.1 on, and for one vGPU; the account has it already); QEMU's trace
 * points; the driver, if the user wants that. A source is asked only if the better ones do not know
 * a vGPU.
 *
 * A source begins when it is first needed. Its changes to QEMU are written to the journal before.
 */
#include "engine/measure/vgpu-pending.h"

#define X(word) extern const VgpuPendingOps vgpu_pending_##word;
VGPU_PENDING_SOURCES(X)
#undef X

#define X(word) &vgpu_pending_##word,
static const VgpuPendingOps *const all[] = { VGPU_PENDING_SOURCES(X) };
#undef X

#define N_ASKERS G_N_ELEMENTS(all)

struct VgpuPending {
	VgpuPendingContext context;
	Journal *journal;
	gboolean by_request;
	VgpuPendingSource *askers[N_ASKERS]; /* NULL: not begun */
	gboolean is_out[N_ASKERS];	     /* it cannot be used here */
	char *refusals[N_ASKERS];	     /* (nullable): not reported yet */
};

VgpuPending *
vgpu_pending_new(const VgpuPendingContext *context, Journal *journal, gboolean by_request)
{
	VgpuPending *self = g_new0(VgpuPending, 1);
	self->context = *context;
	self->journal = journal;
	self->by_request = by_request;
	for (guint i = 0; i < N_ASKERS; i++)
		self->is_out[i] = all[i]->by_request && !by_request;
	return self;
}

void
vgpu_pending_take(const VgpuPendingContext *context, guint vgpu, GwNumberSource source,
		  const AccountReading *reading)
{
	/* The remaining bytes belong to what was sent until then. */
	if (reading->is_fresh && context->count_sent != NULL)
		context->count_sent(context->now_data);
	account_take_reading(context->account, vgpu, source, reading,
			     context->now_us(context->now_data));
}

static void
refuse(VgpuPending *self, guint i, const char *why)
{
	self->is_out[i] = TRUE;
	self->refusals[i] = g_strdup_printf("cannot ask '%s' how much of the vGPUs remains: %s",
					    all[i]->name, why);
}

static gboolean
note(VgpuPending *self, guint i, GError **error)
{
	if (all[i]->add_facts == NULL)
		return TRUE;
	JsonObject *facts = json_object_new();
	all[i]->add_facts(&self->context, facts);
	return journal_append(self->journal, JOURNAL_PRECOPY, facts, error);
}

static void
begin(VgpuPending *self, guint i)
{
	const char *why = NULL;
	g_autoptr(GError) error = NULL;
	if (!all[i]->is_possible(&self->context, &why)) {
		refuse(self, i, why);
		return;
	}
	if (note(self, i, &error))
		self->askers[i] = all[i]->begin(&self->context, &error);
	if (self->askers[i] == NULL)
		refuse(self, i, error->message);
}

void
vgpu_pending_poll(VgpuPending *self)
{
	gint64 now_us = self->context.now_us(self->context.now_data);
	for (guint i = 0; i < N_ASKERS; i++) {
		if (self->is_out[i] ||
		    !account_wants(self->context.account, all[i]->source, now_us))
			continue;
		if (self->askers[i] == NULL)
			begin(self, i);
		if (self->askers[i] != NULL)
			all[i]->poll(self->askers[i], now_us);
	}
}

char *
vgpu_pending_next_refusal(VgpuPending *self)
{
	for (guint i = 0; i < N_ASKERS; i++)
		if (self->refusals[i] != NULL)
			return g_steal_pointer(&self->refusals[i]);
	return NULL;
}

gboolean
vgpu_pending_end(VgpuPending *self, GError **error)
{
	gboolean is_back = TRUE;
	for (guint i = 0; i < N_ASKERS; i++) {
		VgpuPendingSource *asker = g_steal_pointer(&self->askers[i]);
		self->is_out[i] = TRUE;
		if (asker != NULL && !all[i]->end(asker, is_back ? error : NULL))
			is_back = FALSE;
	}
	return is_back;
}

void
vgpu_pending_free(VgpuPending *self)
{
	g_autoptr(GError) error = NULL;
	if (self == NULL)
		return;
	if (!vgpu_pending_end(self, &error))
		g_debug("%s", error->message);
	for (guint i = 0; i < N_ASKERS; i++)
		g_free(self->refusals[i]);
	g_free(self);
}

gboolean
vgpu_pending_put_back(Qemu *qemu, Journal *journal, GError **error)
{
	gboolean is_back = TRUE;
	for (guint i = 0; i < N_ASKERS; i++)
		if (all[i]->put_back != NULL &&
		    !all[i]->put_back(qemu, journal, is_back ? error : NULL))
			is_back = FALSE;
	return is_back;
}
