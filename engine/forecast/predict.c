/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Predicts a migration from one model for guest RAM and each vGPU's memory.
 *
 * A source has M bytes to send. A hot set of W of these is rewritten at D bytes a second. Pages
 * that are written twice in a pass are sent once, so after T seconds W (1 - e^(-DT/W)) of them are
 * dirty. This follows from the chance that one page of the set is missed by all writes (a
 * balls-into-bins count; Akoush et al., MASCOTS 2010, and Liu et al., HPDC 2011, model passes the
 * same way with W without limit). With bandwidth B
 *
 *	T_i = V_i / B + t_sync        V_0 = sum of M        V_i+1 = sum of W (1 - e^(-D T_i / W))
 *
 * V shrinks while the sum of all D is less than B. Otherwise it settles where one pass leaves as
 * much as it found: the plateau V*. A pass is never shorter than what QEMU sends between two checks
 * of its limit (50 ms: MAX_WAIT in ram_save_iterate()), so V* is about 50 ms of writes even if
 * everything converges.
 *
 * Memory of a vGPU that is sent only after the guest's stop (S: its driver's stop-copy) does not
 * change from pass to pass. QEMU stops the guest as soon as it believes that B x limit is enough
 * for what remains, that is V + S. So with a limit of L about B x L bytes remain, even if fewer
 * were possible.
 *
 * QEMU need not wait for the end of a pass: it checks whenever the remaining bytes fit, and some of
 * the writes meanwhile hit pages that still have to be sent. A page that was sent stays clean for
 * W/D seconds on average. So of a set that is written at random at least W (1 - B/D) are dirty; of
 * a set that is written in turn, W (1 - B/2D).
 *
 *	needed L = (F + S) / B
 *	F = W (1 - B/D) at best, 0.85 V* as is likely, 1.25 V* at worst
 *	downtime = t_stop + (V + in flight + device state) / B + S / min(B, r) + t_load + t_start
 *
 * r is the speed at which the drivers of both sides save and load. Each number is a range: the low
 * end takes the best value of each number, the high end the worst, so the truth is rarely outside.
 */
#include "engine/forecast/predict.h"

#include <math.h>

#include "engine/data/prediction-json.h"

#define US_PER_S    1e6
#define SYNC_S	    0.002 /* a sync of the dirty bitmap */
#define GRANULE_S   0.05  /* QEMU sends RAM for this time between two checks of its limit */
#define MARGIN	    1.25  /* the plateau is a mean: passes are above and below it */
#define MIN_LIMIT_S 0.03  /* a limit below one granule is met only by chance */
#define MAX_PASSES  2000
#define NO_PROGRESS_RATIO \
	0.995 /* a pass that leaves this part of what it found makes no
				 * progress */
#define BISECTIONS	  50
#define NO_PROGRESS_BYTES 1.0
#define FIT_ROUNDS	  4
#define MAX_SHAPE \
	5.0 /* D T / W: all but 1 % of the set is dirty, so a larger ratio
			       * cannot be seen */
#define SATURATED   0.99
#define MAX_VALUE   4e18		/* the largest value that fits */
#define MAX_SECONDS (400.0 * 24 * 3600) /* a longer migration counts as endless */

typedef enum {
	BEST,
	LIKELY,
	WORST,
	N_CASES,
} Case;

/* One case of all ranges, in bytes and seconds. */
typedef struct {
	const char *id;
	double pending, rate, hot, stop, device_rate;
} CaseSource;

typedef struct {
	CaseSource parts[PREDICT_SOURCES_MAX];
	guint n_flows;
	double bandwidth;	 /* while the guest runs */
	double switch_bandwidth; /* after the guest's stop */
	double limit_s;
	double granule_s, least_s;
	double margin; /* of the plateau; 0: nothing of it must fit */
	double stop_s, in_flight, device_state, load_s, start_s;
} CaseInput;

typedef struct {
	gboolean converges;
	gint64 passes;
	double seconds;
	double needed_s;
	double rest
		[PREDICT_SOURCES_MAX]; /* of each source at the guest's stop, with its stop-copy */
} CaseResult;

GwRange
predict_exactly(gint64 value)
{
	return (GwRange){ value, value, value };
}

GwRange
predict_about(gint64 value, double part)
{
	if (value < 0)
		return predict_exactly(-1);
	double off = (double)value * part;
	double most = MIN((double)value + off, MAX_VALUE);
	return (GwRange){ MAX(value - (gint64)MIN(off, MAX_VALUE), 0), value, (gint64)most };
}

GwRange
predict_at_most(gint64 value)
{
	return (GwRange){ 0, value, value };
}

/* Measured on two QEMUs under TCG without vGPUs. A host's own figures replace these as soon as
 * there are some. */
void
predict_terms_init(PredictTerms *self)
{
	const GwRange unknown = { -1, -1, -1 };
	*self = (PredictTerms){
		.bandwidth_bytes_per_s = unknown,
		.switchover_bytes_per_s = unknown,
		.max_downtime_us = -1,
		.limit_us = -1,
		.stop_us = { 200, 1000, 10000 },
		.in_flight_bytes = { 0, 128 << 10, 4 << 20 },
		.device_state_bytes = { 64 << 10, 256 << 10, 2 << 20 },
		.load_us = { 500, 3000, 50000 },
		.start_us = { 500, 3000, 50000 },
		.device_bytes_per_s = unknown,
	};
}

/* Published figures for vGPUs: 0.1 to 0.3 s in all on one integrated GPU; on boards about a second
 * plus the transfer of their memory, the slowest at 133 MB a second. For a driver that was never
 * measured nothing better is known: hence the wide ranges. */
void
predict_terms_init_vgpus(PredictTerms *self)
{
	predict_terms_init(self);
	self->stop_us = (GwRange){ 1000, 50000, 500000 };
	self->start_us = (GwRange){ 1000, 100000, 2000000 };
	self->device_bytes_per_s = (GwRange){ 133000000, -1, -1 };
}

double
predict_growth(double hot, double rate, double seconds)
{
	return hot <= 0 || rate <= 0 ? 0 : -hot * expm1(-rate * seconds / hot);
}

/* The sum of all sources. */
static double
growth(const CaseInput *input, double seconds)
{
	double bytes = 0;
	for (guint i = 0; i < input->n_flows; i++)
		bytes += predict_growth(input->parts[i].hot, input->parts[i].rate, seconds);
	return bytes;
}

static double
pass_seconds(const CaseInput *input, double bytes)
{
	return bytes / input->bandwidth + SYNC_S;
}

/* What a pass leaves minus what it found changes its sign from plus to minus exactly once, because
 * growth() is concave. */
static double
plateau(const CaseInput *input)
{
	double low = 0, high = 0;
	for (guint i = 0; i < input->n_flows; i++)
		high += input->parts[i].hot;
	for (guint i = 0; i < BISECTIONS && high - low > NO_PROGRESS_BYTES; i++) {
		double bytes = (low + high) / 2;
		if (growth(input, MAX(pass_seconds(input, bytes), input->granule_s)) > bytes)
			low = bytes;
		else
			high = bytes;
	}
	return high;
}

static double
stop_bytes(const CaseInput *input)
{
	double bytes = 0;
	for (guint i = 0; i < input->n_flows; i++)
		bytes += input->parts[i].stop;
	return bytes;
}

/* ---- the result of one case ---- */

/*
 * What is dirty at any instant if the link is always busy with dirty bytes. A byte that was sent
 * stays clean until it is written again, W / D seconds on average, so b bytes a second keep b W / D
 * bytes clean. In the best case the link sends what stays clean the longest.
 */
static double
least_dirty(const CaseInput *input)
{
	double bandwidth = input->bandwidth, bytes = 0;
	gboolean done[PREDICT_SOURCES_MAX] = { FALSE };
	for (guint round = 0; round < input->n_flows; round++) {
		const CaseSource *best = NULL;
		for (guint i = 0; i < input->n_flows; i++) {
			const CaseSource *part = &input->parts[i];
			if (!done[i] && part->rate > 0 &&
			    (best == NULL || part->hot * best->rate > best->hot * part->rate))
				best = part;
		}
		if (best == NULL)
			break;
		double given = MIN(bandwidth, best->rate);
		bandwidth -= given;
		bytes += best->hot * (1 - given / best->rate);
		done[best - input->parts] = TRUE;
	}
	return bytes;
}

/* What the limit must cover, besides what is sent only after the stop. */
static double
floor_bytes(const CaseInput *input)
{
	double least = least_dirty(input);
	return input->margin > 0 ? MAX(input->margin * plateau(input), least) : least;
}

/* Runs passes until what remains fits into @threshold, or stops falling. Returns what remains. */
static double
run_passes(const CaseInput *input, double threshold, double stop, CaseResult *result)
{
	double bytes = 0, enough = MAX(threshold - stop, plateau(input) * 1.02);
	for (guint i = 0; i < input->n_flows; i++)
		bytes += input->parts[i].pending;
	while (bytes > enough && result->passes < MAX_PASSES) {
		double seconds = pass_seconds(input, bytes);
		bytes = growth(input, MAX(seconds, input->granule_s));
		result->seconds += seconds;
		result->passes++;
	}
	result->converges = bytes <= enough && result->seconds < MAX_SECONDS;
	return bytes;
}

/* The most that can remain of one source. */
static double
most_left(const CaseSource *part)
{
	return MAX(part->pending, part->hot);
}

/* Divides @used bytes. Before a pass the shares follow what each source has; afterwards they follow
 * its dirty rate, if it is known. */
static void
share_out(const CaseInput *input, double used, double pending, gboolean is_now, double rest[])
{
	double floor = is_now && pending > 0 ? 0 : growth(input, GRANULE_S);
	for (guint i = 0; i < input->n_flows; i++) {
		const CaseSource *part = &input->parts[i];
		double share = i == 0; /* if there is nothing to divide */
		if (floor > 0)
			share = predict_growth(part->hot, part->rate, GRANULE_S) / floor;
		else if (pending > 0)
			share = part->pending / pending;
		rest[i] = used * share;
	}
}

/* What exceeds a source's own bytes goes to another source, as far as that one has any: a rate may
 * be unknown. */
static void
level_out(const CaseInput *input, double rest[])
{
	double surplus = 0, room = 0;
	for (guint i = 0; i < input->n_flows; i++) {
		double most = most_left(&input->parts[i]);
		surplus += MAX(rest[i] - most, 0);
		room += MAX(most - rest[i], 0);
	}
	double moved = MIN(surplus, room);
	for (guint i = 0; i < input->n_flows && moved > 0; i++) {
		double over = rest[i] - most_left(&input->parts[i]);
		rest[i] -= over > 0 ? moved * over / surplus : moved * over / room;
	}
}

/* @left is what the last pass left; QEMU did not wait until so little remained. */
static void
split_rest(const CaseInput *input, double left, double threshold, double stop, CaseResult *result)
{
	double granule = MIN(GRANULE_S * input->bandwidth, threshold);
	double used = MAX(threshold - stop - granule / 2, MIN(left, threshold - stop));
	double pending = 0;
	for (guint i = 0; i < input->n_flows; i++)
		pending += input->parts[i].pending;
	used = MAX(result->passes == 0 ? MIN(used, pending) : used, 0);
	share_out(input, used, pending, result->passes == 0, result->rest);
	level_out(input, result->rest);
	for (guint i = 0; i < input->n_flows; i++)
		result->rest[i] += input->parts[i].stop;
}

static CaseResult
run_course(const CaseInput *input)
{
	CaseResult result = { .passes = 0 };
	double stop = stop_bytes(input);
	double needed_s = (floor_bytes(input) + stop) / input->switch_bandwidth;
	result.needed_s = MAX(needed_s, input->least_s);
	double limit_s = input->limit_s >= 0 ? input->limit_s : result.needed_s;
	double threshold = limit_s * input->switch_bandwidth;
	double left = run_passes(input, threshold, stop, &result);
	split_rest(input, left, threshold, stop, &result);
	result.converges = result.converges && needed_s <= limit_s * (1 + 1e-9);
	return result;
}

/* ---- from ranges to cases and back ---- */

/* For numbers where more is worse. */
static double
cost(GwRange range, Case which)
{
	const gint64 values[] = { range.low, range.likely, range.high };
	gint64 value = which == WORST && range.high < 0 ? MIN(range.likely, G_MAXINT64 / 4) * 4
							: values[which];
	return (double)MAX(value, 0);
}

/* For numbers where more is better. */
static double
gain(GwRange range, Case which)
{
	const gint64 values[] = { range.high < 0 ? range.likely : range.high, range.likely,
				  range.low };
	return (double)values[which];
}

static void
set_part(CaseSource *part, const PredictSource *source, Case which)
{
	part->id = source->id;
	part->pending = cost(source->pending_bytes, which);
	part->rate = cost(source->dirty_bytes_per_s, which);
	part->hot = cost(source->hot_bytes, which);
	part->stop = cost(source->stop_bytes, which);
	part->device_rate = gain(source->device_bytes_per_s, which);
}

/* Uses the drivers' common speed if the source has no speed itself. */
static void
set_device_rate(CaseSource *part, const PredictTerms *terms, Case which)
{
	if (part->id != NULL && part->device_rate <= 0)
		part->device_rate = gain(terms->device_bytes_per_s, which);
}

static void
set_scene(CaseInput *input, const PredictTerms *terms, const PredictSource *sources,
	  guint n_sources, Case which)
{
	static const double margins[] = { [BEST] = 0, [LIKELY] = 0.85, [WORST] = 1.25 };
	input->n_flows = n_sources;
	for (guint i = 0; i < n_sources; i++) {
		set_part(&input->parts[i], &sources[i], which);
		set_device_rate(&input->parts[i], terms, which);
	}
	input->bandwidth = MAX(gain(terms->bandwidth_bytes_per_s, which), 1);
	input->switch_bandwidth = terms->switchover_bytes_per_s.likely > 0
					  ? MAX(gain(terms->switchover_bytes_per_s, which), 1)
					  : input->bandwidth;
	/* In the best case QEMU checks its limit exactly when the least remains. */
	input->granule_s = which == BEST ? 0 : GRANULE_S;
	input->margin = margins[which];
	input->least_s = which == BEST ? 0 : MIN_LIMIT_S;
	input->limit_s = terms->limit_us < 0 ? -1 : (double)terms->limit_us / US_PER_S;
	input->stop_s = cost(terms->stop_us, which) / US_PER_S;
	input->in_flight = cost(terms->in_flight_bytes, which);
	input->device_state = cost(terms->device_state_bytes, which);
	input->load_s = cost(terms->load_us, which) / US_PER_S;
	input->start_s = cost(terms->start_us, which) / US_PER_S;
}

static gint64
to_us(double seconds)
{
	return (gint64)(MIN(seconds, MAX_SECONDS) * US_PER_S);
}

/* How long the remaining bytes of source @i take in one case. */
static double
rest_seconds(const CaseInput *input, const CaseResult *result, guint i)
{
	double device_rate = input->parts[i].device_rate;
	double link = input->switch_bandwidth;
	double rate = device_rate > 0 ? MIN(device_rate, link) : link;
	return result->rest[i] / rate;
}

static GwRange
range_of(const double values[N_CASES])
{
	double low = MIN(values[BEST], values[LIKELY]);
	return (GwRange){ to_us(low), to_us(values[LIKELY]),
			  to_us(MAX(values[WORST], values[LIKELY])) };
}

/* Adds the parts in their order, and their sum. */
static void
add_parts(GwPrediction *self, const CaseInput inputs[N_CASES], const CaseResult results[N_CASES])
{
	const CaseInput *likely = &inputs[LIKELY];
	double seconds[PREDICT_SOURCES_MAX + 5][N_CASES];
	guint n_flows = likely->n_flows, n_parts = n_flows + 5;
	for (Case c = BEST; c < N_CASES; c++) {
		const CaseInput *input = &inputs[c];
		seconds[0][c] = input->stop_s;
		for (guint i = 0; i < n_flows; i++)
			seconds[1 + i][c] = rest_seconds(input, &results[c], i);
		seconds[n_flows + 1][c] = input->in_flight / input->switch_bandwidth;
		seconds[n_flows + 2][c] = input->device_state / input->switch_bandwidth;
		seconds[n_flows + 3][c] = input->load_s;
		seconds[n_flows + 4][c] = input->start_s;
	}
	static const char *const last[] = { "in-flight", "device-state", "load", "start" };
	self->downtime_us = predict_exactly(0);
	for (guint i = 0; i < n_parts; i++) {
		const char *id = i > 0 && i <= n_flows ? likely->parts[i - 1].id : NULL;
		const char *name = i == 0	  ? "stop"
				   : i <= n_flows ? (id != NULL ? "vgpu" : "ram")
						  : last[i - n_flows - 1];
		GwRange us = range_of(seconds[i]);
		prediction_add_part(self, name, id, us);
		self->downtime_us.low += us.low;
		self->downtime_us.likely += us.likely;
		self->downtime_us.high += us.high;
	}
}

/* Adds -1 if a case does not end. */
static void
add_totals(GwPrediction *self, const CaseResult results[N_CASES])
{
	const GwRange *downtime = &self->downtime_us;
	const CaseResult *best = &results[BEST], *likely = &results[LIKELY],
			 *worst = &results[WORST];
	self->converges = likely->converges;
	self->passes.low = best->converges ? best->passes : -1;
	self->passes.likely = likely->converges ? likely->passes : -1;
	self->passes.high = worst->converges ? worst->passes : -1;
	self->total_us.low = best->converges ? to_us(best->seconds) + downtime->low : -1;
	self->total_us.likely = likely->converges ? to_us(likely->seconds) + downtime->likely : -1;
	self->total_us.high = worst->converges ? to_us(worst->seconds) + downtime->high : -1;
	/* With a longer downtime the migration may end sooner, so the cases are not sorted by
	 * time. */
	if (self->total_us.likely >= 0) {
		self->total_us.low = MIN(self->total_us.low, self->total_us.likely);
		if (self->total_us.high >= 0)
			self->total_us.high = MAX(self->total_us.high, self->total_us.likely);
	}
}

/* Returns the vGPU that takes most of the downtime, if a vGPU does. */
static const char *
find_bottleneck(const CaseInput *input, const CaseResult *result)
{
	guint most = 0;
	for (guint i = 1; i < input->n_flows; i++)
		if (rest_seconds(input, result, i) > rest_seconds(input, result, most))
			most = i;
	return input->parts[most].id;
}

static gboolean
is_known(const PredictSource *source)
{
	return source->pending_bytes.likely >= 0 && source->dirty_bytes_per_s.likely >= 0 &&
	       source->hot_bytes.likely >= 0 && source->stop_bytes.likely >= 0;
}

GwPrediction *
predict(const PredictTerms *terms, const PredictSource *sources, guint n_sources)
{
	g_return_val_if_fail(n_sources > 0 && n_sources <= PREDICT_SOURCES_MAX, NULL);
	if (terms->bandwidth_bytes_per_s.likely <= 0)
		return NULL;
	GwPrediction *self = prediction_new();
	for (guint i = 0; i < n_sources; i++) {
		if (!is_known(&sources[i])) {
			gw_prediction_free(self);
			return NULL;
		}
		self->confidence = MAX(self->confidence, sources[i].confidence);
	}
	CaseInput inputs[N_CASES];
	CaseResult results[N_CASES];
	for (Case c = BEST; c < N_CASES; c++) {
		set_scene(&inputs[c], terms, sources, n_sources, c);
		results[c] = run_course(&inputs[c]);
	}
	self->bandwidth_bytes_per_s = terms->bandwidth_bytes_per_s.likely;
	const double needed_s[] = { results[BEST].needed_s, results[LIKELY].needed_s,
				    results[WORST].needed_s };
	self->needed_downtime_limit_us = range_of(needed_s);
	self->downtime_limit_us =
		terms->limit_us >= 0 ? terms->limit_us : self->needed_downtime_limit_us.likely;
	add_parts(self, inputs, results);
	add_totals(self, results);
	if (terms->max_downtime_us >= 0 && self->downtime_limit_us > terms->max_downtime_us)
		self->converges = FALSE;
	self->held_up_by = g_strdup(find_bottleneck(&inputs[LIKELY], &results[LIKELY]));
	return self;
}

/* ---- the hot set behind some passes ---- */

/* Returns the a for which (1 - e^-a) / (1 - e^-ka) is @ratio; the ratio grows with a from 1/k to
 * 1. */
static double
solve_shape(double ratio, double k)
{
	double low = 1e-9, high = MAX_SHAPE;
	for (guint i = 0; i < BISECTIONS; i++) {
		double a = (low + high) / 2;
		if (expm1(-a) / expm1(-k * a) < ratio)
			low = a;
		else
			high = a;
	}
	return (low + high) / 2;
}

/* A sync finds only bytes that were clean: of what was written, the part of the set that was not
 * waiting to be sent. */
static double
written(const PredictPass *pass, double hot)
{
	double clean = 1 - pass->left_bytes / hot;
	return clean > 0.05 ? MIN(pass->found_bytes / clean, hot) : pass->found_bytes;
}

static void
fit_once(const PredictPass *brief, const PredictPass *slow, double most, double *hot, double *rate)
{
	double k = slow->seconds / MAX(brief->seconds, 1e-6);
	double few = written(brief, *hot), many = written(slow, *hot);
	double ratio = few / MAX(many, 1);
	*hot = most;
	*rate = few / MAX(brief->seconds, 1e-6);
	if (k < 1.1 || ratio <= 1.05 / k)
		return; /* this shows no byte that was written twice */
	double a = ratio < SATURATED ? solve_shape(ratio, k) : MAX_SHAPE;
	double set = many / -expm1(-k * a);
	if (set >= most)
		return;
	*hot = MAX(set, many);
	*rate = a * *hot / MAX(brief->seconds, 1e-6);
}

void
predict_fit(const PredictPass *passes, guint n_passes, double most_bytes, double *ret_hot_bytes,
	    double *ret_bytes_per_s)
{
	const PredictPass *brief = &passes[0], *slow = &passes[0];
	for (guint i = 1; i < n_passes; i++) {
		if (passes[i].seconds < brief->seconds)
			brief = &passes[i];
		if (passes[i].seconds > slow->seconds)
			slow = &passes[i];
	}
	/* What was written depends on the size of the set, which is unknown here: iterate. */
	*ret_hot_bytes = most_bytes;
	for (guint i = 0; i < FIT_ROUNDS; i++)
		fit_once(brief, slow, most_bytes, ret_hot_bytes, ret_bytes_per_s);
}
