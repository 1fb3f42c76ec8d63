/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The source's samples. The run's Account joins what QEMU says, what the devices' events say, and,
 * where the user wants the stream read, what passes through us.
 */
#include "engine/source/source-sample.h"

#include <string.h>

#include "engine/data/sample-json.h"
#include "engine/source/source-converge.h"
#include "engine/util/json-fields.h"

/* The two directions of one channel, by their numbers in the reader. */
struct SourceTap {
	GwStreamReader *reader; /* (borrowed) */
	int to_peer, to_qemu;
};

/* In the relay's thread. */
static void
tap(gpointer data, const guint8 *bytes, gsize n_bytes, RelayDirection direction)
{
	const SourceTap *self = data;
	gw_stream_reader_push(self->reader,
			      direction == RELAY_TO_PEER ? self->to_peer : self->to_qemu, bytes,
			      n_bytes);
}

static int
add_channel(GwStreamReader *reader, guint index, gboolean is_return)
{
	g_autofree char *name =
		g_strdup_printf(is_return ? "channel %u back" : "channel %u", index);
	return gw_stream_reader_add(reader, name, is_return);
}

/* The reader needs QEMU's main channel first, and so it is. */
static void
watch_channels(SourceRun *run)
{
	guint n = run->channels.transport->fds->len;
	run->sampling.stream = gw_stream_reader_new();
	run->sampling.taps = g_new0(SourceTap, n);
	for (guint i = 0; i < n; i++) {
		SourceTap *self = &run->sampling.taps[i];
		self->reader = run->sampling.stream;
		self->to_peer = add_channel(run->sampling.stream, i, FALSE);
		self->to_qemu = add_channel(run->sampling.stream, i, TRUE);
		transport_set_tap(run->channels.transport, i, tap, self);
	}
}

/* Tells the account what the stream has carried so far. */
static void
count_sent(gpointer data)
{
	SourceRun *run = data;
	if (run->sampling.stream == NULL)
		return;
	g_autoptr(GwStreamAccount) account = gw_stream_reader_get_account(run->sampling.stream);
	account_take_stream(run->sampling.account, account);
}

static gint64
now_us(gpointer data)
{
	return recorder_now_us(((SourceRun *)data)->recorder);
}

static void
begin_asking(SourceRun *run)
{
	const VgpuPendingContext context = {
		.qemu = run->qemu,
		.vgpus = run->surveys.source->vgpus,
		.name = run->session,
		.account = run->sampling.account,
		.now_us = now_us,
		.now_data = run,
		.count_sent = count_sent,
	};
	if (run->surveys.source->vgpus != NULL && run->surveys.source->vgpus->len > 0)
		run->sampling.pending =
			vgpu_pending_new(&context, run->journal, run->options->ask_devices);
}

void
source_sample_begin(SourceRun *run)
{
	run->sampling.account = account_new(run->surveys.source->vgpus);
	begin_asking(run);
	if (run->options->account)
		watch_channels(run);
}

gboolean
source_sample_end(SourceRun *run, GError **error)
{
	return run->sampling.pending == NULL || vgpu_pending_end(run->sampling.pending, error);
}

void
source_sample_event(SourceRun *run, const char *name, JsonObject *data)
{
	if (run->sampling.account == NULL || strcmp(name, "VFIO_MIGRATION") != 0)
		return;
	account_take_state(run->sampling.account, fields_peek_string(data, "device-id", NULL),
			   fields_peek_string(data, "qom-path", NULL),
			   fields_peek_string(data, "device-state", NULL));
}

/* @text: (transfer full) */
static void
tell(SourceRun *run, const char *event, char *text)
{
	g_autoptr(JsonObject) data = json_object_new();
	json_object_set_string_member(data, "message", text);
	recorder_event(run->recorder, "engine", event, data, g_get_monotonic_time());
	g_free(text);
}

static void
tell_doubts(SourceRun *run)
{
	char *text;
	while ((text = account_next_doubt(run->sampling.account)) != NULL)
		tell(run, "doubt", text);
	while (run->sampling.pending != NULL &&
	       (text = vgpu_pending_next_refusal(run->sampling.pending)) != NULL)
		tell(run, "not asked", text);
}

/* Only while the guest runs: later it would be downtime, and the bytes that were sent tell what
 * remains. */
static void
ask(SourceRun *run)
{
	if (run->sampling.pending != NULL && run->qemu->status == QMP_MIGRATE_ACTIVE)
		vgpu_pending_poll(run->sampling.pending);
}

/* Before its second bitmap sync QEMU says 0 for the dirty rate, and its own limit for the
 * downtime. */
static gboolean
has_measured_rates(const QmpMigrateInfo *info)
{
	return info->ram_dirty_bytes_per_s > 0 || info->passes > 2;
}

gint64
source_ram_sent(const QmpMigrateInfo *info)
{
	gint64 vfio_bytes = MAX(info->vfio_transferred_bytes, 0);
	return info->ram_transferred_bytes < 0 ? -1
					       : MAX(info->ram_transferred_bytes - vfio_bytes, 0);
}

static void
fill_from_qemu(GwSample *sample, const QmpMigrateInfo *info)
{
	sample->ram_total_bytes = info->ram_total_bytes;
	sample->ram_transferred_bytes = source_ram_sent(info);
	sample->ram_remaining_bytes = info->ram_remaining_bytes;
	sample->passes = info->passes;
	sample->bandwidth_bytes_per_s = info->bandwidth_bytes_per_s;
	sample->vfio_transferred_bytes = info->vfio_transferred_bytes;
	if (has_measured_rates(info)) {
		sample->ram_dirty_bytes_per_s = info->ram_dirty_bytes_per_s;
		sample->expected_downtime_us = info->expected_downtime_us;
	}
}

static void
fill_report(SourceRun *run, const QmpMigrateInfo *info)
{
	GwReport *report = recorder_get_report(run->recorder);
	report->ram_total_bytes = info->ram_total_bytes;
	report->ram_transferred_bytes = source_ram_sent(info);
	report->ram_passes = info->passes;
	if (info->ram_dirty_bytes_per_s > 0)
		report->ram_dirty_bytes_per_s = info->ram_dirty_bytes_per_s;
	report->setup_us = info->setup_us;
	account_fill_report(run->sampling.account, report);
}

void
source_sample_take(SourceRun *run)
{
	if (!run->qemu->info_is_new)
		return;
	run->qemu->info_is_new = FALSE;
	const QmpMigrateInfo *info = &run->qemu->info;
	if (info->ram_total_bytes < 0)
		return; /* QEMU gives figures in some states only */
	g_autoptr(GwSample) sample = gw_sample_new();
	sample->time_us = recorder_now_us(run->recorder);
	sample->phase = g_intern_string(recorder_get_phase(run->recorder));
	fill_from_qemu(sample, info);
	account_take_info(run->sampling.account, info, sample->time_us);
	count_sent(run);
	account_fill_sample(run->sampling.account, sample, sample->time_us);
	channel_watch_fill(run->channels.watch, sample);
	if (run->qemu->status == QMP_MIGRATE_ACTIVE && run->convergence.controller != NULL)
		source_converge_step(run, sample);
	recorder_sample(run->recorder, sample);
	ask(run);
	tell_doubts(run);
	fill_report(run, info);
}

void
source_sample_last(SourceRun *run, const QmpMigrateInfo *info)
{
	account_take_info(run->sampling.account, info, recorder_now_us(run->recorder));
	count_sent(run);
	account_compare(run->sampling.account);
	account_fill_report(run->sampling.account, recorder_get_report(run->recorder));
	tell_doubts(run);
}
