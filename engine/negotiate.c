/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The plan. QEMU compares next to nothing by itself: it fails late, or not at all and wrongly. So each rule
 * here looks at both surveys before anything starts and adds what it finds; a new rule is a function and a
 * row. No rule looks at a version: only at what each QEMU says it has.
 */
#include "engine/negotiate.h"

#include <string.h>

#include "engine/gw-error.h"
#include "engine/plan-json.h"
#include "engine/vgpu-data.h"

typedef struct {
	const GwSurvey *source;
	const GwSurvey *destination;
	GwPlan *plan;
} Negotiation;

static void
add(Negotiation *self, GwSeverity severity, const char *code, const char *host, const char *subject,
    const char *remedy, const char *format, ...) G_GNUC_PRINTF(7, 8);

static void
add(Negotiation *self, GwSeverity severity, const char *code, const char *host, const char *subject,
    const char *remedy, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(self->plan->issues,
			gw_issue_new(severity, code, host, subject, text, remedy));
}

static gboolean
has_word(char *const *words, const char *word)
{
	return words != NULL && g_strv_contains((const char *const *)words, word);
}

/* A field that both must have the same. What one of them did not say cannot be compared. */
static void
compare_words(Negotiation *self, const char *code, const char *what, const char *source,
	      const char *destination, const char *remedy)
{
	if (source == NULL || destination == NULL || strcmp(source, destination) == 0)
		return;
	add(self, GW_SEVERITY_ERROR, code, "both", what, remedy,
	    "the %s differs: '%s' at the source, '%s' at the destination", what, source,
	    destination);
}

static void
check_target(Negotiation *self)
{
	compare_words(self, "target", "architecture", self->source->target,
		      self->destination->target,
		      "use hosts whose QEMU emulates the same architecture");
}

static void
check_machine(Negotiation *self)
{
	compare_words(self, "machine-type", "machine type", self->source->machine_type,
		      self->destination->machine_type,
		      "name the machine type with its version (-machine pc-q35-7.2) on both hosts");
}

static void
check_uuid(Negotiation *self)
{
	compare_words(self, "uuid", "UUID", self->source->uuid, self->destination->uuid,
		      "give both QEMUs the same -uuid");
}

static void
check_memory(Negotiation *self)
{
	if (self->source->ram_bytes == self->destination->ram_bytes)
		return;
	add(self, GW_SEVERITY_ERROR, "ram-size", "both", "RAM", "give both QEMUs the same -m",
	    "the RAM differs: %" G_GUINT64_FORMAT " bytes at the source, %" G_GUINT64_FORMAT
	    " bytes at the destination",
	    self->source->ram_bytes, self->destination->ram_bytes);
}

static void
check_vcpus(Negotiation *self)
{
	if (self->source->vcpus == self->destination->vcpus)
		return;
	add(self, GW_SEVERITY_ERROR, "vcpus", "both", "vCPUs", "give both QEMUs the same -smp",
	    "the number of vCPUs differs: %u at the source, %u at the destination",
	    self->source->vcpus, self->destination->vcpus);
}

static void
check_blocked_reasons(Negotiation *self)
{
	for (guint i = 0;
	     self->source->blocked_reasons != NULL && self->source->blocked_reasons[i] != NULL; i++)
		add(self, GW_SEVERITY_ERROR, "blocked", "source", "guest",
		    "take the device or feature that QEMU names away from the VM",
		    "QEMU would not migrate it: %s", self->source->blocked_reasons[i]);
}

static const char *const movable_run_states[] = { "running", "paused", "prelaunch", NULL };

static void
check_source_state(Negotiation *self)
{
	const char *state = self->source->run_state;
	if (state == NULL || g_strv_contains(movable_run_states, state))
		return;
	gboolean is_postmigrate = strcmp(state, "postmigrate") == 0;
	add(self, GW_SEVERITY_ERROR, "run-state", "source", "guest",
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
	const char *status = self->source->migrate_status;
	if (status == NULL || g_strv_contains(idle, status))
		return;
	add(self, GW_SEVERITY_ERROR, "migrating", "source", "guest",
	    "wait until that migration has ended, or cancel it",
	    "another migration of it is under way ('%s')", status);
}

static void
check_destination_state(Negotiation *self)
{
	const char *state = self->destination->run_state;
	if (g_strcmp0(state, "inmigrate") == 0)
		return;
	add(self, GW_SEVERITY_ERROR, "not-incoming", "destination", "QEMU",
	    "start it with -incoming defer", "the QEMU that shall receive is '%s', not 'inmigrate'",
	    state != NULL ? state : "in an unknown state");
}

/* Both need it and nothing here works without. */
static const char *const required_capabilities[] = {
	"events", "return-path", "late-block-activate", "pause-before-switchover", NULL,
};

static void
check_required_capabilities(Negotiation *self)
{
	const GwSurvey *surveys[] = { self->source, self->destination };
	static const char *const hosts[] = { "source", "destination" };
	for (guint host = 0; host < G_N_ELEMENTS(surveys); host++)
		for (guint i = 0; required_capabilities[i] != NULL; i++)
			if (!has_word(surveys[host]->capabilities, required_capabilities[i]))
				add(self, GW_SEVERITY_ERROR, "capability", hosts[host],
				    required_capabilities[i], "use QEMU 4.0 or later",
				    "QEMU has no migration capability '%s'",
				    required_capabilities[i]);
}

/* What must not be on: the guest would run on both hosts' memory at once, or be written to a file. */
static const char *const refused_capabilities[] = {
	"postcopy-ram", "postcopy-preempt", "background-snapshot",
	"x-colo",	"x-ignore-shared",  NULL,
};

static void
check_refused_capabilities(Negotiation *self)
{
	const GwSurvey *surveys[] = { self->source, self->destination };
	static const char *const hosts[] = { "source", "destination" };
	for (guint host = 0; host < G_N_ELEMENTS(surveys); host++)
		for (guint i = 0; refused_capabilities[i] != NULL; i++)
			if (has_word(surveys[host]->capabilities_on, refused_capabilities[i]))
				add(self, GW_SEVERITY_ERROR, "refused-capability", hosts[host],
				    refused_capabilities[i],
				    "switch it off with migrate-set-capabilities",
				    "the migration capability '%s' is switched on and is not "
				    "supported",
				    refused_capabilities[i]);
}

static gboolean
has_vgpus(const GwSurvey *survey)
{
	return survey->vgpus != NULL && survey->vgpus->len > 0;
}

static void
check_vgpus(Negotiation *self)
{
	vgpu_compare(self->source->vgpus, self->destination->vgpus, self->plan->issues);
	vgpu_check_sizes(self->source->vgpus, self->plan->downtime_limit_us,
			 self->plan->bandwidth_bytes_per_s, self->plan->issues);
}

/* QEMU 7.2 and before speak an interface of VFIO's that no kernel of today has. */
static void
check_vfio_migration(Negotiation *self)
{
	const GwSurvey *surveys[] = { self->source, self->destination };
	static const char *const hosts[] = { "source", "destination" };
	for (guint host = 0; host < G_N_ELEMENTS(surveys); host++)
		if (has_vgpus(self->source) && !surveys[host]->is_absent &&
		    !surveys[host]->has_vfio_migration)
			add(self, GW_SEVERITY_ERROR, "vfio-migration", hosts[host], "QEMU",
			    "use QEMU 8.1 or later",
			    "this QEMU's vfio-pci cannot migrate (it has no 'enable-migration')");
}

static void
check_viommus(Negotiation *self)
{
	const GwSurvey *surveys[] = { self->source, self->destination };
	static const char *const hosts[] = { "source", "destination" };
	for (guint host = 0; has_vgpus(self->source) && host < G_N_ELEMENTS(surveys); host++)
		for (guint i = 0;
		     surveys[host]->viommus != NULL && surveys[host]->viommus[i] != NULL; i++)
			add(self, GW_SEVERITY_ERROR, "viommu", hosts[host],
			    surveys[host]->viommus[i], "take the virtual IOMMU away from the VM",
			    "a vGPU does not migrate together with a virtual IOMMU ('%s')",
			    surveys[host]->viommus[i]);
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
	{ check_required_capabilities, TRUE },
	{ check_refused_capabilities, FALSE },
};

/* Everything else is switched off: a capability stays on in a QEMU from one migration to the next. */
static const char *const source_capabilities[] = {
	"events", "late-block-activate", "pause-before-switchover", "return-path", NULL,
};
static const char *const destination_capabilities[] = {
	"events",
	"late-block-activate",
	"return-path",
	NULL,
};

GwPlan *
negotiate(const GwSurvey *source, const GwSurvey *destination, const NegotiatePolicy *policy)
{
	GwPlan *plan = gw_plan_new();
	plan->vm_name = g_strdup(policy->vm_name);
	g_free(plan->transport);
	plan->transport = g_strdup("direct");
	plan->channels = 1;
	plan->capabilities_source = g_strdupv((char **)source_capabilities);
	plan->capabilities_destination = g_strdupv((char **)destination_capabilities);
	plan->downtime_limit_us = policy->downtime_limit_us;
	plan->bandwidth_bytes_per_s = policy->bandwidth_bytes_per_s;
	plan->paused = policy->paused || !source->running; /* as it was, it stays */
	plan->keep_source = policy->keep_source;

	Negotiation self = { source, destination, plan };
	for (guint i = 0; i < G_N_ELEMENTS(rules); i++)
		if (!rules[i].needs_both || !destination->is_absent)
			rules[i].check(&self);
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

gboolean
negotiate_check_destination(const GwPlan *plan, const GwSurvey *survey, GError **error)
{
	g_autoptr(GwPlan) own = gw_plan_new();
	Negotiation self = { survey, survey, own };
	check_destination_state(&self);
	for (guint i = 0;
	     plan->capabilities_destination != NULL && plan->capabilities_destination[i] != NULL;
	     i++) {
		const char *name = plan->capabilities_destination[i];
		if (!has_word((char *const *)destination_capabilities, name) ||
		    !has_word(survey->capabilities, name))
			add(&self, GW_SEVERITY_ERROR, "capability", "destination", name, NULL,
			    "the plan asks for capability '%s', which cannot be had here", name);
	}
	if (g_strcmp0(plan->transport, "direct") != 0 || plan->channels != 1)
		add(&self, GW_SEVERITY_ERROR, "transport", "destination", "channels", NULL,
		    "the plan asks for %u channels by '%s', which this agent has not got",
		    plan->channels, plan->transport);
	if (gw_plan_is_possible(own))
		return TRUE;
	g_autofree char *text = negotiate_describe_errors(own);
	g_set_error(error, GW_ERROR, GW_ERROR_INCOMPATIBLE, "%s", text);
	return FALSE;
}
