/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Between the controller (converge.c) and QEMU: shows each sample to the controller, and tells QEMU
 * what it wants. When QEMU rejects a command only its effect is missed: the next sample brings
 * another.
 */
#include "engine/source/source-converge.h"

#include "engine/data/plan-json.h"
#include "engine/data/report-json.h"
#include "engine/host/vgpu-host.h"
#include "engine/record/learning-file.h"
#include "qmp/qmp-parameters.h"

#define MAX_THROTTLE_STEP 99

static gboolean
has_parameter(SourceRun *run, const char *name)
{
	return gw_property_list_get(run->surveys.source->parameters, name) != NULL;
}

static void
take_learned(SourceRun *run, PredictTerms *ret_terms)
{
	Learned learned;
	g_autoptr(GPtrArray) learning = learning_load(run->options->state_dir);
	learning_look_up(learning, run->surveys.source->vgpus, &learned);
	*ret_terms = learned.terms;
}

void
source_converge_begin(SourceRun *run)
{
	const GwPlanCapability *throttle = plan_find_capability(run->plan, "auto-converge");
	ConvergePolicy policy = {
		.max_downtime_us = run->options->downtime_limit_us,
		.on_stall = run->options->on_stall,
		.can_throttle = throttle != NULL && throttle->at_source,
		.guest_runs = run->surveys.source->running,
	};
	take_learned(run, &policy.terms);
	if (run->options->switchover_bytes_per_s > 0)
		policy.terms.switchover_bytes_per_s =
			predict_exactly(run->options->switchover_bytes_per_s);
	run->convergence.controller = converge_new(&policy);
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
source_converge_step(SourceRun *run, GwSample *sample)
{
	ConvergeAdvice advice;
	converge_step(run->convergence.controller, sample, &advice);
	const GwPrediction *prediction = converge_get_prediction(run->convergence.controller);
	report_take_prediction(recorder_get_report(run->recorder), prediction);
	sample->downtime_limit_us = converge_get_limit_us(run->convergence.controller);
	sample->held_up_by = g_strdup(converge_get_bottleneck(run->convergence.controller));
	if (prediction != NULL) {
		sample->predicted_downtime_us = gw_number(prediction->downtime_us.likely,
							  GW_SOURCE_MODEL, prediction->confidence);
		sample->predicted_left_us = gw_number(prediction->total_us.likely, GW_SOURCE_MODEL,
						      prediction->confidence);
	}
	run->convergence.given_up = advice.give_up;
	tell_qemu(run, &advice);
}

char *
source_describe_stall(SourceRun *run)
{
	g_autofree char *reason = converge_get_reason(run->convergence.controller);
	g_autofree char *vgpus =
		vgpu_describe_left_of(run->surveys.source->vgpus, run->qemu->process.pid);
	return g_strconcat(reason, vgpus, NULL);
}
