/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The account of a migration's vGPUs. No source knows everything, so each number comes from the
 * best source that has it:
 *
 *	sent		the stream, by device; else QEMU's vfio.transferred, which is a sum:
 *			only for a single vGPU
 *	of that, after	the stream; else for a single vGPU what was sent since pre-switchover
 *	 the stop
 *	remaining	QEMU's `remaining` minus RAM's (11.1 on), which is a sum too; QEMU's trace
 *			points; the driver, asked by us; a bound from QEMU's sum, or from the vRAM
 *			and what was sent
 *	dirty rate	from what remains and what was sent (account-vgpu.c)
 *
 * An upper bound is marked as a bound. The account reports contradictions: a stream that is no
 * longer counted; a stream that has more than QEMU says it has sent, or at the end not the same;
 * figures that make no sense.
 */
#include "engine/forecast/account.h"

#include <string.h>

#include "engine/forecast/account-vgpu.h"
#include "engine/data/sample-json.h"

struct Account {
	AccountVgpu *vgpus; /* (owned) */
	guint n_vgpus;
	GQueue doubts; /* of char * */

	/* QEMU's figures; -1: not reported. */
	gint64 qemu_sent_bytes; /* of all devices */
	gint64 qemu_left_bytes;
	gint64 qemu_precopy_bytes;
	gint64 passes;

	/* The stream's figures. */
	gboolean has_stream, is_lost, is_complete;
	gint64 stream_sent_bytes;
};

Account *
account_new(const GPtrArray *vgpus)
{
	Account *self = g_new0(Account, 1);
	self->n_vgpus = vgpus != NULL ? vgpus->len : 0;
	self->vgpus = g_new0(AccountVgpu, self->n_vgpus);
	for (guint i = 0; i < self->n_vgpus; i++)
		account_vgpu_init(&self->vgpus[i], g_ptr_array_index(vgpus, i));
	g_queue_init(&self->doubts);
	self->qemu_sent_bytes = self->qemu_left_bytes = self->qemu_precopy_bytes = self->passes =
		-1;
	return self;
}

void
account_free(Account *self)
{
	if (self == NULL)
		return;
	for (guint i = 0; i < self->n_vgpus; i++)
		account_vgpu_clear(&self->vgpus[i]);
	g_free(self->vgpus);
	g_queue_clear_full(&self->doubts, g_free);
	g_free(self);
}

static void
doubt(Account *self, char *text)
{
	g_queue_push_tail(&self->doubts, text);
}

char *
account_next_doubt(Account *self)
{
	return g_queue_pop_head(&self->doubts);
}

/* ---- QEMU ---- */

static void
take_sent(Account *self, const QmpMigrateInfo *info)
{
	if (info->vfio_transferred_bytes < 0)
		return;
	self->qemu_sent_bytes = info->vfio_transferred_bytes;
	if (info->status == QMP_MIGRATE_ACTIVE || info->status == QMP_MIGRATE_PRE_SWITCHOVER)
		self->qemu_precopy_bytes = info->vfio_transferred_bytes;
	/* The stream counts each device, so QEMU's sum is not needed. */
	if (self->n_vgpus != 1 || (self->has_stream && !self->is_lost))
		return;
	AccountVgpu *vgpu = &self->vgpus[0];
	vgpu->sent_bytes = self->qemu_sent_bytes;
	vgpu->precopy_bytes = self->qemu_precopy_bytes;
	vgpu->sent_source = GW_SOURCE_QEMU;
}

/* QEMU asks the drivers when it syncs the dirty bitmap, and counts down in between. */
static void
take_left(Account *self, const QmpMigrateInfo *info, gint64 time_us)
{
	gboolean is_fresh = info->passes != self->passes;
	self->passes = info->passes;
	self->qemu_left_bytes = -1;
	if (info->remaining_bytes < 0 || info->ram_remaining_bytes < 0)
		return;
	self->qemu_left_bytes = MAX(info->remaining_bytes - info->ram_remaining_bytes, 0);
	if (self->n_vgpus == 1) {
		AccountReading reading = { -1, -1, self->qemu_left_bytes, is_fresh };
		account_take_reading(self, 0, GW_SOURCE_QEMU, &reading, time_us);
	}
}

void
account_take_info(Account *self, const QmpMigrateInfo *info, gint64 time_us)
{
	take_sent(self, info);
	take_left(self, info, time_us);
}

static AccountVgpu *
find_by_event(Account *self, const char *device_id, const char *qom_path)
{
	const char *name = qom_path != NULL ? strrchr(qom_path, '/') : NULL;
	for (guint i = 0; i < self->n_vgpus; i++) {
		const char *known = self->vgpus[i].device_id;
		if (known != NULL && (g_strcmp0(known, device_id) == 0 ||
				      (name != NULL && strcmp(known, name + 1) == 0)))
			return &self->vgpus[i];
	}
	return NULL;
}

void
account_take_state(Account *self, const char *device_id, const char *qom_path, const char *state)
{
	AccountVgpu *vgpu = find_by_event(self, device_id, qom_path);
	if (vgpu == NULL || state == NULL)
		return;
	if (g_str_has_prefix(state, "pre-copy"))
		vgpu->has_precopy = TRUE;
	vgpu->has_stopped = strcmp(state, "stop-copy") == 0 || strcmp(state, "stop") == 0;
}

void
account_take_reading(Account *self, guint vgpu, GwNumberSource source,
		     const AccountReading *reading, gint64 time_us)
{
	if (vgpu >= self->n_vgpus)
		return;
	account_vgpu_keep(&self->vgpus[vgpu], source, reading, time_us);
	char *text = account_vgpu_doubt(&self->vgpus[vgpu]);
	if (text != NULL)
		doubt(self, text);
}

/* ---- the stream ---- */

static const char *
find_error(const GwStreamAccount *stream)
{
	for (guint i = 0; i < stream->channels->len; i++) {
		const GwStreamChannel *channel = g_ptr_array_index(stream->channels, i);
		if (channel->error != NULL && strcmp(channel->kind, "return") != 0)
			return channel->error;
	}
	return NULL;
}

/* The main channel ends last, so its end means that all of the stream was counted. */
static gboolean
has_all(const GwStreamAccount *stream)
{
	for (guint i = 0; i < stream->channels->len; i++) {
		const GwStreamChannel *channel = g_ptr_array_index(stream->channels, i);
		if (strcmp(channel->kind, "main") == 0 && channel->is_complete)
			return TRUE;
	}
	return FALSE;
}

static const GwStreamDevice *
find_device(const GwStreamAccount *stream, const char *id)
{
	for (guint i = 0; id != NULL && i < stream->bytes.devices->len; i++) {
		const GwStreamDevice *device = g_ptr_array_index(stream->bytes.devices, i);
		if (strcmp(device->id, id) == 0)
			return device;
	}
	return NULL;
}

static void
take_devices(Account *self, const GwStreamAccount *stream)
{
	for (guint i = 0; i < self->n_vgpus; i++) {
		AccountVgpu *vgpu = &self->vgpus[i];
		const GwStreamDevice *device = find_device(stream, vgpu->stream_id);
		if (device == NULL)
			continue;
		vgpu->sent_source = GW_SOURCE_STREAM;
		vgpu->sent_bytes = device->transferred_bytes;
		vgpu->precopy_bytes = device->precopy_bytes;
		if (device->precopy_bytes > 0)
			vgpu->has_precopy = TRUE;
	}
}

/* The counts of the vGPUs are incomplete from now on. */
static void
lose_stream(Account *self, const char *error)
{
	self->is_lost = TRUE;
	for (guint i = 0; i < self->n_vgpus; i++) {
		self->vgpus[i].sent_bytes = self->vgpus[i].precopy_bytes = -1;
		self->vgpus[i].n_points = 0;
	}
	doubt(self, g_strdup_printf("the stream is no longer counted: %s", error));
}

void
account_take_stream(Account *self, const GwStreamAccount *stream)
{
	const char *error = find_error(stream);
	if (self->is_lost)
		return;
	if (error != NULL) {
		lose_stream(self, error);
		return;
	}
	self->has_stream = TRUE;
	self->is_complete = has_all(stream);
	self->stream_sent_bytes = stream->vfio_transferred_bytes;
	take_devices(self, stream);
}

/* Compares only at the end. Before that the two are read at different times, and QEMU counts a
 * block only when all of it is sent. */
void
account_compare(Account *self)
{
	if (!self->has_stream || self->is_lost || self->qemu_sent_bytes < 0 ||
	    self->stream_sent_bytes == self->qemu_sent_bytes)
		return;
	doubt(self, g_strdup_printf(
			    "the stream has %" G_GINT64_FORMAT
			    " bytes of vGPUs, but QEMU reports that it has sent %" G_GINT64_FORMAT,
			    self->stream_sent_bytes, self->qemu_sent_bytes));
}

/* ---- the numbers ---- */

/* Returns a bound from QEMU's figure for all devices together. */
static GwNumber
bound_by_sum(const Account *self)
{
	return gw_number(self->qemu_left_bytes, GW_SOURCE_QEMU, GW_CONFIDENCE_BOUND);
}

static GwNumber
lesser(GwNumber a, GwNumber b)
{
	if (!gw_number_is_known(a) || !gw_number_is_known(b))
		return gw_number_is_known(a) ? a : b;
	return a.value <= b.value ? a : b;
}

static GwNumber
left_of(const Account *self, const AccountVgpu *vgpu, gint64 time_us)
{
	if (self->is_complete && !self->is_lost)
		return gw_number(0, GW_SOURCE_STREAM, GW_CONFIDENCE_MEASURED);
	GwNumber left = account_vgpu_left(vgpu, time_us);
	return gw_number_is_known(left) ? left
					: lesser(account_vgpu_bound(vgpu), bound_by_sum(self));
}

gboolean
account_wants(const Account *self, GwNumberSource source, gint64 time_us)
{
	for (guint i = 0; i < self->n_vgpus; i++)
		if (!account_vgpu_is_told(&self->vgpus[i], source, time_us))
			return TRUE;
	return FALSE;
}

static GwNumber
sent(const AccountVgpu *vgpu, gint64 bytes)
{
	return gw_number(bytes, vgpu->sent_source, GW_CONFIDENCE_MEASURED);
}

static gint64
stop_copy_bytes(const AccountVgpu *vgpu)
{
	if (vgpu->sent_bytes < 0 || vgpu->precopy_bytes < 0)
		return -1;
	return MAX(vgpu->sent_bytes - vgpu->precopy_bytes, 0);
}

/* QEMU's own sum is better than a sum of bounds. */
static void
total_left(const Account *self, GwSample *sample)
{
	GwNumber *total = &sample->total_remaining_bytes;
	gboolean is_sure =
		gw_number_is_known(*total) && total->confidence <= GW_CONFIDENCE_ESTIMATED;
	if (is_sure || self->qemu_left_bytes < 0 || sample->ram_remaining_bytes < 0)
		return;
	*total = gw_number(sample->ram_remaining_bytes + self->qemu_left_bytes, GW_SOURCE_QEMU,
			   GW_CONFIDENCE_ESTIMATED);
}

void
account_fill_sample(Account *self, GwSample *sample, gint64 time_us)
{
	for (guint i = 0; i < self->n_vgpus; i++) {
		const AccountVgpu *vgpu = &self->vgpus[i];
		GwVgpuSample *to = sample_add_vgpu(sample, vgpu->name, vgpu->vram_bytes);
		to->has_precopy = vgpu->has_precopy;
		to->transferred_bytes = sent(vgpu, vgpu->sent_bytes);
		to->precopy_bytes = sent(vgpu, vgpu->precopy_bytes);
		to->stop_copy_bytes = sent(vgpu, stop_copy_bytes(vgpu));
		to->remaining_bytes = left_of(self, vgpu, time_us);
		to->dirty_bytes_per_s = account_vgpu_dirty_rate(vgpu, time_us);
	}
	sample_sum(sample);
	total_left(self, sample);
}

static const AccountVgpu *
find_by_name(const Account *self, const char *name)
{
	for (guint i = 0; i < self->n_vgpus; i++)
		if (g_strcmp0(self->vgpus[i].name, name) == 0)
			return &self->vgpus[i];
	return NULL;
}

void
account_fill_report(const Account *self, GwReport *report)
{
	for (guint i = 0; i < report->vgpus->len; i++) {
		GwReportVgpu *to = g_ptr_array_index(report->vgpus, i);
		const AccountVgpu *vgpu = find_by_name(self, to->id);
		if (vgpu == NULL)
			continue;
		to->transferred_bytes = sent(vgpu, vgpu->sent_bytes);
		to->precopy_bytes = sent(vgpu, vgpu->precopy_bytes);
		to->stop_copy_bytes = sent(vgpu, stop_copy_bytes(vgpu));
	}
}
