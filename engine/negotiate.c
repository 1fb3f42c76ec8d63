/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The plan. QEMU compares next to nothing by itself: it fails late, or not at all and wrongly. So each rule
 * here looks at both surveys before anything starts and adds what it finds; a new rule is a function and a
 * row. No rule looks at a version: only at what each QEMU says it has.
 */
#include "engine/negotiate.h"

#include <string.h>

#include "engine/capability.h"
#include "engine/gw-error.h"
#include "engine/parameter.h"
#include "engine/transport.h"
#include "engine/vgpu-data.h"

const char *const negotiation_host_names[PLAN_N_HOSTS] = { "source", "destination" };

/* @text: (transfer full) */
static void
take_issue(Negotiation *self, GwSeverity severity, const char *code, const char *host,
	   const char *subject, const char *remedy, char *text)
{
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
	const GwSurvey *source = self->surveys[PLAN_SOURCE];
	return source->vgpus != NULL && source->vgpus->len > 0;
}

/* A field that both must have the same. What one of them did not say cannot be compared. */
static void
compare_words(Negotiation *self, const char *code, const char *what, const char *source,
	      const char *destination, const char *remedy)
{
	if (source == NULL || destination == NULL || strcmp(source, destination) == 0)
		return;
	negotiation_error(self, code, "both", what, remedy,
			  "the %s differs: '%s' at the source, '%s' at the destination", what,
			  source, destination);
}

static void
check_target(Negotiation *self)
{
	compare_words(self, "target", "architecture", self->surveys[PLAN_SOURCE]->target,
		      self->surveys[PLAN_DESTINATION]->target,
		      "use hosts whose QEMU emulates the same architecture");
}

static void
check_machine(Negotiation *self)
{
	compare_words(self, "machine-type", "machine type",
		      self->surveys[PLAN_SOURCE]->machine_type,
		      self->surveys[PLAN_DESTINATION]->machine_type,
		      "name the machine type with its version (-machine pc-q35-7.2) on both hosts");
}

static void
check_uuid(Negotiation *self)
{
	compare_words(self, "uuid", "UUID", self->surveys[PLAN_SOURCE]->uuid,
		      self->surveys[PLAN_DESTINATION]->uuid, "give both QEMUs the same -uuid");
}

static void
check_memory(Negotiation *self)
{
	if (self->surveys[PLAN_SOURCE]->ram_bytes == self->surveys[PLAN_DESTINATION]->ram_bytes)
		return;
	negotiation_error(self, "ram-size", "both", "RAM", "give both QEMUs the same -m",
			  "the RAM differs: %" G_GUINT64_FORMAT
			  " bytes at the source, %" G_GUINT64_FORMAT " bytes at the destination",
			  self->surveys[PLAN_SOURCE]->ram_bytes,
			  self->surveys[PLAN_DESTINATION]->ram_bytes);
}

static void
check_vcpus(Negotiation *self)
{
	if (self->surveys[PLAN_SOURCE]->vcpus == self->surveys[PLAN_DESTINATION]->vcpus)
		return;
	negotiation_error(self, "vcpus", "both", "vCPUs", "give both QEMUs the same -smp",
			  "the number of vCPUs differs: %u at the source, %u at the destination",
			  self->surveys[PLAN_SOURCE]->vcpus,
			  self->surveys[PLAN_DESTINATION]->vcpus);
}

static void
check_blocked_reasons(Negotiation *self)
{
	for (guint i = 0; self->surveys[PLAN_SOURCE]->blocked_reasons != NULL &&
			  self->surveys[PLAN_SOURCE]->blocked_reasons[i] != NULL;
	     i++)
		negotiation_error(self, "blocked", "source", "guest",
				  "take the device or feature that QEMU names away from the VM",
				  "QEMU would not migrate it: %s",
				  self->surveys[PLAN_SOURCE]->blocked_reasons[i]);
}

static const char *const movable_run_states[] = { "running", "paused", "prelaunch", NULL };

static void
check_source_state(Negotiation *self)
{
	const char *state = self->surveys[PLAN_SOURCE]->run_state;
	if (state == NULL || g_strv_contains(movable_run_states, state))
		return;
	gboolean is_postmigrate = strcmp(state, "postmigrate") == 0;
	negotiation_error(
		self, "run-state", "source", "guest",
		is_postmigrate
			? "it was stopped by an earlier migration: make sure that it runs nowhere "
			  "else, then 'cont' it (and 'stop' it to move it paused)"
			: "bring the guest into an orderly state first",
		"the guest is '%s'", state);
}

static void
check_source_idle(Negotiation *self)
{
	static const char *const idle[] = { "none", "completed", "cancelled", "failed", NULL };
	const char *status = self->surveys[PLAN_SOURCE]->migrate_status;
	if (status == NULL || g_strv_contains(idle, status))
		return;
	negotiation_error(self, "migrating", "source", "guest",
			  "wait until that migration has ended, or cancel it",
			  "another migration of it is under way ('%s')", status);
}

static void
check_destination_state(Negotiation *self)
{
	const char *state = self->surveys[PLAN_DESTINATION]->run_state;
	if (g_strcmp0(state, "inmigrate") == 0)
		return;
	negotiation_error(self, "not-incoming", "destination", "QEMU",
			  "start it with -incoming defer",
			  "the QEMU that shall receive is '%s', not 'inmigrate'",
			  state != NULL ? state : "in an unknown state");
}

static void
check_vgpus(Negotiation *self)
{
	const GPtrArray *vgpus = self->surveys[PLAN_SOURCE]->vgpus;
	vgpu_compare(vgpus, self->surveys[PLAN_DESTINATION]->vgpus, self->plan->issues);
	vgpu_check_sizes(vgpus, self->plan->downtime_limit_us, self->plan->bandwidth_bytes_per_s,
			 self->plan->issues);
}

/* QEMU 7.2 and before speak an interface of VFIO's that no kernel of today has. */
static void
check_vfio_migration(Negotiation *self)
{
	for (guint host = 0; host < PLAN_N_HOSTS; host++)
		if (negotiation_has_vgpus(self) && !self->surveys[host]->is_absent &&
		    !self->surveys[host]->has_vfio_migration)
			negotiation_error(self, "vfio-migration", negotiation_host_names[host],
					  "QEMU", "use QEMU 8.1 or later",
					  "this QEMU's vfio-pci cannot migrate (it has no "
					  "'enable-migration')");
}

static void
check_viommus(Negotiation *self)
{
	for (guint host = 0; negotiation_has_vgpus(self) && host < PLAN_N_HOSTS; host++)
		for (guint i = 0; self->surveys[host]->viommus != NULL &&
				  self->surveys[host]->viommus[i] != NULL;
		     i++)
			negotiation_error(
				self, "viommu", negotiation_host_names[host],
				self->surveys[host]->viommus[i],
				"take the virtual IOMMU away from the VM",
				"a vGPU does not migrate together with a virtual IOMMU ('%s')",
				self->surveys[host]->viommus[i]);
}

/* A rule for two QEMUs is passed over when the destination's was not started for the vGPUs' sake. */
typedef struct {
	void (*check)(Negotiation *self);
	gboolean needs_both;
} Rule;

static const Rule rules[] = {
	{ check_vgpus, FALSE },
	{ check_vfio_migration, FALSE },
	{ check_viommus, FALSE },
	{ check_target, TRUE },
	{ check_machine, TRUE },
	{ check_uuid, TRUE },
	{ check_memory, TRUE },
	{ check_vcpus, TRUE },
	{ check_blocked_reasons, FALSE },
	{ check_source_state, FALSE },
	{ check_source_idle, FALSE },
	{ check_destination_state, TRUE },
	{ capability_check_refused, FALSE },
};

static void
check_transport(Negotiation *self)
{
	const GwPlan *plan = self->plan;
	const TransportOps *ops = transport_find(plan->transport);
	if (ops == NULL) {
		negotiation_error(self, "transport", "both", plan->transport,
				  "use the transport 'direct'", "there is no transport '%s' here",
				  plan->transport);
		return;
	}
	if (plan->channels > 1 && !ops->carries_many)
		negotiation_error(self, "transport", "both", plan->transport,
				  "use the transport 'relay', or one channel",
				  "the transport '%s' has one channel, not %u", plan->transport,
				  plan->channels);
	if (self->policy->account && !ops->sees_bytes)
		negotiation_error(self, "transport", "both", plan->transport,
				  "use the transport 'relay', or do without accounting",
				  "the transport '%s' does not see the stream, so it cannot be "
				  "accounted",
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

GwPlan *
negotiate(const GwSurvey *source, const GwSurvey *destination, const NegotiatePolicy *policy)
{
	GwPlan *plan = gw_plan_new();
	plan->vm_name = g_strdup(policy->vm_name);
	plan->downtime_limit_us = policy->downtime_limit_us;
	plan->bandwidth_bytes_per_s = policy->bandwidth_bytes_per_s;
	plan->paused = policy->paused || !source->running; /* as it was, it stays */
	plan->keep_source = policy->keep_source;

	Negotiation self = { { source, destination }, policy, plan };
	for (guint i = 0; i < G_N_ELEMENTS(rules); i++)
		if (!rules[i].needs_both || !destination->is_absent)
			rules[i].check(&self);
	decide_transport(&self);
	if (destination->is_absent)
		return plan;
	capability_decide_all(&self);
	parameter_decide_all(&self);
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
		g_string_append_printf(text, "%s%s: %s", text->len > 0 ? "; " : "", issue->host,
				       issue->text);
	}
	return g_string_free(text, FALSE);
}

/* The peer does not choose: only what a plan of ours could switch on or set is taken. */
static void
check_settings_of_peer(Negotiation *self, const GwPlan *plan)
{
	const GwSurvey *own = self->surveys[PLAN_DESTINATION];
	for (guint i = 0; i < plan->capabilities->len; i++) {
		const GwPlanCapability *capability = g_ptr_array_index(plan->capabilities, i);
		const char *name = capability->name;
		if (capability->at_destination && (!capability_may_be_on(name, PLAN_DESTINATION) ||
						   !negotiation_has_word(own->capabilities, name)))
			negotiation_error(
				self, "capability", "destination", name, NULL,
				"the plan asks for capability '%s', which cannot be had here",
				name);
	}
	for (guint i = 0; i < plan->parameters->len; i++) {
		const GwPlanParameter *parameter = g_ptr_array_index(plan->parameters, i);
		if (parameter->at_destination && !parameter_is_acceptable(parameter))
			negotiation_error(self, "parameter", "destination", parameter->name, NULL,
					  "the plan sets parameter '%s' to what it cannot be here",
					  parameter->name);
	}
}

gboolean
negotiate_check_destination(const GwPlan *plan, const GwSurvey *survey, GError **error)
{
	g_autoptr(GwPlan) own = gw_plan_new();
	const NegotiatePolicy policy = { 0 };
	Negotiation self = { { survey, survey }, &policy, own };
	check_destination_state(&self);
	check_settings_of_peer(&self, plan);
	const TransportOps *ops = transport_find(plan->transport);
	if (ops == NULL || (plan->channels > 1 && !ops->carries_many))
		negotiation_error(&self, "transport", "destination", "channels", NULL,
				  "the plan asks for %u channels by '%s', which this agent has "
				  "not got",
				  plan->channels, plan->transport);
	if (gw_plan_is_possible(own))
		return TRUE;
	g_autofree char *text = negotiate_describe_errors(own);
	g_set_error(error, GW_ERROR, GW_ERROR_INCOMPATIBLE, "%s", text);
	return FALSE;
}
