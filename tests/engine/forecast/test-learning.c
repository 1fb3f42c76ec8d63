/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What migrations teach about a vGPU's type: merged, looked up, kept in a file, and a file that
 * lies.
 */
#include <CUnit/CUnit.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/data/dirty-rate-json.h"
#include "engine/forecast/dirty-rate-forecast.h"
#include "engine/gw-error.h"
#include "engine/record/learning-file.h"
#include "engine/data/prediction-json.h"
#include "engine/data/report-json.h"
#include "tests/rig/test-util.h"

#define MIB	G_GINT64_CONSTANT(1048576)
#define GIGABIT G_GINT64_CONSTANT(125000000)

static void
add_vgpu(GPtrArray *vgpus, const char *type, const char *version)
{
	GwVgpu *vgpu = g_new0(GwVgpu, 1);
	vgpu->type = g_strdup(type);
	vgpu->driver_version = g_strdup(version);
	vgpu->vram_bytes = 512 * MIB;
	g_ptr_array_add(vgpus, vgpu);
}

/* (transfer full) */
static GPtrArray *
make_vgpus(guint n, const char *type, const char *version)
{
	GPtrArray *vgpus = g_ptr_array_new_with_free_func((GDestroyNotify)gw_vgpu_free);
	for (guint i = 0; i < n; i++)
		add_vgpu(vgpus, type, version);
	return vgpus;
}

/* (transfer full): of a run in which each of @n vGPUs sent @stop_bytes with the guest stopped. */
static GwReport *
make_report(guint n, gint64 stop_us, gint64 transfer_us, gint64 start_us, gint64 stop_bytes)
{
	GwReport *report = gw_report_new();
	report->outcome = GW_OUTCOME_COMPLETED;
	report_add_part(report, "go", stop_us);
	report_add_part(report, "transfer", transfer_us);
	report_add_part(report, "commit", start_us);
	for (guint i = 0; i < n; i++) {
		GwReportVgpu *vgpu = report_add_vgpu(report, "gpu", "nvidia-63", 512 * MIB);
		vgpu->precopy_bytes = gw_number(0, GW_SOURCE_STREAM, GW_CONFIDENCE_MEASURED);
		if (stop_bytes >= 0)
			vgpu->stop_copy_bytes =
				gw_number(stop_bytes, GW_SOURCE_STREAM, GW_CONFIDENCE_MEASURED);
	}
	report->prediction = prediction_new();
	report->prediction->bandwidth_bytes_per_s = 10 * GIGABIT;
	return report;
}

static void
take(GPtrArray *learning, const GPtrArray *vgpus, gint64 stop_us, gint64 transfer_us,
     gint64 start_us, gint64 stop_bytes)
{
	g_autoptr(GwReport) report =
		make_report(vgpus->len, stop_us, transfer_us, start_us, stop_bytes);
	CU_ASSERT_TRUE(learning_take(learning, vgpus, report));
}

static gboolean
is_range(GwRange range, gint64 low, gint64 likely, gint64 high)
{
	if (range.low == low && range.likely == likely && range.high == high)
		return TRUE;
	fprintf(stderr, "it is %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n",
		range.low, range.likely, range.high);
	return FALSE;
}

static gboolean
is_only(const LearnedValues *values, gint64 value)
{
	return values->n == 1 && values->values[0] == value;
}

static void
a_run_teaches_its_parts(void)
{
	g_autoptr(GPtrArray) learning = learning_new();
	g_autoptr(GPtrArray) two = make_vgpus(2, "nvidia-63", "550.54");
	/* 512 MiB in all in 2 s: 256 MiB/s over a link of 10 Gbit/s. */
	take(learning, two, 80000, 2000000, 300000, 256 * MIB);
	CU_ASSERT_EQUAL_FATAL(learning->len, 1);
	const LearnedType *known = g_ptr_array_index(learning, 0);
	CU_ASSERT_EQUAL(known->seen, 2);
	CU_ASSERT_TRUE(is_only(&known->stop_us, 40000));
	CU_ASSERT_TRUE(is_only(&known->start_us, 150000));
	CU_ASSERT_TRUE(is_only(&known->device_bytes_per_s, 256 * MIB));
	CU_ASSERT_TRUE(is_only(&known->sent_per_mille, 500));

	Learned learned;
	g_autoptr(GPtrArray) three = make_vgpus(3, "nvidia-63", "550.54");
	learning_look_up(learning, three, &learned);
	CU_ASSERT_TRUE(is_range(learned.terms.stop_us, 60000, 120000, 180000));
	CU_ASSERT_TRUE(is_range(learned.terms.load_us, 0, 0, 0));
	CU_ASSERT_TRUE(is_range(learned.terms.start_us, 225000, 450000, 675000));
	CU_ASSERT_TRUE(is_range(learned.terms.device_bytes_per_s, 128 * MIB, 256 * MIB, 384 * MIB));
	CU_ASSERT_TRUE(is_range(learned.sent_per_mille[2], 500, 500, 500));
	CU_ASSERT_EQUAL(learned.sent_per_mille[3].likely, -1);
}

/* Of what was not measured, or cannot be told apart, nothing is kept. */
static void
what_is_not_measured_is_not_learned(void)
{
	g_autoptr(GPtrArray) learning = learning_new();
	g_autoptr(GPtrArray) one = make_vgpus(1, "nvidia-63", "550.54");
	g_autoptr(GPtrArray) nameless = make_vgpus(1, NULL, NULL);
	g_autoptr(GPtrArray) none = make_vgpus(0, NULL, NULL);
	g_autoptr(GwReport) report = make_report(1, 80000, 100000, 300000, -1);
	g_autoptr(GwReport) stopped = gw_report_new(); /* a paused guest has no downtime */
	CU_ASSERT_FALSE(learning_take(learning, one, stopped));
	CU_ASSERT_FALSE(learning_take(learning, nameless, report));
	CU_ASSERT_FALSE(learning_take(learning, none, report));
	CU_ASSERT_FALSE(learning_take(learning, NULL, report));
	CU_ASSERT_EQUAL(learning->len, 0);

	CU_ASSERT_TRUE(learning_take(learning, one, report));
	const LearnedType *known = g_ptr_array_index(learning, 0);
	CU_ASSERT_EQUAL(known->device_bytes_per_s.n, 0);
	CU_ASSERT_EQUAL(known->sent_per_mille.n, 0);
	/* As fast as the link: 128 MiB in 100 ms of 10 Gbit/s. */
	take(learning, one, 80000, 100000, 300000, 128 * MIB);
	CU_ASSERT_EQUAL(known->device_bytes_per_s.n, 0);
	CU_ASSERT_TRUE(is_only(&known->sent_per_mille, 250));
	/* Sent while the guest runs: how much is left at the stop is no property of the type. */
	GwReportVgpu *vgpu = g_ptr_array_index(report->vgpus, 0);
	vgpu->precopy_bytes.value = MIB;
	vgpu->stop_copy_bytes = gw_number(MIB, GW_SOURCE_STREAM, GW_CONFIDENCE_MEASURED);
	CU_ASSERT_TRUE(learning_take(learning, one, report));
	CU_ASSERT_TRUE(is_only(&known->sent_per_mille, 250));
	/* More than all of it is all of it. */
	take(learning, one, 80000, 100000, 300000, 4096 * MIB);
	CU_ASSERT_EQUAL(known->sent_per_mille.values[0], 1000);
}

typedef struct {
	gint64 transfer_us, stop_bytes;	    /* seen */
	gint64 load_us, device_bytes_per_s; /* learned of it */
} Transfer;

/* Over a link of 10 Gbit/s, of a vGPU of 512 MiB. */
static const Transfer transfers[] = {
	{ 250000, 0, 250000, -1 },	       /* nothing of the vGPU's: all of it is the rest */
	{ 250000, 48 << 10, 249961, -1 },      /* a few KiB are no measure of a driver */
	{ 529497, 512 * MIB, 100000, -1 },     /* as fast as the link, and more */
	{ 400000, 512 * MIB, -1, -1 },	       /* faster than the link was thought to be */
	{ 4000000, 512 * MIB, -1, 128 * MIB }, /* a driver that holds the link up */
	{ 499497, 512 * MIB, -1, -1 },	       /* hardly more: the link may be a little slower */
	{ 4000000, 40 * MIB, 3966446, -1 },    /* too little to tell */
};

/* What a transfer took besides its bytes is not taken for a slow driver, nor a slow driver for
 * that. */
static void
a_transfer_is_told_apart(void)
{
	g_autoptr(GPtrArray) one = make_vgpus(1, "nvidia-63", "550.54");
	for (guint i = 0; i < G_N_ELEMENTS(transfers); i++) {
		const Transfer *row = &transfers[i];
		g_autoptr(GPtrArray) learning = learning_new();
		take(learning, one, 1000, row->transfer_us, 1000, row->stop_bytes);
		const LearnedType *known = g_ptr_array_index(learning, 0);
		CU_ASSERT_TRUE(row->load_us < 0 ? known->load_us.n == 0
						: ABS(known->load_us.values[0] - row->load_us) < 2);
		CU_ASSERT_TRUE(row->device_bytes_per_s < 0 ? known->device_bytes_per_s.n == 0
							   : is_only(&known->device_bytes_per_s,
								     row->device_bytes_per_s));
	}
}

/* Once the rest is known a driver's speed is told without it, and the rest stands for what is in
 * flight. */
static void
the_rest_of_a_transfer_is_taken_off(void)
{
	g_autoptr(GPtrArray) learning = learning_new();
	g_autoptr(GPtrArray) one = make_vgpus(1, "nvidia-63", "550.54");
	Learned learned;
	take(learning, one, 1000, 500000, 1000, 0);
	take(learning, one, 1000, 4500000, 1000, 512 * MIB);
	learning_look_up(learning, one, &learned);
	CU_ASSERT_TRUE(learned.is_load_known);
	CU_ASSERT_TRUE(is_range(learned.terms.load_us, 250000, 500000, 750000));
	CU_ASSERT_EQUAL(learned.terms.device_bytes_per_s.likely, 128 * MIB);
	CU_ASSERT_EQUAL(learned.terms.in_flight_bytes.high, 0);
	CU_ASSERT_EQUAL(learned.terms.device_state_bytes.high, 0);
}

/* A run on a busy host is longer than others, and says nothing of the next; a host that has changed
 * is believed soon. */
static void
one_run_is_not_the_rule(void)
{
	static const struct {
		gint64 stop_us;		  /* of this run */
		gint64 low, likely, high; /* of the next */
	} rows[] = {
		{ 90000, 45000, 90000, 135000 }, /* disturbed, and nobody knows */
		{ 40000, 20000, 65000, 135000 },
		{ 44000, 30000, 44000, 112500 }, /* three are trusted more */
		{ 42000, 30000, 43000, 112500 },
		{ 400000, 30000, 44000, 500000 }, /* once more */
		{ 43000, 30000, 43000, 500000 },  /* the first is forgotten */
		{ 70000, 31500, 44000, 500000 },  /* another host, or card, from here on */
		{ 71000, 31500, 70000, 500000 },
		{ 72000, 32250, 71000, 500000 },
		{ 71000, 32250, 71000, 90000 },
	};
	g_autoptr(GPtrArray) learning = learning_new();
	g_autoptr(GPtrArray) one = make_vgpus(1, "nvidia-63", "550.54");
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		Learned learned;
		take(learning, one, rows[i].stop_us, 100000, 300000, MIB);
		learning_look_up(learning, one, &learned);
		CU_ASSERT_TRUE(
			is_range(learned.terms.stop_us, rows[i].low, rows[i].likely, rows[i].high));
	}
}

/* Something else may have held it up once. */
static void
a_driver_that_is_faster_after_all_is_believed(void)
{
	g_autoptr(GPtrArray) learning = learning_new();
	g_autoptr(GPtrArray) one = make_vgpus(1, "nvidia-63", "550.54");
	Learned learned;
	take(learning, one, 1000, 4000000, 1000, 512 * MIB);
	for (guint i = 0; i < 3; i++)
		take(learning, one, 1000, 500000, 1000, 512 * MIB);
	learning_look_up(learning, one, &learned);
	CU_ASSERT_EQUAL(learned.terms.device_bytes_per_s.likely, 1024 * MIB);
	/* Little says nothing, and where none was slow nothing is kept. */
	take(learning, one, 1000, 1000, 1000, MIB);
	const LearnedType *known = g_ptr_array_index(learning, 0);
	CU_ASSERT_EQUAL(known->device_bytes_per_s.n, 4);
}

/* Whatever comes, low <= likely <= high, and what is kept is bounded. */
static void
ranges_hold_what_was_seen(void)
{
	g_autoptr(GPtrArray) learning = learning_new();
	g_autoptr(GPtrArray) one = make_vgpus(1, "nvidia-63", "550.54");
	g_autoptr(GRand) dice = g_rand_new_with_seed(5);
	for (guint i = 0; i < 500; i++) {
		Learned learned;
		gint64 us = g_rand_int_range(dice, 0, 10) == 0 ? G_MAXINT64
							       : g_rand_int_range(dice, 0, 1000000);
		take(learning, one, us, 100000, us, MIB);
		learning_look_up(learning, one, &learned);
		const GwRange *stop_us = &learned.terms.stop_us;
		CU_ASSERT_TRUE(0 <= stop_us->low && stop_us->low <= MIN(us, stop_us->likely));
		CU_ASSERT_TRUE(stop_us->likely <= stop_us->high);
		CU_ASSERT_TRUE(stop_us->high >= MIN(us, G_MAXINT64 / 1024));
	}
	const LearnedType *known = g_ptr_array_index(learning, 0);
	CU_ASSERT_EQUAL(known->stop_us.n, LEARNING_KEPT);
	CU_ASSERT_EQUAL(known->seen, 500);
}

static void
types_and_driver_versions_are_apart(void)
{
	g_autoptr(GPtrArray) learning = learning_new();
	g_autoptr(GPtrArray) old = make_vgpus(1, "nvidia-63", "550.54");
	g_autoptr(GPtrArray) recent = make_vgpus(1, "nvidia-63", "570.10");
	g_autoptr(GPtrArray) mixed = make_vgpus(1, "nvidia-63", "550.54");
	g_autoptr(GPtrArray) unversioned = make_vgpus(1, "nvidia-63", NULL);
	Learned learned;
	PredictTerms fixed;
	predict_terms_init(&fixed);
	take(learning, old, 80000, 100000, 300000, MIB);
	learning_look_up(learning, NULL, &learned);
	CU_ASSERT_EQUAL(learned.terms.start_us.likely, fixed.start_us.likely);
	predict_terms_init_vgpus(&fixed);
	learning_look_up(learning, recent, &learned);
	CU_ASSERT_EQUAL(learned.terms.stop_us.likely, fixed.stop_us.likely);
	CU_ASSERT_EQUAL(learned.terms.device_bytes_per_s.low, fixed.device_bytes_per_s.low);
	CU_ASSERT_EQUAL(learned.terms.device_bytes_per_s.likely, -1);
	learning_look_up(learning, unversioned, &learned);
	CU_ASSERT_EQUAL(learned.terms.stop_us.likely, fixed.stop_us.likely);
	/* One that is not known spoils the sum. */
	add_vgpu(mixed, "nvidia-64", "550.54");
	learning_look_up(learning, mixed, &learned);
	CU_ASSERT_EQUAL(learned.terms.start_us.likely, fixed.start_us.likely);
	take(learning, recent, 20000, 100000, 60000, MIB);
	learning_look_up(learning, old, &learned);
	CU_ASSERT_EQUAL(learned.terms.stop_us.likely, 80000);
	learning_look_up(learning, recent, &learned);
	CU_ASSERT_EQUAL(learned.terms.stop_us.likely, 20000);
}

static void
the_oldest_type_is_forgotten(void)
{
	g_autoptr(GPtrArray) learning = learning_new();
	Learned learned;
	for (guint i = 0; i < LEARNING_TYPES_MAX + 1; i++) {
		g_autofree char *type = g_strdup_printf("nvidia-%u", i);
		g_autoptr(GPtrArray) vgpus = make_vgpus(1, type, NULL);
		take(learning, vgpus, 80000, 100000, 300000, MIB);
	}
	g_autoptr(GPtrArray) first = make_vgpus(1, "nvidia-0", NULL);
	g_autoptr(GPtrArray) second = make_vgpus(1, "nvidia-1", NULL);
	CU_ASSERT_EQUAL(learning->len, LEARNING_TYPES_MAX);
	learning_look_up(learning, first, &learned);
	CU_ASSERT_NOT_EQUAL(learned.terms.stop_us.likely, 80000);
	learning_look_up(learning, second, &learned);
	CU_ASSERT_EQUAL(learned.terms.stop_us.likely, 80000);
}

/* (transfer full): of a VM whose vGPU has 512 MiB and tells nothing. */
static GwDirtyRate *
conclude(const GPtrArray *learning, const GPtrArray *vgpus)
{
	Learned learned;
	GwDirtyRate *rate = dirty_rate_new();
	rate->ram_total_bytes = 64 * MIB;
	rate->ram_dirty_bytes_per_s = gw_number(0, GW_SOURCE_QEMU, GW_CONFIDENCE_MEASURED);
	rate->ram_hot_bytes = gw_number(0, GW_SOURCE_MODEL, GW_CONFIDENCE_ESTIMATED);
	GwDirtyRateVgpu *vgpu = dirty_rate_add_vgpu(rate, "gpu0", "nvidia-63", 512 * MIB);
	vgpu->stop_bytes = gw_number(512 * MIB, GW_SOURCE_FRAMEBUFFER, GW_CONFIDENCE_BOUND);
	learning_look_up(learning, vgpus, &learned);
	dirty_rate_conclude(rate, &learned, GIGABIT, 60 * G_USEC_PER_SEC);
	return rate;
}

/* The bound stays what it is, and the prediction is no longer made of it alone. */
static void
a_prediction_takes_what_was_learned(void)
{
	g_autoptr(GPtrArray) learning = learning_new();
	g_autoptr(GPtrArray) one = make_vgpus(1, "nvidia-63", "550.54");
	g_autoptr(GwDirtyRate) before = conclude(learning, one);
	take(learning, one, 80000, 10000000, 2000000, 128 * MIB);
	g_autoptr(GwDirtyRate) after = conclude(learning, one);
	const GwDirtyRateVgpu *vgpu = g_ptr_array_index(after->vgpus, 0);
	CU_ASSERT_EQUAL(before->prediction->confidence, GW_CONFIDENCE_BOUND);
	CU_ASSERT_EQUAL(after->prediction->confidence, GW_CONFIDENCE_ESTIMATED);
	CU_ASSERT_EQUAL(vgpu->stop_bytes.confidence, GW_CONFIDENCE_BOUND);
	CU_ASSERT_EQUAL(vgpu->stop_bytes.value, 512 * MIB);
	/* All of it over the link, 4.3 s, and 0.15 s around it; then 128 MiB by drivers of 12.8
	 * MiB/s, and 2.08 s around them. */
	CU_ASSERT_TRUE(ABS(before->prediction->downtime_us.likely - 4450000) < 100000);
	CU_ASSERT_TRUE(ABS(after->prediction->downtime_us.likely - 12080000) < 200000);
	CU_ASSERT_TRUE(after->prediction->downtime_us.high > after->prediction->downtime_us.likely);
}

/* ---- the file ---- */

static void
the_file_is_private_and_comes_back_as_it_was(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "learned.json", NULL);
	g_autoptr(GPtrArray) one = make_vgpus(1, "nvidia-63", "550.54");
	g_autoptr(GwReport) report = make_report(1, 80000, 2000000, 300000, 128 * MIB);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) empty = learning_load(folder);
	CU_ASSERT_EQUAL(empty->len, 0);
	for (guint i = 0; i < 2; i++)
		CU_ASSERT_TRUE(learning_add(folder, one, report, &error));
	TEST_NO_ERROR(error);
	struct stat info;
	CU_ASSERT_EQUAL(stat(path, &info), 0);
	CU_ASSERT_EQUAL(info.st_mode & 0777, 0600);

	g_autoptr(GPtrArray) learning = learning_load(folder);
	g_autofree char *text = NULL;
	g_autofree char *again = learning_to_json(learning);
	CU_ASSERT_TRUE(g_file_get_contents(path, &text, NULL, NULL));
	TEST_STRING(again, text);
	CU_ASSERT_EQUAL(((LearnedType *)g_ptr_array_index(learning, 0))->seen, 2);

	g_autofree char *lost = g_build_filename(folder, "not", "there", NULL);
	CU_ASSERT_FALSE(learning_add(lost, one, report, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_STATE_DIR, "there");
}

#define WRITERS	  3
#define ADDITIONS 5

/* Its exit code says nothing: valgrind's is of the memory that the parent frees. What it added is
 * counted instead. */
static pid_t
start_writer(const char *folder, const GPtrArray *vgpus, const GwReport *report)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	for (guint i = 0; i < ADDITIONS && learning_add(folder, vgpus, report, NULL); i++)
		;
	_exit(0);
}

static void
migrations_that_end_together_lose_nothing(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autoptr(GPtrArray) one = make_vgpus(1, "nvidia-63", "550.54");
	g_autoptr(GwReport) report = make_report(1, 80000, 2000000, 300000, 128 * MIB);
	pid_t writers[WRITERS];
	for (guint i = 0; i < WRITERS; i++)
		writers[i] = start_writer(folder, one, report);
	for (guint i = 0; i < WRITERS; i++)
		CU_ASSERT_EQUAL(waitpid(writers[i], NULL, 0), writers[i]);
	g_autoptr(GPtrArray) learning = learning_load(folder);
	CU_ASSERT_EQUAL_FATAL(learning->len, 1);
	CU_ASSERT_EQUAL(((LearnedType *)g_ptr_array_index(learning, 0))->seen, WRITERS * ADDITIONS);
}

/* It neither fails a migration nor stays: the next run replaces it. */
static void
a_spoilt_file_is_as_none(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "learned.json", NULL);
	g_autofree char *good = g_build_filename(folder, "elsewhere", NULL);
	g_autofree char *big = g_strnfill(1 << 20, ' ');
	g_autoptr(GPtrArray) one = make_vgpus(1, "nvidia-63", "550.54");
	g_autoptr(GwReport) report = make_report(1, 80000, 2000000, 300000, 128 * MIB);
	g_autofree char *deep = g_strnfill(200000, '[');
	const char *const texts[] = { "", "nonsense", "{\"types\": 5}", big, deep };
	for (gsize i = 0; i < G_N_ELEMENTS(texts) + 2; i++) {
		g_unlink(path);
		if (i < G_N_ELEMENTS(texts)) {
			CU_ASSERT_TRUE(g_file_set_contents(path, texts[i], -1, NULL));
		} else if (i == G_N_ELEMENTS(texts)) {
			CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
		} else {
			CU_ASSERT_EQUAL(symlink(good, path), 0);
		}
		g_autoptr(GPtrArray) learning = learning_load(folder);
		CU_ASSERT_EQUAL(learning->len, 0);
		CU_ASSERT_TRUE(learning_add(folder, one, report, NULL));
		g_autoptr(GPtrArray) again = learning_load(folder);
		CU_ASSERT_EQUAL(again->len, 1);
	}
	/* A link is replaced, not followed. */
	CU_ASSERT_FALSE(g_file_test(good, G_FILE_TEST_EXISTS));
}

#define TYPE	     "{\"types\": [{\"type\": \"a\", \"seen\": 1, "
#define VALUES(rest) TYPE "\"stop_us\": " rest "}]}"

static void
a_hostile_file_is_refused(void)
{
	static const struct {
		const char *text;
		const char *error;
	} rows[] = {
		{ "", "learned" },
		{ "[", "learned" },
		{ "[]", "not a JSON object" },
		{ "{}", "'types'" },
		{ "{\"types\": {}}", "'types'" },
		{ "{\"types\": [7]}", "types[0]: not an object" },
		{ "{\"types\": [{\"seen\": 1}]}", "'type'" },
		{ "{\"types\": [{\"type\": 5, \"seen\": 1}]}", "'type'" },
		{ "{\"types\": [{\"type\": \"a\"}]}", "'seen'" },
		{ "{\"types\": [{\"type\": \"a\", \"seen\": 0}]}", "'seen'" },
		{ "{\"types\": [{\"type\": \"a\", \"seen\": 9223372036854775807}]}", "'seen'" },
		{ "{\"types\": [{\"type\": \"a\", \"seen\": 1.5}]}", "'seen'" },
		{ VALUES("5"), "'stop_us'" },
		{ VALUES("{\"low\": 1, \"likely\": 2, \"high\": 3}"), "'stop_us'" },
		{ VALUES("[1, 2, 3, 4, 5, 6]"), "'stop_us'" },
		{ VALUES("[1, -1]"), "out of range" },
		{ VALUES("[1.5]"), "not a number" },
		{ VALUES("[\"1\"]"), "not a number" },
		{ VALUES("[[1]]"), "not a number" },
		{ VALUES("[null]"), "not a number" },
		{ VALUES("[9223372036854775807]"), "out of range" },
		{ TYPE "\"sent_per_mille\": [1001]}]}", "out of range" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GPtrArray) made =
			learning_from_json(rows[i].text, strlen(rows[i].text), &error);
		CU_ASSERT_PTR_NULL(made);
		TEST_ERROR(error, GW_ERROR, GW_ERROR_PROTOCOL, rows[i].error);
	}
}

/* Cut or changed at any byte it is refused, or read as what then stands there; nothing worse. */
static void
a_file_changed_anywhere_does_no_harm(void)
{
	g_autoptr(GPtrArray) learning = learning_new();
	g_autoptr(GPtrArray) one = make_vgpus(1, "nvidia-63", "550.54");
	g_autoptr(GRand) dice = g_rand_new_with_seed(11);
	take(learning, one, 80000, 2000000, 300000, 128 * MIB);
	g_autofree char *text = learning_to_json(learning);
	gsize len = strlen(text);
	for (gsize i = 0; i < len; i++) {
		Learned learned;
		g_autoptr(GPtrArray) cut = learning_from_json(text, i, NULL);
		CU_ASSERT_PTR_NULL(cut);
		char kept = text[i];
		text[i] = (char)g_rand_int_range(dice, -128, 128);
		g_autoptr(GPtrArray) changed = learning_from_json(text, len, NULL);
		text[i] = kept;
		if (changed == NULL)
			continue;
		learning_look_up(changed, one, &learned);
		CU_ASSERT_TRUE(learned.terms.stop_us.low <= learned.terms.stop_us.high);
		CU_ASSERT_TRUE(learned.terms.start_us.high >= 0);
	}
}

CU_TestInfo suite_learning[] = {
	{ "a run teaches its parts", a_run_teaches_its_parts },
	{ "what is not measured is not learned", what_is_not_measured_is_not_learned },
	{ "a transfer is told apart", a_transfer_is_told_apart },
	{ "the rest of a transfer is taken off", the_rest_of_a_transfer_is_taken_off },
	{ "one run is not the rule", one_run_is_not_the_rule },
	{ "a driver that is faster after all is believed",
	  a_driver_that_is_faster_after_all_is_believed },
	{ "ranges hold what was seen", ranges_hold_what_was_seen },
	{ "types and driver versions are apart", types_and_driver_versions_are_apart },
	{ "the oldest type is forgotten", the_oldest_type_is_forgotten },
	{ "a prediction takes what was learned", a_prediction_takes_what_was_learned },
	{ "the file is private and comes back as it was",
	  the_file_is_private_and_comes_back_as_it_was },
	{ "migrations that end together lose nothing", migrations_that_end_together_lose_nothing },
	{ "a spoilt file is as none", a_spoilt_file_is_as_none },
	{ "a hostile file is refused", a_hostile_file_is_refused },
	{ "a file changed anywhere does no harm", a_file_changed_anywhere_does_no_harm },
	CU_TEST_INFO_NULL,
};
