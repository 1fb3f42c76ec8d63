/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The source's samples: what QEMU says, what passes through us where the user wants the stream accounted, and what the
 * devices' own events tell, joined by the run's Account.
 */
#include "engine/source/source-run.h"

#include <string.h>

#include "engine/util/json-fields.h"
#include "engine/data/sample-json.h"

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

/* QEMU's main channel comes first, as the reader would have it. */
static void
watch_channels(SourceRun *run)
{
	guint n = run->transport->fds->len;
	run->stream = gw_stream_reader_new();
	run->taps = g_new0(SourceTap, n);
	for (guint i = 0; i < n; i++) {
		SourceTap *self = &run->taps[i];
		self->reader = run->stream;
		self->to_peer = add_channel(run->stream, i, FALSE);
		self->to_qemu = add_channel(run->stream, i, TRUE);
		transport_set_tap(run->transport, i, tap, self);
	}
}

/* What the stream has had so far, to the account. */
static void
count_sent(gpointer data)
{
	SourceRun *run = data;
	if (run->stream == NULL)
		return;
	g_autoptr(GwStreamAccount) account = gw_stream_reader_get_account(run->stream);
	account_take_stream(run->account, account);
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
		.vgpus = run->source->vgpus,
		.name = run->session,
		.account = run->account,
		.now_us = now_us,
		.now_data = run,
		.count_sent = count_sent,
	};
	if (run->source->vgpus != NULL && run->source->vgpus->len > 0)
		run->pending = vgpu_pending_new(&context, run->journal, run->options->ask_devices);
}

void
source_sample_begin(SourceRun *run)
{
	run->account = account_new(run->source->vgpus);
	begin_asking(run);
	if (run->options->account)
		watch_channels(run);
}

gboolean
source_sample_end(SourceRun *run, GError **error)
{
	return run->pending == NULL || vgpu_pending_end(run->pending, error);
}

void
source_sample_clear(SourceRun *run)
{
	g_clear_pointer(&run->pending, vgpu_pending_free);
	g_clear_pointer(&run->account, account_free);
	g_clear_pointer(&run->stream, gw_stream_reader_free);
	g_clear_pointer(&run->taps, g_free);
}

void
source_sample_event(SourceRun *run, const char *name, JsonObject *data)
{
	if (run->account == NULL || strcmp(name, "VFIO_MIGRATION") != 0)
		return;
	account_take_state(run->account, fields_peek_string(data, "device-id", NULL),
			   fields_peek_string(data, "qom-path", NULL),
			   fields_peek_string(data, "device-state", NULL));
}

/* @text: (transfer full) */
static void
tell(SourceRun *run, const char *event, char *text)
{
	g_autoptr(JsonObject) data = json_object_new();
	json_object_set_string_member(data, "message", text);
	recorder_event(run->recorder, "engine", event, data, g_get_real_time());
	g_free(text);
}

static void
tell_doubts(SourceRun *run)
{
	char *text;
	while ((text = account_next_doubt(run->account)) != NULL)
		tell(run, "doubt", text);
	while (run->pending != NULL && (text = vgpu_pending_next_refusal(run->pending)) != NULL)
		tell(run, "not asked", text);
}

/* While the guest runs: later nobody has time for it, and what is left goes by what is sent. */
static void
ask(SourceRun *run)
{
	if (run->pending != NULL && run->qemu->status == QMP_MIGRATE_ACTIVE)
		vgpu_pending_poll(run->pending);
}

/* Before its second look at the bitmap QEMU says 0 for the dirty rate, and its own limit for the downtime. */
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
	account_fill_report(run->account, report);
}

void
source_sample_take(SourceRun *run)
{
	if (!run->qemu->info_is_new)
		return;
	run->qemu->info_is_new = FALSE;
	const QmpMigrateInfo *info = &run->qemu->info;
	if (info->ram_total_bytes < 0)
		return; /* QEMU has numbers in some states only */
	g_autoptr(GwSample) sample = gw_sample_new();
	sample->time_us = recorder_now_us(run->recorder);
	sample->phase = g_intern_string(recorder_get_phase(run->recorder));
	fill_from_qemu(sample, info);
	account_take_info(run->account, info, sample->time_us);
	count_sent(run);
	account_fill_sample(run->account, sample, sample->time_us);
	channel_watch_fill(run->watch, sample);
	if (run->qemu->status == QMP_MIGRATE_ACTIVE && run->converge != NULL)
		source_steer(run, sample);
	recorder_sample(run->recorder, sample);
	ask(run);
	tell_doubts(run);
	fill_report(run, info);
}

/* The last, when QEMU has said that all is sent. */
void
source_sample_last(SourceRun *run, const QmpMigrateInfo *info)
{
	account_take_info(run->account, info, recorder_now_us(run->recorder));
	count_sent(run);
	account_compare(run->account);
	account_fill_report(run->account, recorder_get_report(run->recorder));
	tell_doubts(run);
}
