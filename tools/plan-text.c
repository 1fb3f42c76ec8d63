/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A plan as text: data in, text out. The first line answers the question. Then come the issues,
 * errors first, and then what would be done. A plan with errors shows no capabilities and
 * parameters unless all is asked for.
 *
 *   web1 cannot be migrated: 1 error, 1 warning
 *
 *     error    net0 (virtio-net-pci), both hosts: it is at 03.0 at the source and at 1d.0 ...
 *              -> give the device the same bus= and addr= (or port=) on both hosts  [device-moved]
 *
 * Text of QEMU and of the peer is sanitized before the colours are added.
 */
#include "tools/plan-text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/terminal-sanitize.h"
#include "tools/prediction-text.h"
#include "tools/units.h"

#define LABEL_COLUMNS 14
#define NAME_COLUMNS  28

typedef enum {
	COLOUR_GOOD,
	COLOUR_BAD,
	COLOUR_DOUBTFUL,
	COLOUR_FAINT,
} Colour;

static const char *const colours[] = {
	[COLOUR_GOOD] = "\033[32m",
	[COLOUR_BAD] = "\033[31m",
	[COLOUR_DOUBTFUL] = "\033[33m",
	[COLOUR_FAINT] = "\033[2m",
};

PlanTextFlags
plan_text_flags_for(int fd)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	gboolean is_refused = no_color != NULL && *no_color != '\0';
	if (is_refused || term == NULL || strcmp(term, "dumb") == 0 || !isatty(fd))
		return PLAN_TEXT_PLAIN;
	return PLAN_TEXT_COLOURS;
}

/* Adds @text, padded to @columns, in @colour. */
static void
add_coloured(GString *out, PlanTextFlags flags, Colour colour, int columns, const char *text)
{
	g_autofree char *safe = terminal_sanitize(g_strdup(text));
	int padding = columns - (int)g_utf8_strlen(safe, -1);
	if (flags & PLAN_TEXT_COLOURS)
		g_string_append_printf(out, "%s%s\033[0m", colours[colour], safe);
	else
		g_string_append(out, safe);
	g_string_append_printf(out, "%*s", MAX(padding, 0), "");
}

static void
add_safe(GString *out, const char *text)
{
	g_autofree char *safe = terminal_sanitize_line(g_strdup(text));
	g_string_append(out, safe);
}

static guint
count(const GwPlan *plan, GwSeverity severity)
{
	guint n = 0;
	for (guint i = 0; i < plan->issues->len; i++)
		n += ((const GwIssue *)g_ptr_array_index(plan->issues, i))->severity == severity;
	return n;
}

static void
add_verdict(GString *out, const GwPlan *plan, PlanTextFlags flags)
{
	gboolean has_name = plan->vm_name != NULL && plan->vm_name[0] != '\0';
	guint n_errors = count(plan, GW_SEVERITY_ERROR);
	guint n_warnings = count(plan, GW_SEVERITY_WARNING);
	add_safe(out, has_name ? plan->vm_name : "the guest");
	g_string_append_c(out, ' ');
	add_coloured(out, flags, n_errors > 0 ? COLOUR_BAD : COLOUR_GOOD, 0,
		     n_errors > 0 ? "cannot be migrated" : "can be migrated");
	if (n_errors > 0)
		g_string_append_printf(out, ": %u error%s", n_errors, n_errors == 1 ? "" : "s");
	if (n_warnings > 0)
		g_string_append_printf(out, "%s%u warning%s", n_errors > 0 ? ", " : ": ",
				       n_warnings, n_warnings == 1 ? "" : "s");
	g_string_append_c(out, '\n');
}

static void
add_issue(GString *out, const GwIssue *issue, PlanTextFlags flags)
{
	gboolean is_error = issue->severity == GW_SEVERITY_ERROR;
	g_string_append(out, "  ");
	add_coloured(out, flags, is_error ? COLOUR_BAD : COLOUR_DOUBTFUL, 8,
		     gw_severity_to_string(issue->severity));
	g_string_append_c(out, ' ');
	if (issue->subject != NULL)
		add_safe(out, issue->subject);
	g_string_append(out, issue->subject != NULL ? ", " : "");
	add_safe(out, issue->host);
	g_string_append(out, strcmp(issue->host, "both") == 0 ? " hosts: " : ": ");
	add_safe(out, issue->text);
	if (issue->is_allowed)
		g_string_append(out, " (allowed)");
	g_string_append(out, "\n           ");
	if (issue->remedy != NULL) {
		g_string_append(out, "-> ");
		add_safe(out, issue->remedy);
		g_string_append(out, "  ");
	}
	g_autofree char *code = g_strdup_printf("[%s]", issue->code);
	add_coloured(out, flags, COLOUR_FAINT, 0, code);
	g_string_append_c(out, '\n');
}

void
plan_text_add_issues(GString *out, const GwPlan *plan, PlanTextFlags flags)
{
	static const GwSeverity order[] = { GW_SEVERITY_ERROR, GW_SEVERITY_WARNING };
	for (guint s = 0; s < G_N_ELEMENTS(order); s++)
		for (guint i = 0; i < plan->issues->len; i++) {
			const GwIssue *issue = g_ptr_array_index(plan->issues, i);
			if (issue->severity == order[s])
				add_issue(out, issue, flags);
		}
}

/* @value: (transfer full) (nullable) */
static void
take_row(GString *out, const char *label, char *value)
{
	if (value != NULL) {
		g_string_append_printf(out, "  %-*s ", LABEL_COLUMNS, label);
		add_safe(out, value);
		g_string_append_c(out, '\n');
	}
	g_free(value);
}

static void
add_rows(GString *out, const GwPlan *plan)
{
	take_row(out, "from", g_strdup(plan->source));
	take_row(out, "to", g_strdup(plan->destination));
	take_row(out, "channels",
		 g_strdup_printf("%u, %s", plan->channels,
				 plan->transport != NULL ? plan->transport : "?"));
	take_row(out, "encryption", g_strdup(plan->encryption));
	take_row(out, "downtime limit", units_format_duration(plan->downtime_limit_us));
	take_row(out, "bandwidth",
		 plan->bandwidth_bytes_per_s > 0 ? units_format_rate(plan->bandwidth_bytes_per_s)
						 : g_strdup("no limit"));
	take_row(out, "the guest", g_strdup(plan->paused ? "stays paused" : "runs on"));
	take_row(out, "source QEMU", g_strdup(plan->keep_source ? "is kept, stopped" : "is ended"));
}

static const char *
name_hosts(gboolean at_source, gboolean at_destination)
{
	if (at_source && at_destination)
		return "both";
	return at_source ? "source" : at_destination ? "destination" : "off";
}

static void
add_decision(GString *out, PlanTextFlags flags, const char *hosts, const char *what,
	     const char *reason)
{
	g_string_append_printf(out, "  %-*s ", LABEL_COLUMNS, hosts);
	g_autofree char *safe = terminal_sanitize(g_strdup(what));
	g_string_append_printf(out, "%-*s ", NAME_COLUMNS, safe);
	add_coloured(out, flags, COLOUR_FAINT, 0, reason != NULL ? reason : "");
	g_string_append_c(out, '\n');
}

static void
add_capabilities(GString *out, const GwPlan *plan, PlanTextFlags flags)
{
	g_string_append(out, "capabilities\n");
	for (guint i = 0; i < plan->capabilities->len; i++) {
		const GwPlanCapability *capability = g_ptr_array_index(plan->capabilities, i);
		if (!capability->at_source && !capability->at_destination &&
		    !(flags & PLAN_TEXT_ALL))
			continue;
		add_decision(out, flags,
			     name_hosts(capability->at_source, capability->at_destination),
			     capability->name, capability->reason);
	}
}

/* (transfer full): "downtime-limit=300", "vfio-pci.x-migration-multifd-transfer=on" */
static char *
describe_parameter(const GwPlanParameter *parameter)
{
	const char *device = parameter->device != NULL ? parameter->device : "";
	const char *dot = parameter->device != NULL ? "." : "";
	if (parameter->text == NULL)
		return g_strdup_printf("%s%s%s=%" G_GINT64_FORMAT, device, dot, parameter->name,
				       parameter->value);
	return g_strdup_printf("%s%s%s=%s", device, dot, parameter->name,
			       *parameter->text != '\0' ? parameter->text : "''");
}

static void
add_parameters(GString *out, const GwPlan *plan, PlanTextFlags flags)
{
	g_string_append(out, "parameters\n");
	for (guint i = 0; i < plan->parameters->len; i++) {
		const GwPlanParameter *parameter = g_ptr_array_index(plan->parameters, i);
		g_autofree char *what = describe_parameter(parameter);
		add_decision(out, flags,
			     name_hosts(parameter->at_source, parameter->at_destination), what,
			     parameter->reason);
	}
}

static void
add_prediction(GString *out, const GwPlan *plan)
{
	if (plan->prediction == NULL)
		return;
	GString *text = g_string_new(NULL);
	prediction_text_add(text, plan->prediction);
	g_autofree char *safe = terminal_sanitize(g_string_free(text, FALSE));
	g_string_append(out, safe);
}

void
plan_text_add_decisions(GString *out, const GwPlan *plan, PlanTextFlags flags)
{
	plan_text_add_issues(out, plan, flags);
	add_rows(out, plan);
	if (gw_plan_is_possible(plan) || (flags & PLAN_TEXT_ALL)) {
		add_capabilities(out, plan, flags);
		add_parameters(out, plan, flags);
	}
}

char *
plan_text(const GwPlan *plan, PlanTextFlags flags)
{
	GString *out = g_string_new(NULL);
	add_verdict(out, plan, flags);
	plan_text_add_decisions(out, plan, flags);
	add_prediction(out, plan);
	return g_string_free(out, FALSE);
}
