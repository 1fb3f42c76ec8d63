/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the rules share: the two surveys, what the user wants, and the issues that they add to the
 * plan. */
#include "engine/plan/negotiation.h"

#include <string.h>

#define MAX_ISSUES 512 /* the rest appear once these are fixed */

/* @text: (transfer full) */
static void
take_issue(Negotiation *self, GwSeverity severity, const char *code, Sides hosts,
	   const char *subject, const char *remedy, char *text)
{
	if (self->plan->issues->len < MAX_ISSUES)
		g_ptr_array_add(self->plan->issues,
				gw_issue_new(severity, code, sides_to_string(hosts), subject, text,
					     remedy));
	g_free(text);
}

void
negotiation_error(Negotiation *self, const char *code, Sides hosts, const char *subject,
		  const char *remedy, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	take_issue(self, GW_SEVERITY_ERROR, code, hosts, subject, remedy,
		   g_strdup_vprintf(format, args));
	va_end(args);
}

void
negotiation_warning(Negotiation *self, const char *code, Sides hosts, const char *subject,
		    const char *remedy, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	take_issue(self, GW_SEVERITY_WARNING, code, hosts, subject, remedy,
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

/* A value that one host did not report cannot be compared. */
void
negotiation_compare(Negotiation *self, const char *code, const char *what, const char *source,
		    const char *destination, const char *remedy)
{
	if (source == NULL || destination == NULL || strcmp(source, destination) == 0)
		return;
	negotiation_error(self, code, SIDES_BOTH, what, remedy,
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
