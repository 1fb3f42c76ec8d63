/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/plan/negotiate.h"
#include "engine/data/plan-json.h"

/* An unfinished plan: what all rules share. Pure. */
typedef struct {
	const GwSurvey *surveys[N_SIDES];
	const NegotiatePolicy *policy;
	GwPlan *plan;
} Negotiation;

/* Adds an error: an issue that prevents the migration. @remedy: (nullable) */
void negotiation_error(Negotiation *self, const char *code, Sides hosts, const char *subject,
		       const char *remedy, const char *format, ...) G_GNUC_PRINTF(6, 7);
/* Adds a warning: an issue that does not prevent it. */
void negotiation_warning(Negotiation *self, const char *code, Sides hosts, const char *subject,
			 const char *remedy, const char *format, ...) G_GNUC_PRINTF(6, 7);

/* A rule for two QEMUs is skipped when the destination's was not started, or did not start. */
typedef struct {
	void (*check)(Negotiation *self);
	gboolean needs_both;
} NegotiationRule;

void negotiation_run(Negotiation *self, const NegotiationRule *rules, guint n_rules);

/* @words: (nullable) */
gboolean negotiation_has_word(char *const *words, const char *word);
/* Returns whether the user asked for this capability. */
gboolean negotiation_is_asked(const Negotiation *self, const char *capability);
gboolean negotiation_has_vgpus(const Negotiation *self);
const GwSurvey *negotiation_source(const Negotiation *self);
const GwSurvey *negotiation_destination(const Negotiation *self);

/* Adds an error if both @source and @destination, which may be NULL, are known and differ. @what:
 * "CPU model" */
void negotiation_compare(Negotiation *self, const char *code, const char *what, const char *source,
			 const char *destination, const char *remedy);
