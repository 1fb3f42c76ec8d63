/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The plan. QEMU compares next to nothing by itself: it fails late, or not at all and wrongly. So each rule
 * here looks at both surveys before anything starts and adds what it finds; a new rule is a function and a
 * row. No rule looks at a version: only at what each QEMU says it has.
 */
#include "engine/plan/negotiate.h"

#include <string.h>

#include "engine/plan/capability.h"
#include "engine/gw-error.h"
#include "engine/util/error-host.h"
#include "engine/plan/parameter.h"
#include "engine/channel/transport.h"
#include "engine/data/vgpu-json.h"

#define MAX_ISSUES 512 /* whoever has mended these sees the others */

/* @text: (transfer full) */
static void
take_issue(Negotiation *self, GwSeverity severity, const char *code, const char *host,
	   const char *subject, const char *remedy, char *text)
{
	if (self->plan->issues->len < MAX_ISSUES)
		g_ptr_array_add(self->plan->issues,
				gw_issue_new(severity, code, host, subject, text, remedy));
	g_free(text);
}

void
negotiation_error(Negotiation *self, const char *code, const char *host, const char *subject,
		  const char *remedy, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	take_issue(self, GW_SEVERITY_ERROR, code, host, subject, remedy,
		   g_strdup_vprintf(format, args));
	va_end(args);
}

void
negotiation_warning(Negotiation *self, const char *code, const char *host, const char *subject,
		    const char *remedy, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	take_issue(self, GW_SEVERITY_WARNING, code, host, subject, remedy,
		   g_strdup_vprintf(format, args));
	va_end(args);
}

gboolean
negotiation_has_word(char *const *words, const char *word)
{
	return words != NULL && g_strv_contains((const char *const *)words, word);
}

gboolean
negotiation_is_asked(const Negotiation *self, const char *capability)
{
	const char *const *asked = self->policy->capabilities;
	return asked != NULL && g_strv_contains(asked, capability);
}

gboolean
negotiation_has_vgpus(const Negotiation *self)
{
	const GwSurvey *source = self->surveys[SIDE_SOURCE];
	return source->vgpus != NULL && source->vgpus->len > 0;
}

const GwSurvey *
negotiation_source(const Negotiation *self)
{
	return self->surveys[SIDE_SOURCE];
}

const GwSurvey *
negotiation_destination(const Negotiation *self)
{
	return self->surveys[SIDE_DESTINATION];
}

/* What one of them did not say cannot be compared. */
void
negotiation_compare(Negotiation *self, const char *code, const char *what, const char *source,
		    const char *destination, const char *remedy)
{
	if (source == NULL || destination == NULL || strcmp(source, destination) == 0)
		return;
	negotiation_error(self, code, "both", what, remedy,
			  "it is '%s' at the source and '%s' at the destination", source,
			  destination);
}

void
negotiation_run(Negotiation *self, const NegotiationRule *rules, guint n_rules)
{
	for (guint i = 0; i < n_rules; i++)
		if (!rules[i].needs_both || !negotiation_destination(self)->is_absent)
			rules[i].check(self);
}

static void
check_vgpus(Negotiation *self)
{
	const GPtrArray *vgpus = negotiation_source(self)->vgpus;
	/* One that did not start for another reason has told of no vGPUs. */
	if (negotiation_destination(self)->absent_reason == NULL)
		vgpu_compare(vgpus, negotiation_destination(self)->vgpus, self->plan->issues);
	vgpu_check_sizes(vgpus, self->plan->downtime_limit_us, self->plan->bandwidth_bytes_per_s,
			 self->plan->issues);
}

/* QEMU 7.2 and before speak an interface of VFIO's that no kernel of today has. */
static void
check_vfio_migration(Negotiation *self)
{
	for (guint host = 0; host < N_SIDES; host++)
		if (negotiation_has_vgpus(self) && !self->surveys[host]->is_absent &&
		    !self->surveys[host]->has_vfio_migration)
			negotiation_error(self, "vfio-migration", side_to_string(host), "QEMU",
					  "use QEMU 8.1 or later",
					  "this QEMU's vfio-pci cannot migrate (it has no "
					  "'enable-migration')");
}

static void
check_viommus(Negotiation *self)
{
	for (guint host = 0; negotiation_has_vgpus(self) && host < N_SIDES; host++) {
		const GStrv viommus = self->surveys[host]->viommus;
		for (guint i = 0; viommus != NULL && viommus[i] != NULL; i++)
			negotiation_error(
				self, "viommu", side_to_string(host), viommus[i],
				"take the virtual IOMMU away from the VM",
				"a vGPU does not migrate together with a virtual IOMMU ('%s')",
				viommus[i]);
	}
}

/* A driver looks at the state that it was sent when the guest goes on: see vgpu-watch.c. */
static void
check_unproven(Negotiation *self)
{
	const GPtrArray *vgpus = negotiation_source(self)->vgpus;
	if (!self->plan->paused || self->plan->keep_source)
		return;
	for (guint i = 0; vgpus != NULL && i < vgpus->len; i++) {
		const GwVgpu *vgpu = g_ptr_array_index(vgpus, i);
		negotiation_warning(self, "vgpu-unproven", "destination",
				    vgpu->name != NULL ? vgpu->name : vgpu->id,
				    "say --keep-source, and end the source's QEMU when the guest "
				    "runs there",
				    "its driver takes what it was sent, or refuses it, only when "
				    "the guest goes on, and the source will have ended by then");
	}
}

static const NegotiationRule rules[] = {
	{ check_vgpus, FALSE },
	{ check_unproven, FALSE },
	{ check_vfio_migration, FALSE },
	{ check_viommus, FALSE },
	{ capability_check_refused, FALSE },
};

/*
 * Errors that the user may let pass by their codes: where the migration works all the same, and only what the
 * guest finds there is another thing than it left. What QEMU would refuse, or what could damage the guest for
 * certain, is not among them.
 */
static const char *const allowable[] = {
	"accelerator",
	"clock",
	"cpu-features",
	"cpu-model",
	"cpu-property",
	"device-extra",
	"device-property",
	"disk-extra",
	"disk-missing",
	"disk-not-shared",
	"machine-property",
	"memory",
	"refused-capability",
	"topology",
	"uuid",
	NULL,
};

gboolean
gw_code_can_be_allowed(const char *code)
{
	return g_strv_contains(allowable, code);
}

char *
gw_codes_that_can_be_allowed(void)
{
	return g_strjoinv(" ", (char **)allowable);
}

static void
allow(Negotiation *self)
{
	const char *const *codes = self->policy->allowed;
	for (guint i = 0; codes != NULL && i < self->plan->issues->len; i++) {
		GwIssue *issue = g_ptr_array_index(self->plan->issues, i);
		if (issue->severity != GW_SEVERITY_ERROR || !g_strv_contains(codes, issue->code) ||
		    !gw_code_can_be_allowed(issue->code))
			continue;
		issue->severity = GW_SEVERITY_WARNING;
		issue->is_allowed = TRUE;
	}
	for (guint i = 0; codes != NULL && codes[i] != NULL; i++)
		if (!gw_code_can_be_allowed(codes[i]))
			negotiation_error(self, "not-allowable", "both", codes[i],
					  "mend what is wrong instead",
					  "errors of code '%s' cannot be allowed", codes[i]);
}

static void
check_transport(Negotiation *self)
{
	const GwPlan *plan = self->plan;
	const TransportOps *ops = transport_find(plan->transport);
	if (ops == NULL) {
		negotiation_error(self, "transport", "both", "transport",
				  "use the transport 'direct'", "there is no '%s' here",
				  plan->transport);
		return;
	}
	if (plan->channels > 1 && !ops->carries_many)
		negotiation_error(self, "transport", "both", "transport",
				  "use the transport 'relay', or one channel",
				  "'%s' has one channel, not %u", plan->transport, plan->channels);
	if (self->policy->account && !ops->sees_bytes)
		negotiation_error(self, "transport", "both", "transport",
				  "use the transport 'relay', or do without accounting",
				  "'%s' does not see the stream, so it cannot be accounted",
				  plan->transport);
}

static void
decide_transport(Negotiation *self)
{
	const NegotiatePolicy *policy = self->policy;
	GwPlan *plan = self->plan;
	plan->channels = MAX(policy->channels, 1);
	const char *name = policy->transport != NULL		   ? policy->transport
			   : plan->channels > 1 || policy->account ? "relay"
								   : "direct";
	plan->transport = g_strdup(name);
	check_transport(self);
}

/* (transfer full): "a, QEMU 7.2.22"; NULL where nothing of it is known. */
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
	plan->paused = policy->paused || !source->running; /* as it was, it stays */
	plan->keep_source = policy->keep_source;

	Negotiation self = { { source, destination }, policy, plan };
	negotiate_guest(&self);
	negotiation_run(&self, rules, G_N_ELEMENTS(rules));
	negotiate_machine(&self);
	negotiate_devices(&self);
	negotiate_disks(&self);
	decide_transport(&self);
	if (!destination->is_absent) {
		capability_decide_all(&self);
		parameter_decide_all(&self);
	}
	allow(&self);
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

/* The peer does not choose: only what a plan of ours could switch on or set is taken. */
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
				self, "capability", "destination", name, NULL,
				"the plan asks for this capability, which cannot be had here");
	}
	for (guint i = 0; i < plan->parameters->len; i++) {
		const GwPlanParameter *parameter = g_ptr_array_index(plan->parameters, i);
		if (parameter->at_destination && !parameter_is_acceptable(parameter))
			negotiation_error(self, "parameter", "destination", parameter->name, NULL,
					  "the plan sets this parameter to what it cannot be here");
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
	const TransportOps *ops = transport_find(plan->transport);
	if (ops == NULL || (plan->channels > 1 && !ops->carries_many))
		negotiation_error(&self, "transport", "destination", "channels", NULL,
				  "the plan asks for %u channels by '%s', which this agent has "
				  "not got",
				  plan->channels, plan->transport);
	if (gw_plan_is_possible(own))
		return TRUE;
	negotiate_set_error(own, error);
	return FALSE;
}
