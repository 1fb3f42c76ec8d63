/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The plan. QEMU itself compares almost nothing: it fails late, or does not fail and is wrong. So
 * each rule here reads both surveys before anything starts, and adds the issues that it finds. A
 * new rule is a function and a row. No rule checks a version: rules check what each QEMU reports to
 * have.
 */
#include "engine/plan/negotiate.h"

#include "engine/data/transport-kind.h"
#include "engine/gw-error.h"
#include "engine/plan/allowable.h"
#include "engine/plan/capability.h"
#include "engine/plan/negotiate-rules.h"
#include "engine/plan/parameter.h"
#include "engine/util/error-host.h"

/* @able: a transport that can do everything that is asked for. */
static void
check_transport(Negotiation *self, const TransportKind *able)
{
	const GwPlan *plan = self->plan;
	const TransportKind *transport = transport_kind_find(plan->transport);
	g_autofree char *remedy = g_strdup_printf("use the transport '%s'", able->name);
	g_autofree char *or_one = g_strconcat(remedy, ", or one channel", NULL);
	g_autofree char *or_unseen = g_strconcat(remedy, ", or leave --account out", NULL);
	if (transport == NULL) {
		negotiation_error(self, "transport", SIDES_BOTH, "transport", remedy,
				  "there is no transport '%s'", plan->transport);
		return;
	}
	if (plan->channels > 1 && !transport->carries_many)
		negotiation_error(self, "transport", SIDES_BOTH, "transport", or_one,
				  "'%s' has only one channel, not %u", plan->transport,
				  plan->channels);
	if (self->policy->account && !transport->sees_bytes)
		negotiation_error(self, "transport", SIDES_BOTH, "transport", or_unseen,
				  "'%s' does not see the stream, so it cannot count its bytes",
				  plan->transport);
	if (transport->hands_over && negotiation_source(self)->is_indirect)
		negotiation_error(self, "transport", SIDES_SOURCE, "transport", remedy,
				  "'%s' gives QEMU descriptors, and another program that passes "
				  "on its monitor holds them back",
				  plan->transport);
}

static void
decide_transport(Negotiation *self)
{
	const NegotiatePolicy *policy = self->policy;
	GwPlan *plan = self->plan;
	plan->channels = MAX(policy->channels, 1);
	const TransportKind *able = transport_kind_choose(plan->channels > 1, policy->account,
							  negotiation_source(self)->is_indirect);
	plan->transport = g_strdup(policy->transport != NULL ? policy->transport : able->name);
	check_transport(self, able);
}

/* (transfer full): "a, QEMU 7.2.22"; NULL if nothing is known. */
static char *
describe_host(const GwSurvey *survey)
{
	const char *host = survey->host != NULL ? survey->host->host_name : NULL;
	if (survey->qemu_version == NULL)
		return g_strdup(host);
	return g_strdup_printf("%s%sQEMU %s", host != NULL ? host : "", host != NULL ? ", " : "",
			       survey->qemu_version);
}

GwPlan *
negotiate(const GwSurvey *source, const GwSurvey *destination, const NegotiatePolicy *policy)
{
	GwPlan *plan = gw_plan_new();
	plan->vm_name = g_strdup(policy->vm_name);
	plan->source = describe_host(source);
	plan->destination = describe_host(destination);
	plan->downtime_limit_us = policy->downtime_limit_us;
	plan->bandwidth_bytes_per_s = policy->bandwidth_bytes_per_s;
	plan->paused = policy->paused || !source->running; /* a paused guest stays paused */
	plan->keep_source = policy->keep_source;

	Negotiation self = { { source, destination }, policy, plan };
	negotiate_guest(&self);
	negotiate_vgpus(&self);
	capability_check_refused(&self);
	negotiate_machine(&self);
	negotiate_devices(&self);
	negotiate_disks(&self);
	decide_transport(&self);
	negotiate_descriptors(&self);
	if (!destination->is_absent) {
		capability_decide_all(&self);
		parameter_decide_all(&self);
	}
	allowable_apply(&self);
	return plan;
}

char *
negotiate_describe_errors(const GwPlan *plan)
{
	GString *text = g_string_new(NULL);
	for (guint i = 0; i < plan->issues->len; i++) {
		const GwIssue *issue = g_ptr_array_index(plan->issues, i);
		if (issue->severity != GW_SEVERITY_ERROR)
			continue;
		g_string_append_printf(text, "%s%s: %s%s%s", text->len > 0 ? "; " : "", issue->host,
				       issue->subject != NULL ? issue->subject : "",
				       issue->subject != NULL ? ": " : "", issue->text);
	}
	return g_string_free(text, FALSE);
}

void
negotiate_set_error(const GwPlan *plan, GError **error)
{
	g_autofree char *text = negotiate_describe_errors(plan);
	g_autoptr(GError) ours = g_error_new_literal(GW_ERROR, GW_ERROR_INCOMPATIBLE, text);
	for (guint i = 0; i < plan->issues->len; i++) {
		const GwIssue *issue = g_ptr_array_index(plan->issues, i);
		if (issue->severity != GW_SEVERITY_ERROR)
			continue;
		error_set_named_host(ours, issue->host);
		break;
	}
	g_propagate_error(error, g_steal_pointer(&ours));
}

/* The peer does not decide: only values that a plan of ours could set are accepted. */
static void
check_settings_of_peer(Negotiation *self, const GwPlan *plan)
{
	const GwSurvey *own = self->surveys[SIDE_DESTINATION];
	for (guint i = 0; i < plan->capabilities->len; i++) {
		const GwPlanCapability *capability = g_ptr_array_index(plan->capabilities, i);
		const char *name = capability->name;
		if (capability->at_destination && (!capability_may_be_on(name, SIDE_DESTINATION) ||
						   !negotiation_has_word(own->capabilities, name)))
			negotiation_error(
				self, "capability", SIDES_DESTINATION, name, NULL,
				"the plan asks for this capability, which is not available here");
	}
	for (guint i = 0; i < plan->parameters->len; i++) {
		const GwPlanParameter *parameter = g_ptr_array_index(plan->parameters, i);
		if (parameter->at_destination && !parameter_is_acceptable(parameter))
			negotiation_error(
				self, "parameter", SIDES_DESTINATION, parameter->name, NULL,
				"the plan sets this parameter to a value that is not allowed here");
	}
}

gboolean
negotiate_check_destination(const GwPlan *plan, const GwSurvey *survey, GError **error)
{
	g_autoptr(GwPlan) own = gw_plan_new();
	const NegotiatePolicy policy = { 0 };
	Negotiation self = { { survey, survey }, &policy, own };
	negotiation_check_destination_state(&self);
	check_settings_of_peer(&self, plan);
	const TransportKind *transport = transport_kind_find(plan->transport);
	if (transport == NULL || (plan->channels > 1 && !transport->carries_many))
		negotiation_error(&self, "transport", SIDES_DESTINATION, "channels", NULL,
				  "the plan asks for %u channels by '%s', which this agent does "
				  "not have",
				  plan->channels, plan->transport);
	if (gw_plan_is_possible(own))
		return TRUE;
	negotiate_set_error(own, error);
	return FALSE;
}
