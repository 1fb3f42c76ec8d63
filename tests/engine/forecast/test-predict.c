/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The model of a migration: values worked out by hand, laws that hold whatever the numbers are, and
 * its JSON.
 */
#include <CUnit/CUnit.h>
#include <math.h>

#include "engine/forecast/predict.h"
#include "engine/data/prediction-json.h"
#include "tests/rig/test-util.h"

#define MIB	(G_GINT64_CONSTANT(1) << 20)
#define GIB	(G_GINT64_CONSTANT(1) << 30)
#define GIGABIT G_GINT64_CONSTANT(125000000)
#define RUNS	3000

static const GwRange unknown = { -1, -1, -1 };

static gboolean
is_near(double value, double expected, double part)
{
	if (fabs(value - expected) <= fabs(expected) * part)
		return TRUE;
	fprintf(stderr, "%g is not within %g %% of %g\n", value, part * 100, expected);
	return FALSE;
}

static PredictSource
memory(const char *id, gint64 bytes, gint64 bytes_per_s, gint64 hot_bytes, gint64 stop_bytes)
{
	return (PredictSource){ .id = id,
				.pending_bytes = predict_exactly(bytes),
				.dirty_bytes_per_s = predict_exactly(bytes_per_s),
				.hot_bytes = predict_exactly(hot_bytes),
				.stop_bytes = predict_exactly(stop_bytes),
				.device_bytes_per_s = unknown };
}

/* No fixed costs: what is left is arithmetic. */
static PredictTerms
bare_terms(gint64 bytes_per_s)
{
	const GwRange none = { 0, 0, 0 };
	PredictTerms terms;
	predict_terms_init(&terms);
	terms.bandwidth_bytes_per_s = predict_exactly(bytes_per_s);
	terms.stop_us = terms.load_us = terms.start_us = none;
	terms.in_flight_bytes = terms.device_state_bytes = none;
	return terms;
}

static void
growth_is_the_count_of_what_was_hit(void)
{
	static const struct {
		double hot, rate, seconds, bytes;
	} rows[] = {
		{ 100, 0, 10, 0 },	   { 0, 100, 10, 0 },	    { 100, 100, 1, 63.212 },
		{ 100, 100, 1e9, 100 },	   { 1e12, 100, 10, 1000 }, { 100, 1e-9, 1, 1e-9 },
		{ 512, 195, 4.45, 417.9 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		CU_ASSERT_TRUE(is_near(predict_growth(rows[i].hot, rows[i].rate, rows[i].seconds),
				       rows[i].bytes, 0.001));
}

static void
idle_guest_takes_one_pass(void)
{
	PredictTerms terms = bare_terms(GIGABIT);
	PredictSource ram = memory(NULL, GIB, 0, GIB, 0);
	g_autoptr(GwPrediction) made = predict(&terms, &ram, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	CU_ASSERT_TRUE(made->converges);
	CU_ASSERT_EQUAL(made->passes.likely, 1);
	CU_ASSERT_EQUAL(made->needed_downtime_limit_us.likely, 30000);
	CU_ASSERT_TRUE(is_near((double)made->total_us.likely, 8.6e6, 0.01));
	CU_ASSERT_TRUE(made->downtime_us.likely > 0 && made->downtime_us.likely <= 30000);
	CU_ASSERT_PTR_NULL(made->held_up_by);
}

/* 60 MB/s over 1 Gbit/s: each pass is 0.48 of the one before; 8.59 s / (1 - 0.48) in all. */
static void
writing_guest_takes_a_geometric_series(void)
{
	PredictTerms terms = bare_terms(GIGABIT);
	PredictSource ram = memory(NULL, GIB, 60000000, 100 * GIB, 0);
	g_autoptr(GwPrediction) made = predict(&terms, &ram, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	CU_ASSERT_TRUE(made->converges);
	CU_ASSERT_TRUE(is_near((double)made->total_us.likely, 16.5e6, 0.03));
	CU_ASSERT_EQUAL(made->passes.likely, 8); /* 8.59 s x 0.48^8 = 24 ms */
	/* 50 ms of writing leave 3 MB: less than the least limit holds. */
	CU_ASSERT_TRUE(is_near((double)made->needed_downtime_limit_us.likely, 30000, 0.01));
}

/* rho = 1.7 on 512 MiB: x = 1 - e^-1.7x at x = 0.691, so 354 MiB stay. */
static void
hot_set_comes_to_rest_on_its_plateau(void)
{
	gint64 bandwidth = 115 * MIB;
	PredictTerms terms = bare_terms(bandwidth);
	PredictSource ram = memory(NULL, 4 * GIB, (gint64)(1.7 * 115 * MIB), 512 * MIB, 0);
	g_autoptr(GwPrediction) made = predict(&terms, &ram, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	CU_ASSERT_TRUE(made->converges);
	CU_ASSERT_TRUE(is_near((double)made->needed_downtime_limit_us.likely, 2.61e6, 0.02));
	/* 512 (1 - 1/1.7) MiB are dirty at any time. */
	CU_ASSERT_TRUE(is_near((double)made->needed_downtime_limit_us.low, 1.833e6, 0.01));
	CU_ASSERT_TRUE(is_near((double)made->needed_downtime_limit_us.high, 3.84e6, 0.02));
	terms.limit_us = 2000000;
	g_autoptr(GwPrediction) low = predict(&terms, &ram, 1);
	CU_ASSERT_FALSE(low->converges);
	CU_ASSERT_EQUAL(low->total_us.likely, -1);
	terms.limit_us = -1;
	terms.max_downtime_us = 1000000;
	g_autoptr(GwPrediction) refused = predict(&terms, &ram, 1);
	CU_ASSERT_FALSE(refused->converges);
	CU_ASSERT_EQUAL(refused->needed_downtime_limit_us.likely,
			made->needed_downtime_limit_us.likely);
}

/* 8 GiB that only go when the guest has stopped, over 10 Gbit/s: 6.87 s, whatever RAM does. */
static void
stop_copy_is_a_constant_debt(void)
{
	PredictTerms terms = bare_terms(10 * GIGABIT);
	PredictSource sources[] = { memory(NULL, GIB, 0, GIB, 0),
				    memory("gpu0", 0, 0, 0, 8 * GIB) };
	g_autoptr(GwPrediction) made = predict(&terms, sources, 2);
	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	CU_ASSERT_TRUE(is_near((double)made->needed_downtime_limit_us.likely, 6.872e6, 0.001));
	CU_ASSERT_TRUE(is_near((double)made->downtime_us.likely, 6.872e6, 0.01));
	TEST_STRING(made->held_up_by, "gpu0");
	const GwPredictedPart *part = g_ptr_array_index(made->parts, 2);
	TEST_STRING(part->name, "vgpu");
	TEST_STRING(part->id, "gpu0");
	CU_ASSERT_TRUE(is_near((double)part->us.likely, 6.872e6, 0.001));
}

static void
slow_device_takes_its_own_time(void)
{
	PredictTerms terms = bare_terms(10 * GIGABIT);
	PredictSource sources[] = { memory(NULL, GIB, 0, GIB, 0), memory("gpu0", 0, 0, 0, GIB) };
	sources[1].device_bytes_per_s = predict_exactly(GIGABIT);
	g_autoptr(GwPrediction) made = predict(&terms, sources, 2);
	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	/* The limit counts what QEMU counts, which knows of no slow device. */
	CU_ASSERT_TRUE(is_near((double)made->needed_downtime_limit_us.likely, 0.859e6, 0.001));
	CU_ASSERT_TRUE(is_near((double)made->downtime_us.likely, 8.59e6, 0.01));
}

/* (transfer full): of RAM and one vGPU. @limit_us: -1: the smallest that will work */
static GwPrediction *
predict_both(const PredictSource sources[2], gint64 limit_us)
{
	PredictTerms terms = bare_terms(GIGABIT);
	terms.limit_us = limit_us;
	GwPrediction *made = predict(&terms, sources, 2);
	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	return made;
}

/* RAM writes 30 MB/s, the vGPU 60: of what is left at the stop a third is RAM's. */
static void
rest_is_shared_as_it_is_written(void)
{
	PredictSource sources[] = { memory(NULL, GIB, 30000000, GIB, 0),
				    memory("gpu0", GIB, 60000000, GIB, 0) };
	g_autoptr(GwPrediction) made = predict_both(sources, -1);
	const GwPredictedPart *ram = g_ptr_array_index(made->parts, 1);
	const GwPredictedPart *vgpu = g_ptr_array_index(made->parts, 2);
	CU_ASSERT_TRUE(is_near((double)vgpu->us.likely, 2.0 * (double)ram->us.likely, 0.02));
	TEST_STRING(made->held_up_by, "gpu0");
}

/* Where nothing is written, or nobody knows of it, what is left at the stop is of what there is to
 * send. */
static void
rest_is_shared_as_it_is_left(void)
{
	PredictSource sources[] = { memory(NULL, 100 * MIB, 0, GIB, 0),
				    memory("gpu0", 300 * MIB, 0, GIB, 0) };
	g_autoptr(GwPrediction) made = predict_both(sources, 2 * G_USEC_PER_SEC);
	const GwPredictedPart *ram = g_ptr_array_index(made->parts, 1);
	const GwPredictedPart *vgpu = g_ptr_array_index(made->parts, 2);
	CU_ASSERT_TRUE(ram->us.likely > 400000);
	CU_ASSERT_TRUE(is_near((double)vgpu->us.likely, 3.0 * (double)ram->us.likely, 0.01));
	TEST_STRING(made->held_up_by, "gpu0");
}

/* It fits now: what is left is what each has, whatever it writes. */
static void
rest_that_fits_is_what_is_left(void)
{
	PredictSource sources[] = { memory(NULL, 100 * MIB, 0, GIB, 0),
				    memory("gpu0", 300 * MIB, 60000000, GIB, 0) };
	g_autoptr(GwPrediction) made = predict_both(sources, 4 * G_USEC_PER_SEC);
	const GwPredictedPart *ram = g_ptr_array_index(made->parts, 1);
	const GwPredictedPart *vgpu = g_ptr_array_index(made->parts, 2);
	CU_ASSERT_EQUAL(made->passes.likely, 0);
	CU_ASSERT_TRUE(is_near((double)ram->us.likely, 838861, 0.001));
	CU_ASSERT_TRUE(is_near((double)vgpu->us.likely, 2516582, 0.001));
}

/* RAM has next to nothing, and of the vGPU it is not known what is written: what a second holds is
 * the vGPU's. */
static void
rest_is_no_more_than_there_is(void)
{
	PredictSource sources[] = { memory(NULL, MIB, 1000, MIB, 0),
				    memory("gpu0", 300 * MIB, 0, 512 * MIB, 0) };
	g_autoptr(GwPrediction) made = predict_both(sources, G_USEC_PER_SEC);
	const GwPredictedPart *ram = g_ptr_array_index(made->parts, 1);
	const GwPredictedPart *vgpu = g_ptr_array_index(made->parts, 2);
	CU_ASSERT_TRUE(ram->us.likely <= MIB * G_USEC_PER_SEC / GIGABIT + 1);
	CU_ASSERT_TRUE(vgpu->us.likely > 900000);
	TEST_STRING(made->held_up_by, "gpu0");
}

static void
unknown_numbers_make_no_prediction(void)
{
	PredictTerms terms = bare_terms(GIGABIT);
	PredictSource sources[] = { memory(NULL, GIB, 0, GIB, 0), memory("gpu0", 0, 0, 0, GIB) };
	GwRange *ranges[] = { &sources[0].pending_bytes, &sources[0].dirty_bytes_per_s,
			      &sources[1].hot_bytes, &sources[1].stop_bytes,
			      &terms.bandwidth_bytes_per_s };
	for (gsize i = 0; i < G_N_ELEMENTS(ranges); i++) {
		GwRange kept = *ranges[i];
		*ranges[i] = unknown;
		g_autoptr(GwPrediction) made = predict(&terms, sources, 2);
		CU_ASSERT_PTR_NULL(made);
		*ranges[i] = kept;
	}
	terms.bandwidth_bytes_per_s = predict_exactly(0);
	CU_ASSERT_PTR_NULL(predict(&terms, sources, 2));
}

static void
prediction_is_as_sure_as_its_numbers(void)
{
	PredictTerms terms = bare_terms(GIGABIT);
	PredictSource sources[] = { memory(NULL, GIB, 0, GIB, 0), memory("gpu0", 0, 0, 0, GIB) };
	sources[0].confidence = GW_CONFIDENCE_ESTIMATED;
	sources[1].confidence = GW_CONFIDENCE_BOUND;
	sources[1].stop_bytes = predict_at_most(GIB);
	g_autoptr(GwPrediction) made = predict(&terms, sources, 2);
	CU_ASSERT_EQUAL(made->confidence, GW_CONFIDENCE_BOUND);
	CU_ASSERT_TRUE(made->downtime_us.low < made->downtime_us.likely / 10);
}

static GwRange
random_range(GRand *rand, double most)
{
	double values[] = { g_rand_double(rand) * most, g_rand_double(rand) * most,
			    g_rand_double(rand) * most };
	double low = MIN(MIN(values[0], values[1]), values[2]);
	double high = MAX(MAX(values[0], values[1]), values[2]);
	double likely = values[0] + values[1] + values[2] - low - high;
	return (GwRange){ (gint64)low, (gint64)likely,
			  g_rand_boolean(rand) ? (gint64)high : (gint64)likely };
}

static gboolean
is_ordered(GwRange range)
{
	return range.low <= range.likely && (range.high == -1 || range.likely <= range.high);
}

/* Whatever goes in: ranges stay ordered, the parts add up, more to do never takes a smaller
 * limit. */
static void
laws_hold_for_any_numbers(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);
	for (guint run = 0; run < RUNS; run++) {
		PredictSource sources[4];
		guint n = (guint)g_rand_int_range(rand, 1, 5);
		double scale = pow(10, g_rand_double_range(rand, 0, 13));
		for (guint i = 0; i < n; i++)
			sources[i] = (PredictSource){
				.id = i > 0 ? "gpu" : NULL,
				.pending_bytes = random_range(rand, scale),
				.dirty_bytes_per_s = random_range(rand, 2e9),
				.hot_bytes = random_range(rand, scale),
				.stop_bytes = random_range(rand, i > 0 ? scale : 1),
				.device_bytes_per_s =
					g_rand_boolean(rand) ? unknown : random_range(rand, 1e9),
			};
		PredictTerms terms;
		predict_terms_init(&terms);
		terms.bandwidth_bytes_per_s = random_range(rand, 2e9);
		if (terms.bandwidth_bytes_per_s.likely == 0)
			continue;
		g_autoptr(GwPrediction) made = predict(&terms, sources, n);
		CU_ASSERT_PTR_NOT_NULL_FATAL(made);
		CU_ASSERT_TRUE(made->converges);
		gint64 sum = 0;
		for (guint i = 0; i < made->parts->len; i++) {
			const GwPredictedPart *part = g_ptr_array_index(made->parts, i);
			CU_ASSERT_TRUE(is_ordered(part->us));
			sum += part->us.likely;
		}
		CU_ASSERT_EQUAL(sum, made->downtime_us.likely);
		CU_ASSERT_TRUE(is_ordered(made->downtime_us));
		CU_ASSERT_TRUE(is_ordered(made->total_us));
		CU_ASSERT_TRUE(made->total_us.likely >= made->downtime_us.likely);
		CU_ASSERT_TRUE(made->needed_downtime_limit_us.likely >= 30000);

		gint64 needed_us = made->needed_downtime_limit_us.likely;
		sources[n - 1].stop_bytes.likely += 10 * MIB;
		sources[0].dirty_bytes_per_s.likely *= 2;
		g_autoptr(GwPrediction) more = predict(&terms, sources, n);
		CU_ASSERT_TRUE(more->needed_downtime_limit_us.likely >= needed_us);
	}
}

static void
fit_finds_what_made_the_passes(void)
{
	static const struct {
		double hot, rate;
	} rows[] = { { 512, 195 }, { 96, 200 }, { 64, 60 }, { 1000, 300 } };
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		PredictPass passes[3] = { { 9, 0, 0 }, { 1.5, 0, 0 }, { 3, 0, 0 } };
		double hot, rate;
		for (guint p = 0; p < 3; p++)
			passes[p].found_bytes =
				predict_growth(rows[i].hot, rows[i].rate, passes[p].seconds);
		predict_fit(passes, 3, 4096, &hot, &rate);
		CU_ASSERT_TRUE(is_near(hot, rows[i].hot, 0.02));
		/* A set that every pass dirties whole hides its rate. */
		if (rows[i].rate * 1.5 / rows[i].hot < 3)
			CU_ASSERT_TRUE(is_near(rate, rows[i].rate, 0.02));
	}
}

static void
fit_stays_sane(void)
{
	static const struct {
		PredictPass passes[2];
		guint n;
		double hot, rate;
	} rows[] = {
		{ { { 2, 100 } }, 1, 4096, 50 },	       /* one pass tells no set */
		{ { { 1, 50 }, { 2, 100 } }, 2, 4096, 50 },    /* nothing is written twice */
		{ { { 1, 50 }, { 2, 300 } }, 2, 4096, 50 },    /* faster than linear: noise */
		{ { { 1, 100 }, { 2, 100 } }, 2, 100, 500 },   /* the whole set each time */
		{ { { 1, 120 }, { 2, 100 } }, 2, 100.7, 503 }, /* the shorter one left more */
		{ { { 0, 0 }, { 0, 0 } }, 2, 4096, 0 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		double hot, rate;
		predict_fit(rows[i].passes, rows[i].n, 4096, &hot, &rate);
		CU_ASSERT_TRUE(is_near(hot, rows[i].hot, 0.01));
		CU_ASSERT_TRUE(is_near(rate, rows[i].rate, 0.01));
	}
}

static void
prediction_is_written_and_read(void)
{
	PredictTerms terms = bare_terms(GIGABIT);
	PredictSource sources[] = { memory(NULL, GIB, 0, GIB, 0), memory("gpu0", 0, 0, 0, GIB) };
	sources[0].dirty_bytes_per_s = (GwRange){ 0, 1000, 200000000 };
	g_autoptr(GwPrediction) made = predict(&terms, sources, 2);
	made->time_us = 5;
	g_autofree char *text = gw_prediction_to_json(made);
	g_autoptr(JsonNode) node = json_from_string(text, NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GwPrediction) back = prediction_from_node(node, "prediction", &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(back);
	g_autoptr(GwPrediction) copy = gw_prediction_copy(back);
	g_autofree char *again = gw_prediction_to_json(copy);
	TEST_STRING(again, text);
}

static void
bad_predictions_are_refused(void)
{
	static const struct {
		const char *json;
		const char *message;
	} rows[] = {
		{ "{}", "p: 'converges' is missing" },
		{ "{\"converges\":true,\"confidence\":\"sure\"}",
		  "p: 'confidence' has an unknown word" },
		{ "{\"converges\":true,\"confidence\":\"bound\",\"total_us\":{\"low\":-5}}",
		  "p: total_us: 'low' is negative or too large" },
		{ "{\"converges\":true,\"confidence\":\"bound\",\"parts\":[{\"us\":{}}]}",
		  "p: parts[0]: 'name' is missing" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(JsonNode) node = json_from_string(rows[i].json, NULL);
		g_autoptr(GError) error = NULL;
		CU_ASSERT_PTR_NULL(prediction_from_node(node, "p", &error));
		CU_ASSERT_PTR_NOT_NULL_FATAL(error);
		TEST_STRING(error->message, rows[i].message);
	}
}

CU_TestInfo suite_predict[] = {
	{ "growth is the count of what was hit", growth_is_the_count_of_what_was_hit },
	{ "an idle guest takes one pass", idle_guest_takes_one_pass },
	{ "a writing guest takes a geometric series", writing_guest_takes_a_geometric_series },
	{ "a hot set comes to rest on its plateau", hot_set_comes_to_rest_on_its_plateau },
	{ "a stop-copy is a constant debt", stop_copy_is_a_constant_debt },
	{ "a slow device takes its own time", slow_device_takes_its_own_time },
	{ "the rest is shared as it is written", rest_is_shared_as_it_is_written },
	{ "the rest is shared as it is left", rest_is_shared_as_it_is_left },
	{ "a rest that fits is what is left", rest_that_fits_is_what_is_left },
	{ "the rest is no more than there is", rest_is_no_more_than_there_is },
	{ "unknown numbers make no prediction", unknown_numbers_make_no_prediction },
	{ "a prediction is as sure as its numbers", prediction_is_as_sure_as_its_numbers },
	{ "laws hold for any numbers", laws_hold_for_any_numbers },
	{ "a fit finds what made the passes", fit_finds_what_made_the_passes },
	{ "a fit stays sane", fit_stays_sane },
	{ "a prediction is written and read", prediction_is_written_and_read },
	{ "bad predictions are refused", bad_predictions_are_refused },
	CU_TEST_INFO_NULL,
};
