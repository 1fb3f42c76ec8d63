/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A recorded run decides again as it did: its samples, read back from the report's JSON, are fed to
 * a new controller.
 */
#include "engine/data/sample-json.h"
#include "engine/forecast/account.h"
#include "engine/forecast/converge.h"
#include "engine/record/recorder.h"
#include "tests/rig/test-util.h"

#define MIB	  (G_GINT64_CONSTANT(1) << 20)
#define N_SAMPLES 100
#define N_VGPUS	  2

static void
ignore_phase(const char *name, gpointer data)
{
}

static void
ignore_sample(const GwSample *sample, gpointer data)
{
}

static void
ignore_event(const GwEvent *event, gpointer data)
{
}

static const RecorderListener nobody = { ignore_phase, ignore_sample, ignore_event };

static Account *
make_account(void)
{
	g_autoptr(GPtrArray) vgpus = g_ptr_array_new_with_free_func((GDestroyNotify)gw_vgpu_free);
	for (guint i = 0; i < N_VGPUS; i++) {
		GwVgpu *vgpu = g_new0(GwVgpu, 1);
		vgpu->name = g_strdup_printf("gpu%u", i);
		vgpu->id = g_strdup_printf("uuid-%u", i);
		vgpu->vram_bytes = 256 * MIB;
		vgpu->migration_flags = GW_VGPU_STOP_COPY | GW_VGPU_PRE_COPY;
		vgpu->stop_copy_bytes = -1;
		g_ptr_array_add(vgpus, vgpu);
	}
	return account_new(vgpus);
}

static Converge *
make_controller(void)
{
	ConvergePolicy policy = { .max_downtime_us = 300000, .guest_runs = TRUE };
	predict_terms_init(&policy.terms);
	return converge_new(&policy);
}

/* What QEMU 11.1 says of a guest whose memory, and vGPUs of which it tells the sum, are sent and
 * written again. */
static void
make_info(QmpMigrateInfo *info, gint64 i)
{
	qmp_migrate_info_init(info);
	info->status = QMP_MIGRATE_ACTIVE;
	info->passes = 1 + i / 10;
	info->ram_total_bytes = 1024 * MIB;
	info->ram_remaining_bytes = (i < 50 ? 1000 - 19 * i : 60 - (i % 10) * 5) * MIB;
	info->ram_transferred_bytes = 20 * i * MIB;
	info->ram_dirty_bytes_per_s = 40 * MIB;
	info->bandwidth_bytes_per_s = 200 * MIB;
	info->vfio_transferred_bytes = 2 * i * MIB;
	info->remaining_bytes = info->ram_remaining_bytes + (N_SAMPLES - i) * MIB;
}

static GwSample *
make_sample(Account *account, gint64 i)
{
	QmpMigrateInfo info;
	make_info(&info, i);
	GwSample *sample = gw_sample_new();
	sample->time_us = i * 100000;
	sample->phase = "precopy";
	sample->passes = info.passes;
	sample->ram_total_bytes = info.ram_total_bytes;
	sample->ram_remaining_bytes = info.ram_remaining_bytes;
	sample->ram_transferred_bytes = info.ram_transferred_bytes;
	sample->ram_dirty_bytes_per_s = info.ram_dirty_bytes_per_s;
	sample->bandwidth_bytes_per_s = info.bandwidth_bytes_per_s;
	sample->vfio_transferred_bytes = info.vfio_transferred_bytes;
	account_take_info(account, &info, sample->time_us);
	account_fill_sample(account, sample, sample->time_us);
	return sample;
}

/* All that the controller says after a sample, as text. */
static char *
describe(const Converge *converge)
{
	const GwPrediction *prediction = converge_get_prediction(converge);
	g_autofree char *reason = converge_get_reason(converge);
	return g_strdup_printf("limit %" G_GINT64_FORMAT " us, %s, downtime %" G_GINT64_FORMAT
			       " us, total %" G_GINT64_FORMAT " us: %s",
			       converge_get_limit_us(converge), converge_get_bottleneck(converge),
			       prediction != NULL ? prediction->downtime_us.likely : -1,
			       prediction != NULL ? prediction->total_us.likely : -1, reason);
}

/* (transfer full): of each sample of the live run, what was decided */
static GPtrArray *
run_live(Recorder *recorder)
{
	g_autoptr(Account) account = make_account();
	g_autoptr(Converge) converge = make_controller();
	GPtrArray *decisions = g_ptr_array_new_with_free_func(g_free);

	recorder_phase(recorder, "precopy");
	for (gint64 i = 0; i < N_SAMPLES; i++) {
		g_autoptr(GwSample) sample = make_sample(account, i);
		ConvergeAdvice advice;
		converge_step(converge, sample, &advice);
		recorder_sample(recorder, sample);
		g_ptr_array_add(decisions, describe(converge));
	}
	CU_ASSERT_PTR_NOT_NULL(converge_get_prediction(converge));
	return decisions;
}

/* (transfer full) */
static GwReport *
through_json(Recorder *recorder)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GwReport) report = recorder_finish(recorder);
	g_autofree char *text = gw_report_to_json(report);
	GwReport *back = gw_report_from_json(text, -1, &error);
	TEST_NO_ERROR(error);
	return back;
}

static void
a_recorded_run_decides_again_as_it_did(void)
{
	g_autoptr(Recorder) recorder = recorder_new(&nobody, NULL);
	g_autoptr(GPtrArray) decisions = run_live(recorder);
	g_autoptr(GwReport) report = through_json(recorder);
	g_autoptr(Converge) converge = make_controller();

	CU_ASSERT_PTR_NOT_NULL_FATAL(report);
	CU_ASSERT_EQUAL_FATAL(report->samples->len, N_SAMPLES);
	for (guint i = 0; i < N_SAMPLES; i++) {
		ConvergeAdvice advice;
		converge_step(converge, g_ptr_array_index(report->samples, i), &advice);
		g_autofree char *decision = describe(converge);
		TEST_STRING(decision, g_ptr_array_index(decisions, i));
	}
}

/* QEMU's own sum over the vGPUs, which is better than a sum of upper bounds. */
static void
the_account_s_total_is_in_the_report(void)
{
	g_autoptr(Recorder) recorder = recorder_new(&nobody, NULL);
	g_autoptr(GPtrArray) decisions = run_live(recorder);
	g_autoptr(GwReport) report = through_json(recorder);

	CU_ASSERT_PTR_NOT_NULL_FATAL(report);
	for (guint i = 0; i < report->samples->len; i++) {
		const GwSample *sample = g_ptr_array_index(report->samples, i);
		GwNumber left = sample->total_remaining_bytes;
		CU_ASSERT_EQUAL(sample->time_us, i * 100000);
		CU_ASSERT_EQUAL(left.value, sample->ram_remaining_bytes + (N_SAMPLES - i) * MIB);
		CU_ASSERT_EQUAL(left.confidence, GW_CONFIDENCE_ESTIMATED);
	}
}

CU_TestInfo suite_replay[] = {
	{ "a recorded run decides again as it did", a_recorded_run_decides_again_as_it_did },
	{ "the account's total is in the report", the_account_s_total_is_in_the_report },
	CU_TEST_INFO_NULL,
};
