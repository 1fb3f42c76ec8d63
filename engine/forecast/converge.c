/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The controller of a migration.
 *
 * QEMU stops the guest as soon as it believes that downtime-limit x bandwidth is enough for what
 * remains. So QEMU uses the whole limit: the limit is not an upper bound, it is the downtime
 * itself. Hence the rules:
 *
 * - The limit begins at its minimum (30 ms: what QEMU sends between two checks of the limit). It
 *   follows what the model needs, up and down, within the user's maximum minus the fixed costs that
 *   QEMU does not count. It is never 0: QEMU would then not ask the vGPUs how much remains.
 * - What the guest's writes will leave is an estimate: this part of the limit at most doubles with
 *   each pass.
 * - If the remaining bytes of a vGPU are not known, or only as a bound, the limit climbs by a
 *   quarter each time the known remaining bytes have fitted into it for three samples and QEMU did
 *   not stop the guest. So the limit ends at most a quarter above the smallest one that works. It
 *   does not climb while a vGPU still sends its memory for the first time.
 * - Until the link and one pass over RAM were measured the limit stays at its minimum: no guest is
 *   stopped because of the bandwidth of the first windows, or before there is a prediction.
 * - QEMU is told the bandwidth too. QEMU's own figure is nearly 0 while only a stop-copy remains,
 *   and then no limit is ever met.
 * - A migration is hopeless if it needs more than the maximum even with the best value of each
 *   number. A vGPU's stop-copy counts after three samples. A dirty rate may be a burst, so it
 *   counts after three passes that took five seconds together. A migration is stuck if it had the
 *   highest allowed limit for six passes and ten seconds without progress.
 * - A vGPU may still have as many dirty bytes as before, after the time in which all of them could
 *   have been sent. It will keep them (vram-plateau.c). This is a measurement and no estimate, so
 *   the limit goes there at once.
 * - Throttling slows vCPUs and no GPU: it is for RAM only.
 */
#include "engine/forecast/converge.h"

#include <string.h>

#include "engine/forecast/remaining.h"
#include "engine/forecast/sample-delta.h"
#include "engine/forecast/streak.h"
#include "engine/forecast/vram-plateau.h"

#define MIN_LIMIT_US   30000
#define MAX_LIMIT_US   (2000 * G_USEC_PER_SEC) /* QEMU's own maximum */
#define US_PER_MS      1000
#define SURE_SAMPLES   3
#define SURE_PASSES    3
#define SURE_US	       (5 * G_USEC_PER_SEC)
#define STANDING_PART  0.85 /* of what passes leave: QEMU need not wait for the end of a pass */
#define STUCK_PASSES   6
#define STUCK_US       (10 * G_USEC_PER_SEC)
#define CLIMB_FACTOR   1.25
#define HEADROOM       1.05 /* above what is needed: the bandwidth always changes a little */
#define SHOWN_OFF      0.1  /* possible error of what passes left */
#define STEADY	       0.05 /* a bandwidth that differs by less counts as the same */
#define HIGHER	       1.01
#define LOWER	       0.9 /* a limit is lowered only to less than this part of it */
#define EXTENSION      1.1 /* above what is needed, if more than the maximum is allowed */
#define THROTTLE_FIRST 20
#define THROTTLE_STEP  10
#define THROTTLE_MOST  99
#define PROGRESS_RATIO 0.98 /* less than this part of what remained is progress */
#define GUESS_RATIO    1.5  /* times what the bitmap syncs have found: the rate is a guess */
#define MANY_LOOKS \
	3 /* syncs between two samples: QEMU's estimate fits, and the exact figure
			  * does not */

struct Converge {
	ConvergePolicy policy;
	Estimate dirty;
	gint64 cap_us;	 /* the highest limit that QEMU may get */
	gint64 limit_us; /* the limit that QEMU has */
	gint64 climb_us; /* the limit that the climb has reached */
	double rest_us;	 /* the part for what the guest's writes leave */
	guint seen_groups;
	gint64 switchover_bytes_per_s;
	gint64 throttle_percent;

	GwSample *sample; /* (nullable): the last one */
	PredictSource sources[PREDICT_SOURCES_MAX];
	guint n_sources;
	GwPrediction *prediction; /* (nullable) */
	GwPrediction *least;	  /* (nullable): unknown numbers count as 0 */
	const char *bottleneck;	  /* (nullable): "ram", or an id of @sample */

	double least_bytes;    /* the fewest remaining bytes of any sample */
	guint idle_samples;    /* in a row: not fewer than that */
	guint fitting_samples; /* in a row: all known remaining bytes fit, and QEMU did not stop
			        * the guest */
	guint capped_samples;  /* in a row: and no higher limit is allowed */
	Streak hopeless;
	Streak stuck;
	VramPlateau standing;
	double least_dirty_bytes; /* the fewest that any pass left, with the highest limit */
};

static gint64
fixed_us(const PredictTerms *terms)
{
	return terms->stop_us.likely + terms->load_us.likely + terms->start_us.likely;
}

gint64
converge_first_limit_us(gint64 max_downtime_us, gboolean guest_runs)
{
	gint64 most_us = CLAMP(max_downtime_us, US_PER_MS, MAX_LIMIT_US);
	return guest_runs ? MIN(most_us, MIN_LIMIT_US) : most_us;
}

Converge *
converge_new(const ConvergePolicy *policy)
{
	Converge *self = g_new0(Converge, 1);
	self->policy = *policy;
	self->switchover_bytes_per_s = -1;
	estimate_init(&self->dirty);
	/* Fixed costs are guesses until they were learned: they never take more than half. */
	gint64 most_us = policy->max_downtime_us;
	self->cap_us = MAX(most_us - fixed_us(&policy->terms), most_us / 2);
	self->cap_us = CLAMP(self->cap_us, US_PER_MS, MAX_LIMIT_US);
	self->limit_us = converge_first_limit_us(most_us, policy->guest_runs);
	self->climb_us = MIN(MIN_LIMIT_US, self->cap_us);
	self->rest_us = MIN_LIMIT_US / HEADROOM;
	return self;
}

void
converge_free(Converge *self)
{
	if (self == NULL)
		return;
	gw_sample_free(self->sample);
	gw_prediction_free(self->prediction);
	gw_prediction_free(self->least);
	g_free(self);
}

gint64
converge_get_limit_us(const Converge *self)
{
	return self->limit_us;
}

const GwPrediction *
converge_get_prediction(const Converge *self)
{
	return self->prediction;
}

const char *
converge_get_bottleneck(const Converge *self)
{
	return self->bottleneck;
}

/* ---- what remains ---- */

/* The bandwidth of the link while the guest runs; 0 or less: not known yet. */
static double
bandwidth(const Converge *self)
{
	return (double)estimate_get_bandwidth(&self->dirty).likely;
}

/* The bandwidth after the guest's stop: the user's value, or else the present one. */
static double
switch_bandwidth(const Converge *self)
{
	double told = (double)self->policy.terms.switchover_bytes_per_s.likely;
	return told > 0 ? told : bandwidth(self);
}

/* The remaining bytes at which QEMU stops the guest. */
static double
threshold_bytes(const Converge *self)
{
	return switch_bandwidth(self) * (double)self->limit_us / G_USEC_PER_SEC;
}

static double
left_bytes(const Converge *self)
{
	return remaining_sum_bytes(self->sources, self->n_sources);
}

static gboolean
rest_fits(const Converge *self)
{
	return bandwidth(self) > 0 && left_bytes(self) <= threshold_bytes(self);
}

/* Returns whether the stop-copy of the vGPUs does not fit into the highest limit, even at the best
 * bandwidth. */
static gboolean
is_debt_too_big(const Converge *self)
{
	GwRange rate = estimate_get_bandwidth(&self->dirty);
	double best = MAX((double)MAX(rate.likely, rate.high), switch_bandwidth(self));
	double debt_bytes = (double)remaining_stop_copy_bytes(self->sources, self->n_sources).low;
	return debt_bytes > best * (double)self->cap_us / G_USEC_PER_SEC;
}

/* Returns whether QEMU syncs again and again: its estimate fits, the exact figure does not, and the
 * remaining bytes do not fall. */
static gboolean
is_storm(Converge *self, gint64 looks)
{
	double bytes = left_bytes(self);
	gboolean is_less = bytes < self->least_bytes * PROGRESS_RATIO;
	self->idle_samples = is_less ? 0 : self->idle_samples + 1;
	if (is_less || self->least_bytes == 0)
		self->least_bytes = bytes;
	return looks >= MANY_LOOKS && self->idle_samples >= SURE_SAMPLES;
}

static const char *
name_of(const Converge *self, guint i)
{
	return i == 0 ? "ram" : self->sources[i].id;
}

/* Finds what prevents the switchover. During the first pass this is not known yet, except for a
 * stop-copy that is too large. */
static const char *
find_bottleneck(const Converge *self)
{
	if (bandwidth(self) <= 0)
		return NULL;
	if (is_debt_too_big(self))
		return name_of(self,
			       remaining_find_largest_stop_copy(self->sources, self->n_sources));
	if (rest_fits(self)) {
		guint dark = remaining_find_unknown(self->sources, self->n_sources);
		return dark > 0 ? name_of(self, dark) : NULL;
	}
	guint most = remaining_find_largest(self->sources, self->n_sources);
	gboolean is_first_pass = self->dirty.n_passes == 0 && self->sample->passes <= 1;
	return most == 0 && is_first_pass ? NULL : name_of(self, most);
}

/* ---- what it will take ---- */

static GwPrediction *
predict_with(const Converge *self, const PredictSource *sources, gint64 limit_us)
{
	PredictTerms terms = self->policy.terms;
	terms.bandwidth_bytes_per_s = estimate_get_bandwidth(&self->dirty);
	terms.max_downtime_us = -1;
	terms.limit_us = limit_us;
	return predict(&terms, sources, self->n_sources);
}

/* An unknown number is no reason to give up: it counts as 0. */
static void
forget_unknown(PredictSource *source)
{
	GwRange *ranges[] = { &source->pending_bytes, &source->dirty_bytes_per_s,
			      &source->hot_bytes, &source->stop_bytes };
	for (guint i = 0; i < G_N_ELEMENTS(ranges); i++)
		if (ranges[i]->likely < 0 || source->confidence == GW_CONFIDENCE_BOUND)
			*ranges[i] = predict_exactly(0);
}

/* (transfer full) (nullable). @ram_factor: the part of its writes to RAM that the guest will still
 * do. */
static GwPrediction *
predict_least(const Converge *self, double ram_factor)
{
	PredictSource sources[PREDICT_SOURCES_MAX];
	memcpy(sources, self->sources, sizeof sources);
	for (guint i = 0; i < self->n_sources; i++)
		forget_unknown(&sources[i]);
	GwRange *rate = &sources[0].dirty_bytes_per_s;
	rate->low = (gint64)((double)rate->low * ram_factor);
	rate->likely = (gint64)((double)rate->likely * ram_factor);
	rate->high = (gint64)((double)rate->high * ram_factor);
	return predict_with(self, sources, -1);
}

/* ---- the limit ---- */

/* Returns %TRUE when QEMU must be told a new bandwidth. */
static gboolean
choose_bandwidth(Converge *self)
{
	double told = (double)self->switchover_bytes_per_s, now = switch_bandwidth(self);
	if (now <= 0 || (told > 0 && now > told * (1 - STEADY) && now < told * (1 + STEADY)))
		return FALSE;
	self->switchover_bytes_per_s = (gint64)now;
	return TRUE;
}

static void
climb(Converge *self)
{
	gboolean is_capped = self->limit_us >= self->cap_us;
	if (self->fitting_samples < SURE_SAMPLES)
		return;
	self->capped_samples = is_capped ? self->capped_samples + 1 : 0;
	self->climb_us = MIN((gint64)((double)self->limit_us * CLIMB_FACTOR) + 1, self->cap_us);
	if (!is_capped)
		self->fitting_samples = 0;
}

/* The part of the limit for what the vGPUs can send only after the guest's stop. */
static double
debt_us(const Converge *self)
{
	double bytes = (double)remaining_stop_copy_bytes(self->sources, self->n_sources).likely;
	return bandwidth(self) > 0 ? bytes / switch_bandwidth(self) * G_USEC_PER_SEC : 0;
}

/* What passes without progress leave; 0: the passes still make progress. */
static double
standing_us(const Converge *self)
{
	if (self->dirty.n_groups < 2 || estimate_is_shrinking(&self->dirty) || bandwidth(self) <= 0)
		return 0;
	return self->dirty.dirty_bytes * STANDING_PART / switch_bandwidth(self) * G_USEC_PER_SEC;
}

/* What the guest's writes leave: by the model, and by what the passes left. (To the model, a pass
 * that leaves as much as it found looks like one that is about to converge.) */
static double
needed_rest_us(const Converge *self)
{
	double needed_us = (double)self->least->needed_downtime_limit_us.likely - debt_us(self);
	return MAX(MAX(needed_us, standing_us(self)), MIN_LIMIT_US);
}

/* This part of the limit is an estimate from a few passes: it at most doubles with each new pass.
 * It falls only when the passes leave less and less. */
static double
rest_us(Converge *self)
{
	if (self->least == NULL || self->dirty.n_groups == self->seen_groups)
		return self->rest_us;
	double needed_us = needed_rest_us(self);
	self->seen_groups = self->dirty.n_groups;
	if (needed_us > self->rest_us)
		self->rest_us = MIN(needed_us, self->rest_us * 2);
	else if (estimate_is_shrinking(&self->dirty))
		self->rest_us = needed_us;
	return self->rest_us;
}

/* What the vGPUs with pre-copy keep dirty: measured, not estimated. */
static double
vgpus_standing_us(const Converge *self)
{
	return bandwidth(self) > 0 ? self->standing.bytes / switch_bandwidth(self) * G_USEC_PER_SEC
				   : 0;
}

static gboolean
choose_limit(Converge *self)
{
	double rest = rest_us(self), vgpus_us = vgpus_standing_us(self);
	if (vgpus_us > 0) /* if they take all of the link, RAM makes no progress either */
		rest = MAX(rest, vgpus_us + MAX(standing_us(self), MIN_LIMIT_US));
	double needed_us = (debt_us(self) + rest) * HEADROOM;
	gint64 wanted_us = MAX((gint64)MIN(needed_us, (double)MAX_LIMIT_US), self->climb_us);
	wanted_us = MIN(wanted_us, self->cap_us);
	if (!self->policy.guest_runs)
		wanted_us = MAX(self->policy.max_downtime_us, self->cap_us);
	else if (self->least == NULL || self->sources[0].dirty_bytes_per_s.likely < 0)
		return FALSE;
	gboolean is_worth_it = (double)wanted_us > (double)self->limit_us * HIGHER ||
			       (double)wanted_us < (double)self->limit_us * LOWER;
	if (is_worth_it)
		self->limit_us = wanted_us;
	return is_worth_it;
}

/* ---- stalls ---- */

/* Returns whether no pass leaves less than an earlier one, although the limit is the highest that
 * is allowed. */
static gboolean
is_stuck(Converge *self)
{
	double now_us = (double)self->sample->time_us, passes = self->dirty.n_passes;
	double bytes = self->dirty.dirty_bytes;
	gboolean is_capped = self->limit_us >= self->cap_us * LOWER;
	gboolean is_less =
		self->least_dirty_bytes == 0 || bytes < self->least_dirty_bytes * PROGRESS_RATIO;
	streak_update(&self->stuck, is_capped && !is_less, now_us, passes);
	if (is_less || !is_capped)
		self->least_dirty_bytes = bytes;
	return streak_lasted(&self->stuck, now_us, passes, STUCK_US, STUCK_PASSES);
}

/* Returns whether it is certain that the migration cannot converge as things are. */
static gboolean
is_hopeless(Converge *self)
{
	double now_us = (double)self->sample->time_us, passes = self->dirty.n_passes;
	gboolean is_needed =
		(self->least != NULL && self->least->needed_downtime_limit_us.low > self->cap_us) ||
		vgpus_standing_us(self) > (double)self->cap_us;
	gboolean stuck = is_stuck(self);
	streak_update(&self->hopeless, is_needed, now_us, passes);
	if (!self->policy.guest_runs)
		return FALSE;
	/* Without a vGPU all remaining bytes are known. Then the peer is slow, and other checks
	 * handle that. */
	if (stuck || (self->capped_samples >= SURE_SAMPLES && self->n_sources > 1))
		return TRUE;
	return is_debt_too_big(self)
		       ? self->hopeless.n_samples >= SURE_SAMPLES
		       : streak_lasted(&self->hopeless, now_us, passes, SURE_US, SURE_PASSES);
}

static void
reset_stall(Converge *self)
{
	self->hopeless.n_samples = self->stuck.n_samples = self->capped_samples = 0;
}

static gboolean
extend(Converge *self)
{
	double needed_us = vgpus_standing_us(self);
	if (self->least != NULL)
		needed_us = MAX(needed_us, (double)self->least->needed_downtime_limit_us.likely);
	double cap_us = MAX(needed_us, (double)self->cap_us) * EXTENSION;
	if (self->cap_us >= MAX_LIMIT_US)
		return FALSE;
	self->cap_us = (gint64)MIN(cap_us, (double)MAX_LIMIT_US);
	reset_stall(self);
	return TRUE;
}

/* Chooses the smallest throttle with which RAM converges. */
static gboolean
throttle(Converge *self)
{
	if (!self->policy.can_throttle || self->throttle_percent >= THROTTLE_MOST)
		return FALSE;
	gint64 percent = MAX(self->throttle_percent + THROTTLE_STEP, THROTTLE_FIRST);
	for (; percent < THROTTLE_MOST; percent += THROTTLE_STEP) {
		/* The measured rate is that of a guest with the present throttle. */
		double factor =
			(100.0 - (double)percent) / (100.0 - (double)self->throttle_percent);
		g_autoptr(GwPrediction) made = predict_least(self, factor);
		if (made != NULL && made->needed_downtime_limit_us.likely <= self->cap_us)
			break;
	}
	g_autoptr(GwPrediction) without = predict_least(self, 0);
	if (without != NULL && without->needed_downtime_limit_us.low > self->cap_us)
		return FALSE; /* RAM is not the bottleneck */
	self->throttle_percent = MIN(percent, THROTTLE_MOST);
	estimate_forget_passes(&self->dirty);
	reset_stall(self);
	return TRUE;
}

/* Returns whether to give up. */
static gboolean
apply_stall_policy(Converge *self)
{
	switch (self->policy.on_stall) {
	case GW_ON_STALL_WAIT:
		return FALSE;
	case GW_ON_STALL_EXTEND:
		return !extend(self);
	case GW_ON_STALL_THROTTLE:
		return !throttle(self);
	case GW_ON_STALL_ABORT:
		break;
	}
	return TRUE;
}

static void
observe(Converge *self, const GwSample *sample)
{
	gboolean busy = sample_delta_is_busy(self->sample, sample, bandwidth(self));
	gint64 looks = sample_delta_syncs(self->sample, sample);
	gw_sample_free(self->sample);
	self->sample = gw_sample_copy(sample);
	estimate_add(&self->dirty, self->sample);
	self->n_sources = estimate_get_sources(&self->dirty, self->sample, self->sources);
	gw_prediction_free(self->least);
	self->least = predict_least(self, 1);
	vram_plateau_add(&self->standing, self->sample, bandwidth(self));
	gboolean storm = is_storm(self, looks);
	gboolean fits = rest_fits(self) || storm;
	self->fitting_samples = fits && !busy ? self->fitting_samples + 1 : 0;
	if (self->fitting_samples == 0)
		self->capped_samples = 0;
}

/* The limit that is needed for everything that was seen to stay dirty. */
static double
shown_us(const Converge *self)
{
	return debt_us(self) + standing_us(self) + vgpus_standing_us(self);
}

/* The model predicts an end, but the passes have shown that there is none. */
static void
mark_not_converging(const Converge *self, GwPrediction *prediction)
{
	GwRange shown = predict_about((gint64)shown_us(self), SHOWN_OFF);
	GwRange *needed = &prediction->needed_downtime_limit_us;
	needed->low = MAX(needed->low, shown.low);
	needed->likely = MAX(needed->likely, shown.likely);
	needed->high = MAX(needed->high, shown.high);
	prediction->passes = prediction->total_us = predict_exactly(-1);
	prediction->converges = FALSE;
}

void
converge_step(Converge *self, const GwSample *sample, ConvergeAdvice *ret_advice)
{
	gint64 throttle_percent = self->throttle_percent;
	*ret_advice = (ConvergeAdvice){ -1, -1, -1, FALSE };
	observe(self, sample);
	climb(self);
	gboolean give_up = is_hopeless(self) && apply_stall_policy(self);
	if (choose_limit(self))
		ret_advice->downtime_limit_us = self->limit_us;
	if (choose_bandwidth(self))
		ret_advice->switchover_bytes_per_s = self->switchover_bytes_per_s;
	if (self->throttle_percent != throttle_percent)
		ret_advice->throttle_percent = self->throttle_percent;
	gw_prediction_free(self->prediction);
	self->prediction = predict_with(self, self->sources, self->limit_us);
	if (self->prediction != NULL)
		self->prediction->time_us = sample->time_us;
	if (give_up && self->prediction != NULL)
		mark_not_converging(self, self->prediction);
	self->bottleneck = find_bottleneck(self);
	ret_advice->give_up = give_up;
}

/* ---- why ---- */

static void
add_mib(GString *text, double bytes, const char *more)
{
	double mib = bytes / (1 << 20);
	g_string_append_printf(text, mib < 10 ? "%.1f MiB%s" : "%.0f MiB%s", mib, more);
}

/* If each pass finds the whole set dirty, its dirty rate is not known. The same is true for a rate
 * that is only a bound. */
static void
add_rate(GString *text, const Converge *self, guint i)
{
	GwRange rate = self->sources[i].dirty_bytes_per_s;
	gint64 least = i == 0 ? estimate_min_dirty_rate(&self->dirty) : -1;
	gboolean is_vague = least > 0 && rate.likely > GUESS_RATIO * least;
	g_string_append(text, is_vague || rate.high < 0 ? " and at least " : " and ");
	add_mib(text, (double)(is_vague ? least : rate.likely), "/s are written to it");
}

static void
add_source(GString *text, const Converge *self, guint i)
{
	const PredictSource *source = &self->sources[i];
	if (i == 0)
		g_string_append(text, "; RAM");
	else
		g_string_append_printf(text, "; vGPU '%s'", source->id);
	g_string_append(text, remaining_is_unknown(source) ? " does not report how much remains"
							   : " has ");
	if (!remaining_is_unknown(source))
		add_mib(text, remaining_bytes_of(source), " left");
	if (source->stop_bytes.likely > 0)
		g_string_append(text, ", which can be sent only after the guest stops");
	if (source->dirty_bytes_per_s.likely > 0)
		add_rate(text, self, i);
}

char *
converge_get_reason(const Converge *self)
{
	GString *text = g_string_new(NULL);
	double needed_us = shown_us(self);
	if (self->least != NULL)
		needed_us = MAX(needed_us, (double)self->least->needed_downtime_limit_us.likely);
	g_string_append_printf(text, "a downtime of %.0f ms is allowed",
			       (double)self->policy.max_downtime_us / 1e3);
	if (needed_us > (double)self->cap_us)
		g_string_append_printf(text, ", about %.0f ms are needed",
				       (needed_us + (double)fixed_us(&self->policy.terms)) / 1e3);
	if (bandwidth(self) > 0) {
		g_string_append(text, "; ");
		add_mib(text, bandwidth(self), "/s are sent");
	}
	for (guint i = 0; i < self->n_sources; i++)
		add_source(text, self, i);
	return g_string_free(text, FALSE);
}
