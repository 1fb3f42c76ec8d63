/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * account: each number of a vGPU by the best source that has it, and what is told when they do not
 * fit together. For each source there is a test of what is said without it.
 */
#include <string.h>

#include "engine/forecast/account.h"
#include "engine/data/report-json.h"
#include "engine/data/stream-account.h"
#include "engine/data/vgpu-json.h"
#include "tests/rig/test-util.h"

#define MIB (G_GINT64_CONSTANT(1) << 20)
#define KIB (G_GINT64_CONSTANT(1) << 10)
#define GIB (G_GINT64_CONSTANT(1) << 30)
#define S   G_USEC_PER_SEC

static GPtrArray *
make_vgpus(guint n)
{
	GPtrArray *vgpus = g_ptr_array_new_with_free_func((GDestroyNotify)gw_vgpu_free);
	for (guint i = 0; i < n; i++) {
		GwVgpu *vgpu = g_new0(GwVgpu, 1);
		vgpu->name = g_strdup_printf("gpu%u", i);
		vgpu->guest_path = g_strdup_printf("0000:00:%02x.0", 8 + i);
		vgpu->id = g_strdup_printf("uuid-%u", i);
		vgpu->vram_bytes = 16 * MIB;
		vgpu->migration_flags = GW_VGPU_STOP_COPY | GW_VGPU_P2P | GW_VGPU_PRE_COPY;
		vgpu->stop_copy_bytes = -1;
		g_ptr_array_add(vgpus, vgpu);
	}
	return vgpus;
}

static Account *
make(guint n)
{
	g_autoptr(GPtrArray) vgpus = make_vgpus(n);
	return account_new(vgpus);
}

/* What query-migrate says; -1 for what it does not. */
static void
info(Account *account, QmpMigrateStatus status, gint64 sent, gint64 left, gint64 passes,
     gint64 time_us)
{
	QmpMigrateInfo info;
	qmp_migrate_info_init(&info);
	info.status = status;
	info.vfio_transferred_bytes = sent;
	info.ram_remaining_bytes = 1 * MIB;
	info.remaining_bytes = left < 0 ? -1 : left + 1 * MIB;
	info.passes = passes;
	account_take_info(account, &info, time_us);
}

static void
reading(Account *account, guint vgpu, GwNumberSource source, gint64 initial, gint64 dirty,
	gint64 stop, gint64 time_us)
{
	AccountReading reading = { initial, dirty, stop, TRUE };
	account_take_reading(account, vgpu, source, &reading, time_us);
}

typedef struct {
	gint64 precopy_bytes, stop_copy_bytes;
} Sent;

/* A stream that has had so much of each device. @error: (nullable) */
static void
stream(Account *account, const Sent *sent, guint n, gboolean is_complete, const char *error)
{
	g_autoptr(GwStreamAccount) stream = stream_account_new();
	GwStreamChannel *channel = g_new0(GwStreamChannel, 1);
	stream_bytes_init(&channel->bytes);
	channel->kind = "main";
	channel->is_complete = is_complete;
	channel->error = g_strdup(error);
	g_ptr_array_add(stream->channels, channel);
	for (guint i = 0; i < n; i++) {
		g_autofree char *id = g_strdup_printf("0000:00:%02x.0/vfio", 8 + i);
		GwStreamDevice *device = stream_bytes_add_device(&stream->bytes, id);
		device->precopy_bytes = sent[i].precopy_bytes;
		device->stop_copy_bytes = sent[i].stop_copy_bytes;
		device->transferred_bytes = sent[i].precopy_bytes + sent[i].stop_copy_bytes;
		stream->vfio_transferred_bytes += device->transferred_bytes;
	}
	account_take_stream(account, stream);
}

static GwSample *
sample(Account *account, gint64 time_us)
{
	GwSample *sample = gw_sample_new();
	sample->ram_remaining_bytes = 1 * MIB;
	sample->ram_transferred_bytes = 5 * MIB;
	account_fill_sample(account, sample, time_us);
	return sample;
}

static const GwVgpuSample *
vgpu_of(const GwSample *sample, guint i)
{
	return g_ptr_array_index(sample->vgpus, i);
}

static void
check(GwNumber number, gint64 value, GwNumberSource source, GwConfidence confidence)
{
	CU_ASSERT_EQUAL(number.value, value);
	if (value < 0)
		return;
	TEST_STRING(gw_number_source_to_string(number.source), gw_number_source_to_string(source));
	TEST_STRING(gw_confidence_to_string(number.confidence),
		    gw_confidence_to_string(confidence));
}

#define MEASURED(number, value, source)	 check(number, value, source, GW_CONFIDENCE_MEASURED)
#define ESTIMATED(number, value, source) check(number, value, source, GW_CONFIDENCE_ESTIMATED)
#define BOUND(number, value, source)	 check(number, value, source, GW_CONFIDENCE_BOUND)
#define LEAST(number, value, source)	 check(number, value, source, GW_CONFIDENCE_LOWER_BOUND)
#define UNKNOWN(number)			 check(number, -1, GW_SOURCE_MODEL, GW_CONFIDENCE_MEASURED)

static void
expect_doubt(Account *account, const char *expected)
{
	g_autofree char *text = account_next_doubt(account);
	TEST_STRING(text, expected);
}

/* ---- sent ---- */

static void
test_one_without_stream(void)
{
	g_autoptr(Account) account = make(1);
	info(account, QMP_MIGRATE_ACTIVE, 3 * MIB, -1, 1, 0);
	g_autoptr(GwSample) running = sample(account, 0);
	MEASURED(vgpu_of(running, 0)->transferred_bytes, 3 * MIB, GW_SOURCE_QEMU);
	MEASURED(vgpu_of(running, 0)->precopy_bytes, 3 * MIB, GW_SOURCE_QEMU);
	MEASURED(vgpu_of(running, 0)->stop_copy_bytes, 0, GW_SOURCE_QEMU);
	MEASURED(running->total_transferred_bytes, 8 * MIB, GW_SOURCE_QEMU);
	info(account, QMP_MIGRATE_PRE_SWITCHOVER, 4 * MIB, -1, 2, S);
	info(account, QMP_MIGRATE_COMPLETED, 6 * MIB, -1, 2, 2 * S);
	g_autoptr(GwSample) ended = sample(account, 2 * S);
	MEASURED(vgpu_of(ended, 0)->precopy_bytes, 4 * MIB, GW_SOURCE_QEMU);
	MEASURED(vgpu_of(ended, 0)->stop_copy_bytes, 2 * MIB, GW_SOURCE_QEMU);
	expect_doubt(account, NULL);
}

/* QEMU's is a sum: nobody knows whose. */
static void
test_two_without_stream(void)
{
	g_autoptr(Account) account = make(2);
	info(account, QMP_MIGRATE_ACTIVE, 3 * MIB, -1, 1, 0);
	g_autoptr(GwSample) got = sample(account, 0);
	for (guint i = 0; i < 2; i++) {
		UNKNOWN(vgpu_of(got, i)->transferred_bytes);
		UNKNOWN(vgpu_of(got, i)->precopy_bytes);
		UNKNOWN(vgpu_of(got, i)->stop_copy_bytes);
		UNKNOWN(vgpu_of(got, i)->dirty_bytes_per_s);
	}
	UNKNOWN(got->total_transferred_bytes);
}

static void
test_stream(void)
{
	const Sent sent[] = { { 2 * MIB, 1 * MIB }, { 7 * MIB, 0 } };
	g_autoptr(Account) account = make(2);
	stream(account, sent, 2, FALSE, NULL);
	info(account, QMP_MIGRATE_COMPLETED, 10 * MIB, -1, 1, 0);
	g_autoptr(GwSample) got = sample(account, 0);
	MEASURED(vgpu_of(got, 0)->transferred_bytes, 3 * MIB, GW_SOURCE_STREAM);
	MEASURED(vgpu_of(got, 0)->precopy_bytes, 2 * MIB, GW_SOURCE_STREAM);
	MEASURED(vgpu_of(got, 0)->stop_copy_bytes, 1 * MIB, GW_SOURCE_STREAM);
	MEASURED(vgpu_of(got, 1)->transferred_bytes, 7 * MIB, GW_SOURCE_STREAM);
	account_compare(account);
	expect_doubt(account, NULL);
}

static void
test_stream_disagrees(void)
{
	const Sent sent[] = { { 2 * MIB, 1 * MIB } };
	g_autoptr(Account) account = make(1);
	stream(account, sent, 1, FALSE, NULL);
	/* It is ahead of QEMU's number, which is older. */
	info(account, QMP_MIGRATE_ACTIVE, 3 * MIB - 1, -1, 1, 0);
	expect_doubt(account, NULL);
	info(account, QMP_MIGRATE_COMPLETED, 3 * MIB + 1, -1, 1, 0);
	expect_doubt(account, NULL);
	account_compare(account);
	expect_doubt(
		account,
		"the stream has 3145728 bytes of vGPUs, but QEMU reports that it has sent 3145729");
	g_autoptr(GwSample) got = sample(account, 0);
	MEASURED(vgpu_of(got, 0)->transferred_bytes, 3 * MIB, GW_SOURCE_STREAM);
}

static void
test_stream_lost(void)
{
	const Sent sent[] = { { 2 * MIB, 0 } };
	g_autoptr(Account) account = make(1);
	stream(account, sent, 1, FALSE, NULL);
	stream(account, sent, 1, FALSE, "at offset 7: expected this, not that");
	stream(account, sent, 1, FALSE, "at offset 7: expected this, not that");
	expect_doubt(account,
		     "the stream is no longer counted: at offset 7: expected this, not that");
	expect_doubt(account, NULL);
	g_autoptr(GwSample) lost = sample(account, 0);
	UNKNOWN(vgpu_of(lost, 0)->transferred_bytes);
	info(account, QMP_MIGRATE_ACTIVE, 3 * MIB, -1, 1, 0);
	g_autoptr(GwSample) got = sample(account, 0);
	MEASURED(vgpu_of(got, 0)->transferred_bytes, 3 * MIB, GW_SOURCE_QEMU);
	account_compare(account);
	expect_doubt(account, NULL);
}

/* ---- left ---- */

static void
test_left_by_qemu(void)
{
	g_autoptr(Account) account = make(1);
	info(account, QMP_MIGRATE_ACTIVE, 0, 9 * MIB, 1, 0);
	reading(account, 0, GW_SOURCE_TRACE, 0, 8 * MIB, 8 * MIB, 0);
	g_autoptr(GwSample) got = sample(account, 0);
	MEASURED(vgpu_of(got, 0)->remaining_bytes, 9 * MIB, GW_SOURCE_QEMU);
	MEASURED(got->total_remaining_bytes, 10 * MIB, GW_SOURCE_QEMU);
	CU_ASSERT_FALSE(account_wants(account, GW_SOURCE_TRACE, 0));
	/* No look at the drivers since: QEMU has only counted down. */
	info(account, QMP_MIGRATE_ACTIVE, 1 * MIB, 8 * MIB, 1, S);
	g_autoptr(GwSample) later = sample(account, S);
	LEAST(vgpu_of(later, 0)->remaining_bytes, 8 * MIB, GW_SOURCE_QEMU);
}

static void
test_left_by_qemu_of_two(void)
{
	g_autoptr(Account) account = make(2);
	info(account, QMP_MIGRATE_ACTIVE, 0, 9 * MIB, 1, 0);
	g_autoptr(GwSample) got = sample(account, 0);
	BOUND(vgpu_of(got, 0)->remaining_bytes, 9 * MIB, GW_SOURCE_QEMU);
	BOUND(vgpu_of(got, 1)->remaining_bytes, 9 * MIB, GW_SOURCE_QEMU);
	ESTIMATED(got->total_remaining_bytes, 10 * MIB, GW_SOURCE_QEMU);
	CU_ASSERT_TRUE(account_wants(account, GW_SOURCE_TRACE, 0));
}

static void
test_left_by_trace(void)
{
	g_autoptr(Account) account = make(2);
	info(account, QMP_MIGRATE_ACTIVE, 0, -1, 1, 0);
	reading(account, 0, GW_SOURCE_TRACE, 1 * MIB, 2 * MIB, 4 * MIB, 0);
	reading(account, 0, GW_SOURCE_DEVICE, -1, -1, 5 * MIB, 0);
	reading(account, 1, GW_SOURCE_TRACE, 1 * MIB, 2 * MIB, -1, 0);
	g_autoptr(GwSample) got = sample(account, 0);
	MEASURED(vgpu_of(got, 0)->remaining_bytes, 4 * MIB, GW_SOURCE_TRACE);
	MEASURED(vgpu_of(got, 1)->remaining_bytes, 3 * MIB, GW_SOURCE_TRACE);
	CU_ASSERT_TRUE(account_wants(account, GW_SOURCE_TRACE, 0));
	CU_ASSERT_FALSE(account_wants(account, GW_SOURCE_DEVICE, 0));
	/* One that is old is carried on, one that is older says nothing. */
	g_autoptr(GwSample) old = sample(account, S);
	LEAST(vgpu_of(old, 0)->remaining_bytes, 4 * MIB, GW_SOURCE_TRACE);
	CU_ASSERT_TRUE(account_wants(account, GW_SOURCE_DEVICE, S));
	g_autoptr(GwSample) older = sample(account, 6 * S);
	BOUND(vgpu_of(older, 0)->remaining_bytes, 16 * MIB, GW_SOURCE_FRAMEBUFFER);
}

static void
test_left_by_device(void)
{
	g_autoptr(Account) account = make(1);
	reading(account, 0, GW_SOURCE_DEVICE, -1, -1, 5 * MIB, 0);
	g_autoptr(GwSample) got = sample(account, 0);
	MEASURED(vgpu_of(got, 0)->remaining_bytes, 5 * MIB, GW_SOURCE_DEVICE);
	CU_ASSERT_TRUE(account_wants(account, GW_SOURCE_DEVICE, 0));
}

/* By the stream: what has gone with the guest stopped does not come again; and when all has gone
 * nothing is left. */
static void
test_left_by_stream(void)
{
	const Sent precopy[] = { { 20 * MIB, 0 } };
	const Sent stopped[] = { { 20 * MIB, 6 * MIB } };
	const Sent more[] = { { 20 * MIB, 17 * MIB } };
	g_autoptr(Account) account = make(1);
	stream(account, precopy, 1, FALSE, NULL);
	g_autoptr(GwSample) first = sample(account, 0);
	BOUND(vgpu_of(first, 0)->remaining_bytes, 16 * MIB, GW_SOURCE_FRAMEBUFFER);
	stream(account, stopped, 1, FALSE, NULL);
	g_autoptr(GwSample) second = sample(account, 0);
	BOUND(vgpu_of(second, 0)->remaining_bytes, 10 * MIB, GW_SOURCE_STREAM);
	stream(account, more, 1, FALSE, NULL);
	g_autoptr(GwSample) third = sample(account, 0);
	BOUND(vgpu_of(third, 0)->remaining_bytes, 0, GW_SOURCE_STREAM);
	stream(account, more, 1, TRUE, NULL);
	g_autoptr(GwSample) last = sample(account, 0);
	MEASURED(vgpu_of(last, 0)->remaining_bytes, 0, GW_SOURCE_STREAM);
}

static void
test_left_by_nobody(void)
{
	g_autoptr(GPtrArray) vgpus = make_vgpus(1);
	((GwVgpu *)vgpus->pdata[0])->vram_bytes = -1;
	((GwVgpu *)vgpus->pdata[0])->guest_path[0] = 'x';
	g_autoptr(Account) account = account_new(vgpus);
	const Sent sent[] = { { 20 * MIB, 0 } };
	stream(account, sent, 1, FALSE, NULL);
	g_autoptr(GwSample) got = sample(account, 0);
	UNKNOWN(vgpu_of(got, 0)->remaining_bytes);
	UNKNOWN(vgpu_of(got, 0)->transferred_bytes);
	UNKNOWN(got->total_remaining_bytes);
	CU_ASSERT_EQUAL(vgpu_of(got, 0)->vram_bytes, -1);
	g_autoptr(Account) none = account_new(NULL);
	g_autoptr(GwSample) empty = sample(none, 0);
	CU_ASSERT_EQUAL(empty->vgpus->len, 0);
	MEASURED(empty->total_remaining_bytes, 1 * MIB, GW_SOURCE_QEMU);
	CU_ASSERT_FALSE(account_wants(none, GW_SOURCE_DEVICE, 0));
}

/* Without an estimate of its driver QEMU assumes 100 GiB. */
static void
test_made_up_size(void)
{
	g_autoptr(GPtrArray) vgpus = make_vgpus(1);
	((GwVgpu *)vgpus->pdata[0])->lacks_data_size = TRUE;
	g_autoptr(Account) account = account_new(vgpus);
	info(account, QMP_MIGRATE_ACTIVE, 0, 100 * GIB, 1, 0);
	g_autoptr(GwSample) bound = sample(account, 0);
	BOUND(vgpu_of(bound, 0)->remaining_bytes, 16 * MIB, GW_SOURCE_FRAMEBUFFER);
	reading(account, 0, GW_SOURCE_TRACE, 0, 3 * MIB, 100 * GIB, 0);
	g_autoptr(GwSample) got = sample(account, 0);
	MEASURED(vgpu_of(got, 0)->remaining_bytes, 3 * MIB, GW_SOURCE_TRACE);
}

static void
test_garbage(void)
{
	g_autoptr(Account) account = make(1);
	reading(account, 0, GW_SOURCE_TRACE, G_MAXINT64, G_MAXINT64, 33 * MIB, 0);
	g_autoptr(GwSample) bound = sample(account, 0);
	BOUND(vgpu_of(bound, 0)->remaining_bytes, 16 * MIB, GW_SOURCE_FRAMEBUFFER);
	expect_doubt(account, "vGPU 'gpu0' has 16777216 bytes of vRAM, and its driver says that "
			      "9223372036854775807 "
			      "remain: this is ignored");
	reading(account, 0, GW_SOURCE_TRACE, G_MAXINT64, 1, 32 * MIB, 0);
	expect_doubt(account, NULL);
	g_autoptr(GwSample) got = sample(account, 0);
	MEASURED(vgpu_of(got, 0)->remaining_bytes, 32 * MIB, GW_SOURCE_TRACE);
	reading(account, 7, GW_SOURCE_TRACE, 1, 1, 1, 0); /* there is no such vGPU */
}

/* ---- the rate ---- */

#define FEW_LEFT (800 * KIB) /* of 16 MiB */

/* Each 100 ms @rate / 10 is written and @sent / 10 sent; the driver is asked each time. */
static GwNumber
rate_after(Account *account, gint64 rate, gint64 sent_per_s, guint steps, gint64 initial,
	   gint64 *ret_left)
{
	gint64 left = FEW_LEFT, sent = 0;
	for (guint i = 0; i < steps; i++) {
		gint64 now_us = i * S / 10;
		const Sent so_far[] = { { sent, 0 } };
		stream(account, so_far, 1, FALSE, NULL);
		reading(account, 0, GW_SOURCE_TRACE, initial, left - initial, left, now_us);
		left += (rate - sent_per_s) / 10;
		sent += sent_per_s / 10;
	}
	g_autoptr(GwSample) got = sample(account, (steps - 1) * S / 10);
	if (ret_left != NULL)
		*ret_left = vgpu_of(got, 0)->remaining_bytes.value;
	return vgpu_of(got, 0)->dirty_bytes_per_s;
}

static void
test_rate(void)
{
	static const struct {
		gint64 rate, sent;
		guint steps;
		gint64 expected; /* -1: not known yet */
		GwConfidence confidence;
	} rows[] = {
		{ 0, 0, 20, 0, GW_CONFIDENCE_MEASURED },
		{ 100 * KIB, 0, 20, 100 * KIB, GW_CONFIDENCE_MEASURED },
		/* All that was sent may be one block, of which some was left when the window
		 * began. */
		{ 100 * KIB, 100 * KIB, 20, 0, GW_CONFIDENCE_LOWER_BOUND },
		{ 0, 200 * KIB, 20, 0, GW_CONFIDENCE_LOWER_BOUND },
		{ 300 * KIB, 500 * KIB, 35, 0, GW_CONFIDENCE_LOWER_BOUND },
		{ 1000 * KIB, 1000 * KIB, 60, 1000 * KIB, GW_CONFIDENCE_ESTIMATED },
		{ 1000 * KIB, 1000 * KIB, 90, 1000 * KIB, GW_CONFIDENCE_MEASURED },
		{ 8 * MIB, 8 * MIB, 12, 8 * MIB, GW_CONFIDENCE_MEASURED },
		{ 100 * KIB, 0, 10, -1, GW_CONFIDENCE_ESTIMATED },
		{ 100 * KIB, 0, 11, 100 * KIB, GW_CONFIDENCE_MEASURED },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(Account) account = make(1);
		GwNumber rate =
			rate_after(account, rows[i].rate, rows[i].sent, rows[i].steps, 0, NULL);
		CU_ASSERT_EQUAL(gw_number_is_known(rate), rows[i].expected >= 0);
		CU_ASSERT_TRUE(ABS(rate.value - rows[i].expected) < 100);
		CU_ASSERT_EQUAL(rate.confidence, rows[i].confidence);
	}
	g_autoptr(Account) first_pass = make(1);
	GwNumber rate = rate_after(first_pass, 100 * KIB, 0, 20, 400 * KIB, NULL);
	CU_ASSERT_EQUAL(rate.confidence, GW_CONFIDENCE_LOWER_BOUND);
}

/* With next to nothing left QEMU can hold next to nothing. */
static void
test_little_left(void)
{
	g_autoptr(Account) account = make(1);
	for (guint i = 0; i <= 20; i++) {
		const Sent sent[] = { { i * 100 * KIB, 0 } };
		stream(account, sent, 1, FALSE, NULL);
		reading(account, 0, GW_SOURCE_DEVICE, -1, -1, 64, i * S / 2);
	}
	g_autoptr(GwSample) got = sample(account, 10 * S);
	MEASURED(vgpu_of(got, 0)->dirty_bytes_per_s, 200 * KIB, GW_SOURCE_DEVICE);
}

/* Until the driver is asked again what is left goes by what is written and sent. */
static void
test_carried_on(void)
{
	g_autoptr(Account) account = make(1);
	rate_after(account, 2 * MIB, 0, 20, 0, NULL);
	gint64 left = FEW_LEFT + 19 * (2 * MIB / 10);
	const Sent sent[] = { { 1 * MIB, 0 } };
	stream(account, sent, 1, FALSE, NULL);
	g_autoptr(GwSample) got = sample(account, 19 * S / 10 + S);
	gint64 expected = left + 2 * MIB - 1 * MIB;
	CU_ASSERT_TRUE(ABS(vgpu_of(got, 0)->remaining_bytes.value - expected) < 100);
	CU_ASSERT_EQUAL(vgpu_of(got, 0)->remaining_bytes.confidence, GW_CONFIDENCE_ESTIMATED);
}

/* Looks that are far apart: the rate is that of the time between them, and lasts until the next. */
static void
test_rare_looks(void)
{
	g_autoptr(Account) account = make(1);
	const Sent sent[] = { { 0, 0 }, { 8 * MIB, 0 } };
	stream(account, &sent[0], 1, FALSE, NULL);
	reading(account, 0, GW_SOURCE_TRACE, 0, 0, 64, 0);
	stream(account, &sent[1], 1, FALSE, NULL);
	reading(account, 0, GW_SOURCE_TRACE, 0, 0, 64, 8 * S);
	g_autoptr(GwSample) got = sample(account, 16 * S);
	MEASURED(vgpu_of(got, 0)->dirty_bytes_per_s, 1 * MIB, GW_SOURCE_TRACE);
	g_autoptr(GwSample) late = sample(account, 50 * S);
	UNKNOWN(vgpu_of(late, 0)->dirty_bytes_per_s);
}

/* With half of it dirty half of what is written does not show, nor a block that QEMU has in its
 * hands. */
static void
test_much_left(void)
{
	g_autoptr(Account) account = make(1);
	const Sent sent[] = { { 0, 0 }, { 8 * MIB, 0 } };
	stream(account, &sent[0], 1, FALSE, NULL);
	reading(account, 0, GW_SOURCE_TRACE, 0, 8 * MIB, 8 * MIB, 0);
	stream(account, &sent[1], 1, FALSE, NULL);
	reading(account, 0, GW_SOURCE_TRACE, 0, 8 * MIB, 8 * MIB, 4 * S);
	g_autoptr(GwSample) got = sample(account, 4 * S);
	LEAST(vgpu_of(got, 0)->dirty_bytes_per_s, 7 * MIB / 4, GW_SOURCE_TRACE);
}

/* QEMU's own estimate only falls; the driver knows better, where it may be asked. */
static void
test_estimate_and_driver(void)
{
	g_autoptr(Account) account = make(1);
	AccountReading carried = { 0, 1 * MIB, -1, FALSE };
	account_take_reading(account, 0, GW_SOURCE_TRACE, &carried, 0);
	g_autoptr(GwSample) alone = sample(account, 0);
	LEAST(vgpu_of(alone, 0)->remaining_bytes, 1 * MIB, GW_SOURCE_TRACE);
	CU_ASSERT_TRUE(account_wants(account, GW_SOURCE_DEVICE, 0));
	reading(account, 0, GW_SOURCE_DEVICE, -1, -1, 9 * MIB, S);
	g_autoptr(GwSample) asked = sample(account, S);
	MEASURED(vgpu_of(asked, 0)->remaining_bytes, 9 * MIB, GW_SOURCE_DEVICE);
	/* One that comes later is no better for that. */
	account_take_reading(account, 0, GW_SOURCE_TRACE, &carried, 2 * S);
	g_autoptr(GwSample) later = sample(account, 2 * S);
	LEAST(vgpu_of(later, 0)->remaining_bytes, 9 * MIB, GW_SOURCE_DEVICE);
}

/* Who asks now and then does not break off what another measures; we who ask often take it over. */
static void
test_two_who_ask(void)
{
	g_autoptr(Account) account = make(1);
	for (guint i = 0; i < 4; i++) {
		const Sent sent[] = { { i * MIB, 0 } };
		stream(account, sent, 1, FALSE, NULL);
		if (i % 2 == 0)
			reading(account, 0, GW_SOURCE_TRACE, 0, 0, 64, i * S);
		reading(account, 0, GW_SOURCE_DEVICE, -1, -1, 64, i * S);
	}
	g_autoptr(GwSample) got = sample(account, 3 * S);
	check(vgpu_of(got, 0)->dirty_bytes_per_s, 1 * MIB, GW_SOURCE_DEVICE,
	      GW_CONFIDENCE_ESTIMATED);
}

static void
test_no_rate(void)
{
	/* It is sent only when it has stopped: there is nothing to send again. */
	g_autoptr(GPtrArray) vgpus = make_vgpus(1);
	((GwVgpu *)vgpus->pdata[0])->migration_flags = GW_VGPU_STOP_COPY;
	g_autoptr(Account) stop_only = account_new(vgpus);
	for (guint i = 0; i < 20; i++) {
		info(stop_only, QMP_MIGRATE_ACTIVE, 0, -1, 1, i * S / 10);
		reading(stop_only, 0, GW_SOURCE_DEVICE, -1, -1, 4 * MIB + i * MIB / 10, i * S / 10);
	}
	g_autoptr(GwSample) got = sample(stop_only, 2 * S);
	UNKNOWN(vgpu_of(got, 0)->dirty_bytes_per_s);
	/* An event says that it has pre-copy after all, and another that it has stopped. */
	account_take_state(stop_only, NULL, "/machine/peripheral/gpu0", "pre-copy");
	g_autoptr(GwSample) running = sample(stop_only, 2 * S);
	CU_ASSERT_TRUE(gw_number_is_known(vgpu_of(running, 0)->dirty_bytes_per_s));
	account_take_state(stop_only, "gpu0", NULL, "stop-copy");
	account_take_state(stop_only, "other", "/machine/other", "running");
	g_autoptr(GwSample) stopped = sample(stop_only, 2 * S);
	MEASURED(vgpu_of(stopped, 0)->dirty_bytes_per_s, 0, GW_SOURCE_DEVICE);
}

/* What QEMU only counts down is no look at the driver. */
static void
test_rate_by_qemu(void)
{
	g_autoptr(Account) account = make(1);
	gint64 left = 8 * MIB;
	for (gint64 i = 0; i <= 30; i++) {
		gboolean looks = i % 5 == 0;
		left = looks ? 8 * MIB + i * MIB / 10 : left;
		info(account, QMP_MIGRATE_ACTIVE, 0, left, i / 5, i * S / 10);
	}
	g_autoptr(GwSample) got = sample(account, 3 * S);
	GwNumber rate = vgpu_of(got, 0)->dirty_bytes_per_s;
	CU_ASSERT_TRUE(ABS(rate.value - 1 * MIB) < 100);
	CU_ASSERT_EQUAL(rate.source, GW_SOURCE_QEMU);
}

/* ---- the report ---- */

static void
test_report(void)
{
	const Sent sent[] = { { 2 * MIB, 1 * MIB }, { 7 * MIB, 0 } };
	g_autoptr(Account) account = make(2);
	g_autoptr(GwReport) report = gw_report_new();
	report_add_vgpu(report, "gpu1", NULL, -1);
	report_add_vgpu(report, "other", NULL, -1);
	stream(account, sent, 2, FALSE, NULL);
	account_fill_report(account, report);
	const GwReportVgpu *vgpu = g_ptr_array_index(report->vgpus, 0);
	MEASURED(vgpu->transferred_bytes, 7 * MIB, GW_SOURCE_STREAM);
	MEASURED(vgpu->precopy_bytes, 7 * MIB, GW_SOURCE_STREAM);
	MEASURED(vgpu->stop_copy_bytes, 0, GW_SOURCE_STREAM);
	const GwReportVgpu *other = g_ptr_array_index(report->vgpus, 1);
	UNKNOWN(other->transferred_bytes);
}

CU_TestInfo suite_account[] = {
	{ "sent: a single vGPU is QEMU's sum", test_one_without_stream },
	{ "sent: of two vGPUs nobody knows without the stream", test_two_without_stream },
	{ "sent: the stream has each", test_stream },
	{ "sent: that stream and QEMU disagree is told", test_stream_disagrees },
	{ "sent: a stream that is lost counts no more", test_stream_lost },
	{ "left: by QEMU", test_left_by_qemu },
	{ "left: of two vGPUs QEMU's is a bound for each", test_left_by_qemu_of_two },
	{ "left: by the trace points", test_left_by_trace },
	{ "left: by the driver", test_left_by_device },
	{ "left: a bound by the stream", test_left_by_stream },
	{ "left: nobody knows", test_left_by_nobody },
	{ "left: what QEMU makes up is not taken", test_made_up_size },
	{ "left: garbage is not believed, and told", test_garbage },
	{ "rate: what is left and sent", test_rate },
	{ "rate: little that is left", test_little_left },
	{ "rate: looks that are far apart", test_rare_looks },
	{ "rate: much that is left hides some of it", test_much_left },
	{ "left: QEMU's estimate and the driver", test_estimate_and_driver },
	{ "rate: two who ask in turns", test_two_who_ask },
	{ "rate: what is left is carried on by it", test_carried_on },
	{ "rate: none of what is sent only once", test_no_rate },
	{ "rate: only by looks at the driver", test_rate_by_qemu },
	{ "the report's vGPUs", test_report },
	CU_TEST_INFO_NULL,
};
