/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Between the controller (converge.c) and QEMU: each sample goes to the one, what it wants is told to the other. A
 * command that QEMU does not take costs nothing but what it was for: the next sample brings another.
 */
#include "engine/source/source-run.h"

#include "engine/record/learning-file.h"
#include "engine/data/plan-json.h"
#include "engine/data/report-json.h"
#include "engine/host/vgpu-host.h"
#include "qmp/qmp-parameters.h"

#define MAX_THROTTLE_STEP 99

static gboolean
has_parameter(SourceRun *run, const char *name)
{
	return gw_property_list_get(run->source->parameters, name) != NULL;
}

static void
take_learned(SourceRun *run, PredictTerms *ret_terms)
{
	Learned learned;
	g_autoptr(GPtrArray) learning = learning_load(run->options->state_dir);
	learning_look_up(learning, run->source->vgpus, &learned);
	*ret_terms = learned.terms;
}

void
source_steer_begin(SourceRun *run)
{
	const GwPlanCapability *throttle = plan_find_capability(run->plan, "auto-converge");
	ConvergePolicy policy = {
		.max_downtime_us = run->options->downtime_limit_us,
		.on_stall = run->options->on_stall,
		.can_throttle = throttle != NULL && throttle->at_source,
		.guest_runs = run->source->running,
	};
	take_learned(run, &policy.terms);
	if (run->options->switchover_bytes_per_s > 0)
		policy.terms.switchover_bytes_per_s =
			predict_exactly(run->options->switchover_bytes_per_s);
	run->converge = converge_new(&policy);
}

static void
add_throttle(QmpParameters *parameters, gint64 percent)
{
	qmp_parameters_set_int(parameters, "cpu-throttle-initial", percent);
	qmp_parameters_set_int(parameters, "cpu-throttle-increment", MAX_THROTTLE_STEP);
	qmp_parameters_set_int(parameters, "max-cpu-throttle", percent);
	qmp_parameters_set_int(parameters, "throttle-trigger-threshold", 1);
}

static void
tell_qemu(SourceRun *run, const ConvergeAdvice *advice)
{
	g_autoptr(QmpParameters) parameters = qmp_parameters_new();
	if (advice->downtime_limit_us >= 0)
		qmp_parameters_set_int(parameters, "downtime-limit",
				       qmp_downtime_limit(advice->downtime_limit_us));
	if (advice->switchover_bytes_per_s >= 0 && has_parameter(run, "avail-switchover-bandwidth"))
		qmp_parameters_set_int(parameters, "avail-switchover-bandwidth",
				       advice->switchover_bytes_per_s);
	if (advice->throttle_percent >= 0)
		add_throttle(parameters, advice->throttle_percent);
	g_autoptr(GError) error = NULL;
	if (!qmp_parameters_apply(parameters, run->qemu->qmp, &error))
		g_debug("the controller: %s", error->message);
}

void
source_steer(SourceRun *run, GwSample *sample)
{
	ConvergeAdvice advice;
	converge_step(run->converge, sample, &advice);
	const GwPrediction *prediction = converge_get_prediction(run->converge);
	report_take_prediction(recorder_get_report(run->recorder), prediction);
	sample->downtime_limit_us = converge_get_limit_us(run->converge);
	sample->held_up_by = g_strdup(converge_get_bottleneck(run->converge));
	if (prediction != NULL) {
		sample->predicted_downtime_us = gw_number(prediction->downtime_us.likely,
							  GW_SOURCE_MODEL, prediction->confidence);
		sample->predicted_left_us = gw_number(prediction->total_us.likely, GW_SOURCE_MODEL,
						      prediction->confidence);
	}
	run->given_up = advice.give_up;
	tell_qemu(run, &advice);
}

char *
source_describe_stall(SourceRun *run)
{
	g_autofree char *reason = converge_get_reason(run->converge);
	g_autofree char *vgpus = vgpu_describe_left_of(run->source->vgpus, run->qemu->process.pid);
	return g_strconcat(reason, vgpus, NULL);
}
